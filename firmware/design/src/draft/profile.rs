//! The platform profile, from text to draft.

use super::{
    CentreDraft, NetworkDraft, PlatformServiceDraft, ProfileDraft, Unknown, ZoneDraft,
    rollout::read_server, values,
};
use crate::{
    Protocol, Rule, migrate,
    reader::{self, File, Log, Node, Table},
    signature::Signature,
};

/// Reads the signed part.
pub(crate) fn read_profile(text: &str, log: &mut Log) -> ProfileDraft {
    reader::read((File::Profile, text, 0), log, |table, log| {
        if !migrate::is_current(table, log) {
            return ProfileDraft::default();
        }
        let organisation = table.required("organisation", log);
        let serial = table.required("serial", log);
        let issued = table.required("issued", log);
        let device_address = table.required("device-address", log);
        let pool = table.required("pool", log);
        let ntp = table.required("ntp", log);
        let networks = table.required("network", log);
        let (centres, centres_whole) = table.rows("centre", log, read_centre);
        let (zones, zones_whole) = table.rows("zone", log, read_zone);
        let (services, _) = table.rows("service", log, read_service);
        let authority = values::optional("authority", table, log, |node, log| {
            node.parse(log, str::parse, |_, _| Rule::BadAuthority)
        });
        let dial_back = values::optional("dial-back", table, log, values::port_number);
        let rollout = values::optional("rollout", table, log, |node, log| {
            node.table(log, read_server).map(|server| node.at(server))
        });
        ProfileDraft {
            organisation: organisation.and_then(|node| values::organisation(&node, log)),
            serial: serial
                .and_then(|node| node.integer((0, i64::MAX), log, values::bounds(0, i64::MAX))),
            issued: issued.and_then(|node| values::time(&node, log)),
            device_address: device_address.and_then(|node| values::global(&node, log)),
            pool: pool.and_then(|node| values::filled_list(&node, log, values::network)),
            ntp: ntp.and_then(|node| values::filled_list(&node, log, values::host)),
            centres,
            centres_whole,
            networks: networks.and_then(|node| read_networks(&node, log)),
            zones,
            zones_whole,
            services,
            authority,
            dial_back,
            rollout,
        }
    })
}

/// Reads the part from `[signature]` on; `base` is where it begins in the file, in bytes.
pub(crate) fn read_signature(text: &str, base: usize, log: &mut Log) -> Option<Signature> {
    reader::read((File::Profile, text, base), log, |table, log| {
        table.required("signature", log)?.table(log, |table, log| {
            let node = table.required("ed25519", log)?;
            node.parse(log, str::parse, |_, ()| Rule::SignatureForm)
                .map(|signature| signature.value)
        })?
    })
}

fn read_centre(table: &mut Table<'_>, log: &mut Log) -> CentreDraft {
    let preference = table.required("preference", log);
    CentreDraft {
        place: table.place.clone(),
        name: table.required("name", log).and_then(|node| values::name(&node, log)),
        endpoint: table.required("endpoint", log).and_then(|node| values::endpoint(&node, log)),
        public_key: table
            .required("public-key", log)
            .and_then(|node| values::public_key(&node, log)),
        preference: preference
            .and_then(|node| node.integer((0, 65535), log, values::bounds(0, 65535))),
        probe: table.required("probe", log).and_then(|node| values::address(&node, log)),
    }
}

fn read_networks(node: &Node<'_>, log: &mut Log) -> Option<Vec<NetworkDraft>> {
    let networks = node.tables(log, read_network)?;
    if networks.is_empty() {
        return node.refuse(Rule::EmptyList, log);
    }
    networks.into_iter().collect()
}

fn read_network(table: &mut Table<'_>, log: &mut Log) -> Option<NetworkDraft> {
    let prefix = table.required("prefix", log).and_then(|node| values::network(&node, log));
    let environment = table.required("environment", log);
    let environment = environment.and_then(|node| values::environment(&node, log));
    Some(NetworkDraft { prefix: prefix?, environment: environment? })
}

fn read_zone(table: &mut Table<'_>, log: &mut Log) -> ZoneDraft {
    let name = table.required("name", log).and_then(|node| values::zone_name(&node, log));
    let resolvers = table.required("resolvers", log);
    ZoneDraft {
        name,
        resolvers: resolvers.and_then(|node| values::filled_list(&node, log, values::address)),
    }
}

fn read_service(table: &mut Table<'_>, log: &mut Log) -> PlatformServiceDraft {
    let protocol = table.required("protocol", log);
    let protocols = Protocol::ALL.map(|protocol| (protocol.as_str(), protocol));
    PlatformServiceDraft {
        place: table.place.clone(),
        name: table.required("name", log).and_then(|node| values::name(&node, log)),
        address: table.required("address", log).and_then(|node| values::address(&node, log)),
        host: values::optional("host", table, log, values::dns_name),
        protocol: protocol.and_then(|node| values::choice(&node, &protocols, log)),
        port: values::optional("port", table, log, values::port_number),
    }
}

impl Default for ProfileDraft {
    /// Nothing of it is known.
    fn default() -> Self {
        Self {
            organisation: None,
            serial: None,
            issued: None,
            device_address: None,
            pool: None,
            ntp: None,
            centres: Vec::new(),
            centres_whole: false,
            networks: None,
            zones: Vec::new(),
            zones_whole: false,
            services: Vec::new(),
            authority: Err(Unknown),
            dial_back: Err(Unknown),
            rollout: Err(Unknown),
        }
    }
}
