//! The tunnel to each centre (R1 R8 R15).

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};

use sekisho_control::{CentreStatus, Planned, Stage};
use sekisho_design::{Centre as Designed, Design, Name};
use sekisho_plan::tunnel_mtu;

use super::{
    Wires,
    lgwan::{NOBODY_LISTENS, ROUTER, Uplink},
};
use crate::{
    answer::{UNREACHABLE, milliseconds, no_port, prohibited},
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Answer, Known, Probe, Question, Seen},
};

/// For how long another holder of the key is told, in seconds.
const RIVAL_S: u64 = 600;

/// How many echoes tell loss.
const ECHOES: u16 = 20;

/// What may be lost of them, in per cent.
const LOSS: usize = 10;

/// What a round trip may take.
const ROUND_TRIP: Duration = Duration::from_millis(300);

pub(super) fn checks(design: &Design, wires: &Wires, disturb: bool) -> Vec<Box<dyn Check>> {
    let Some(uplink) = Uplink::of(design, wires) else { return Vec::new() };
    let from = design.profile.device_address.get();
    let most = u16::try_from(tunnel_mtu(design)).unwrap_or(u16::MAX);
    let mut all: Vec<Box<dyn Check>> = Vec::new();
    for centre in &design.profile.centres {
        all.push(Box::new(Centre::of(centre, &uplink)));
    }
    for Designed { name, probe, .. } in &design.profile.centres {
        let (centre, to) = (name.clone(), *probe);
        all.push(Box::new(RoundTrip { centre: centre.clone(), from, to }));
        all.push(Box::new(PathMtu { centre, from, to, most, line: design.lgwan.mtu }));
    }
    all.push(Box::new(Carrier {
        centres: design.profile.centres.iter().map(|centre| centre.name.clone()).collect(),
    }));
    if let [first, _, ..] = &*design.profile.centres
        && disturb
    {
        all.push(Box::new(FailOver { first: first.name.clone() }));
    }
    all
}

/// The check of a centre, which those through its tunnel need.
fn centre_id(centre: &Name) -> String {
    format!("{}.centre.{centre}", Stage::Tunnel)
}

/// What everything through the tunnel needs.
pub(super) const CARRIER: &str = "tunnel.carrier";

/// A centre: its session, and why there is none.
struct Centre {
    name: Name,
    place: Option<SocketAddrV4>,
    uplink: Uplink,
}

impl Centre {
    fn of(centre: &Designed, uplink: &Uplink) -> Self {
        let place = centre.endpoint.places().next();
        Self { name: centre.name.clone(), place, uplink: uplink.clone() }
    }
}

impl Check for Centre {
    fn planned(&self) -> Planned {
        let name = &self.name;
        planned(
            Stage::Tunnel,
            &format!("centre.{name}"),
            both!("拠点 {name} とのトンネル"; "The tunnel to centre {name}"),
            both!(
                "ハンドシェイクと、トンネルの中の問いかけへの応答。だめなら、UDPが届くかを調べます。";
                "Its handshake and its answers to probes inside; failing that, whether UDP gets there."
            ),
            &["R1", "R8", "R15", "R19"],
            vec![ROUTER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Centre(self.name.clone()))
    }

    fn doubts(&self, seen: &Seen) -> Vec<Probe> {
        let alive = matches!(seen, Seen::Centre { status: Some(status), .. } if status.alive);
        let Some(place) = self.place.filter(|_| !alive) else { return Vec::new() };
        let asked = [
            Question::Closed { port: place.port() },
            Question::Closed { port: NOBODY_LISTENS },
            Question::Echo,
        ];
        asked.map(|question| self.uplink.ask(*place.ip(), question)).to_vec()
    }

    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement {
        let Seen::Centre { status, carries } = seen else { return Judgement::unable(seen) };
        let Some(status) = status else {
            return Judgement::unable(&Seen::Unable { why: "the tunnel doesn't run".to_owned() });
        };
        if status.rival_age_s.is_some_and(|age| age < RIVAL_S) {
            return self.rival();
        }
        if status.alive {
            return Self::alive(status, *carries);
        }
        match doubts {
            [at_port, elsewhere, echo] => self.silent(at_port, elsewhere, echo),
            _ if self.place.is_none() => self.nowhere(),
            _ => self.unasked(),
        }
    }

    fn traits(&self) -> Traits {
        Traits { watched: true, ..Traits::default() }
    }
}

impl Centre {
    fn alive(status: &CentreStatus, carries: bool) -> Judgement {
        let age = status.handshake_age_s.unwrap_or_default();
        let passed = if carries {
            both!("つながっています。いまの通信はここを通っています。"; "It answers, and carries the traffic.")
        } else {
            both!("つながっていて、控えています。"; "It answers, and stands by.")
        };
        Judgement::passed(passed).measured(format!("{age} s"), "180 s")
    }

    fn rival(&self) -> Judgement {
        let name = &self.name;
        Judgement::failed(
            both!("同じ鍵を、別の装置も使っています。"; "Somebody else uses this device's key."),
            cause(
                "identity-elsewhere",
                both!(
                    "この装置の写しか、予備の装置が、同じ鍵でつながっています。互いに通信を奪い合います。";
                    "A copy of this device, or a spare one, is connected with the same key; each takes the session from the other."
                ),
                both!(
                    "拠点 {name} との接続が、短い間に何度もよそに奪われました。";
                    "The session with centre {name} was taken away again and again within minutes."
                ),
                both!(
                    "もう一台を探して電源を切るか、この装置で新しい鍵を作り、機構に登録してもらってください。";
                    "Find the other one and switch it off, or make a new key here and have the operator register it."
                ),
            ),
        )
    }

    fn nowhere(&self) -> Judgement {
        let name = &self.name;
        Judgement::failed(
            both!("拠点 {name} の場所が分かりません。"; "Where centre {name} is isn't known."),
            cause(
                "centre-name-unresolved",
                both!("接続情報にある拠点の名前を、LGWANのDNSで引けません。"; "The profile calls the centre by a name that LGWAN's resolvers don't resolve."),
                both!("名前からアドレスが一度も得られていません。"; "The name was never resolved."),
                both!("LGWANのDNSの結果を見て、設計の dns を確かめてください。"; "See what LGWAN's resolvers answer, and `dns` in the design."),
            ),
        )
    }

    /// No session, and nobody looked why.
    fn unasked(&self) -> Judgement {
        let name = &self.name;
        Judgement::failed(
            both!("拠点 {name} がトンネルに応答しません。"; "Centre {name} doesn't answer in the tunnel."),
            cause(
                "centre-silent",
                both!("拠点か、途中の回線か、鍵に問題があります。"; "Something is wrong with the centre, the line, or a key."),
                both!(
                    "トンネルの中の問いかけに答えません。見張りは、それより外には何も送りません。";
                    "Probes inside the tunnel aren't answered; the watch sends nothing beyond them."
                ),
                both!("接続確認（sekisho self-test）で原因を調べてください。"; "Have the self-test look for the cause: `sekisho self-test`."),
            ),
        )
    }

    /// No session. What tells the causes apart: whether UDP is answered at the tunnel's port, at another one, and ping.
    fn silent(&self, at_port: &Seen, elsewhere: &Seen, echo: &Seen) -> Judgement {
        let (name, place) =
            (&self.name, self.place.map_or(Ipv4Addr::UNSPECIFIED, |place| *place.ip()));
        let answer = |seen: &Seen| match seen {
            Seen::Answer(answer) => Some(answer.clone()),
            _ => None,
        };
        let (at_port, elsewhere, echo) = (answer(at_port), answer(elsewhere), answer(echo));
        let from_it = |answer: &Option<Answer>| matches!(answer, Some(Answer::Icmp { by, .. }) if *by == place);
        let result = both!("拠点 {name} がトンネルに応答しません。"; "Centre {name} doesn't answer in the tunnel.");
        let forbidder =
            [&at_port, &elsewhere].into_iter().flatten().find(|answer| prohibited(answer));
        if let Some(Answer::Icmp { by, .. }) = forbidder {
            return Judgement::failed(
                result,
                self.filtered(both!(
                    "途中の {by} が、UDPを禁じているとICMPで答えました。";
                    "{by}, on the way, answered by ICMP that UDP is forbidden."
                )),
            );
        }
        if from_it(&at_port) && at_port.as_ref().is_some_and(no_port) {
            return Judgement::failed(
                result,
                cause(
                    "centre-not-listening",
                    both!("拠点の機器は動いていますが、トンネルの受け口が動いていません。"; "The centre's host is up, and its end of the tunnel isn't running."),
                    both!("拠点自身が、そのポートにはだれもいないとICMPで答えました。"; "The centre itself answered by ICMP that nobody listens at the port."),
                    both!("機構に、拠点 {name} の状態を尋ねてください。"; "Ask the operator about centre {name}."),
                ),
            );
        }
        if let Some(Answer::Icmp { by, kind: UNREACHABLE, .. }) = [&at_port, &elsewhere, &echo].into_iter().flatten()
            .find(|answer| matches!(answer, Answer::Icmp { by, kind: UNREACHABLE, .. } if *by != place))
        {
            return Judgement::failed(
                result,
                cause(
                    "no-route",
                    both!("途中の機器 {by} が、拠点への道を知りません。"; "{by}, on the way, knows no way to the centre."),
                    both!("{by} が、届けられないとICMPで答えました。"; "{by} answered by ICMP that it can't be delivered."),
                    both!("回線の担当に、{place} への経路を確かめてもらってください。"; "Have whoever runs the line look at the route to {place}."),
                ),
            );
        }
        if from_it(&elsewhere) {
            return Judgement::failed(
                result,
                cause(
                    "keys-differ",
                    both!(
                        "接続情報にある拠点の公開鍵が違うか、この装置の公開鍵が拠点に登録されていません。";
                        "The centre's public key in the profile is wrong, or the centre doesn't know this device's."
                    ),
                    both!(
                        "UDPは拠点に届いて返事も来ます（別のポートで）が、ハンドシェイクだけに答えません。";
                        "UDP gets to the centre and back, at another port; the handshake alone isn't answered."
                    ),
                    both!(
                        "装置の公開鍵（sekisho key）を機構に伝え、拠点 {name} の公開鍵と合わせて確かめてもらってください。";
                        "Give the operator this device's public key (`sekisho key`), and have it and that of centre {name} checked."
                    ),
                ),
            );
        }
        if matches!(echo, Some(Answer::Good { .. })) {
            return Judgement::failed(
                result,
                self.filtered(both!(
                    "拠点はpingに答えますが、UDPはどのポートでも返事がありません。";
                    "The centre answers ping, and UDP at no port."
                )),
            );
        }
        Judgement::failed(
            result,
            cause(
                "centre-silent",
                both!("拠点が動いていないか、途中ですべて止められています。"; "The centre is down, or something on the way stops everything."),
                both!("ルータは答えますが、拠点は ping にもUDPにも答えません。"; "The router answers; the centre answers neither ping nor UDP."),
                both!("もう一方の拠点の結果と合わせて、機構に知らせてください。"; "Tell the operator, with what the other centre did."),
            ),
        )
    }

    fn filtered(&self, told_by: sekisho_design::Both) -> sekisho_control::Cause {
        let place = self.place.map(|place| place.to_string()).unwrap_or_default();
        cause(
            "udp-filtered",
            both!("途中の機器が、トンネルのUDPを止めています。"; "Something on the way stops the tunnel's UDP."),
            told_by,
            both!(
                "回線やファイアウォールの担当に、{place} へのUDPを両方向に通してもらってください。";
                "Have whoever runs the line or its firewall let UDP to {place} pass, both ways."
            ),
        )
    }
}

/// Loss and round trip inside the tunnel.
struct RoundTrip {
    centre: Name,
    from: Ipv4Addr,
    to: Ipv4Addr,
}

impl Check for RoundTrip {
    fn planned(&self) -> Planned {
        let centre = &self.centre;
        planned(
            Stage::Tunnel,
            &format!("round-trip.{centre}"),
            both!("拠点 {centre} までの往復時間と欠落"; "Round trip and loss to centre {centre}"),
            both!("トンネルの中でpingを{ECHOES}回送ります。"; "Send {ECHOES} echo requests inside the tunnel."),
            &["R15", "R19"],
            vec![centre_id(centre)],
        )
    }

    fn probe(&self) -> Probe {
        let Self { centre, from, to } = self;
        Probe::Echoes { centre: centre.clone(), from: *from, to: *to, count: ECHOES }
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Echoes { sent, round_trips } = seen else { return Judgement::unable(seen) };
        let sent = usize::from(*sent).max(1);
        let lost = (sent - round_trips.len().min(sent)) * 100 / sent;
        let mut sorted = round_trips.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied();
        let trip = median.map_or_else(|| "-".to_owned(), milliseconds);
        let (value, limit) =
            (format!("{trip}, {lost} %"), format!("{}, {LOSS} %", milliseconds(ROUND_TRIP)));
        let slow = median.is_none_or(|median| median > ROUND_TRIP);
        let judgement = if lost > LOSS || slow {
            Judgement::warned(
                both!("往復 {trip}、欠落 {lost} % です。"; "Round trip {trip}, {lost} % lost."),
                cause(
                    "bad-line",
                    both!("回線が混んでいるか、品質が悪くなっています。"; "The line is crowded, or bad."),
                    both!("トンネルの中のpingで測りました。"; "Measured by echo inside the tunnel."),
                    both!("業務の少ない時間にもう一度測り、同じなら回線の担当に知らせてください。"; "Measure again at a quiet time; if it stays so, tell whoever runs the line."),
                ),
            )
        } else {
            Judgement::passed(
                both!("往復 {trip}、欠落 {lost} % です。"; "Round trip {trip}, {lost} % lost."),
            )
        };
        judgement.measured(value, limit)
    }
}

/// Whether the largest packets get through.
struct PathMtu {
    centre: Name,
    from: Ipv4Addr,
    to: Ipv4Addr,
    most: u16,
    line: u16,
}

impl Check for PathMtu {
    fn planned(&self) -> Planned {
        let (centre, most) = (&self.centre, self.most);
        planned(
            Stage::Tunnel,
            &format!("path-mtu.{centre}"),
            both!("拠点 {centre} まで通る最大のパケット"; "The largest packet that gets to centre {centre}"),
            both!("トンネルの中で {most} バイトを往復させ、だめなら通る大きさを探します。"; "Send {most} bytes inside the tunnel and back; failing that, search what passes."),
            &["R19", "R92"],
            vec![centre_id(centre)],
        )
    }

    fn probe(&self) -> Probe {
        let Self { centre, from, to, most, .. } = self;
        Probe::PathMtu { centre: centre.clone(), from: *from, to: *to, most: *most }
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::PathMtu(found) = seen else { return Judgement::unable(seen) };
        let (most, line) = (self.most, self.line);
        let limit = format!("{most} B");
        match found {
            Some(size) if *size >= most => {
                Judgement::passed(both!("{most} バイトが通ります。"; "{most} bytes get through."))
                    .measured(format!("{size} B"), limit)
            }
            Some(size) => {
                // What the tunnel adds around an inner packet is the same at every size.
                let path = line - (most - size);
                Judgement::warned(
                    both!("{size} バイトまでしか通りません。"; "No more than {size} bytes get through."),
                    cause(
                        "path-mtu",
                        both!(
                            "LGWANの途中に、設計の mtu（{line}）より小さいパケットしか通さない区間があります。";
                            "Somewhere on LGWAN the line takes smaller packets than `mtu` in the design, {line}."
                        ),
                        both!(
                            "小さなパケットは往復し、大きなものだけが黙って消えます（ICMPの知らせもありません）。";
                            "Small packets come back; large ones vanish, with no ICMP to say so."
                        ),
                        both!(
                            "装置はこの大きさに合わせて動きます。いつもこうなら、設計の [interface.lgwan] に mtu = {path} と書いて適用すると、起動のたびに探さずに済みます。";
                            "The device follows by itself. If it is always so, write `mtu = {path}` into [interface.lgwan] and apply: then it needn't find out at each start."
                        ),
                    ),
                )
                .measured(format!("{size} B"), limit)
            }
            None => Judgement::failed(
                both!("どの大きさも往復しません。"; "Nothing came back, of any size."),
                cause(
                    "probe-silent",
                    both!("拠点の中の応答先が答えません。"; "The centre's probe address doesn't answer."),
                    both!("トンネルはつながっていますが、中のpingに返事がありません。"; "The tunnel is up, and echo inside isn't answered."),
                    both!("もう一度実行し、同じなら機構に知らせてください。"; "Run it again; if it stays so, tell the operator."),
                ),
            ),
        }
    }
}

/// That some centre carries traffic.
struct Carrier {
    centres: Vec<Name>,
}

impl Check for Carrier {
    fn planned(&self) -> Planned {
        planned(
            Stage::Tunnel,
            "carrier",
            both!("通信を運ぶ拠点"; "A centre that carries"),
            both!("どれかの拠点が通信を運んでいるか。"; "Whether any centre carries the traffic."),
            &["R1", "R15"],
            vec![ROUTER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::Known(Known::Carrier)
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        match seen {
            Seen::Carrier(Some(centre)) => {
                Judgement::passed(both!("{centre} が運んでいます。"; "{centre} carries."))
            }
            Seen::Carrier(None) => {
                let centres: Vec<_> = self.centres.iter().map(Name::as_str).collect();
                let centres = centres.join(", ");
                Judgement::failed(
                    both!("どの拠点にもつながっていません（{centres}）。"; "None answers: {centres}."),
                    cause(
                        "no-carrier",
                        both!("プラットフォームに届く道がありません。"; "There is no way to the platform."),
                        both!("拠点ごとの結果を見てください。"; "See what each centre did."),
                        both!("先に、拠点ごとの原因を直してください。"; "Mend the cause at each centre first."),
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

/// A rehearsal: the carrier gives way for a moment.
struct FailOver {
    /// The centre that the profile prefers; from there nothing goes back.
    first: Name,
}

/// How long nobody may carry when the carrier falls silent (R1).
const GAP: Duration = Duration::from_millis(1200);

impl Check for FailOver {
    fn planned(&self) -> Planned {
        planned(
            Stage::Tunnel,
            "fail-over",
            both!("拠点の切り替えの練習"; "A rehearsal of fail-over"),
            both!("いまの拠点を数秒だけ使わず、もう一方に移って戻るか。"; "Leave the carrier for a few seconds: does the other centre take over, and give back?"),
            &["R1"],
            vec![CARRIER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        Probe::FailOver
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::FailOver { from, to, gap, back } = seen else { return Judgement::unable(seen) };
        let limit = milliseconds(GAP);
        let took = milliseconds(*gap);
        match to {
            Some(to) if *gap <= GAP && (*back || *to == self.first) => Judgement::passed(both!(
                "{from} から {to} に、すぐに移りました。";
                "From {from} to {to} at once."
            ))
            .measured(took, limit),
            Some(to) => Judgement::warned(
                both!("{from} から {to} に移りましたが、{took} かかったか、戻りませんでした。"; "From {from} to {to}, in {took}, or not back."),
                cause(
                    "fail-over-slow",
                    both!("切り替えに時間がかかりました。"; "The switch took long."),
                    both!("運ぶ拠点のない時間を測りました。"; "The time without a carrier was measured."),
                    both!("両方の拠点の往復時間を確かめてください。"; "See to the round trips of both centres."),
                ),
            )
            .measured(took, limit),
            None => Judgement::failed(
                both!("{from} の代わりになる拠点がありません。"; "No centre takes the place of {from}."),
                cause(
                    "no-second-centre",
                    both!("もう一方の拠点がつながっていません。"; "The other centre isn't connected."),
                    both!("{from} を使わずにいる間、どこも運びませんでした。"; "While {from} was left out, none carried."),
                    both!("もう一方の拠点の結果を見て直してください。"; "Mend what the other centre's check says."),
                ),
            ),
        }
    }

    fn traits(&self) -> Traits {
        Traits { disturbs: true, seconds: 15, ..Traits::default() }
    }
}
