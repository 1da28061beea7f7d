//! What leaves the device for somebody else's eyes, without its secrets.
//!
//! Nothing of the device's own files has a secret where this looks; it is the net below, for what people and other programs
//! write into designs, reasons and logs. In doubt it removes.

use std::collections::BTreeSet;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

/// What stands in a secret's place.
pub(super) const REMOVED: &str = "[removed]";

/// Parts of names whose values are secret, without hyphens, underscores and dots, in lower case.
const SECRET_NAMES: [&str; 18] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "privatekey",
    "presharedkey",
    "psk",
    "credential",
    "authorization",
    "cookie",
    "apikey",
    "パスワード",
    "パスフレーズ",
    "暗証",
    "秘密鍵",
    "トークン",
];

/// Kinds of PEM blocks that anybody may see (RFC 7468).
const OPEN_BLOCKS: [&str; 4] = ["CERTIFICATE", "CERTIFICATE REQUEST", "X509 CRL", "PUBLIC KEY"];

/// How a block begins and ends.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Fewer characters than any line of base64 but the last one has.
const FULL_LINE: usize = 16;

/// Characters that 32 bytes take in base64, without padding.
const KEY_LENGTH: usize = 43;

/// A text without secrets: blocks of private keys, values of names that speak of a secret, passwords in addresses, and 32
/// bytes in base64 that are no public key in `known`. JSON is looked through value by value and comes out as JSON.
pub(super) fn redact(text: &str, known: &BTreeSet<String>) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => {
            let value = in_value(value, known);
            serde_json::to_string_pretty(&value)
                .map_or_else(|_| REMOVED.to_owned(), |json| json + "\n")
        }
        Ok(_) | Err(_) => in_text(text, known),
    }
}

fn in_value(value: Value, known: &BTreeSet<String>) -> Value {
    match value {
        Value::String(text) => Value::String(in_text(&text, known)),
        Value::Array(values) => {
            Value::Array(values.into_iter().map(|value| in_value(value, known)).collect())
        }
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = if !value.is_null() && is_secret(&name) {
                    Value::String(REMOVED.to_owned())
                } else {
                    in_value(value, known)
                };
                (in_text(&name, known), value)
            });
            Value::Object(members.collect())
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

/// Goes from block to block; what lies between is plain text.
fn in_text(text: &str, known: &BTreeSet<String>) -> String {
    let (mut cleaned, mut rest) = (String::new(), text);
    while let Some(begin) = rest.find(BEGIN) {
        let (before, block) = rest.split_at(begin);
        cleaned += &between_blocks(before, known);
        let label = block[BEGIN.len()..].split("-----").next().unwrap_or_default();
        let marker = format!("{END}{label}-----");
        let length = block.find(&marker).map(|end| end + marker.len());
        if OPEN_BLOCKS.contains(&label)
            && let Some(length) = length
            && is_block(&block[..length], label)
        {
            cleaned += &block[..length];
            rest = &block[length..];
        } else {
            // A block that doesn't end is secret to the end of the text.
            cleaned += REMOVED;
            rest = &block[length.unwrap_or(block.len())..];
        }
    }
    cleaned + &between_blocks(rest, known)
}

/// Whether nothing but base64 is in a block; in a string of JSON its lines end with the two characters `\n`.
fn is_block(block: &str, label: &str) -> bool {
    let inside = block
        .trim_start_matches(&format!("{BEGIN}{label}-----"))
        .trim_end_matches(&format!("{END}{label}-----"));
    inside
        .replace("\\n", "")
        .replace("\\r", "")
        .chars()
        .all(|c| is_base64(c) || c.is_ascii_whitespace() || c == '=')
}

fn between_blocks(text: &str, known: &BTreeSet<String>) -> String {
    without_keys(&without_named(&without_logins(&without_tails(text))), known)
}

/// A block whose begin was cut off: the lines of base64 before its end go. In a log each has the log's own words before it.
fn without_tails(text: &str) -> String {
    let (mut cleaned, mut rest) = (String::new(), text);
    while let Some(end) = rest.find(END) {
        let line = rest[..end].rfind('\n').map_or(0, |end| end + 1);
        cleaned += without_tail(&rest[..line]);
        cleaned += REMOVED;
        let behind = &rest[end + END.len()..];
        let line = behind.find('\n').unwrap_or(behind.len());
        let label = behind[..line].find("-----").map_or(0, |label| label + "-----".len());
        rest = &behind[label..];
    }
    cleaned + rest
}

/// Lines without those of base64 at their end. The last one may be short; those before it are full.
fn without_tail(lines: &str) -> &str {
    let (mut kept, mut least) = (lines, 1);
    while !kept.is_empty() {
        let begin = kept.trim_end_matches('\n').rfind('\n').map_or(0, |end| end + 1);
        let line = &kept[begin..];
        if !line.trim().is_empty() {
            let word = line.split_whitespace().last().unwrap_or_default().trim_end_matches('=');
            if word.len() < least || !word.chars().all(is_base64) {
                break;
            }
            least = FULL_LINE;
        }
        kept = &kept[..begin];
    }
    kept
}

/// `https://name:password@host` keeps the host alone.
fn without_logins(text: &str) -> String {
    let (mut cleaned, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        cleaned += before;
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        rest = after;
        if let Some(login) = authority.rfind('@')
            && authority[..login].contains(':')
        {
            cleaned += REMOVED;
            rest = &after[login..];
        }
    }
    cleaned + rest
}

/// Values behind names that speak of a secret: `name = value`, `"name": value`, `--name value`.
fn without_named(text: &str) -> String {
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (mut cleaned, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(in_name) {
        let length = rest[start..].find(|c| !in_name(c)).unwrap_or(rest.len() - start);
        let (name_end, name) = (start + length, &rest[start..start + length]);
        let behind = &rest[name_end..];
        if let Some(spoken) = spoken(name) {
            let (said, value) = rest.split_at(start + spoken);
            cleaned += said;
            cleaned += REMOVED;
            rest = &value[value.find(['\n', '\r']).unwrap_or(value.len())..];
            continue;
        }
        let gap = if is_secret(name) { separator(behind, name.starts_with("--")) } else { None };
        let gap = gap.or_else(|| {
            let bearer = name.eq_ignore_ascii_case("bearer") && behind.starts_with(' ');
            bearer.then_some(1)
        });
        let Some(gap) = gap else {
            cleaned += &rest[..name_end];
            rest = behind;
            continue;
        };
        cleaned += &rest[..name_end + gap];
        let (shown, length) = value(&behind[gap..]);
        cleaned += &shown;
        rest = &behind[gap + length..];
    }
    cleaned + rest
}

fn is_secret(name: &str) -> bool {
    let name: String =
        name.to_lowercase().chars().filter(|c| !matches!(c, '-' | '_' | '.' | ' ')).collect();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// Where a Japanese sentence goes on from the name of a secret to the secret itself: 「パスワードは」.
fn spoken(name: &str) -> Option<usize> {
    let ends = SECRET_NAMES.iter().filter(|secret| !secret.is_ascii()).filter_map(|secret| {
        let said = format!("{secret}は");
        name.find(&said).map(|at| at + said.len())
    });
    ends.min()
}

/// How long it is from a name to its value.
fn separator(behind: &str, option: bool) -> Option<usize> {
    let quoted = behind.trim_start_matches(['\\', '"', '\'', '」', ']']);
    let spaces = |text: &str| text.len() - text.trim_start_matches([' ', '\t', '　']).len();
    let at = behind.len() - quoted.len() + spaces(quoted);
    // A note may stand between them: `password (old): x`.
    let line = &behind[at..behind.find(['\n', '\r']).unwrap_or(behind.len()).max(at)];
    let note = line.strip_prefix('(').and_then(|note| note.find(')')).map_or(0, |end| end + 2);
    let at = at + note + spaces(&behind[at + note..]);
    let rest = &behind[at..];
    let sign = [":=", "=>", "=", ":", "＝", "：", "is ", "was "]
        .into_iter()
        .find(|sign| rest.starts_with(sign));
    match sign {
        Some(sign) => Some(at + sign.len() + spaces(&rest[sign.len()..])),
        None if option && at > 0 && !rest.starts_with(['\n', '\r']) && !rest.is_empty() => Some(at),
        None => None,
    }
}

/// What stands for a value, and how long the value is. Without quotes it is all of the line.
fn value(text: &str) -> (String, usize) {
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inside) = text.strip_prefix(quotes) {
            let length = inside.find(quotes).map_or(text.len(), |end| end + 2 * quotes.len());
            return (format!("\"{REMOVED}\""), length);
        }
    }
    if text.starts_with(['[', '{']) {
        return (REMOVED.to_owned(), brackets(text));
    }
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inside) = text[..line].strip_prefix(quote)
            && let Some(end) = closing(inside, quote)
        {
            let length = quote.len() + end + quote.len();
            let ends = |c: char| {
                c.is_whitespace() || matches!(c, ',' | '}' | ']' | ')' | ';' | '"' | '\\')
            };
            if text[length..].chars().next().is_none_or(ends) {
                return (format!("{quote}{REMOVED}{quote}"), length);
            }
        }
    }
    if matches!(text[..line].trim(), "" | "|" | "|-" | ">" | ">-" | "\\") && line < text.len() {
        // It stands on the line below.
        let below = text[line..].trim_start_matches(['\n', '\r']);
        let begin = text.len() - below.len();
        let length = below.find(['\n', '\r']).unwrap_or(below.len());
        return (format!("{}{REMOVED}", &text[..begin]), begin + length);
    }
    (if line == 0 { String::new() } else { REMOVED.to_owned() }, line)
}

/// Where a quote ends; one behind a backslash is part of the value.
fn closing(inside: &str, quote: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + inside[from..].find(quote)?;
        let before = inside[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        if quote != "\"" || before.is_multiple_of(2) {
            return Some(end);
        }
        from = end + quote.len();
    }
}

/// How long a list or table is, to the bracket that closes it; all of the text where none does.
fn brackets(text: &str) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => match c {
                '"' | '\'' => quote = Some(c),
                '[' | '{' => depth += 1,
                ']' | '}' => depth -= 1,
                _ => {}
            },
        }
        if depth == 0 {
            return at + c.len_utf8();
        }
    }
    text.len()
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_')
}

/// Keys that no name gives away.
fn without_keys(text: &str, known: &BTreeSet<String>) -> String {
    let (mut cleaned, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(is_base64) {
        cleaned += &rest[..start];
        let word = &rest[start..];
        let length = word.find(|c| !is_base64(c)).unwrap_or(word.len());
        let padding = word[length..].bytes().take_while(|byte| *byte == b'=').count();
        let (word, behind) = word.split_at(length + padding);
        cleaned +=
            if is_key(&word[..length], padding) && !known.contains(word) { REMOVED } else { word };
        rest = behind;
    }
    cleaned + rest
}

fn is_key(word: &str, padding: usize) -> bool {
    if word.len() < KEY_LENGTH {
        return false;
    }
    let standard: String = word
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    let bytes = BASE64.decode(&standard).unwrap_or_default();
    let mixed = word.contains(|c: char| c.is_ascii_uppercase())
        && word.contains(|c: char| c.is_ascii_lowercase());
    // Behind a path or a name that nothing divides from it, a key still ends in one sign of padding.
    (padding == 1) || (word.len() == KEY_LENGTH && mixed) || is_private_der(&bytes)
}

/// Whether it is a private key's encoding: a sequence that begins with its version (RFC 5958, RFC 5915, RFC 8017).
fn is_private_der(bytes: &[u8]) -> bool {
    let length = match bytes {
        [0x30, 0x82, ..] => 4,
        [0x30, 0x81, ..] => 3,
        [0x30, ..] => 2,
        _ => return false,
    };
    matches!(bytes.get(length..), Some([0x02, 0x01, 0 | 1, ..]))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    fn none() -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn key(bytes: [u8; 32]) -> String {
        BASE64_STANDARD.encode(bytes)
    }

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHIDDENhunter2\n-----END PRIVATE KEY-----";

    #[test]
    fn values_behind_names_of_secrets_go_and_the_rest_stays() {
        for (text, wanted) in [
            ("password = \"hunter2\"\nname = \"a\"\n", "password = \"[removed]\"\nname = \"a\"\n"),
            ("admin_password='x y' # note", "admin_password='[removed]' # note"),
            ("private-key = \"\"\"a\nhunter2\n\"\"\"\nb = 1", "private-key = \"[removed]\"\nb = 1"),
            ("tokens = [\n \"a]\", \"hunter2\",\n]\nb = 1", "tokens = [removed]\nb = 1"),
            ("secret = { a = \"}\", b = 2 }\nc = 1", "secret = [removed]\nc = 1"),
            (
                "login failed, Password: correct horse\nnext",
                "login failed, Password: [removed]\nnext",
            ),
            ("passphrase:\n  hunter2\nnext: 1", "passphrase:\n[removed]\nnext: 1"),
            (
                "sekisho confirm 3 --token 00ff --at 192.0.2.1\nb",
                "sekisho confirm 3 --token [removed]\nb",
            ),
            ("GET https://me:hunter2@host/x", "GET https://[removed]@host/x"),
            ("Bearer abc.def", "Bearer [removed]"),
            (
                "msg={\\\"psk\\\":\\\"hunter2\\\",\\\"a\\\":1}",
                "msg={\\\"psk\\\":\\\"[removed]\\\",\\\"a\\\":1}",
            ),
            ("パスワード：ひみつ\n次", "パスワード：[removed]\n次"),
            ("password = \"a\"hunter2\"\nb", "password = [removed]\nb"),
            ("password = \"a\\\"hunter2\"\nb", "password = \"[removed]\"\nb"),
            ("password = \"never closed hunter2\nb", "password = [removed]\nb"),
            ("private = \"192.168.1.10\"", "private = \"192.168.1.10\""),
            (
                "{\"n\":1,\"password\":\"hunter2\",\"a\":1} log",
                "{\"n\":1,\"password\":\"[removed]\",\"a\":1} log",
            ),
            ("管理者のパスワードはhunter2です。\n次", "管理者のパスワードは[removed]\n次"),
            ("the password is hunter2.\nb", "the password is [removed]\nb"),
            ("password (old): hunter2\nb", "password (old): [removed]\nb"),
            ("every token was made\nb", "every token was [removed]\nb"),
            ("basic settings, tokens expire", "basic settings, tokens expire"),
        ] {
            assert_eq!(redact(text, &none()), wanted, "{text}");
        }
    }

    #[test]
    fn blocks_of_private_keys_go_whole_and_certificates_stay() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQm9ndXNDZXJ0aWZpY2F0ZUJvZ3VzQ2VydGlm=\n-----END CERTIFICATE-----";
        let text = format!("a\n{certificate}\n{PEM}\nb\n");
        assert_eq!(redact(&text, &none()), format!("a\n{certificate}\n[removed]\nb\n"));
        let cut = PEM.split("-----END").next().unwrap();
        assert_eq!(redact(&format!("a\n{cut}"), &none()), "a\n[removed]");
        let tail = "x sekishod[1]: MC4CAQAwBQYDK2Vw\nx sekishod[1]: hunter2hunter2==\nx sekishod[1]: -----END PRIVATE KEY-----\nb";
        let cleaned = redact(&format!("first line ends\n{tail}"), &none());
        assert_eq!(cleaned, "first line ends\n[removed]\nb");
        let hidden = "-----BEGIN CERTIFICATE-----\npassword: hunter2\n-----END CERTIFICATE-----";
        assert_eq!(redact(hidden, &none()), REMOVED);
    }

    #[test]
    fn json_is_looked_through_value_by_value() {
        let pem = PEM.replace('\n', "\\n");
        let text = format!(
            "{{\"password\": {{\"a\": 1}}, \"deep\": [{{\"api-key\": 5, \"note\": \"{pem}\"}}], \"token\": null, \"n\": 1.5}}"
        );
        let cleaned: Value = serde_json::from_str(&redact(&text, &none())).unwrap();
        assert_eq!(
            cleaned,
            serde_json::json!({
                "password": REMOVED, "deep": [{ "api-key": REMOVED, "note": REMOVED }],
                "token": null, "n": 1.5,
            })
        );
    }

    #[test]
    fn encoded_private_keys_go_whatever_they_are_called() {
        let ed25519 = format!("MC4CAQAwBQYDK2VwBCIEI{}", "A".repeat(43));
        assert_eq!(redact(&format!("x: {ed25519}"), &none()), "x: [removed]");
        let digest = "5f0e7c1db59b3d5a2a7c6d5d3c9a1b9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c";
        assert_eq!(redact(digest, &none()), digest, "a digest in hexadecimal is no key");
        let id = "platform.a-name-of-a-check-that-is-just-as-long-as";
        assert_eq!(redact(id, &none()), id);
    }

    #[test]
    fn a_log_full_of_ends_is_no_trouble() {
        let ends = "-----END \n".repeat(100_000);
        assert_eq!(redact(&ends, &none()).matches(REMOVED).count(), 100_000);
    }

    #[test]
    fn designs_come_out_as_they_are() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config-samples");
        let mut seen = 0;
        for folder in fs::read_dir(samples).unwrap() {
            let folder = folder.unwrap().path();
            let Ok(profile) = fs::read_to_string(folder.join("platform-profile.toml")) else {
                continue;
            };
            let known = super::super::public_keys(&profile);
            for text in [profile, fs::read_to_string(folder.join("site.toml")).unwrap()] {
                assert_eq!(redact(&text, &known), text, "{}", folder.display());
                seen += 1;
            }
        }
        assert!(seen >= 8, "{seen}");
    }

    proptest! {
        #[test]
        fn no_text_stops_it_and_no_block_of_a_private_key_is_left(text in "\\PC{0,200}|([a-zA-Z=:\"'\\\\\\[\\]{}\n-]|password|token|-----BEGIN |-----END |://|@){0,40}") {
            let cleaned = redact(&text, &none());
            prop_assert!(!cleaned.contains("-----BEGIN "), "{}", cleaned);
        }

        #[test]
        fn a_key_never_comes_out_unless_it_is_known(
            bytes in any::<[u8; 32]>(),
            before in "([a-z ]{0,20}[ =:\"'(/,\n])?",
            after in "([ ,\"')\n][a-z ]{0,20})?",
        ) {
            let key = key(bytes);
            let text = format!("{before}{key}{after}");
            let cleaned = redact(&text, &none());
            prop_assert!(!cleaned.contains(&key[..KEY_LENGTH]), "{}", cleaned);
            let bare = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            let cleaned = redact(&format!("x {bare}"), &none());
            prop_assert!(!cleaned.contains(&bare), "{}", cleaned);
            // One whose letters happen to spell a secret's name takes along what its `=` seems to give that name.
            if !is_secret(&key) {
                let known = BTreeSet::from([key.clone()]);
                prop_assert_eq!(redact(&format!("x {key} y"), &known), format!("x {key} y"));
            }
        }

        #[test]
        fn a_secret_never_comes_out(
            name in prop::sample::select(vec!["password", "Pass-Phrase", "device_secret", "API-KEY", "privateKey", "x.token", "パスワード"]),
            secret in "zq[a-zA-Z0-9!#$%&()*+./;<>?@^~-]{4,30}qz",
            form in 0_usize..8,
        ) {
            let text = match form {
                0 => format!("a = 1\n{name} = \"{secret}\"\nb = 2\n"),
                1 => format!("a = 1\n{name}='{secret}'\nb = 2\n"),
                2 => format!("{{\"a\": 1, \"{name}\": \"{secret}\"}}"),
                3 => format!("{{\"a\": [{{\"{name}\": [\"{secret}\"]}}]}}"),
                4 => format!("2026-11-25T10:00:00+0900 box sekishod[7]: {name}: {secret}\n"),
                5 => format!("run --{name} {secret} now\n"),
                6 => format!("a = 1\n{name} = \"\"\"\n{secret}\n\"\"\"\nb = 2"),
                _ => format!("{{\"note\": \"{name}={secret}\"}}"),
            };
            let cleaned = redact(&text, &none());
            prop_assert!(!cleaned.contains(&secret), "{}", cleaned);
            prop_assert!(cleaned.contains(REMOVED), "{}", cleaned);
        }
    }
}
