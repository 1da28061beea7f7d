//! Which source answers a question: pure. Nothing is asked here and nobody is told.
//!
//! The order, for a client of a LAN: may it ask at all; what the LAN's static entries say; the platform, for its zones and
//! for the addresses that lie on it; the office's own servers; else the question is refused.

use std::net::Ipv4Addr;

use hickory_proto::rr::{Name, RecordType};
use ipnet::Ipv4Net;
use sekisho_design::{DnsName, Lan, NameTarget};

use crate::setup::{Group, Setup, View};

/// Which source answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Decision<'a> {
    /// A static entry has these addresses; none of them where another type is asked for.
    Addresses(&'a [Ipv4Addr]),
    /// A static entry is another name.
    Alias(&'a DnsName),
    /// Static entries have this address.
    Names(&'a [DnsName]),
    /// Servers are asked.
    Ask(Group),
    /// Nobody answers that.
    Refuse(Refusal),
}

/// Why a question is refused.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Refusal {
    /// The client isn't registered, or isn't one of the servers that may ask.
    Client,
    /// No source knows such names.
    Name,
    /// The question comes from the server that would be asked, or from the device itself.
    Loop,
    /// A kind of question that no client needs: a whole zone, all types at once, a class that nobody uses.
    Kind,
    /// Too many questions of one client.
    Rate,
}

/// Decides about a question of a client.
pub(crate) fn decide<'a>(
    setup: &'a Setup,
    lan: Lan,
    client: Ipv4Addr,
    name: &Name,
    kind: RecordType,
) -> Decision<'a> {
    let Some(view) = setup.views.get(&lan) else { return Decision::Refuse(Refusal::Client) };
    if setup.own.contains(&client) {
        return Decision::Refuse(Refusal::Loop);
    }
    // An office's server that is asked may ask, too: for the platform's names.
    if !view.admits(client) && !view.servers.contains(&client) {
        return Decision::Refuse(Refusal::Client);
    }
    let decision = source(setup, view, lan, name, kind);
    if matches!(decision, Decision::Ask(Group::Office(_))) && view.servers.contains(&client) {
        return Decision::Refuse(Refusal::Loop);
    }
    decision
}

/// Which source knows a name, whoever asks.
pub(crate) fn source<'a>(
    setup: &'a Setup,
    view: &'a View,
    lan: Lan,
    name: &Name,
    kind: RecordType,
) -> Decision<'a> {
    if matches!(kind, RecordType::AXFR | RecordType::IXFR | RecordType::ANY | RecordType::OPT) {
        return Decision::Refuse(Refusal::Kind);
    }
    let text = name.to_lowercase().to_ascii();
    let text = text.trim_end_matches('.');
    if let Some(target) = text.parse().ok().and_then(|name: DnsName| view.entries.get(&name)) {
        return match target {
            NameTarget::Alias(alias) => Decision::Alias(alias),
            NameTarget::Addresses(addresses) if kind == RecordType::A => {
                Decision::Addresses(addresses)
            }
            NameTarget::Addresses(_) => Decision::Addresses(&[]),
        };
    }
    let network = backwards(text);
    if let Some(names) =
        network.filter(|net| net.prefix_len() == 32).and_then(|net| view.back.get(&net.addr()))
    {
        return Decision::Names(if kind == RecordType::PTR { names } else { &[] });
    }
    // The most specific zone.
    let zones = setup.zones.iter().filter(|zone| is_in(name, zone));
    if let Some(zone) = zones.max_by_key(|zone| zone.len()) {
        return Decision::Ask(Group::Platform(zone.clone()));
    }
    if let (Some(network), Some(zone)) = (network, setup.zones.first())
        && setup.reverse.iter().any(|held| held.contains(&network) || network.contains(held))
    {
        return Decision::Ask(Group::Platform(zone.clone()));
    }
    if view.asks_office {
        Decision::Ask(Group::Office(lan))
    } else {
        Decision::Refuse(Refusal::Name)
    }
}

/// Whether a name is a zone or in it, label by label: a label may have a dot inside, which ends none.
fn is_in(name: &Name, zone: &str) -> bool {
    let mut labels = name.iter().rev();
    zone.rsplit('.').all(|of_zone| {
        labels.next().is_some_and(|label| label.eq_ignore_ascii_case(of_zone.as_bytes()))
    })
}

/// The network that a name under `in-addr.arpa` stands for; at least one octet of it is given.
pub(crate) fn backwards(name: &str) -> Option<Ipv4Net> {
    let labels = name.strip_suffix(".in-addr.arpa")?;
    let mut octets = [0; 4];
    let mut count = 0;
    for label in labels.rsplit('.') {
        // "010" and "+1" are no octets.
        let octet: u8 = label.parse().ok().filter(|octet: &u8| octet.to_string() == label)?;
        *octets.get_mut(count)? = octet;
        count += 1;
    }
    Ipv4Net::new(octets.into(), u8::try_from(count * 8).ok()?).ok()
}

impl Refusal {
    /// The word of counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "refused-client",
            Self::Name => "refused-name",
            Self::Loop => "refused-loop",
            Self::Kind => "refused-kind",
            Self::Rate => "refused-rate",
        }
    }
}

#[cfg(test)]
mod tests;
