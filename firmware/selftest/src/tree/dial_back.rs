//! Connections that the far end opens: the other half of a connection check (R20).

use std::net::{Ipv4Addr, SocketAddrV4};

use sekisho_control::{CallOutcome, Planned, Stage, TestNumber};
use sekisho_design::{Centre, Design, Name, Server, Service};
use sekisho_plan::trace::Tracer;

use super::{
    mapping::{open, undeclared},
    office::server_id,
    tunnel::CARRIER,
};
use crate::{
    answer::sentence,
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Probe, Seen, call},
};

/// So many calls are asked for at once.
const CALLS: usize = 64;

pub(super) fn checks(
    design: &Design,
    carrier: Option<&Name>,
    test_number: Option<&TestNumber>,
) -> Vec<Box<dyn Check>> {
    let centres = &design.profile.centres;
    let in_use = |centre: &&Centre| carrier.is_none_or(|name| centre.name == *name);
    let (Some(port), Some(centre)) = (design.profile.dial_back, centres.iter().find(in_use)) else {
        return Vec::new();
    };
    let calls = calls(design, centre.probe);
    calls
        .chunks(CALLS)
        .flat_map(|part| {
            let probe = Probe::DialBack {
                from: design.profile.device_address.get(),
                at: SocketAddrV4::new(centre.probe, port),
                test_number: test_number.cloned(),
                calls: part.iter().map(|(_, to, declared)| (*to, *declared)).collect(),
            };
            part.iter().map(move |(server, to, declared)| {
                let (server, to, declared, probe) = (server.clone(), *to, *declared, probe.clone());
                Box::new(Call { server, to, declared, probe }) as Box<dyn Check>
            })
        })
        .collect()
}

/// Each server's services that the far end may reach from its address, and one that it may not.
fn calls(design: &Design, from: Ipv4Addr) -> Vec<(Name, SocketAddrV4, bool)> {
    let declared = |server: &Server| {
        let rows = server.allow_from_platform.iter();
        let rows =
            rows.filter(|row| row.from.networks().iter().any(|network| network.contains(&from)));
        let mut ports: Vec<_> = rows
            .flat_map(|row| &row.services)
            .filter_map(|service| match service {
                Service::Tcp(range) => Some(range.first()),
                Service::Udp(_) | Service::IcmpEcho => None,
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let mut all = Vec::new();
    for server in &design.servers {
        let to = |port| SocketAddrV4::new(server.global.get(), port);
        all.extend(declared(server).into_iter().map(|port| (server.name.clone(), to(port), true)));
    }
    if let (Some(server), Ok(tracer)) = (design.servers.first(), Tracer::new(design))
        && let Some(port) = undeclared(server, from, &tracer)
    {
        all.push((server.name.clone(), SocketAddrV4::new(server.global.get(), port), false));
    }
    all
}

/// One call of the far end.
struct Call {
    server: Name,
    to: SocketAddrV4,
    declared: bool,
    /// All calls are asked for together.
    probe: Probe,
}

impl Check for Call {
    fn planned(&self) -> Planned {
        let Self { server, to, declared, .. } = self;
        let (port, kind) = (to.port(), if *declared { "call" } else { "closed" });
        let title = if *declared {
            both!("プラットフォームからの呼び返し: {server}（{to}）"; "Called back from the platform: {server}, {to}")
        } else {
            both!("プラットフォームからの呼び返し: 宣言していない {to}"; "Called back from the platform: {to}, undeclared")
        };
        planned(
            Stage::DialBack,
            &format!("{kind}.{server}.{port}"),
            title,
            both!("向こう側の装置に、このサーバへの接続を試してもらいます。"; "Have the far end open a connection to it."),
            &["R20"],
            declared.then(|| server_id(server)).into_iter().chain([CARRIER.to_owned()]).collect(),
        )
    }

    fn probe(&self) -> Probe {
        self.probe.clone()
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Self { server, to, declared, .. } = self;
        let half = match seen {
            Seen::DialBack(half) => half,
            Seen::NoDialBack(answer) => {
                let said = sentence(answer);
                return Judgement::failed(
                    both!("向こう側に頼めませんでした: {}", said.ja; "The far end couldn't be asked: {}", said.en),
                    cause(
                        "no-dial-back",
                        both!("機構の呼び返しの受け口が動いていません。"; "The operator's end doesn't take requests to call back."),
                        both!("トンネルは通じていて、受け口だけが答えません。"; "The tunnel works; the place to ask doesn't answer."),
                        both!("機構の担当者と、受け口を開く日時を合わせてください。"; "Agree with the operator on when it is open."),
                    ),
                );
            }
            other => return Judgement::unable(other),
        };
        let number = &half.test_number;
        let Some(outcome) = call(half, *to) else {
            return Judgement::unable(&Seen::Unable {
                why: format!("the far end says nothing of {to}"),
            });
        };
        match (outcome, declared) {
            (CallOutcome::Connected, true) => Judgement::passed(
                both!("つながりました（試験番号 {number}）。"; "It was connected, under test number {number}."),
            ),
            (CallOutcome::Connected, false) => open(
                &both!("設計が許していない {to} に、向こう側がつなげました。"; "The far end connected to {to}, which the design admits to nobody."),
                &both!("向こう側の装置（{}）が接続できたと答えました。", half.from; "The far end, {}, says that it was connected.", half.from),
            ),
            (CallOutcome::Refused | CallOutcome::TimedOut | CallOutcome::Unreachable, false) => {
                Judgement::passed(
                    both!("断られました（これが正解です）。"; "It was refused, as it has to be."),
                )
            }
            (CallOutcome::Refused, true) => Judgement::failed(
                both!("{server} が断りました。"; "{server} refused."),
                cause(
                    "server-refuses",
                    both!("サーバの業務ソフトかファイアウォールが断っています。"; "The server's program or its firewall refuses."),
                    both!("向こう側の接続に、すぐに断りが返りました（RST）。"; "The far end's connection was refused at once (RST)."),
                    both!("庁内側のこのサーバの結果を見てください。"; "See this server's check in the office."),
                ),
            ),
            (CallOutcome::TimedOut | CallOutcome::Unreachable, true) => Judgement::failed(
                both!("向こう側からは {to} に届きません。"; "The far end doesn't reach {to}."),
                cause(
                    "platform-path",
                    both!("プラットフォームの経路かファイアウォールが、{to} への通信を通していません。"; "The platform's routes or firewall don't let traffic to {to} through."),
                    both!(
                        "装置の中でプラットフォームの側から試すと通り、向こう側から実際に試すと届きません。";
                        "Tried inside the device as from the platform it passes; from the far end it doesn't arrive."
                    ),
                    both!("機構に、{to} への経路と許可を確かめてもらってください。"; "Have the operator look at route and admission to {to}."),
                ),
            ),
        }
    }

    fn traits(&self) -> Traits {
        Traits { seconds: 10, ..Traits::default() }
    }
}
