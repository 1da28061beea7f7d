//! Each global address of the site, as the platform's services see it (R13 R14 R22).

use std::net::Ipv4Addr;

use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, Environment, Name, PlatformService, Protocol, Service};

use super::{office::dashed, tunnel::CARRIER};
use crate::{
    answer::{milliseconds, prohibited, question, sentence},
    check::{Check, Judgement, both, cause, planned},
    probe::{Answer, Ask, Probe, Question, Seen, Way},
};

/// A global address of the site, as the platform's services see it.
pub(super) struct AsGlobal {
    global: Ipv4Addr,
    /// Whose it is.
    row: Name,
    device: Ipv4Addr,
    to: Ipv4Addr,
    question: Question,
}

/// One for each address.
pub(super) fn globals(design: &Design) -> Vec<AsGlobal> {
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
