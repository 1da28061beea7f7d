//! Ports, their cables, and who is heard on them.

use std::net::Ipv4Addr;

use sekisho_control::{Planned, Stage};
use sekisho_design::{Duplex, PortMode, PortName};
use sekisho_plan::ports::Mac;

use super::{Role, SOUGHT, Wire, Wires};
use crate::{
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Link, Probe, Seen},
};

/// A port's link: cable, speed, duplex.
pub(super) struct Port {
    pub(super) role: Role,
    /// The kernel's name of its link.
    pub(super) link: PortName,
    /// What the design fixes it at.
    pub(super) mode: Option<PortMode>,
    /// Those who should be heard on it, on the other wires.
    pub(super) elsewhere: Vec<Seeking>,
}

/// What all ports' checks are called.
pub(super) fn port_id(role: Role) -> String {
    format!("{}.port.{}", Stage::Standalone, role.id())
}

impl Check for Port {
    fn planned(&self) -> Planned {
        let (ja, en, port) = (self.role.ja(), self.role.en(), &self.link);
        planned(
            Stage::Standalone,
            &format!("port.{}", self.role.id()),
            both!("{ja}のポート {port}"; "Port {port}, to {en}"),
            both!(
                "ケーブル、通信速度、全二重か、壊れた受信がないか。";
                "Cable, speed, duplex, and damaged frames."
            ),
            &["R19"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Link { port: self.link.clone() }
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        let dark = matches!(seen, Seen::Link(link) if !link.carrier);
        if dark { self.elsewhere.iter().map(Seeking::probe).collect() } else { Vec::new() }
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let Seen::Link(link) = seen else { return Judgement::unable(seen) };
        let port = &self.link;
        if !link.present {
            return Judgement::failed(
                both!("ポート {port} がありません。"; "There is no port {port}."),
                cause(
                    "no-such-port",
                    both!("設計にあるポートが装置にありません。"; "The device lacks a port that the design names."),
                    both!("装置のポートの一覧に {port} がありません。"; "The kernel's list of links has no {port}."),
                    both!(
                        "設計の port を確かめるか、装置のポートの割り当て（コンソール）をやり直してください。";
                        "Check `port` in the design, or assign the ports anew on the console."
                    ),
                ),
            );
        }
        if !link.up {
            return Judgement::failed(
                both!("ポート {port} が閉じています。"; "Port {port} is switched off."),
                cause(
                    "port-down",
                    both!("装置がポートを開いていません。"; "The device has not switched the port on."),
                    both!("ケーブルではなく、ポート自身が閉じています。"; "The port itself is off, whatever the cable."),
                    both!("設計をもう一度適用してください。"; "Apply the design again."),
                ),
            );
        }
        if link.carrier {
            return self.judge_speed(link);
        }
        if let Some(found) = Seeking::found(&self.elsewhere, doubts) {
            return found.judge(self.role);
        }
        if self.role == Role::Maintenance {
            return Judgement::passed(both!(
                "何もつながっていません（保守用なので問題ありません）。";
                "Nothing is plugged in, which is usual for this port."
            ));
        }
        let (ja, en) = (self.role.ja(), self.role.en());
        Judgement::failed(
            both!("{ja}のポート {port} にケーブルの信号がありません。"; "Port {port}, to {en}, has no carrier."),
            cause(
                "cable-out",
                both!(
                    "ケーブルが抜けているか、相手の機器の電源が切れています。";
                    "The cable is out, or the device at its other end is off."
                ),
                both!(
                    "ポートは開いていますが、相手からの信号がありません。ほかのポートにも、その相手はいません。";
                    "The port is on and no signal comes; nobody who belongs there answers at another port."
                ),
                both!(
                    "{ja}のケーブルの両端と、相手の機器の電源を確かめてください。";
                    "See to both ends of the cable of {en}, and to the power of the device it leads to."
                ),
            ),
        )
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, vital: self.role == Role::Lgwan, ..Traits::default() }
    }
}

impl Port {
    fn judge_speed(&self, link: &Link) -> Judgement {
        let port = &self.link;
        let duplex = |full| if full { "full" } else { "half" };
        let seen = match (link.speed, link.full_duplex) {
            (Some(speed), Some(full)) => format!("{speed} Mb/s {}", duplex(full)),
            (Some(speed), None) => format!("{speed} Mb/s"),
            (None, _) => "-".to_owned(),
        };
        let wanted = self.mode.map(|mode| {
            let megabits = mode.speed().bits_per_second() / 1_000_000;
            (megabits, mode.duplex() == Duplex::Full)
        });
        let limit = wanted.map_or_else(
            || "full".to_owned(),
            |(speed, full)| format!("{speed} Mb/s {}", duplex(full)),
        );
        let told = match wanted {
            Some((speed, full)) => {
                let other_speed = link.speed.is_some_and(|seen| u64::from(seen) != speed);
                let other_duplex = link.full_duplex.is_some_and(|seen| seen != full);
                (other_speed || other_duplex).then(|| {
                    both!("設計は {limit}、実際は {seen} です。"; "The design says {limit}, the port says {seen}.")
                })
            }
            None => (link.full_duplex == Some(false)).then(|| {
                both!(
                    "ポートと相手が半二重で合意しました（{seen}）。一方だけが固定されているときに起こります。";
                    "Port and neighbour settled on half duplex ({seen}), as they do where only one end is fixed."
                )
            }),
        };
        let late = link.late_collisions;
        let told = told.or_else(|| {
            (late > 0).then(|| {
                both!(
                    "遅れた衝突が {late} 回ありました。相手が全二重、こちらが半二重のときに起こります。";
                    "{late} late collisions: this end is half duplex and the other one full."
                )
            })
        });
        match told {
            Some(told) => Judgement::failed(
                both!("ポート {port} の速度か二重が合っていません（{seen}）。"; "Port {port} runs at the wrong speed or duplex ({seen})."),
                cause(
                    "speed-mismatch",
                    both!(
                        "装置と相手の機器で、速度か二重の設定が違います。";
                        "Device and neighbour are set to different speed or duplex."
                    ),
                    told,
                    both!(
                        "相手の機器の設定を確かめ、両方を固定するか、両方を自動にしてください（設計の speed と duplex）。";
                        "Look at the neighbour's setting; fix both ends or neither (`speed` and `duplex` in the design)."
                    ),
                ),
            ),
            None => Judgement::passed(both!("つながっています（{seen}）。"; "It is connected ({seen}).")),
        }
        .measured(seen, limit)
    }
}

/// Looks for a neighbour on a wire where it shouldn't be.
#[derive(Clone, Debug)]
pub(super) struct Seeking {
    on: Role,
    port: PortName,
    neighbour: Ipv4Addr,
}

impl Seeking {
    /// Looks for these on every wire but their own.
    pub(super) fn all(wires: &Wires, own: Role, neighbours: &[Ipv4Addr]) -> Vec<Self> {
        let seek = |(on, wire): (Role, &Wire)| {
            let strangers = neighbours.iter().filter(|host| !wire.neighbours.contains(host));
            let port = wire.port.clone();
            let seek =
                move |neighbour: &Ipv4Addr| Self { on, port: port.clone(), neighbour: *neighbour };
            strangers.take(SOUGHT).map(seek).collect::<Vec<_>>()
        };
        wires.others(own).flat_map(seek).collect()
    }

    pub(super) fn probe(&self) -> Probe {
        let (port, address) = (self.port.clone(), self.neighbour);
        Probe::Arp { port, from: Ipv4Addr::UNSPECIFIED, address }
    }

    /// The first of them that was found.
    pub(super) fn found<'a>(seekings: &'a [Self], seen: &[Seen]) -> Option<&'a Self> {
        let found = |seen: &Seen| matches!(seen, Seen::Holder(Some(_)));
        seekings.iter().zip(seen).find(|(_, seen)| found(seen)).map(|(seeking, _)| seeking)
    }

    /// What it means that it was found.
    pub(super) fn judge(&self, wanted: Role) -> Judgement {
        let Self { on, port, neighbour } = self;
        let (wanted_ja, on_ja) = (wanted.ja(), on.ja());
        let (wanted_en, on_en) = (wanted.en(), on.en());
        Judgement::failed(
            both!(
                "{wanted_ja}にいるはずの {neighbour} が、{on_ja}のポート {port} にいます。";
                "{neighbour}, which belongs to {wanted_en}, is at port {port}, that of {on_en}."
            ),
            cause(
                "cable-in-wrong-port",
                both!("ケーブルを差すポートが違っています。"; "A cable is in the wrong port."),
                both!(
                    "{neighbour} は自分のポートではARPに答えず、ポート {port} で答えました。";
                    "{neighbour} answers ARP at port {port}, and not at its own."
                ),
                both!(
                    "ポート {port} に差してあるケーブルを、{wanted_ja}のポートに差し替えてください。";
                    "Move the cable that is in port {port} to the port of {wanted_en}."
                ),
            ),
        )
    }
}

/// Our own address on a wire: nobody else may have it.
pub(super) struct OwnAddress {
    pub(super) stage: Stage,
    pub(super) role: Role,
    pub(super) wire: Wire,
}

impl OwnAddress {
    pub(super) fn name(&self) -> String {
        if self.stage == Stage::Lgwan {
            "address".to_owned()
        } else {
            format!("{}.address", self.role.id())
        }
    }
}

impl Check for OwnAddress {
    fn planned(&self) -> Planned {
        let (ja, en) = (self.role.ja(), self.role.en());
        planned(
            self.stage,
            &self.name(),
            both!("{ja}での装置のアドレス"; "The device's address on {en}"),
            both!(
                "同じアドレスを使うほかの機器がいないか、ARPで尋ねます（RFC 5227）。";
                "Ask by ARP whether another host has the same address (RFC 5227)."
            ),
            &["R8", "R19"],
            vec![port_id(self.role)],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Holder { port: self.wire.port.clone(), address: self.wire.address.address() }
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let (address, port) = (self.wire.address.address(), &self.wire.port);
        match seen {
            Seen::Holder(None) => Judgement::passed(
                both!("{address} はこの装置だけのものです。"; "{address} is this device's alone."),
            ),
            Seen::Holder(Some(mac)) => address_taken(address, port, *mac),
            other => Judgement::unable(other),
        }
    }
}

fn address_taken(address: Ipv4Addr, port: &PortName, mac: Mac) -> Judgement {
    Judgement::failed(
        both!("ほかの機器 {mac} も {address} を使っています。"; "Another host, {mac}, has {address} as well."),
        cause(
            "address-taken",
            both!("同じアドレスの機器が二台あります。"; "Two hosts have one address."),
            both!(
                "ポート {port} で、装置のものではないMACアドレス {mac} がARPに答えました。";
                "At port {port} the hardware address {mac}, none of ours, answered ARP."
            ),
            both!(
                "その機器（古い装置や予備の装置のことがあります）を外すか、どちらかのアドレスを変えてください。";
                "Take that host off (it may be the old or the spare device), or give one of them another address."
            ),
        ),
    )
}
