//! From a draft without problems to the design.

use std::collections::BTreeMap;

use super::{
    AllowanceDraft, CentreDraft, CollectorDraft, EntryDraft, FlowLogDraft, GlobalForDraft,
    LanDraft, LgwanDraft, LimitsDraft, NamesDraft, ObjectDraft, Optional, PlatformServiceDraft,
    PolicyDraft, PortDraft, ProfileDraft, RolloutServerDraft, ServerDraft, ServicesDraft,
    SiteDraft, TargetDraft, TerminalsDraft, TrafficDraft, Whole, objects::directions,
};
use crate::{
    Allowance, Centre, Collector, Design, Direction, FlowLog, GlobalFor, InterfaceAddress, Lan,
    LanInterface, LanRoute, Lgwan, Limits, Maintenance, Metrics, NameEntry, NameTarget,
    NamedServices, Names, NightlyBackup, Object, Page, PlatformNetwork, PlatformService, Policy,
    PortMode, PortName, Profile, RolloutServer, Server, Site, Snmp, Terminals, Traffic, Zone,
};

/// The design; `None` where a value is unknown, which never is without an error taken down.
pub(crate) fn assemble(site: SiteDraft, profile: ProfileDraft) -> Option<Design> {
    let directions = directions(&site, &profile);
    let names = match site.names {
        Some(draft) => Some(names(draft, &site.lans)?),
        None => None,
    };
    let policies = site.policies.into_iter().zip(directions);
    let flow_log = match site.flow_log {
        Some(FlowLogDraft { days, size }) => Some(FlowLog { days: days?, size: size? }),
        None => None,
    };
    let collector = match site.collector {
        Some(draft) => Some(collector(draft)?),
        None => None,
    };
    let lans = site.lans.into_iter().map(|(lan, draft)| Some((lan, lan_interface(draft)?)));
    Some(Design {
        profile: platform(profile)?,
        site: Site {
            name: site.name?,
            organisation: site.organisation?.value,
            kind: site.kind?.value,
            placement: site.placement?.value,
        },
        lgwan: lgwan(site.lgwan?)?,
        lans: lans.collect::<Option<_>>()?,
        maintenance: match site.maintenance {
            Some(draft) => {
                let (port, mode, address) = port(draft)?;
                Some(Maintenance { port, mode, address })
            }
            None => None,
        },
        traffic: match site.traffic {
            Some(draft) => traffic(draft)?,
            None => Traffic::default(),
        },
        servers: site.servers.into_iter().map(server).collect::<Option<_>>()?,
        terminals: site.terminals.into_iter().map(terminals).collect::<Option<_>>()?,
        objects: site.objects.into_iter().map(object).collect::<Option<_>>()?,
        services: site.services.into_iter().map(services).collect::<Option<_>>()?,
        policies: policies
            .map(|(draft, direction)| policy(draft, direction?))
            .collect::<Option<_>>()?,
        limits: limits(site.limits?)?,
        names,
        flow_log,
        collector,
        page: match site.page {
            Some(draft) => Page { head_office: plain(draft.head_office)? },
            None => Page::default(),
        },
        metrics: match site.metrics {
            Some(draft) => Metrics { maintenance: plain(draft.maintenance)? },
            None => Metrics::default(),
        },
        backup: match site.backup {
            Some(draft) => Some(NightlyBackup { recipient: draft.recipient?.value }),
            None => None,
        },
        snmp: match site.snmp {
            Some(draft) => Snmp { maintenance: plain(draft.maintenance)? },
            None => Snmp::default(),
        },
        rollout: match site.rollout {
            Some(draft) => draft.enabled?.value,
            None => false,
        },
    })
}

fn port(draft: PortDraft) -> Option<(PortName, Option<PortMode>, InterfaceAddress)> {
    Some((draft.port?.value, optional(draft.mode)?, draft.address?.value))
}

fn lgwan(draft: LgwanDraft) -> Option<Lgwan> {
    let (port, mode, address) = port(draft.port)?;
    Some(Lgwan {
        port,
        mode,
        address,
        gateway: draft.gateway?.value,
        mtu: draft.mtu?,
        line_rate: optional(draft.line_rate)?,
        dns: plain(draft.dns)?,
    })
}

fn lan_interface(draft: LanDraft) -> Option<LanInterface> {
    let (port, mode, address) = port(draft.port)?;
    let route =
        |route: super::RouteDraft| Some(LanRoute { to: route.to?.value, via: route.via?.value });
    let routes = draft.routes?.into_iter().map(route).collect::<Option<_>>()?;
    Some(LanInterface { port, mode, address, routes, share: optional(draft.share)? })
}

fn traffic(draft: TrafficDraft) -> Option<Traffic> {
    let usual = Traffic::default();
    Some(Traffic {
        shares: optional(draft.shares)?.unwrap_or(usual.shares),
        hold_back: optional(draft.hold_back)?.unwrap_or(usual.hold_back),
    })
}

fn server(draft: ServerDraft) -> Option<Server> {
    let allowance = |allowance: AllowanceDraft| {
        Some(Allowance {
            from: allowance.from?.value,
            services: plain(allowance.services)?,
            approval: optional(allowance.approval)?,
        })
    };
    Some(Server {
        name: draft.row.name?.value,
        lan: draft.row.lan?.value,
        private: draft.private?.value,
        global: draft.row.global?.value,
        global_for: globals_for(draft.row.global_for)?,
        environment: draft.row.environment?.value,
        class: draft.row.class?,
        ftp: draft.ftp?.value,
        services: plain(draft.row.services)?,
        approval: optional(draft.row.approval)?,
        allow_from_platform: draft.allow?.into_iter().map(allowance).collect::<Option<_>>()?,
        identity: optional(draft.identity)?,
    })
}

fn terminals(draft: TerminalsDraft) -> Option<Terminals> {
    Some(Terminals {
        name: draft.row.name?.value,
        lan: draft.row.lan?.value,
        from: plain(draft.from)?,
        global: draft.row.global?.value,
        global_for: globals_for(draft.row.global_for)?,
        environment: draft.row.environment?.value,
        class: draft.row.class?,
        cap: optional(draft.cap)?,
        services: plain(draft.row.services)?,
        approval: optional(draft.row.approval)?,
    })
}

fn globals_for(drafts: Option<Vec<GlobalForDraft>>) -> Option<Vec<GlobalFor>> {
    let entry = |draft: GlobalForDraft| {
        Some(GlobalFor { to: plain(draft.to)?, global: draft.global?.value })
    };
    drafts?.into_iter().map(entry).collect()
}

fn object(draft: ObjectDraft) -> Option<Object> {
    Some(Object { name: draft.name?.value, members: plain(draft.members)? })
}

fn services(draft: ServicesDraft) -> Option<NamedServices> {
    Some(NamedServices { name: draft.name?.value, services: plain(draft.services)? })
}

fn policy(draft: PolicyDraft, direction: Direction) -> Option<Policy> {
    let (office, platform) = match direction {
        Direction::FromOffice => (draft.from, draft.to),
        Direction::FromPlatform => (draft.to, draft.from),
    };
    Some(Policy {
        name: draft.name?.value,
        direction,
        office: plain(office)?,
        platform: plain(platform)?,
        services: plain(draft.services)?,
        environment: optional(draft.environment)?,
        class: optional(draft.class)?,
        ftp: draft.ftp?.value,
        approval: optional(draft.approval)?,
        until: optional(draft.until)?,
    })
}

fn limits(draft: LimitsDraft) -> Option<Limits> {
    Some(Limits { connections: draft.connections?, new_per_second: draft.new_per_second? })
}

fn names(draft: NamesDraft, designed: &BTreeMap<Lan, LanDraft>) -> Option<Names> {
    let office_dns = draft.office_dns?.value.into_iter();
    let entry = |entry: EntryDraft| {
        Some(NameEntry {
            lans: entry.lans(designed).into_iter().collect(),
            name: entry.name?.value,
            target: match entry.target? {
                TargetDraft::Addresses(addresses) => NameTarget::Addresses(plain(Some(addresses))?),
                TargetDraft::Alias(alias) => NameTarget::Alias(alias.value),
            },
        })
    };
    Some(Names {
        method: draft.method?.value,
        office_dns: office_dns
            .map(|dns| Some((dns.lan.value, plain(dns.servers)?)))
            .collect::<Option<_>>()?,
        rewrite_own: draft.rewrite_own?.value,
        outside_answers: plain(draft.outside_answers)?,
        query_log_days: optional(draft.query_log_days)?,
        entries: draft.entries.into_iter().map(entry).collect::<Option<_>>()?,
    })
}

fn collector(draft: CollectorDraft) -> Option<Collector> {
    let transport = draft.transport?;
    Some(Collector {
        address: draft.address?.value,
        port: optional(draft.port)?.unwrap_or_else(|| transport.usual_port()),
        transport,
        interface: draft.interface?.value,
        send: plain(draft.send)?,
    })
}

fn platform(draft: ProfileDraft) -> Option<Profile> {
    let stamp = draft.stamp()?;
    let mut centres: Vec<_> = draft.centres.into_iter().map(centre).collect::<Option<_>>()?;
    centres.sort_by_key(|(preference, _)| *preference);
    let network = |network: super::NetworkDraft| PlatformNetwork {
        prefix: network.prefix.value,
        environment: network.environment.value,
    };
    let zone = |zone: super::ZoneDraft| {
        Some(Zone { name: zone.name?.value, resolvers: plain(zone.resolvers)? })
    };
    Some(Profile {
        organisation: draft.organisation?.value,
        stamp,
        centres: centres.into_iter().map(|(_, centre)| centre).collect(),
        pool: plain(draft.pool)?,
        device_address: draft.device_address?.value,
        networks: draft.networks?.into_iter().map(network).collect(),
        zones: draft.zones.into_iter().map(zone).collect::<Option<_>>()?,
        ntp: plain(draft.ntp)?,
        services: draft.services.into_iter().map(platform_service).collect::<Option<_>>()?,
        authority: optional(draft.authority)?,
        dial_back: optional(draft.dial_back)?,
        rollout: match optional(draft.rollout)? {
            Some(draft) => Some(rollout_server(draft)?),
            None => None,
        },
    })
}

fn rollout_server(draft: RolloutServerDraft) -> Option<RolloutServer> {
    Some(RolloutServer {
        address: draft.address?.value,
        port: optional(draft.port)?.unwrap_or(RolloutServer::USUAL_PORT),
        tenant: optional(draft.tenant)?.unwrap_or_default(),
    })
}

fn platform_service(draft: PlatformServiceDraft) -> Option<PlatformService> {
    let protocol = draft.protocol?.value;
    let port = optional(draft.port)?.or_else(|| protocol.usual_port())?;
    Some(PlatformService {
        name: draft.name?.value,
        address: draft.address?.value,
        host: optional(draft.host)?,
        protocol,
        port,
    })
}

fn centre(draft: CentreDraft) -> Option<(u16, Centre)> {
    let centre = Centre {
        name: draft.name?.value,
        endpoint: draft.endpoint?.value,
        public_key: draft.public_key?.value,
        probe: draft.probe?.value,
    };
    Some((draft.preference?.value, centre))
}

/// The value where it is known whether there is one.
#[expect(
    clippy::option_option,
    reason = "outside: whether it is known; inside: whether it is there"
)]
fn optional<T>(value: Optional<T>) -> Option<Option<T>> {
    Some(value.ok()?.map(|value| value.value))
}

fn plain<T>(list: Whole<T>) -> Option<Vec<T>> {
    Some(list?.into_iter().map(|entry| entry.value).collect())
}
