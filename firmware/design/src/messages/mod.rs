//! What people read about a broken rule: what is wrong, and what to do about it.

mod en;
mod ja;

use ipnet::Ipv4Net;

use crate::{Environment, Kind, Lan, Language, OfficeSide, Origin, Role, Rule};

/// What is wrong, in one sentence.
pub(crate) fn sentence(rule: &Rule, language: Language) -> String {
    match language {
        Language::Japanese => ja::sentence(rule),
        Language::English => en::sentence(rule),
    }
}

/// What to do about it.
pub(crate) fn mend(rule: &Rule, language: Language) -> String {
    match language {
        Language::Japanese => ja::mend(rule),
        Language::English => en::mend(rule),
    }
}

/// What people call a kind of organisation.
pub(crate) fn kind(kind: Kind, language: Language) -> &'static str {
    match language {
        Language::Japanese => ja::kind(kind),
        Language::English => en::kind(kind),
    }
}

/// What people call a LAN.
pub(crate) fn lan(lan: Lan, language: Language) -> &'static str {
    match language {
        Language::Japanese => ja::lan(lan),
        Language::English => en::lan(lan),
    }
}

/// What people call a side of the office.
pub(crate) fn side(side: OfficeSide, language: Language) -> &'static str {
    match language {
        Language::Japanese => ja::role(role(side)),
        Language::English => en::role(role(side)),
    }
}

/// What a side of the office is to the device.
fn role(side: OfficeSide) -> Role {
    match side {
        OfficeSide::Lan(lan) => Role::Lan(lan),
        OfficeSide::Maintenance => Role::Maintenance,
    }
}

/// What people call an environment.
pub(crate) fn environment(environment: Environment, language: Language) -> &'static str {
    match language {
        Language::Japanese => ja::environment(environment),
        Language::English => en::environment(environment),
    }
}

/// Text of a file inside a sentence: short, and without characters that steer a terminal.
fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown = harmless(text.chars().take(MOST));
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// Text without characters that steer a terminal.
pub(crate) fn harmless(text: impl Iterator<Item = char>) -> String {
    text.flat_map(escape).collect()
}

/// A network as people write it: one host without a prefix.
pub(crate) fn range(network: Ipv4Net) -> String {
    if network.prefix_len() == 32 { network.addr().to_string() } else { network.to_string() }
}

/// Who may start something, as people write it.
pub(crate) fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Network(network) => range(*network),
        Origin::Name(host) => host.to_string(),
    }
}

/// Control and formatting characters become `\u{…}`; Japanese and quotes stay as they are.
fn escape(c: char) -> impl Iterator<Item = char> {
    let steers = c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let (plain, escaped) = if steers { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("住基サーバ 'a'"), "住基サーバ 'a'");
        assert_eq!(excerpt("\u{1b}[31m"), "\\u{1b}[31m");
        assert_eq!(excerpt(&"あ".repeat(41)), format!("{}…", "あ".repeat(40)));
    }
}
