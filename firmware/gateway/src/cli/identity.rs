//! Which device it is, as text and as a QR code.

use std::{fmt::Write as _, path::Path};

use clap::Subcommand;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use sekisho_control::{IDENTITY, Identity, KEY, Key};
use sekisho_design::Language;

use super::{
    client::{self, ClientError},
    show,
};

/// What tells this device from every other.
#[derive(Debug, Subcommand)]
pub(super) enum Who {
    /// Print the device's public key, which the operator registers for the tunnel
    ///
    /// The private key was made on this device at its first start and never leaves it.
    Key,
    /// Show which device this is: serial number, public key, organisation, and a QR code of them for the operator
    ///
    /// The fingerprint is that of the authority which signs the local page's certificate: compare it with what the browser
    /// shows before you trust the page.
    Identity,
}

pub(super) async fn run(
    socket: &Path,
    who: &Who,
    json: bool,
    language: Language,
) -> Result<String, ClientError> {
    Ok(match who {
        Who::Key => {
            let key: Key = client::get(socket, KEY).await?;
            if json { show::json(&key) } else { key.public.to_string() }
        }
        Who::Identity => {
            let told: Identity = client::get(socket, IDENTITY).await?;
            if json { show::json(&told) } else { text(&told, language) }
        }
    })
}

fn text(identity: &Identity, language: Language) -> String {
    let Identity { serial, public_key, organisation, version, page_authority, line } = identity;
    let names = match language {
        Language::Japanese => {
            ["製造番号", "公開鍵", "団体", "版", "ページの認証局の指紋（SHA-256）"]
        }
        Language::English => {
            ["Serial", "Public key", "Organisation", "Version", "Page authority (SHA-256)"]
        }
    };
    let values = [
        Some(serial.clone()),
        Some(public_key.to_string()),
        organisation.map(|code| code.to_string()),
        Some(version.clone()),
        page_authority.as_deref().map(in_pairs),
    ];
    let mut text = String::new();
    for (name, value) in names.into_iter().zip(values) {
        if let Some(value) = value {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    if let Some(picture) = picture(line) {
        let _ = writeln!(text, "\n{picture}");
    }
    text
}

/// Half blocks, two modules a character: dark on light where the terminal is light on dark, which is what phones read.
/// None where the line is longer than any QR code, which no identity is.
fn picture(line: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(line, EcLevel::L).ok()?;
    let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
    Some(code.render::<Dense1x2>().dark_color(dark).light_color(light).build())
}

/// Hexadecimal digits in pairs, as browsers show them.
fn in_pairs(digits: &str) -> String {
    let digits: Vec<char> = digits.to_uppercase().chars().collect();
    digits.chunks(2).map(String::from_iter).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            serial: "0123456789abcdef".to_owned(),
            public_key: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".parse().unwrap(),
            organisation: None,
            version: "1.2.3".to_owned(),
            page_authority: Some("ab01ff".to_owned()),
            line: "sekisho serial=0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn what_there_is_is_shown_and_drawn() {
        let text = text(&identity(), Language::English);
        assert!(text.starts_with("Serial: 0123456789abcdef\nPublic key: AQEB"), "{text}");
        assert!(text.contains("Page authority (SHA-256): AB:01:FF\n"), "{text}");
        assert!(!text.contains("Organisation"), "{text}");
        let picture: Vec<_> = text.lines().skip(5).filter(|line| !line.is_empty()).collect();
        // Version 2 has 25 modules, a quiet zone of 4 on each side, and two rows a line.
        assert_eq!(picture.len(), 33usize.div_ceil(2), "{text}");
        assert!(picture.iter().all(|line| line.chars().count() == 33), "{text}");
    }
}
