//! The uplink: router, time, resolvers, the way to each centre, and that nothing is open towards it.

use std::net::{Ipv4Addr, SocketAddrV4};

use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, Host, Name};

use super::{
    Role, Wire, Wires,
    office::dashed,
    ports::{OwnAddress, Seeking, port_id},
};
use crate::{
    answer::{UNREACHABLE, milliseconds, sentence},
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Answer, Ask, Known, Probe, Question, Said, Seen, Way},
};

/// The router's check; all beyond it needs it.
pub(super) const ROUTER: &str = "lgwan.router";

/// A port of UDP that nobody listens at (RFC 1393 and traceroute's custom).
pub(super) const NOBODY_LISTENS: u16 = 33434;

/// How far the clock may be off the time servers, in milliseconds.
const CLOCK_SLACK_MS: i64 = 5_000;

pub(super) fn checks(design: &Design, wires: &Wires) -> Vec<Box<dyn Check>> {
    let Some(wire) = wires.get(Role::Lgwan) else { return Vec::new() };
    let uplink = Uplink { wire: wire.clone(), gateway: design.lgwan.gateway };
    let first = design.profile.centres.iter().flat_map(|centre| centre.endpoint.places()).next();
    let mut all: Vec<Box<dyn Check>> = vec![
        Box::new(OwnAddress { stage: Stage::Lgwan, role: Role::Lgwan, wire: wire.clone() }),
        Box::new(Router {
            uplink: uplink.clone(),
            elsewhere: Seeking::all(wires, Role::Lgwan, &[uplink.gateway]),
            beyond: first.map(|place| *place.ip()),
        }),
        Box::new(Closed),
    ];
    all.extend(design.profile.centres.iter().filter_map(|centre| {
        let place = centre.endpoint.places().next()?;
        let (uplink, centre) = (uplink.clone(), centre.name.clone());
        Some(Box::new(Path { uplink, centre, place }) as Box<dyn Check>)
    }));
    let servers = design.profile.ntp.iter().flat_map(Host::addresses);
    all.extend(
        servers.map(|server| {
            Box::new(Ntp { uplink: uplink.clone(), server: *server }) as Box<dyn Check>
        }),
    );
    if let Some(name) = design.lgwan_names().first() {
        all.extend(design.lgwan.dns.iter().map(|resolver| {
            let (uplink, name) = (uplink.clone(), name.to_string());
            Box::new(Dns { uplink, resolver: *resolver, name }) as Box<dyn Check>
        }));
    }
    all
}

/// The wire to LGWAN and the router on it.
#[derive(Clone)]
pub(super) struct Uplink {
    wire: Wire,
    gateway: Ipv4Addr,
}

impl Uplink {
    pub(super) fn of(design: &Design, wires: &Wires) -> Option<Self> {
        Some(Self { wire: wires.get(Role::Lgwan)?.clone(), gateway: design.lgwan.gateway })
    }

    /// Asks something past the kernel's rules, by the router.
    pub(super) fn ask(&self, to: Ipv4Addr, question: Question) -> Probe {
        let (port, from) = (self.wire.port.clone(), self.wire.address.address());
        Probe::Ask(Ask { way: Way::Wire { port, from, via: Some(self.gateway) }, to, question })
    }

    /// Asks something as the device does in service.
    fn ask_in_service(&self, to: Ipv4Addr, question: Question) -> Probe {
        let (port, from) = (Some(self.wire.port.clone()), self.wire.address.address());
        Probe::Ask(Ask { way: Way::Socket { port, from }, to, question })
    }

    /// Which hosts on the wire lead to an address.
    pub(super) fn routers(&self, to: Ipv4Addr) -> Probe {
        Probe::Routers { port: self.wire.port.clone(), from: self.wire.address, to }
    }

    /// Whether another host leads there than the design's router, and doesn't the design's.
    pub(super) fn wrong_gateway(&self, seen: &Seen) -> Option<Judgement> {
        let Seen::Routers { lead, .. } = seen else { return None };
        let gateway = self.gateway;
        let better = lead.iter().find(|router| **router != gateway)?;
        if lead.contains(&gateway) {
            return None;
        }
        Some(Judgement::failed(
            both!("LGWANへは {gateway} ではなく {better} が通じています。"; "{better}, not {gateway}, leads to LGWAN."),
            cause(
                "wrong-gateway",
                both!("設計の gateway が違います。"; "`gateway` in the design is wrong."),
                both!(
                    "同じ線の上の {better} に渡すと拠点に届き、{gateway} に渡しても届きません。";
                    "A packet to a centre arrives when handed to {better}, on the same wire, and not when handed to {gateway}."
                ),
                both!(
                    "機構か回線の担当に確かめ、設計の [interface.lgwan] の gateway を {better} に直してください。";
                    "Ask whoever runs the line, and make `gateway` of [interface.lgwan] {better}."
                ),
            ),
        ))
    }
}

/// LGWAN's router.
struct Router {
    uplink: Uplink,
    elsewhere: Vec<Seeking>,
    /// Something that lies beyond it.
    beyond: Option<Ipv4Addr>,
}

impl Check for Router {
    fn planned(&self) -> Planned {
        let gateway = self.uplink.gateway;
        planned(
            Stage::Lgwan,
            "router",
            both!("LGWANのルータ {gateway}"; "LGWAN's router {gateway}"),
            both!("ARPで尋ねます。"; "Ask for it by ARP."),
            &["R19"],
            vec![port_id(Role::Lgwan)],
        )
    }

    fn probe(&self) -> Probe {
        let wire = &self.uplink.wire;
        Probe::Arp {
            port: wire.port.clone(),
            from: wire.address.address(),
            address: self.uplink.gateway,
        }
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        if !matches!(seen, Seen::Holder(None)) {
            return Vec::new();
        }
        let elsewhere = self.elsewhere.iter().map(Seeking::probe);
        elsewhere.chain(self.beyond.map(|beyond| self.uplink.routers(beyond))).collect()
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let gateway = self.uplink.gateway;
        match seen {
            Seen::Holder(Some(mac)) => {
                Judgement::passed(both!("{mac} が答えました。"; "{mac} answered."))
            }
            Seen::Holder(None) => {
                if let Some(found) = Seeking::found(&self.elsewhere, doubts) {
                    return found.judge(Role::Lgwan);
                }
                if let Some(wrong) = doubts.last().and_then(|seen| self.uplink.wrong_gateway(seen))
                {
                    return wrong;
                }
                Judgement::failed(
                    both!("{gateway} が答えません。"; "{gateway} doesn't answer."),
                    cause(
                        "router-silent",
                        both!("LGWANのルータが動いていないか、設計の gateway が違います。"; "LGWAN's router isn't running, or `gateway` in the design is wrong."),
                        both!("ケーブルの信号はあり、{gateway} がARPに答えず、代わりになる機器も見つかりません。"; "The cable carries a signal; {gateway} doesn't answer ARP, and no other host on the wire leads to a centre."),
                        both!("ルータの電源と、設計の gateway を確かめてください。"; "See to the router's power and to `gateway` in the design."),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, vital: true, ..Traits::default() }
    }
}

/// That nothing of ours is open towards LGWAN.
struct Closed;

impl Check for Closed {
    fn planned(&self) -> Planned {
        planned(
            Stage::Lgwan,
            "closed",
            both!("LGWAN側に開いているもの"; "What is open towards LGWAN"),
            both!(
                "待ち受けているソケットのそれぞれについて、LGWANからのパケットがフィルタを通るかを調べます。";
                "For each socket that listens: would the packet filter let a packet from LGWAN reach it?"
            ),
            &["R19", "R4"],
            Vec::new(),
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Open)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Open(open) if open.is_empty() => Judgement::passed(
                both!("トンネルのほかは閉じています。"; "All but the tunnel is closed."),
            ),
            Seen::Open(open) => {
                let open = open.join(", ");
                Judgement::failed(
                    both!("開いています: {open}"; "Open: {open}"),
                    cause(
                        "open-to-lgwan",
                        both!("LGWANから装置のサービスに届きます。"; "Services of the device can be reached from LGWAN."),
                        both!("いまのフィルタを、LGWANからのパケットが通ります: {open}"; "The packet filter, as it is now, lets packets from LGWAN through: {open}"),
                        both!("LGWANのケーブルを抜き、設計をもう一度適用し、保守の窓口に知らせてください。"; "Pull LGWAN's cable, apply the design again, and tell the maintainer."),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }
}

/// A time server.
struct Ntp {
    uplink: Uplink,
    server: Ipv4Addr,
}

impl Check for Ntp {
    fn planned(&self) -> Planned {
        let server = self.server;
        planned(
            Stage::Lgwan,
            &format!("ntp.{}", dashed(server)),
            both!("時刻サーバ {server}"; "Time server {server}"),
            both!("時刻を尋ね、装置の時計と比べます。"; "Ask for the time, and compare the device's clock."),
            &["R62", "R92"],
            vec![ROUTER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        self.uplink.ask_in_service(self.server, Question::Ntp)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let server = self.server;
        match seen {
            Seen::Answer(Answer::Good { said: Said::Time { offset_ms, .. }, .. }) => {
                let (off, limit) = (format!("{offset_ms:+} ms"), format!("±{CLOCK_SLACK_MS} ms"));
                if offset_ms.abs() <= CLOCK_SLACK_MS {
                    let passed = both!("装置の時計との差は {off} です。"; "The device's clock is off by {off}.");
                    return Judgement::passed(passed).measured(off, limit);
                }
                let days = offset_ms.abs() / 86_400_000;
                Judgement::failed(
                    both!("装置の時計が {off}（約 {days} 日）狂っています。"; "The device's clock is off by {off}, some {days} days."),
                    cause(
                        "clock-off",
                        both!(
                            "装置の時計が狂っています。証明書の期限の判定や記録の日時が誤ります。";
                            "The device's clock is wrong, so it misjudges certificates and stamps its logs wrongly."
                        ),
                        both!("時刻サーバ {server} の時刻と比べました。"; "Compared with the time server {server}."),
                        both!(
                            "しばらく待つと自動で合います。電源を切るたびに狂うなら、電池の交換を手配してください。";
                            "It is set before long; if it goes wrong at each power cut, have the battery replaced."
                        ),
                    ),
                )
                .measured(off, limit)
            }
            Seen::Answer(answer) => {
                let said = sentence(answer);
                Judgement::failed(
                    both!("{server}: {}", said.ja; "{server}: {}", said.en),
                    cause(
                        "ntp-silent",
                        both!("時刻サーバが動いていないか、途中で止められています。"; "The time server isn't running, or something on the way stops it."),
                        both!("ルータは答え、時刻の問い合わせには返事がありません。"; "The router answers, and the question for the time does not."),
                        both!("機構に、時刻サーバ {server} のことを知らせてください。時計はしばらく自走します。"; "Tell the operator about the time server {server}. The clock runs on by itself for a while."),
                    ),
                )
            }
            other => Judgement::unable(other),
        }
    }
}

/// A resolver of LGWAN, where names of the profile need one.
struct Dns {
    uplink: Uplink,
    resolver: Ipv4Addr,
    name: String,
}

impl Check for Dns {
    fn planned(&self) -> Planned {
        let (resolver, name) = (self.resolver, &self.name);
        planned(
            Stage::Lgwan,
            &format!("dns.{}", dashed(resolver)),
            both!("LGWANのDNS {resolver}"; "LGWAN's resolver {resolver}"),
            both!("{name} のアドレスを尋ねます。"; "Ask for the address of {name}."),
            &["R85", "R92"],
            vec![ROUTER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        self.uplink.ask_in_service(self.resolver, Question::Dns { name: self.name.clone() })
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        resolved(seen, self.resolver, &self.name, "lgwan-dns-silent")
    }
}

/// What a resolver's answer about a name that it should know means.
pub(super) fn resolved(seen: &Seen, resolver: Ipv4Addr, name: &str, code: &str) -> Judgement {
    match seen {
        Seen::Answer(Answer::Good { after, said: Said::Names { addresses, code: 0 } }) => {
            let found: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            let found = found.join(", ");
            Judgement::passed(both!("{name} → {found}"; "{name} → {found}"))
                .measured(milliseconds(*after), "1000 ms")
        }
        Seen::Answer(Answer::Good { said: Said::Names { code: 3, .. }, .. }) => Judgement::passed(
            both!("返事が来ました（{name} という名前はありません）。"; "It answered: there is no {name}."),
        ),
        Seen::Answer(Answer::Good { said: Said::Names { code: refused, .. }, .. }) => {
            Judgement::failed(
                both!("{resolver} は {name} に答えられません（コード {refused}）。"; "{resolver} can't answer for {name}: code {refused}."),
                cause(
                    "resolver-fails",
                    both!("リゾルバは動いていますが、この名前に答えられません。"; "The resolver is up and can't answer for the name."),
                    both!("リゾルバ自身が応答コード {refused} を返しました。"; "The resolver itself answered with code {refused}."),
                    both!("機構に、リゾルバ {resolver} のことを知らせてください。"; "Tell the operator about the resolver {resolver}."),
                ),
            )
        }
        Seen::Answer(answer) => {
            let said = sentence(answer);
            Judgement::failed(
                both!("{resolver}: {}", said.ja; "{resolver}: {}", said.en),
                cause(
                    code,
                    both!("リゾルバが動いていません。"; "The resolver isn't running."),
                    both!("道は通じていますが、名前の問い合わせに返事がありません。"; "The way there works, and the name query is not answered."),
                    both!("機構に、リゾルバ {resolver} のことを知らせてください。"; "Tell the operator about the resolver {resolver}."),
                ),
            )
        }
        other => Judgement::unable(other),
    }
}

/// The way to a centre, whatever the tunnel does.
struct Path {
    uplink: Uplink,
    centre: Name,
    place: SocketAddrV4,
}

impl Path {
    fn on_our_wire(&self) -> bool {
        self.uplink.wire.address.subnet().contains(self.place.ip())
    }
}

impl Check for Path {
    fn planned(&self) -> Planned {
        let (centre, place) = (&self.centre, self.place.ip());
        planned(
            Stage::Lgwan,
            &format!("path.{centre}"),
            both!("拠点 {centre}（{place}）までの道"; "The way to centre {centre}, {place}"),
            both!(
                "pingを試し、だめならUDPを、だれもいないポートに送ります。";
                "Ping it; failing that, send a datagram to a port that nobody has."
            ),
            &["R19", "R92"],
            vec![ROUTER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        self.uplink.ask(*self.place.ip(), Question::Echo)
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        if matches!(seen, Seen::Answer(Answer::Good { .. })) {
            return Vec::new();
        }
        let closed = Question::Closed { port: NOBODY_LISTENS };
        vec![self.uplink.ask(*self.place.ip(), closed), self.uplink.routers(*self.place.ip())]
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let (Seen::Answer(answer), place) = (seen, *self.place.ip()) else {
            return Judgement::unable(seen);
        };
        if let Answer::Good { after, .. } = answer {
            let passed = if self.on_our_wire() {
                both!("ルータ経由で応答しました。"; "It answered by way of the router.")
            } else {
                both!("応答しました。"; "It answered.")
            };
            return Judgement::passed(passed).measured(milliseconds(*after), "1000 ms");
        }
        let from_it =
            |seen: &Seen| matches!(seen, Seen::Answer(Answer::Icmp { by, .. }) if *by == place);
        if doubts.iter().any(from_it) {
            return Judgement::passed(
                both!("pingには答えませんが、届いています。"; "It answers no ping, and is reached."),
            );
        }
        if let Some(wrong) = doubts.last().and_then(|seen| self.uplink.wrong_gateway(seen)) {
            return wrong;
        }
        if let Answer::Icmp { by, kind: UNREACHABLE, code, .. } = answer {
            return Judgement::failed(
                sentence(answer),
                cause(
                    "no-route",
                    both!("途中の機器 {by} が、拠点への道を知りません。"; "{by}, on the way, knows no way to the centre."),
                    both!("{by} が、届けられないとICMP（コード {code}）で答えました。"; "{by} answered by ICMP, code {code}, that it can't be delivered."),
                    both!("回線の担当に、{place} への経路を確かめてもらってください。"; "Have whoever runs the line look at the route to {place}."),
                ),
            );
        }
        Judgement::passed(both!(
            "pingにもUDPにも応答がありません。答えない拠点もあるので、トンネルの結果で判断します。";
            "It answers neither ping nor UDP. Some centres never do; the tunnel will tell."
        ))
    }
}
