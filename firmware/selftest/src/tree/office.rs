//! The office LANs: routers, servers at their private addresses, name servers (R18 R92).

use std::net::Ipv4Addr;

use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, Lan, Method, Name, Server, Service};

use super::{
    Role, Wire, Wires,
    ports::{OwnAddress, Seeking, port_id},
};
use crate::{
    answer::{milliseconds, no_port, prohibited, question, round_trip, sentence},
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Answer, Ask, Probe, Question, Said, Seen, Way},
};

/// A name that nobody has (RFC 2606): any answer shows that somebody answers.
const NOBODY: &str = "self-test.invalid";

pub(super) fn checks(design: &Design, wires: &Wires) -> Vec<Box<dyn Check>> {
    let mut all: Vec<Box<dyn Check>> = Vec::new();
    for (lan, interface) in &design.lans {
        let role = Role::Lan(*lan);
        let Some(wire) = wires.get(role) else { continue };
        all.push(Box::new(OwnAddress { stage: Stage::Office, role, wire: wire.clone() }));
        let mut routers: Vec<_> = interface.routes.iter().map(|route| route.via).collect();
        routers.sort_unstable();
        routers.dedup();
        for via in routers {
            let elsewhere = Seeking::all(wires, role, &[via]);
            all.push(Box::new(Router { lan: *lan, wire: wire.clone(), via, elsewhere }));
        }
        for server in design.servers.iter().filter(|server| server.lan == *lan) {
            all.push(Box::new(OfficeServer::of(design, server, wires, wire)));
        }
        if let Some(names) = design.names.as_ref().filter(|names| names.method == Method::Device) {
            for resolver in names.office_dns.get(lan).into_iter().flatten() {
                all.push(Box::new(OfficeDns {
                    lan: *lan,
                    wire: wire.clone(),
                    resolver: *resolver,
                }));
            }
        }
    }
    all
}

/// The router of a LAN that leads to an address, if one is needed.
pub(super) fn router_to(design: &Design, lan: Lan, to: Ipv4Addr) -> Option<Ipv4Addr> {
    let interface = design.lans.get(&lan)?;
    let routes = interface.routes.iter().filter(|route| route.to.contains(&to));
    let route = routes.max_by_key(|route| route.to.prefix_len());
    route
        .filter(|route| {
            !interface.address.subnet().contains(&to)
                || route.to.prefix_len() > interface.address.prefix()
        })
        .map(|route| route.via)
}

fn router_name(lan: Lan, via: Ipv4Addr) -> String {
    format!("{lan}.router.{}", dashed(via))
}

/// An address as part of a check's name.
pub(super) fn dashed(address: Ipv4Addr) -> String {
    address.to_string().replace('.', "-")
}

/// A router behind which other networks of the office lie.
struct Router {
    lan: Lan,
    wire: Wire,
    via: Ipv4Addr,
    elsewhere: Vec<Seeking>,
}

impl Check for Router {
    fn planned(&self) -> Planned {
        let (role, via) = (Role::Lan(self.lan), self.via);
        let (ja, en) = (role.ja(), role.en());
        planned(
            Stage::Office,
            &router_name(self.lan, via),
            both!("{ja}のルータ {via}"; "Router {via} of {en}"),
            both!("ARPで尋ねます。"; "Ask for it by ARP."),
            &["R18", "R19"],
            vec![port_id(role)],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Arp {
            port: self.wire.port.clone(),
            from: self.wire.address.address(),
            address: self.via,
        }
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        let silent = matches!(seen, Seen::Holder(None));
        if silent { self.elsewhere.iter().map(Seeking::probe).collect() } else { Vec::new() }
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let via = self.via;
        match seen {
            Seen::Holder(Some(mac)) => {
                Judgement::passed(both!("{mac} が答えました。"; "{mac} answered."))
            }
            Seen::Holder(None) => match Seeking::found(&self.elsewhere, doubts) {
                Some(found) => found.judge(Role::Lan(self.lan)),
                None => Judgement::failed(
                    both!("{via} が答えません。"; "{via} doesn't answer."),
                    cause(
                        "office-router-silent",
                        both!("ルータの電源が切れているか、設計の via が違います。"; "The router is off, or `via` in the design is wrong."),
                        both!("ケーブルの信号はあり、{via} だけがARPに答えません。"; "The cable carries a signal, and {via} doesn't answer ARP."),
                        both!("ルータの電源と、設計の routes の via を確かめてください。"; "See to the router's power and to `via` of `routes` in the design."),
                    ),
                ),
            },
            other => Judgement::unable(other),
        }
    }
}

/// A server at its private address, asked from the device's address on its LAN.
struct OfficeServer {
    name: Name,
    role: Role,
    wire: Wire,
    /// Its private address.
    to: Ipv4Addr,
    /// The router that leads to it; none where it is on the LAN.
    via: Option<Ipv4Addr>,
    question: Question,
    elsewhere: Vec<Seeking>,
}

/// The check of a server at its private address, which others need.
pub(super) fn server_id(server: &Name) -> String {
    format!("{}.server.{server}", Stage::Office)
}

impl OfficeServer {
    fn of(design: &Design, server: &Server, wires: &Wires, wire: &Wire) -> Self {
        let (role, to) = (Role::Lan(server.lan), server.private.get());
        let services = server.allow_from_platform.iter().flat_map(|allowance| &allowance.services);
        let tcp = services.filter_map(|service| match service {
            Service::Tcp(range) => Some(range.first()),
            Service::Udp(_) | Service::IcmpEcho => None,
        });
        let question = tcp.min().map_or(Question::Echo, |port| Question::Tcp { port });
        let via = router_to(design, server.lan, to);
        let elsewhere = if via.is_none() { Seeking::all(wires, role, &[to]) } else { Vec::new() };
        Self { name: server.name.clone(), role, wire: wire.clone(), to, via, question, elsewhere }
    }

    fn routers(&self) -> Option<Probe> {
        let (port, from) = (self.wire.port.clone(), self.wire.address);
        self.via.is_none().then_some(Probe::Routers { port, from, to: self.to })
    }

    fn arp(&self) -> Probe {
        let (port, from) = (self.wire.port.clone(), self.wire.address.address());
        Probe::Arp { port, from, address: self.via.unwrap_or(self.to) }
    }
}

impl Check for OfficeServer {
    fn planned(&self) -> Planned {
        let (name, to, asked) = (&self.name, self.to, question(&self.question));
        let router = match self.role {
            Role::Lan(lan) => {
                self.via.map(|via| format!("{}.{}", Stage::Office, router_name(lan, via)))
            }
            Role::Lgwan | Role::Maintenance => None,
        };
        planned(
            Stage::Office,
            &format!("server.{name}"),
            both!("サーバ {name}（庁内側 {to}）"; "Server {name}, at {to} in the office"),
            both!("装置のLAN側のアドレスから {asked} を試します。"; "Try {asked} from the device's address on its LAN."),
            &["R13", "R22", "R92"],
            router.into_iter().chain([port_id(self.role)]).collect(),
        )
    }

    fn probe(&self) -> Probe {
        let way = Way::Wire {
            port: self.wire.port.clone(),
            from: self.wire.address.address(),
            via: self.via,
        };
        Probe::Ask(Ask { way, to: self.to, question: self.question.clone() })
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        match seen {
            Seen::Answer(Answer::NoNeighbour) => {
                self.elsewhere.iter().map(Seeking::probe).chain(self.routers()).collect()
            }
            Seen::Answer(Answer::Silent { .. }) if self.question == Question::Echo => {
                vec![self.arp()]
            }
            _ => Vec::new(),
        }
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let Seen::Answer(answer) = seen else { return Judgement::unable(seen) };
        let (name, to, asked) = (&self.name, self.to, question(&self.question));
        let said = sentence(answer);
        match answer {
            Answer::Good { .. } | Answer::Broken { .. } => {
                let trip = round_trip(answer).map(milliseconds);
                let passed = Judgement::passed(said);
                return match trip {
                    Some(trip) => passed.measured(trip, "1000 ms"),
                    None => passed,
                };
            }
            Answer::NoNeighbour => {
                if let Some(found) = Seeking::found(&self.elsewhere, doubts) {
                    return found.judge(self.role);
                }
                if let Some(Seen::Routers { lead, .. }) = doubts.last()
                    && let Some(router) = lead.iter().find(|router| **router != to)
                {
                    return self.behind(*router);
                }
                return Judgement::failed(
                    both!("{name}（{to}）がいません。"; "{name} ({to}) isn't there."),
                    cause(
                        "server-off",
                        both!("サーバの電源が切れているか、LANにつながっていないか、アドレスが違います。"; "The server is off, not plugged in, or has another address."),
                        both!("LANの信号はあり、{to} だけがARPに答えません。"; "The LAN carries a signal, and {to} doesn't answer ARP."),
                        both!("サーバの電源、ケーブル、アドレスと、設計の private を確かめてください。"; "See to the server's power, cable and address, and to `private` in the design."),
                    ),
                );
            }
            Answer::Silent { .. }
                if self.question == Question::Echo && matches!(doubts, [Seen::Holder(Some(_))]) =>
            {
                return Judgement::passed(both!(
                    "います（ARPに答えました）。pingには答えません。";
                    "It is there: it answers ARP, and no ping."
                ));
            }
            Answer::Refused { .. }
            | Answer::Icmp { .. }
            | Answer::Silent { .. }
            | Answer::Busy { .. } => {}
        }
        match answer {
            Answer::Refused { .. } => Judgement::failed(
                both!("{name} が {asked} を断りました。"; "{name} refused {asked}."),
                cause(
                    "server-refuses",
                    both!(
                        "サーバの業務ソフトが動いていないか、サーバ自身のファイアウォールが断っています。";
                        "The server's program isn't running, or its own firewall refuses."
                    ),
                    both!("サーバは動いていて、すぐに断りました（RST）。黙ってはいません。"; "The server is up and refused at once (RST); it wasn't silent."),
                    both!("サーバの業務ソフトと、サーバのファイアウォールを確かめてください。"; "See to the server's program and its own firewall."),
                ),
            ),
            Answer::Icmp { by, .. } if *by == to && (prohibited(answer) || no_port(answer)) => {
                Judgement::failed(
                    both!("{name} が {asked} を断りました。"; "{name} refused {asked}."),
                    cause(
                        "server-refuses",
                        both!("サーバ自身のファイアウォールが断っています。"; "The server's own firewall refuses."),
                        both!("サーバ自身がICMPで断りました。"; "The server itself refused, by ICMP."),
                        both!("サーバのファイアウォールで、プラットフォームからの {asked} を許してください。"; "Let the server's firewall admit {asked} from the platform."),
                    ),
                )
            }
            Answer::Icmp { by, .. } => Judgement::failed(
                said,
                cause(
                    "no-way-to-server",
                    both!("途中の機器 {by} が、サーバへの道を知りません。"; "{by}, on the way, knows no way to the server."),
                    both!("サーバではなく {by} がICMPで答えました。"; "{by}, not the server, answered by ICMP."),
                    both!("{by} の経路と、データセンターへの回線を確かめてください。"; "See to the routes of {by} and to the line to the data centre."),
                ),
            ),
            Answer::Silent { sought: Some(sought) } => Judgement::failed(
                both!("{name} は装置ではなく {sought} に返事を送ろうとしています。"; "{name} means to answer by way of {sought}, not to the device."),
                cause(
                    "server-wrong-prefix",
                    both!("サーバのネットマスクが違うので、装置を別のネットワークだと思っています。"; "The server's prefix length is wrong: it takes the device for one beyond a router."),
                    both!("サーバが、同じLANの装置への返事のために {sought} をARPで探しました。"; "To answer the device on its own LAN, the server asked by ARP for {sought}."),
                    both!("サーバのネットマスクを、設計のLANと同じにしてください。"; "Give the server the prefix length that the LAN has in the design."),
                ),
            ),
            Answer::Silent { sought: None } => Judgement::failed(
                both!("{name} は {asked} に答えません。"; "{name} doesn't answer {asked}."),
                cause(
                    "server-silent",
                    both!("サーバ自身のファイアウォールが黙って捨てているか、サーバのネットマスクが違います。"; "The server's own firewall drops it without a word, or its prefix length is wrong."),
                    both!("サーバはいますが（ARPに答える）、接続には何も答えません。"; "It is there (it answers ARP) and says nothing to a connection."),
                    both!("サーバのファイアウォールとネットマスクを確かめてください。"; "See to the server's firewall and prefix length."),
                ),
            ),
            _ => Judgement::unable(&Seen::Unable { why: sentence(answer).en }),
        }
    }
}

impl OfficeServer {
    /// The server is behind a router, and the design says that it isn't.
    fn behind(&self, router: Ipv4Addr) -> Judgement {
        let (name, to, subnet) = (&self.name, self.to, self.wire.address.subnet());
        let prefix = self.wire.address.prefix();
        Judgement::failed(
            both!("{name}（{to}）は、ルータ {router} の先にいます。"; "{name} ({to}) is behind the router {router}."),
            cause(
                "wrong-prefix",
                both!(
                    "装置のLANのプレフィックス長 /{prefix} が長さ違いで、{to} を同じLANだと思っています。";
                    "The prefix length of the device's LAN, /{prefix}, is wrong: it takes {to} for a host on the wire."
                ),
                both!(
                    "{subnet} の中なのに {to} はARPに答えず、{router} に渡すと届きました。";
                    "It lies in {subnet} and doesn't answer ARP; handed to {router}, it is reached."
                ),
                both!(
                    "設計の address のプレフィックス長を直し、{router} を routes に書いてください。";
                    "Mend the prefix length of `address` in the design, and write {router} into `routes`."
                ),
            ),
        )
    }
}

/// A name server of the office.
struct OfficeDns {
    lan: Lan,
    wire: Wire,
    resolver: Ipv4Addr,
}

impl Check for OfficeDns {
    fn planned(&self) -> Planned {
        let (role, resolver) = (Role::Lan(self.lan), self.resolver);
        let (ja, en) = (role.ja(), role.en());
        planned(
            Stage::Office,
            &format!("{}.dns.{}", self.lan, dashed(resolver)),
            both!("{ja}の庁内DNS {resolver}"; "Office DNS {resolver} of {en}"),
            both!("存在しない名前を尋ね、返事が来るか。"; "Ask for a name that nobody has; any answer will do."),
            &["R17", "R92"],
            vec![port_id(role)],
        )
    }

    fn probe(&self) -> Probe {
        let (port, from) = (Some(self.wire.port.clone()), self.wire.address.address());
        let question = Question::Dns { name: NOBODY.to_owned() };
        Probe::Ask(Ask { way: Way::Socket { port, from }, to: self.resolver, question })
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let resolver = self.resolver;
        match seen {
            Seen::Answer(Answer::Good { after, said: Said::Names { .. } }) => {
                Judgement::passed(both!("返事が来ました。"; "It answered."))
                    .measured(milliseconds(*after), "1000 ms")
            }
            Seen::Answer(answer) => {
                let said = sentence(answer);
                Judgement::warned(
                    both!("{resolver}: {}", said.ja; "{resolver}: {}", said.en),
                    cause(
                        "office-dns-silent",
                        both!("庁内DNSが動いていないか、設計の office-dns が違います。"; "The office's DNS server isn't running, or `office-dns` in the design is wrong."),
                        both!("名前の問い合わせに返事がありません。"; "A name query was not answered."),
                        both!("庁内DNSと、設計の office-dns を確かめてください。"; "See to the DNS server and to `office-dns` in the design."),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, ..Traits::default() }
    }
}
