//! Policies as elements of maps: from a flow to the account that it is counted for (R51 R55).

use std::{collections::BTreeMap, net::Ipv4Addr, ops::RangeInclusive};

use ipnet::Ipv4Net;
use sekisho_design::{
    Class, Design, Direction, Environment, Lan, Name, OfficeHosts, Policy, Server, Service,
};
use serde_json::{Value, json};

use super::{
    sets::{self, Sets, add, exact_map, interval_map, interval_set, mark},
    words::{address, joined, number, ports, range},
};
use crate::{
    account::Accounts,
    permit::{AddressRange, Services, TCP, UDP, flatten},
    shaping::written,
};

/// FTP's control connection (RFC 959), the only one that a helper is bound to.
const FTP_PORT: u16 = 21;

/// What admits flows of one host towards some networks.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Grant {
    networks: Vec<Ipv4Net>,
    services: Services,
    account: u32,
    /// A policy's; a row's own flows are in sets of their own and stand here only for [`Grant::ftp`].
    of_policy: bool,
    ftp: bool,
}

/// Who may be a source: a row that stands for itself, or the end of a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Cover<'a> {
    Server(&'a Server),
    End { policy: usize, row: &'a Name, environment: Environment },
}

/// Elements as they are collected.
#[derive(Default)]
struct Elements {
    outbound: Vec<Value>,
    outbound_echo: Vec<Value>,
    inbound: Vec<Value>,
    inbound_echo: Vec<Value>,
    ftp: Vec<Value>,
}

/// The maps of policies, the class of each account, and what FTP's helper is bound to.
pub(super) fn policies(design: &Design, accounts: &Accounts, sets: &mut Sets) {
    let mut elements = Elements::default();
    let hosts = design.policies.iter().map(|policy| design.office_hosts(policy)).collect();
    let book = Book { design, accounts, hosts };
    for lan in design.lans.keys() {
        book.outbound(*lan, &mut elements);
    }
    for server in &design.servers {
        book.inbound(server, &mut elements);
    }
    let flow = || interval_map(&sets::FLOW, "mark");
    let pair = || interval_map(&sets::PAIR, "mark");
    add(sets, sets::POLICY_OUTBOUND, flow(), elements.outbound);
    add(sets, sets::POLICY_OUTBOUND_ECHO, pair(), elements.outbound_echo);
    add(sets, sets::POLICY_INBOUND, flow(), elements.inbound);
    add(sets, sets::POLICY_INBOUND_ECHO, pair(), elements.inbound_echo);
    add(sets, sets::FTP, interval_set(&sets::FLOW), elements.ftp);
    let classes = accounts.iter().filter(|(_, account)| account.class != Class::default());
    let classes = classes.map(|(number, account)| json!([number, written(account.class)]));
    add(sets, sets::CLASS_OF_ACCOUNT, exact_map(&["mark"], "classid"), classes);
}

struct Book<'a> {
    design: &'a Design,
    accounts: &'a Accounts,
    /// The office's ends of each policy.
    hosts: Vec<Vec<OfficeHosts<'a>>>,
}

impl<'a> Book<'a> {
    /// The policies of a direction, with their places among all and their office's ends.
    fn policies(
        &self,
        direction: Direction,
    ) -> impl Iterator<Item = (usize, &'a Policy, &[OfficeHosts<'a>])> {
        let all = self.design.policies.iter().zip(&self.hosts).enumerate();
        all.filter(move |(_, (policy, _))| policy.direction == direction)
            .map(|(index, (policy, hosts))| (index, policy, hosts.as_slice()))
    }

    fn outbound(&self, lan: Lan, elements: &mut Elements) {
        let design = self.design;
        let ends = self.policies(Direction::FromOffice).flat_map(|(index, _, hosts)| {
            hosts.iter().filter(|hosts| hosts.lan == lan).map(move |hosts| {
                let cover =
                    Cover::End { policy: index, row: hosts.row, environment: hosts.environment };
                (AddressRange::from(hosts.addresses), cover)
            })
        });
        let mut covers: Vec<_> = ends.collect();
        let involved = |server: &&Server| server.lan == lan && (server.ftp || !covers.is_empty());
        let servers: Vec<_> = design.servers.iter().filter(involved).collect();
        covers.extend(
            servers.into_iter().map(|server| (server.private.get().into(), Cover::Server(server))),
        );
        for (sources, grants) in flatten(&covers, |covering| self.grants(covering)) {
            let rows = over_networks(&grants);
            for (networks, won) in flatten(&rows, |grants| Some(won(grants))) {
                let pair = vec![number(crate::lan_number(lan)), range(sources), range(networks)];
                won.add(&pair, &mut elements.outbound, &mut elements.outbound_echo);
                if won.ftp {
                    elements.ftp.push(ftp_flow(pair));
                }
            }
        }
    }

    /// What hosts may start that are covered so; a server's own row stands before any other that covers its address.
    fn grants(&self, covering: &[&Cover<'a>]) -> Option<Vec<Grant>> {
        let server = covering.iter().find_map(|cover| match cover {
            Cover::Server(server) => Some(*server),
            Cover::End { .. } => None,
        });
        let ends = covering.iter().filter_map(|cover| match cover {
            Cover::End { policy, row, environment } => Some((*policy, *row, *environment)),
            Cover::Server(_) => None,
        });
        let mut ends: Vec<_> =
            ends.filter(|(_, row, _)| server.is_none_or(|server| server.name == **row)).collect();
        ends.sort_by_key(|(policy, ..)| *policy);
        let mut grants: Vec<_> = ends
            .into_iter()
            .map(|(index, row, environment)| {
                self.granted(&self.design.policies[index], row, environment)
            })
            .collect();
        grants.extend(server.filter(|server| server.ftp).map(|server| {
            let of = |network: &&sekisho_design::PlatformNetwork| {
                network.environment == server.environment
            };
            let networks = self.design.profile.networks.iter().filter(of);
            self.own(server, networks.map(|network| network.prefix).collect(), &server.services)
        }));
        (!grants.is_empty()).then_some(grants)
    }

    fn inbound(&self, server: &'a Server, elements: &mut Elements) {
        let about = self
            .policies(Direction::FromPlatform)
            .filter(|(_, _, hosts)| hosts.iter().any(|hosts| *hosts.row == server.name));
        let mut grants: Vec<_> = about
            .map(|(_, policy, _)| self.granted(policy, &server.name, server.environment))
            .collect();
        if server.ftp {
            grants.extend(
                server.allow_from_platform.iter().map(|allowance| {
                    self.own(server, allowance.from.networks(), &allowance.services)
                }),
            );
        }
        for (networks, won) in flatten(&over_networks(&grants), |grants| Some(won(grants))) {
            let source = [mark(server.lan), range(networks)];
            let pair = |host: Ipv4Addr| [source.as_slice(), &[address(host)]].concat();
            let private = pair(server.private.get());
            won.add(&private, &mut elements.inbound, &mut elements.inbound_echo);
            if won.ftp {
                // The helper is bound before the destination is translated.
                elements.ftp.push(ftp_flow(pair(server.global.get())));
            }
        }
    }

    fn granted(&self, policy: &Policy, row: &Name, environment: Environment) -> Grant {
        let environment = policy.environment.unwrap_or(environment);
        Grant {
            networks: self.design.platform_networks(policy, environment),
            services: Services::union(&self.design.policy_services(policy)),
            account: self.accounts.number(row, Some(&policy.name)),
            of_policy: true,
            ftp: policy.ftp,
        }
    }

    fn own(&self, server: &Server, networks: Vec<Ipv4Net>, services: &[Service]) -> Grant {
        let account = self.accounts.number(&server.name, None);
        let services = Services::union(services);
        Grant { networks, services, account, of_policy: false, ftp: true }
    }
}

fn over_networks(grants: &[Grant]) -> Vec<(AddressRange, &Grant)> {
    let rows = grants.iter().flat_map(|grant| {
        grant.networks.iter().map(move |network| (AddressRange::from(*network), grant))
    });
    rows.collect()
}

/// Which grant each service falls to.
#[derive(Debug, Default, Eq, PartialEq)]
struct Won {
    ports: Vec<(u32, RangeInclusive<u16>, u32)>,
    echo: Option<u32>,
    ftp: bool,
}

/// The earlier grant wins, service by service.
fn won(grants: &[&&Grant]) -> Won {
    let mut by_port = BTreeMap::new();
    for protocol in [TCP, UDP] {
        let rows: Vec<_> = grants
            .iter()
            .flat_map(|grant| {
                let ports = grant.services.ports().filter(move |(of, _)| *of == protocol);
                ports.map(|(_, ports)| (as_range(ports), **grant))
            })
            .collect();
        by_port.insert(protocol, flatten(&rows, |grants| grants.first().map(|grant| **grant)));
    }
    let all = by_port.iter().flat_map(|(protocol, pieces)| {
        pieces.iter().map(move |(piece, grant)| (*protocol, as_ports(*piece), *grant))
    });
    let all: Vec<_> = all.collect();
    let ftp =
        all.iter().any(|(of, ports, grant)| *of == TCP && ports.contains(&FTP_PORT) && grant.ftp);
    let of_policies = all.into_iter().filter(|(.., grant)| grant.of_policy);
    let echo = grants.iter().find(|grant| grant.services.echo);
    Won {
        ports: of_policies.map(|(of, ports, grant)| (of, ports, grant.account)).collect(),
        echo: echo.filter(|grant| grant.of_policy).map(|grant| grant.account),
        ftp,
    }
}

/// Ports are cut at each other's ends like addresses.
fn as_range(ports: &RangeInclusive<u16>) -> AddressRange {
    let at = |port: u16| Ipv4Addr::from_bits(port.into());
    AddressRange { first: at(*ports.start()), last: at(*ports.end()) }
}

fn as_ports(range: AddressRange) -> RangeInclusive<u16> {
    // Both come from ports, so nothing is cut.
    let port = |at: Ipv4Addr| u16::try_from(at.to_bits()).unwrap_or(u16::MAX);
    port(range.first)..=port(range.last)
}

impl Won {
    fn add(
        &self,
        pair: &[nftables::expr::Expression<'static>],
        flows: &mut Vec<Value>,
        echoes: &mut Vec<Value>,
    ) {
        flows.extend(self.ports.iter().map(|(protocol, range, account)| {
            json!([joined([pair, &[number(*protocol), ports(range)]].concat()), account])
        }));
        echoes.extend(self.echo.map(|account| json!([joined(pair.to_vec()), account])));
    }
}

fn ftp_flow(pair: Vec<nftables::expr::Expression<'static>>) -> Value {
    joined([pair, vec![number(TCP), number(FTP_PORT.into())]].concat())
}
