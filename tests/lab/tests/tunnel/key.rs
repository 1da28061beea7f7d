//! The device's private key: made on the device, readable for its owner only, shown nowhere.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::ensure;
use sekisho_lab::{Lab, describe};

use crate::traffic::{CARRIER, lab};

pub(crate) fn the_private_key_stays_private() -> anyhow::Result<()> {
    let mut lab = lab()?;
    let (file, site) = (lab.logs().join("state/tunnel.key"), lab.site().join("site.toml"));
    let mode = fs::metadata(&file)?.permissions().mode();
    ensure!(mode & 0o7777 == 0o600, "{mode:o}");
    let private = fs::read_to_string(&file)?.trim().to_owned();
    ensure!(private.len() == 44, "a key is 44 characters of base64");

    // The most talkative daemon there is, from its start over the handshakes to its end.
    ensure!(lab.stop_daemon()?.success());
    let (program, socket) = (lab.binary("sekishod")?, lab.socket());
    let path = |name: &str| lab.logs().join(name).to_string_lossy().into_owned();
    let (state, operator) = (path("state"), path("operator.pub"));
    let run = socket.to_string_lossy().replace("/control.sock", "");
    let words = ["env", "RUST_LOG=trace", &program, "--state", &state, "--run", &run];
    let words = [&words[..], &["--operator-key", &operator]].concat();
    let mut daemon = lab.host("gateway").spawn("talkative", &words)?;
    daemon.wait_for("ready", CARRIER)?;
    lab.wait_for_carrier(None, CARRIER)?;
    let site = site.to_string_lossy();
    let mut said = String::new();
    for words in
        [&["status"][..], &["key"], &["plan", "--site", &site], &["apply", "--site", &site]]
    {
        for format in ["text", "json"] {
            let output = lab.sekisho(&[words, &["--format", format]].concat())?;
            ensure!(output.status.success(), "{}", describe(&output));
            said += &describe(&output);
        }
    }
    ensure!(daemon.output().contains("TRACE"), "the daemon wasn't talkative");
    ensure!(daemon.stop()?.success());
    ensure_unsaid(&private, "the command line", &said)?;
    ensure_not_logged(&lab, &private)
}

fn ensure_not_logged(lab: &Lab, private: &str) -> anyhow::Result<()> {
    let mut logs = 0;
    for entry in fs::read_dir(lab.logs())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let content = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            ensure_unsaid(private, &path.to_string_lossy(), &content)?;
            logs += 1;
        }
    }
    ensure!(logs >= 4, "only {logs} logs to look at");
    Ok(())
}

/// Not in base64, hexadecimal or as a list of bytes; half a key would be too much too.
fn ensure_unsaid(private: &str, by: &str, said: &str) -> anyhow::Result<()> {
    let bytes = decode(private);
    let (first, second) = bytes.split_at(16);
    for half in [first, second] {
        let hexadecimal =
            half.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let list = half.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        ensure!(!said.to_lowercase().contains(&hexadecimal), "{by} says the key");
        ensure!(!said.contains(&list), "{by} says the key");
    }
    ensure!(
        !said.contains(&private[..20]) && !said.contains(&private[20..40]),
        "{by} says the key"
    );
    Ok(())
}

/// Base64 (RFC 4648) of a key's text.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| ALPHABET.iter().position(|digit| *digit == byte));
    let bits = digits.flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1));
    let bits: Vec<_> = bits.collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit == 1)))
        .collect()
}
