//! The values of both files, from text to type.

use std::net::Ipv4Addr;

use ipnet::{AddrParseError, Ipv4Net};
use jiff::Timestamp;

use super::{Optional, Unknown, Whole};
use crate::{
    Approval, BackupRecipient, DnsName, Endpoint, Environment, Global, Host, InterfaceAddress, Lan,
    LineRate, Member, Name, NamedHost, OrganisationCode, Origin, PortName, Private, PublicKey,
    Rule, Service, ServiceMember,
    backup::MalformedRecipient,
    name::is_label,
    organisation::MalformedOrganisation,
    reader::{At, Log, Node, Table},
};

pub(crate) const ENVIRONMENTS: [(&str, Environment); 2] =
    [("production", Environment::Production), ("test", Environment::Test)];

/// The rule for a number outside its bounds.
pub(crate) fn bounds(least: i64, most: i64) -> impl FnOnce(String) -> Rule {
    move |found| Rule::OutOfRange { found, least, most }
}

pub(super) fn organisation(node: &Node<'_>, log: &mut Log) -> Option<At<OrganisationCode>> {
    node.parse(log, str::parse, |text, error| match error {
        MalformedOrganisation::Shape => Rule::OrganisationShape { text },
        MalformedOrganisation::CheckDigit { expected } => Rule::CheckDigit { text, expected },
    })
}

pub(super) fn name(node: &Node<'_>, log: &mut Log) -> Option<At<Name>> {
    node.parse(log, str::parse, |text, _| Rule::BadName { text })
}

pub(super) fn dns_name(node: &Node<'_>, log: &mut Log) -> Option<At<DnsName>> {
    node.parse(log, str::parse, |text, _| Rule::BadDnsName { text })
}

pub(super) fn port(node: &Node<'_>, log: &mut Log) -> Option<At<PortName>> {
    node.parse(log, str::parse, |text, _| Rule::BadPort { text })
}

pub(super) fn address(node: &Node<'_>, log: &mut Log) -> Option<At<Ipv4Addr>> {
    node.parse(log, str::parse, |text, _| Rule::BadAddress { text })
}

pub(super) fn global(node: &Node<'_>, log: &mut Log) -> Option<At<Global>> {
    address(node, log).map(|At { value, place }| At { value: Global::new(value), place })
}

pub(super) fn private(node: &Node<'_>, log: &mut Log) -> Option<At<Private>> {
    let At { value, place } = address(node, log)?;
    match Private::try_from(value) {
        Ok(value) => Some(At { value, place }),
        Err(_) => node.refuse(Rule::NotPrivate { address: value }, log),
    }
}

pub(super) fn interface_address(node: &Node<'_>, log: &mut Log) -> Option<At<InterfaceAddress>> {
    node.parse(log, str::parse, |text, _| Rule::BadInterfaceAddress { text })
}

/// A network, or one address of it without a prefix.
pub(super) fn network(node: &Node<'_>, log: &mut Log) -> Option<At<Ipv4Net>> {
    let At { value, place } = node.parse(log, net, |text, _| Rule::BadNetwork { text })?;
    Some(At { value: whole(node, value, log)?, place })
}

fn net(text: &str) -> Result<Ipv4Net, AddrParseError> {
    text.parse().or_else(|error| text.parse().map(|host: Ipv4Addr| host.into()).map_err(|_| error))
}

/// A network without bits of a host.
fn whole(node: &Node<'_>, written: Ipv4Net, log: &mut Log) -> Option<Ipv4Net> {
    let network = written.trunc();
    if network == written {
        Some(written)
    } else {
        node.refuse(Rule::HostBits { written, network }, log)
    }
}

pub(super) fn endpoint(node: &Node<'_>, log: &mut Log) -> Option<At<Endpoint>> {
    node.parse(log, str::parse, |text, _| Rule::BadEndpoint { text })
}

pub(super) fn host(node: &Node<'_>, log: &mut Log) -> Option<At<Host>> {
    node.parse(log, str::parse, |text, _| Rule::BadHost { text })
}

/// A network, one address of it, or a name.
pub(super) fn origin(node: &Node<'_>, log: &mut Log) -> Option<At<Origin>> {
    let convert = |text: &str| match text.parse() {
        Ok(name) => Ok(Origin::Name(NamedHost::new(name))),
        Err(_) => net(text).map(Origin::Network),
    };
    let written = node.parse(log, convert, |text, _| Rule::BadOrigin { text })?;
    match written.value {
        Origin::Network(network) => {
            Some(At { value: Origin::Network(whole(node, network, log)?), place: written.place })
        }
        Origin::Name(_) => Some(written),
    }
}

/// A network without bits of a host, a host of the platform, or the name of a row or an object.
pub(super) fn member(node: &Node<'_>, log: &mut Log) -> Option<At<Member>> {
    let written = node.parse(log, str::parse, |text, _| Rule::BadMember { text })?;
    match written.value {
        Member::Network(network) => {
            Some(At { value: Member::Network(whole(node, network, log)?), place: written.place })
        }
        Member::Host(_) | Member::Named(_) => Some(written),
    }
}

pub(super) fn service_member(node: &Node<'_>, log: &mut Log) -> Option<At<ServiceMember>> {
    node.parse(log, str::parse, |text, _| Rule::BadService { text })
}

pub(super) fn public_key(node: &Node<'_>, log: &mut Log) -> Option<At<PublicKey>> {
    node.parse(log, str::parse, |_, _| Rule::BadKey)
}

pub(super) fn recipient(node: &Node<'_>, log: &mut Log) -> Option<At<BackupRecipient>> {
    node.parse(log, str::parse, |_, error| match error {
        MalformedRecipient::Form => Rule::BadRecipient,
        MalformedRecipient::Secret => Rule::SecretRecipient,
    })
}

pub(super) fn service(node: &Node<'_>, log: &mut Log) -> Option<At<Service>> {
    node.parse(log, str::parse, |text, _| Rule::BadService { text })
}

pub(super) fn line_rate(node: &Node<'_>, log: &mut Log) -> Option<At<LineRate>> {
    node.parse(log, str::parse, |text, _| Rule::BadRate { text })
}

pub(super) fn approval(node: &Node<'_>, log: &mut Log) -> Option<At<Approval>> {
    node.parse(log, str::parse, |_, _| Rule::BadApproval)
}

pub(super) fn time(node: &Node<'_>, log: &mut Log) -> Option<At<Timestamp>> {
    let text = node.time(log)?.to_string();
    match text.parse() {
        Ok(value) => Some(node.at(value)),
        Err(_) => node.refuse(Rule::BadTime { text }, log),
    }
}

/// A DNS name of host-name labels: letters, digits, inner hyphens, each 1 to 63, 253 in all (RFC 1035, RFC 1123).
pub(super) fn zone_name(node: &Node<'_>, log: &mut Log) -> Option<At<String>> {
    let convert = |text: &str| {
        let valid = text.len() <= 253 && text.split('.').all(is_label);
        valid.then(|| text.to_ascii_lowercase()).ok_or(())
    };
    node.parse(log, convert, |text, ()| Rule::BadZone { text })
}

pub(super) fn lan(node: &Node<'_>, log: &mut Log) -> Option<At<Lan>> {
    choice(node, &Lan::ALL.map(|lan| (lan.as_str(), lan)), log)
}

pub(super) fn environment(node: &Node<'_>, log: &mut Log) -> Option<At<Environment>> {
    choice(node, &ENVIRONMENTS, log)
}

/// The number of a TCP or UDP port.
pub(super) fn port_number(node: &Node<'_>, log: &mut Log) -> Option<At<u16>> {
    node.integer((1, 65535), log, bounds(1, 65535))
}

/// One of some words.
pub(super) fn choice<T: Copy>(
    node: &Node<'_>,
    choices: &[(&'static str, T)],
    log: &mut Log,
) -> Option<At<T>> {
    let convert =
        |text: &str| choices.iter().find(|(word, _)| *word == text).map(|(_, t)| *t).ok_or(());
    node.parse(log, convert, |text, ()| Rule::BadChoice {
        text,
        choices: choices.iter().map(|(word, _)| *word).collect(),
    })
}

/// A word that is false where it isn't said.
pub(super) fn boolean(key: &'static str, table: &mut Table<'_>, log: &mut Log) -> Option<At<bool>> {
    match table.optional(key) {
        Some(node) => node.boolean(log),
        None => Some(At { value: false, place: table.place.clone() }),
    }
}

/// The value of a key that may be missing.
pub(super) fn optional<T>(
    key: &'static str,
    table: &mut Table<'_>,
    log: &mut Log,
    read: impl FnOnce(&Node<'_>, &mut Log) -> Option<At<T>>,
) -> Optional<T> {
    match table.optional(key) {
        Some(node) => read(&node, log).map(Some).ok_or(Unknown),
        None if log.is_broken(table.place.file) => Err(Unknown),
        None => Ok(None),
    }
}

/// A list without repetition, known whole or not at all.
pub(super) fn list<T: Clone + Ord + ToString>(
    node: &Node<'_>,
    log: &mut Log,
    read: impl Fn(&Node<'_>, &mut Log) -> Option<At<T>>,
) -> Whole<T> {
    let entries: Vec<_> = node.list(log)?.iter().map(|entry| read(entry, log)).collect();
    let mut seen = std::collections::BTreeSet::new();
    for At { value, place } in entries.iter().flatten() {
        if !seen.insert(value.clone()) {
            log.add(place, Rule::Repeated { text: value.to_string() });
        }
    }
    let entries = entries.into_iter().collect();
    if log.is_broken(node.place.file) { None } else { entries }
}

/// Like [`list`], with at least one entry.
pub(super) fn filled_list<T: Clone + Ord + ToString>(
    node: &Node<'_>,
    log: &mut Log,
    read: impl Fn(&Node<'_>, &mut Log) -> Option<At<T>>,
) -> Whole<T> {
    let entries = list(node, log, read)?;
    if entries.is_empty() { node.refuse(Rule::EmptyList, log) } else { Some(entries) }
}
