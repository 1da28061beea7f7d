//! The platform: its resolvers, its services and their certificates (R22 R23 R92).

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, PlatformService, Protocol};
use sekisho_plan::trace::Tracer;

use super::{
    globals::globals,
    lgwan::resolved,
    mapping::{Closed, Mapping},
    office::dashed,
    tunnel::CARRIER,
};
use crate::{
    answer::{milliseconds, prohibited, question, sentence},
    check::{Check, Judgement, both, cause, planned},
    probe::{Answer, Ask, Certificate, Probe, Question, Said, Seen, Tls, TlsFault, Way},
};

/// How long before its end a certificate is spoken of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

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
