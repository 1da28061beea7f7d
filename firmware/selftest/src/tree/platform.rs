//! The platform: its resolvers and services, each global address towards it, and each mapping from it (R22 R23 R92).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use sekisho_control::{Planned, Stage};
use sekisho_design::{
    Design, Environment, Lan, Name, PlatformService, PortName, Protocol, Server, Service,
};
use sekisho_plan::trace::{Opening, Question as Packet, Side, Tracer};

use super::{
    lgwan::resolved,
    office::{dashed, server_id},
    tunnel::CARRIER,
};
use crate::{
    answer::{milliseconds, prohibited, question, sentence},
    check::{Check, Judgement, both, cause, planned},
    probe::{Answer, Ask, Certificate, Probe, Question, Said, Seen, Tls, TlsFault, Way},
};

/// So many services of one server are tried.
const SERVICES: usize = 4;

/// Ports of which one is tried that the design lets nobody on the platform reach.
const UNDECLARED: [u16; 4] = [8443, 3389, 23, 61000];

/// How long before its end a certificate is spoken of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Ports that speak TLS from the start.
const TLS_PORTS: [u16; 2] = [443, 8443];

pub(super) fn checks(design: &Design) -> Vec<Box<dyn Check>> {
    let profile = &design.profile;
    let device = profile.device_address.get();
    let mut all: Vec<Box<dyn Check>> = Vec::new();
    for zone in &profile.zones {
        let host = profile.services.iter().filter_map(|service| service.host.as_ref());
        let inside = host.map(ToString::to_string).find(|host| host.ends_with(&zone.name));
        let name = inside.unwrap_or_else(|| zone.name.clone());
        all.extend(zone.resolvers.iter().map(|resolver| {
            let (name, resolver) = (name.clone(), *resolver);
            Box::new(Resolver { from: device, address: resolver, name }) as Box<dyn Check>
        }));
    }
    all.extend(profile.services.iter().map(|service| {
        let (service, authority) = (service.clone(), profile.authority.clone());
        Box::new(PlatformHost { from: device, service, authority }) as Box<dyn Check>
    }));
    all.extend(globals(design).into_iter().map(|global| Box::new(global) as Box<dyn Check>));
    for server in &design.servers {
        all.extend(
            Mapping::all(design, server).into_iter().map(|to| Box::new(to) as Box<dyn Check>),
        );
    }
    if let Ok(tracer) = Tracer::new(design) {
        let closed = design.servers.iter().filter_map(|server| Closed::of(server, &tracer, design));
        all.extend(closed.map(|closed| Box::new(closed) as Box<dyn Check>));
    }
    all
}

/// A resolver of the platform.
struct Resolver {
    from: Ipv4Addr,
    address: Ipv4Addr,
    name: String,
}

impl Check for Resolver {
    fn planned(&self) -> Planned {
        let Self { address: resolver, name, .. } = self;
        planned(
            Stage::Platform,
            &format!("resolver.{}", dashed(*resolver)),
            both!("プラットフォームのDNS {resolver}"; "The platform's resolver {resolver}"),
            both!("トンネルの中で {name} のアドレスを尋ねます。"; "Ask for the address of {name} inside the tunnel."),
            &["R17", "R92"],
            vec![CARRIER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        let question = Question::Dns { name: self.name.clone() };
        Probe::Ask(Ask { way: Way::Tunnel { from: self.from }, to: self.address, question })
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        resolved(seen, self.address, &self.name, "resolver-silent")
    }
}

/// A service of the platform.
struct PlatformHost {
    from: Ipv4Addr,
    service: PlatformService,
    authority: Option<sekisho_design::Certificates>,
}

impl Check for PlatformHost {
    fn planned(&self) -> Planned {
        let PlatformService { name, address, port, .. } = &self.service;
        let asked = question(&self.question());
        planned(
            Stage::Platform,
            &format!("service.{name}"),
            both!("プラットフォームの {name}（{address} {port}番）"; "The platform's {name}, {address} port {port}"),
            both!("トンネルの中で {asked} を試し、証明書も調べます。"; "Try {asked} inside the tunnel, and look at its certificate."),
            &["R22", "R23", "R92"],
            vec![CARRIER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        let way = Way::Tunnel { from: self.from };
        Probe::Ask(Ask { way, to: self.service.address, question: self.question() })
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Answer(answer) = seen else { return Judgement::unable(seen) };
        match answer {
            Answer::Good { said: Said::Tls(tls), .. } => self.judge_tls(tls, None),
            Answer::Good { said: Said::Http(status, Some(tls)), .. } => {
                self.judge_tls(tls, Some(*status))
            }
            Answer::Good { said: Said::Http(status, None), .. } => self.judge_status(*status),
            Answer::Good { after, .. } => {
                Judgement::passed(sentence(answer)).measured(milliseconds(*after), "1000 ms")
            }
            other => self.away(other),
        }
    }
}

impl PlatformHost {
    fn question(&self) -> Question {
        let PlatformService { host, protocol, port, .. } = &self.service;
        let (port, name) = (*port, host.as_ref().map(ToString::to_string));
        let tls = |http| Question::Tls {
            port,
            name: name.clone(),
            authority: self.authority.clone(),
            http,
        };
        match protocol {
            Protocol::Tcp => Question::Tcp { port },
            Protocol::Tls => tls(false),
            Protocol::Https => tls(true),
            Protocol::Http => Question::Http { port, name },
            Protocol::Ntp => Question::Ntp,
        }
    }

    fn judge_status(&self, status: u16) -> Judgement {
        let said = both!("HTTP {status} が返りました。"; "It answered HTTP {status}.");
        if status < 500 {
            return Judgement::passed(said).measured(format!("HTTP {status}"), "< 500");
        }
        let name = &self.service.name;
        Judgement::failed(
            said,
            cause(
                "service-fails",
                both!("{name} は動いていますが、中で誤りが起きています。"; "{name} is up and fails inside."),
                both!("HTTPの状態が {status} でした。"; "Its HTTP status is {status}."),
                both!("機構に知らせてください。こちらの設定は関係しません。"; "Tell the operator; nothing here is at fault."),
            ),
        )
        .measured(format!("HTTP {status}"), "< 500")
    }

    fn judge_tls(&self, tls: &Tls, status: Option<u16>) -> Judgement {
        let Some(own) = tls.chain.first() else {
            return Judgement::unable(&Seen::Unable { why: "it sent no certificate".to_owned() });
        };
        let (until, chain) = (day(own.until), chain(&tls.chain));
        let said = both!("{}、{chain}", tls.version; "{}, {chain}", tls.version);
        let Some(fault) = &tls.fault else {
            let judgement = match status {
                Some(status) if status >= 500 => return self.judge_status(status),
                _ if own.until < Timestamp::now() + SOON => Judgement::warned(
                    said,
                    cause(
                        "certificate-ends-soon",
                        both!("証明書の期限が近づいています。"; "The certificate ends soon."),
                        both!("期限は {until} です。"; "It ends on {until}."),
                        both!("機構に、更新の予定を尋ねてください。"; "Ask the operator when it is renewed."),
                    ),
                ),
                _ => Judgement::passed(said),
            };
            return judgement.measured(until, "> 30 d");
        };
        let (from, names, issuer) = (day(own.from), own.names.join(", "), &own.issuer);
        let wanted = self.service.host.as_ref().map(ToString::to_string).unwrap_or_default();
        let cause = match fault {
            TlsFault::Expired => cause(
                "certificate-expired",
                both!("{} の証明書の期限が切れています。", self.service.name; "The certificate of {} is over.", self.service.name),
                both!("証明書は {until} までで、装置の時計は時刻サーバと合っています。"; "It was valid until {until}; the device's clock agrees with the time server."),
                both!("機構に、証明書の更新を求めてください。"; "Ask the operator to renew it."),
            ),
            TlsFault::NotYet => cause(
                "certificate-not-yet",
                both!("{} の証明書は、まだ有効になっていません。", self.service.name; "The certificate of {} isn't valid yet.", self.service.name),
                both!("証明書は {from} からです。"; "It is valid from {from}."),
                both!("装置の時計の結果を見て、正しければ機構に知らせてください。"; "See what the check of the clock says; if the clock is right, tell the operator."),
            ),
            TlsFault::WrongName => cause(
                "certificate-wrong-name",
                both!("証明書が、別の名前のものです。"; "The certificate is for another name."),
                both!("接続情報では {wanted}、証明書では {names} です。"; "The profile says {wanted}, the certificate {names}."),
                both!("接続情報が最新かを確かめ、機構に知らせてください。"; "See that the profile is the latest, and tell the operator."),
            ),
            TlsFault::UnknownIssuer => cause(
                "certificate-unknown-issuer",
                both!("証明書を、機構の認証局ではないだれかが署名しています。"; "The certificate is signed by somebody who isn't the operator's authority."),
                both!("署名したのは {issuer} で、接続情報の認証局ではありません。"; "It was signed by {issuer}, not by the authority in the profile."),
                both!("通信をせずに機構に知らせてください。だれかが間に入っているおそれがあります。"; "Send nothing, and tell the operator: somebody may be in between."),
            ),
            TlsFault::Other(why) => cause(
                "certificate-wrong",
                both!("証明書に問題があります。"; "Something is wrong with the certificate."),
                both!("{why}"; "{why}"),
                both!("機構に知らせてください。"; "Tell the operator."),
            ),
        };
        Judgement::failed(said, cause).measured(until, "> 30 d")
    }

    fn away(&self, answer: &Answer) -> Judgement {
        let (name, address) = (&self.service.name, self.service.address);
        let said = sentence(answer);
        let (code, ja, en) = match answer {
            Answer::Refused { .. } => (
                "service-closed",
                "相手の機器は動いていて、そのサービスだけが動いていません（RST）。",
                "The host is up and refuses (RST): the service isn't running.",
            ),
            _ if prohibited(answer) => (
                "platform-refuses",
                "プラットフォームのファイアウォールが、ICMPで断りました。",
                "The platform's firewall refused, by ICMP.",
            ),
            Answer::Icmp { .. } => (
                "platform-no-route",
                "プラットフォームの中の機器が、道がないとICMPで答えました。",
                "A host inside the platform answered by ICMP that it knows no way.",
            ),
            Answer::Broken { .. } => (
                "service-fails",
                "接続はでき、その先のやり取りが続きませんでした。",
                "It was connected, and what followed failed.",
            ),
            _ => (
                "service-silent",
                "トンネルは通じていて、この相手だけが黙っています。",
                "The tunnel works, and this host alone is silent.",
            ),
        };
        Judgement::failed(
            said,
            cause(
                code,
                both!("プラットフォームの {name}（{address}）が使えません。"; "The platform's {name}, {address}, can't be used."),
                both!("{ja}"; "{en}"),
                both!("機構に、{name} の状態を尋ねてください。"; "Ask the operator about {name}."),
            ),
        )
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// A chain in words: each whose, until when, and its fingerprint.
fn chain(chain: &[Certificate]) -> String {
    let words = chain.iter().map(|certificate| {
        let Certificate { subject, until, fingerprint, .. } = certificate;
        format!("{subject} (–{}, {fingerprint})", day(*until))
    });
    let last = chain.last().map(|certificate| certificate.issuer.clone());
    words.chain(last).collect::<Vec<_>>().join(" ← ")
}

/// A global address of the site, as the platform's services see it.
struct AsGlobal {
    global: Ipv4Addr,
    /// Whose it is.
    row: Name,
    device: Ipv4Addr,
    to: Ipv4Addr,
    question: Question,
}

fn globals(design: &Design) -> Vec<AsGlobal> {
    let servers = design
        .servers
        .iter()
        .map(|server| (server.global.get(), &server.name, server.environment, &server.services));
    let terminals = design
        .terminals
        .iter()
        .map(|row| (row.global.get(), &row.name, row.environment, &row.services));
    let Some(probe) = design.profile.centres.first().map(|centre| centre.probe) else {
        return Vec::new();
    };
    let mut all: Vec<AsGlobal> = Vec::new();
    for (global, name, environment, services) in servers.chain(terminals) {
        if all.iter().any(|other| other.global == global) {
            continue;
        }
        let asked = service_for(design, environment, services);
        let (to, question) = asked.unwrap_or((probe, Question::Echo));
        let (row, device) = (name.clone(), design.profile.device_address.get());
        all.push(AsGlobal { global, row, device, to, question });
    }
    all
}

/// A service of the platform that a row may ask by TCP.
fn service_for(
    design: &Design,
    environment: Environment,
    services: &[Service],
) -> Option<(Ipv4Addr, Question)> {
    let within = |address: Ipv4Addr| {
        let networks = design.profile.networks.iter();
        let mut found = networks.filter(|network| network.prefix.contains(&address));
        found.any(|network| network.environment == environment)
    };
    let admits = |port: u16| {
        services.iter().any(|service| {
            matches!(service, Service::Tcp(range) if (range.first()..=range.last()).contains(&port))
        })
    };
    let fits = |service: &&PlatformService| {
        service.protocol != Protocol::Ntp && within(service.address) && admits(service.port)
    };
    let found = design.profile.services.iter().find(fits)?;
    Some((found.address, Question::Tcp { port: found.port }))
}

impl Check for AsGlobal {
    fn planned(&self) -> Planned {
        let Self { global, row, to, .. } = self;
        let asked = question(&self.question);
        planned(
            Stage::Platform,
            &format!("as.{}", dashed(*global)),
            both!("{row} のグローバルアドレス {global} から"; "As {global}, the global address of {row}"),
            both!(
                "トンネルの中で、このアドレスとして {to} に {asked} を試します。サーバの電源は関係しません。";
                "Inside the tunnel, as this address, try {asked} at {to}; whether the server is on doesn't matter."
            ),
            &["R13", "R14", "R22"],
            vec![CARRIER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        let way = Way::Tunnel { from: self.global };
        Probe::Ask(Ask { way, to: self.to, question: self.question.clone() })
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        if !matches!(seen, Seen::Answer(Answer::Silent { .. })) {
            return Vec::new();
        }
        let echo =
            Ask { way: Way::Tunnel { from: self.global }, to: self.to, question: Question::Echo };
        let as_device = Ask {
            way: Way::Tunnel { from: self.device },
            to: self.to,
            question: self.question.clone(),
        };
        vec![Probe::Ask(echo), Probe::Ask(as_device)]
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let Seen::Answer(answer) = seen else { return Judgement::unable(seen) };
        let Self { global, to, .. } = self;
        let said = sentence(answer);
        let good = |seen: &Seen| {
            matches!(seen, Seen::Answer(Answer::Good { .. } | Answer::Refused { .. }))
        };
        match answer {
            Answer::Good { after, .. } | Answer::Refused { after } => {
                Judgement::passed(both!("行きも帰りも通じています。"; "There and back, it works."))
                    .measured(milliseconds(*after), "1000 ms")
            }
            Answer::Busy { .. } => Judgement::not_run(said),
            _ if prohibited(answer) => Judgement::failed(
                said,
                cause(
                    "platform-refuses",
                    both!("プラットフォームのファイアウォールが {global} を断っています。"; "The platform's firewall refuses {global}."),
                    both!("プラットフォームの側からICMPで断られました。"; "It was refused by ICMP from the platform's side."),
                    both!("機構に、{global} から {to} への通信の許可を求めてください。"; "Ask the operator to admit {global} to {to}."),
                ),
            ),
            _ => match doubts {
                [echo, _] if good(echo) => Judgement::failed(
                    said,
                    cause(
                        "platform-refuses",
                        both!("プラットフォームのファイアウォールが {global} を黙って捨てています。"; "The platform's firewall drops {global} without a word."),
                        both!("{global} としてのpingには返事があるので、経路はあります。"; "Echo as {global} is answered, so there is a route."),
                        both!("機構に、{global} から {to} への通信の許可を求めてください。"; "Ask the operator to admit {global} to {to}."),
                    ),
                ),
                [_, device] if good(device) => Judgement::failed(
                    said,
                    cause(
                        "global-not-routed",
                        both!("プラットフォームが {global} への帰り道を知りません。"; "The platform knows no way back to {global}."),
                        both!("装置自身のアドレスでは通じ、{global} としては何も返りません。"; "As the device's own address it works; as {global} nothing comes back."),
                        both!("機構に、{global} がこの団体に割り当てられ、経路があるかを尋ねてください。"; "Ask the operator whether {global} is this organisation's, and routed to it."),
                    ),
                ),
                _ => Judgement::failed(
                    said,
                    cause(
                        "platform-silent",
                        both!("プラットフォームの {to} が答えません。"; "{to}, on the platform, doesn't answer."),
                        both!("装置自身のアドレスでも返事がありません。"; "Nor does it answer the device's own address."),
                        both!("プラットフォームのサービスの結果を先に直してください。"; "Mend first what the platform's services show."),
                    ),
                ),
            },
        }
    }
}

/// A mapping, from a host of the platform through the kernel's own rules to a server's service, and back.
struct Mapping {
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
    fn all(design: &Design, server: &Server) -> Vec<Self> {
        let Some(interface) = design.lans.get(&server.lan) else { return Vec::new() };
        let private = server.private.get();
        let via = super::office::router_to(design, server.lan, private);
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
struct Closed {
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
    fn of(server: &Server, tracer: &Tracer<'_>, design: &Design) -> Option<Self> {
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
