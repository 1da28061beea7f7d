//! Which device it is, as text and as a QR code.

use std::{fmt::Write as _, path::Path};

use clap::{Args, Subcommand};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use sekisho_control::{
    CANCEL_RENEWAL, ComingKey, IDENTITY, Identity, KEY, Key, KeyState, RENEW_IDENTITY, Renewal,
};
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
    /// shows before you trust the page. While the tunnel's key is renewed, the coming key is shown as well, and what each
    /// centre makes of it.
    Identity(IdentityOf),
}

#[derive(Args, Debug)]
pub(super) struct IdentityOf {
    #[command(subcommand)]
    change: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Renew the tunnel's key: make one that is to take the place of the one in force
    ///
    /// Traffic goes on by the key in force. The coming one is shown for the operator, who registers it at each centre and then
    /// gives it the organisation's addresses; the device tries it all the while, and goes over to it when the centre does.
    /// Three minutes after every centre that answers has done so, the old key is erased; a centre that is silent is waited for,
    /// for a day. Renewing is kept over restarts. The coming key is in no backup.
    Renew {
        /// Keep the key in force, and erase the one that is to come
        #[arg(long)]
        cancel: bool,
    },
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
        Who::Identity(IdentityOf { change }) => {
            let wish = Renewal::default();
            let told: Identity = match change {
                None => client::get(socket, IDENTITY).await?,
                Some(Change::Renew { cancel: false }) => {
                    client::post(socket, RENEW_IDENTITY, &wish).await?
                }
                Some(Change::Renew { cancel: true }) => {
                    client::post(socket, CANCEL_RENEWAL, &wish).await?
                }
            };
            if json { show::json(&told) } else { text(&told, language) }
        }
    })
}

fn text(identity: &Identity, language: Language) -> String {
    let Identity { serial, public_key, organisation, version, page_authority, line, coming } =
        identity;
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
    if let Some(coming) = coming {
        text += &renewal(coming, language);
    } else if let Some(picture) = picture(line) {
        let _ = writeln!(text, "\n{picture}");
    }
    text
}

/// The coming key, what the operator is to do with it, and how far that is.
fn renewal(coming: &ComingKey, language: Language) -> String {
    let ComingKey { public_key, made_at, centres, line } = coming;
    let heading = language.pick(
        format!("\n鍵の更新中です。新しい公開鍵: {public_key}\n作成: {made_at:.0}\n"),
        format!(
            "\nThe key is being renewed. Coming public key: {public_key}\nMade: {made_at:.0}\n"
        ),
    );
    let mut text = heading;
    for centre in centres {
        let state = match centre.state {
            KeyState::Unknown => [
                "応答なし（未登録か、拠点が停止中）",
                "no answer: not registered, or the centre is down",
            ],
            KeyState::Registered => [
                "登録済み（アドレスはまだ古い鍵のもの）",
                "registered; the addresses belong to the old key still",
            ],
            KeyState::InUse => ["切替済み（通信は新しい鍵）", "in use"],
        };
        let [japanese, english] = state;
        let _ = writeln!(text, "  {}: {}", centre.name, language.pick(japanese, english));
    }
    text += language.pick(
        "機構への依頼: (1) 両拠点に新しい公開鍵を登録する。(2) 上の表示が「登録済み」になったら、団体のアドレスを\
         古い鍵から新しい鍵へ移す。(3) 切り替わったら古い鍵の登録を消す。\n",
        "For the operator: (1) register the coming key at both centres; (2) once it shows as registered above, give it the \
         organisation's addresses in place of the old key; (3) once it is in use, remove the old key.\n",
    );
    if let Some(picture) = picture(line) {
        let _ = writeln!(text, "{line}\n\n{picture}");
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
    use sekisho_control::KeyAtCentre;

    use super::*;

    fn identity() -> Identity {
        Identity {
            serial: "0123456789abcdef".to_owned(),
            public_key: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".parse().unwrap(),
            organisation: None,
            version: "1.2.3".to_owned(),
            page_authority: Some("ab01ff".to_owned()),
            line: "sekisho serial=0123456789abcdef".to_owned(),
            coming: None,
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

    #[test]
    fn a_key_that_is_to_come_is_shown_in_place_of_the_one_in_force() {
        let centre = |name: &str, state| KeyAtCentre { name: name.parse().unwrap(), state };
        let coming = ComingKey {
            public_key: "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=".parse().unwrap(),
            made_at: "2026-04-01T00:00:00Z".parse().unwrap(),
            centres: vec![centre("east", KeyState::InUse), centre("west", KeyState::Unknown)],
            line: "sekisho serial=0123456789abcdef key=AgIC".to_owned(),
        };
        let renewed = Identity { coming: Some(coming), ..identity() };
        let english = text(&renewed, Language::English);
        for said in [
            "Public key: AQEB",
            "Coming public key: AgIC",
            "east: in use",
            "west: no answer",
            "key=AgIC",
        ] {
            assert!(english.contains(said), "{said}: {english}");
        }
        let japanese = text(&renewed, Language::Japanese);
        assert!(
            japanese.contains("east: 切替済み") && japanese.contains("west: 応答なし"),
            "{japanese}"
        );
    }
}
