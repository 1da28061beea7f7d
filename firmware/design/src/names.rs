//! How the office resolves names: one of three methods, the office's own DNS servers, and static entries (R17 R85 R87).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::{DnsName, Lan};

/// How the office resolves names.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Names {
    /// Who asks the device, if anybody does.
    pub method: Method,
    /// The office's own DNS servers by LAN: asked for all other names where clients ask the device, the only ones that
    /// may ask where they forward to it.
    pub office_dns: BTreeMap<Lan, Vec<Ipv4Addr>>,
    /// Whether office clients get a server of their own LAN by its private address.
    pub rewrite_own: bool,
    /// Networks beside the platform's that names of the platform's zones may lead to.
    pub outside_answers: Vec<Ipv4Net>,
    /// For how many days queries are logged; `None` where they are not.
    pub query_log_days: Option<u8>,
    /// Static entries; they come before every other source.
    pub entries: Vec<NameEntry>,
}

/// The three methods of name resolution (R17).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// (a): clients ask the device.
    Device,
    /// (b): the office's DNS servers forward the platform's zones to the device.
    Forward,
    /// (c): terminals have hosts files; the device answers nobody.
    Hosts,
}

/// A static entry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NameEntry {
    /// The name.
    pub name: DnsName,
    /// The LANs that get it, each once and in order.
    pub lans: Vec<Lan>,
    /// What it stands for.
    pub target: NameTarget,
}

/// What a static entry stands for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameTarget {
    /// Addresses (A), at least one; asked the other way round (PTR), each leads back to the name.
    Addresses(Vec<Ipv4Addr>),
    /// Another name (CNAME).
    Alias(DnsName),
}

impl Names {
    /// What a name stands for on a LAN by the static entries alone, aliases followed; empty where they don't say.
    pub fn stands_for(&self, lan: Lan, name: &DnsName) -> &[Ipv4Addr] {
        let entry = |name: &DnsName| {
            self.entries.iter().find(|entry| entry.name == *name && entry.lans.contains(&lan))
        };
        let (mut name, mut seen) = (name, BTreeSet::new());
        while let Some(entry) = entry(name).filter(|entry| seen.insert(&entry.name)) {
            match &entry.target {
                NameTarget::Addresses(addresses) => return addresses,
                NameTarget::Alias(alias) => name = alias,
            }
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_followed_on_their_lan_and_never_round() {
        let entry = |name: &str, lans: &[Lan], target| NameEntry {
            name: name.parse().unwrap(),
            lans: lans.to_vec(),
            target,
        };
        let alias = |name: &str| NameTarget::Alias(name.parse().unwrap());
        let address: Ipv4Addr = "192.168.1.80".parse().unwrap();
        let names = Names {
            method: Method::Hosts,
            office_dns: BTreeMap::new(),
            rewrite_own: false,
            outside_answers: Vec::new(),
            query_log_days: None,
            entries: vec![
                entry("a.example", &Lan::ALL, alias("b.example")),
                entry("b.example", &[Lan::HeadOffice], NameTarget::Addresses(vec![address])),
                entry("round.example", &Lan::ALL, alias("round.example")),
            ],
        };
        let told = |lan, name: &str| names.stands_for(lan, &name.parse().unwrap()).to_vec();
        assert_eq!(told(Lan::HeadOffice, "a.example"), [address]);
        assert!(told(Lan::EducationBoard, "a.example").is_empty(), "the other LAN's entry");
        assert!(told(Lan::HeadOffice, "round.example").is_empty());
        assert!(told(Lan::HeadOffice, "nobody.example").is_empty());
    }
}
