//! Each mapping from the platform to a server, and what must not be reached (R4 R13 R22 R92).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, Lan, Name, PortName, Server, Service};
use sekisho_plan::trace::{Opening, Question as Packet, Side, Tracer};

use super::office::{router_to, server_id};
use crate::{
    answer::{milliseconds, question, sentence},
    check::{Check, Judgement, both, cause, planned},
    probe::{Answer, Ask, Probe, Question, Said, Seen, Way},
};

/// So many services of one server are tried.
const SERVICES: usize = 4;

/// Ports of which one is tried that the design lets nobody on the platform reach.
const UNDECLARED: [u16; 4] = [8443, 3389, 23, 61000];

/// Ports that speak TLS from the start.
const TLS_PORTS: [u16; 2] = [443, 8443];

/// A mapping, from a host of the platform through the kernel's own rules to a server's service, and back.
pub(super) struct Mapping {
    server: Name,
    from: Ipv4Addr,
    global: Ipv4Addr,
    private: Ipv4Addr,
    question: Question,
    /// What it should call itself.
    identity: Option<String>,
    port: PortName,
    via: Option<Ipv4Addr>,
}

impl Mapping {
    /// Those of a server.
    pub(super) fn all(design: &Design, server: &Server) -> Vec<Self> {
        let Some(interface) = design.lans.get(&server.lan) else { return Vec::new() };
        let private = server.private.get();
        let via = router_to(design, server.lan, private);
        let asked = server.allow_from_platform.iter().flat_map(|allowance| {
            let from = allowance.from.networks().first().copied().map(a_host);
            allowance.services.iter().filter_map(move |service| Some((from?, *service)))
        });
        let mut all: Vec<Self> = Vec::new();
        for (from, service) in asked {
            let identity = server.identity.clone();
            let question = match service {
                Service::Tcp(range) if identity.is_some() && TLS_PORTS.contains(&range.first()) => {
                    Question::Tls { port: range.first(), name: None, authority: None, http: false }
                }
                Service::Tcp(range) if identity.is_some() => {
                    Question::Banner { port: range.first() }
                }
                Service::Tcp(range) => Question::Tcp { port: range.first() },
                Service::IcmpEcho => Question::Echo,
                // What a service over UDP says to a stranger can't be known.
                Service::Udp(_) => continue,
            };
            if all.len() < SERVICES && !all.iter().any(|other| other.question == question) {
                let (name, port, global) =
                    (server.name.clone(), interface.port.clone(), server.global.get());
                all.push(Self {
                    server: name,
                    from,
                    global,
                    private,
                    question,
                    identity,
                    port,
                    via,
                });
            }
        }
        all
    }

    fn port(&self) -> String {
        question(&self.question).replace('/', "-")
    }

    /// What it called itself, where that isn't what it should.
    fn stranger(&self, said: &Said) -> Option<String> {
        let wanted = self.identity.as_deref()?;
        match said {
            Said::Tls(tls) | Said::Http(_, Some(tls)) => {
                let own = tls.chain.first()?;
                let names = || own.names.iter().chain([&own.subject]);
                let same = |name: &String| name.eq_ignore_ascii_case(wanted);
                (!names().any(same)).then(|| names().cloned().collect::<Vec<_>>().join(", "))
            }
            // One that waits for its client says nothing of itself.
            Said::Banner(line) if !line.is_empty() && !line.contains(wanted) => Some(line.clone()),
            _ => None,
        }
    }
}

/// A host of a network that nobody is likely to be: its last.
fn a_host(network: Ipv4Net) -> Ipv4Addr {
    network.hosts().last().unwrap_or(network.addr())
}

impl Check for Mapping {
    fn planned(&self) -> Planned {
        let Self { server, from, global, private, .. } = self;
        let asked = question(&self.question);
        planned(
            Stage::Platform,
            &format!("to.{server}.{}", self.port()),
            both!("プラットフォームからサーバ {server} へ（{asked}）"; "From the platform to server {server}: {asked}"),
            both!(
                "プラットフォームの {from} として、装置の変換とフィルタを通して {global}（{private}）に {asked} を試します。";
                "As {from} of the platform, through the device's translation and filter, try {asked} at {global} ({private})."
            ),
            &["R13", "R22", "R92"],
            vec!["standalone.tunnel-device".to_owned(), server_id(server)],
        )
    }

    fn probe(&self) -> Probe {
        let way = Way::Office { from: self.from };
        Probe::Ask(Ask { way, to: self.global, question: self.question.clone() })
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        if !matches!(seen, Seen::Answer(Answer::Silent { .. })) {
            return Vec::new();
        }
        let Self { port, from, via, .. } = self;
        let way = Way::Wire { port: port.clone(), from: *from, via: *via };
        let question = match self.question {
            Question::Tls { port, .. } | Question::Banner { port } => Question::Tcp { port },
            ref other => other.clone(),
        };
        vec![Probe::Ask(Ask { way, to: self.private, question })]
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let Seen::Answer(answer) = seen else { return Judgement::unable(seen) };
        let Self { server, from, private, .. } = self;
        let (asked, said) = (question(&self.question), sentence(answer));
        match answer {
            Answer::Good { after, said } => match self.stranger(said) {
                Some(stranger) => {
                    let wanted = self.identity.clone().unwrap_or_default();
                    Judgement::failed(
                        both!("{server} のはずの相手が {stranger} と名乗りました。"; "What should be {server} calls itself {stranger}."),
                        cause(
                            "wrong-host",
                            both!("対応付けが、別の機器を指しています。"; "The mapping leads to another host."),
                            both!("設計の identity は {wanted}、相手の証明書か最初の行は {stranger} です。"; "The design's `identity` is {wanted}; the host's certificate or first line says {stranger}."),
                            both!("設計の private（{private}）が {server} のアドレスか確かめてください。"; "See whether `private` in the design, {private}, is the address of {server}."),
                        ),
                    )
                }
                None => Judgement::passed(both!("変換もフィルタも帰り道も通じています。"; "Translation, filter and the way back work."))
                    .measured(milliseconds(*after), "1000 ms"),
            },
            Answer::Broken { .. } => Judgement::passed(both!("つながりました。"; "It was connected.")),
            Answer::Busy { .. } => Judgement::not_run(said),
            Answer::Refused { .. } | Answer::Icmp { .. } => Judgement::failed(
                said,
                cause(
                    "server-refuses",
                    both!("サーバ自身のファイアウォールが、プラットフォームのアドレスを断っています。"; "The server's own firewall refuses addresses of the platform."),
                    both!("同じLANの装置のアドレスからは受け、{from} としては断りました。"; "It takes the device's address on its LAN, and refuses {from}."),
                    both!("サーバのファイアウォールで、プラットフォームからの {asked} を許してください。"; "Let the server's firewall admit {asked} from the platform."),
                ),
            ),
            Answer::Silent { .. } | Answer::NoNeighbour => self.lost(doubts),
        }
    }
}

impl Mapping {
    fn lost(&self, doubts: &[Seen]) -> Judgement {
        let Self { server, from, global, .. } = self;
        let result = both!("{global}（{server}）から返事がありません。"; "{global} ({server}) doesn't answer.");
        match doubts {
            [Seen::Answer(Answer::Good { .. })] => Judgement::failed(
                result,
                cause(
                    "mapping-broken",
                    both!("サーバは返事ができますが、装置の変換かフィルタが通しません。"; "The server can answer; the device's translation or filter doesn't let it."),
                    both!("装置の外からサーバに同じ問いを送ると返事が来ます。"; "The same question, sent past the device's rules, is answered."),
                    both!("設計をもう一度適用し、同じなら問合せ票を添えて保守の窓口に知らせてください。"; "Apply the design again; if it stays so, send the support bundle to the maintainer."),
                ),
            ),
            [Seen::Answer(Answer::Silent { sought: Some(sought) })] => Judgement::failed(
                result,
                cause(
                    "no-route-back",
                    both!("サーバが、返事を装置ではなく {sought} に送ろうとしています。"; "The server means to answer by way of {sought}, not of this device."),
                    both!("{from} からの問いを受けたサーバが、{sought} をARPで探しました。"; "Asked by {from}, the server asked by ARP for {sought}."),
                    both!("サーバのデフォルトゲートウェイか、プラットフォームへの経路を、この装置にしてください。"; "Let the server's default gateway, or its route to the platform, be this device."),
                ),
            ),
            _ => Judgement::failed(
                result,
                cause(
                    "no-route-back",
                    both!("サーバに、プラットフォームへの帰り道がありません。"; "The server has no way back to the platform."),
                    both!("同じLANの装置のアドレスには答え、{from} には何も返しません。"; "It answers the device's address on its LAN, and {from} not at all."),
                    both!(
                        "サーバのデフォルトゲートウェイか、プラットフォームへの経路を、この装置にしてください。サーバのファイアウォールも確かめてください。";
                        "Let the server's default gateway, or its route to the platform, be this device; see to its firewall as well."
                    ),
                ),
            ),
        }
    }
}

/// A port of a server that the design lets nobody on the platform reach.
pub(super) struct Closed {
    server: Name,
    lan: Lan,
    from: Ipv4Addr,
    global: Ipv4Addr,
    port: u16,
}

/// The code of what has to be mended before anything else: something is open that may not be.
pub(crate) const OPEN: &str = "undeclared-open";

/// A TCP port of a server that nobody may reach from an address of the platform.
pub(super) fn undeclared(server: &Server, from: Ipv4Addr, tracer: &Tracer<'_>) -> Option<u16> {
    UNDECLARED.into_iter().find(|port| {
        let (side, to, opening) = (Side::Platform, server.global.get(), Opening::Tcp(*port));
        let found = tracer.trace(&Packet { side, from, to, opening });
        found.is_ok_and(|trace| trace.admitted.is_none())
    })
}

impl Closed {
    /// One of a server, where all that the design admits leaves one.
    pub(super) fn of(server: &Server, tracer: &Tracer<'_>, design: &Design) -> Option<Self> {
        let networks = design.profile.networks.iter();
        let mut networks = networks.filter(|network| network.environment == server.environment);
        let from = a_host(networks.next()?.prefix);
        let port = undeclared(server, from, tracer)?;
        let (name, lan, global) = (server.name.clone(), server.lan, server.global.get());
        Some(Self { server: name, lan, from, global, port })
    }
}

impl Check for Closed {
    fn planned(&self) -> Planned {
        let Self { server, from, global, port, .. } = self;
        planned(
            Stage::Platform,
            &format!("closed.{server}"),
            both!("サーバ {server} の、宣言していないサービス"; "An undeclared service of server {server}"),
            both!(
                "プラットフォームの {from} として {global} のTCP {port}番を試します。断られるのが正解です。";
                "As {from} of the platform, try TCP port {port} of {global}: it has to be refused."
            ),
            &["R4", "R13"],
            vec!["standalone.tunnel-device".to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        let (way, question) = (Way::Office { from: self.from }, Question::Tcp { port: self.port });
        Probe::Ask(Ask { way, to: self.global, question })
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Answer(answer) = seen else { return Judgement::unable(seen) };
        let Self { server, global, port, lan, .. } = self;
        match answer {
            // A reset is the server's: the packet got there.
            Answer::Good { .. } | Answer::Broken { .. } | Answer::Refused { .. } => open(
                &both!(
                    "設計が許していない {server} のTCP {port}番に届きます。";
                    "TCP port {port} of {server}, which the design admits to nobody, is reached."
                ),
                &both!(
                    "プラットフォームの側から {global} の {port}番に送ったものに、{lan} のサーバが答えました。";
                    "What was sent to port {port} of {global} as from the platform was answered on {lan}."
                ),
            ),
            Answer::Busy { .. } => Judgement::not_run(sentence(answer)),
            Answer::Icmp { .. } | Answer::Silent { .. } | Answer::NoNeighbour => {
                Judgement::passed(both!("断りました。"; "It was refused."))
            }
        }
    }
}

/// Something is open that the design lets nobody reach.
pub(super) fn open(result: &sekisho_design::Both, told_by: &sekisho_design::Both) -> Judgement {
    Judgement::failed(
        result.clone(),
        cause(
            OPEN,
            both!("設計が許していない通信が通っています。"; "Something passes that the design doesn't admit."),
            told_by.clone(),
            both!(
                "LGWANのケーブルを抜き、設計をもう一度適用し、保守の窓口に知らせてください。";
                "Pull LGWAN's cable, apply the design again, and tell the maintainer."
            ),
        ),
    )
}
