//! Throughput and latency at the line's rate, on request only (R88).

use std::net::Ipv4Addr;

use sekisho_control::{Planned, Stage};
use sekisho_design::{Design, LineRate, Protocol};

use super::tunnel::CARRIER;
use crate::{
    answer::milliseconds,
    check::{Check, Judgement, Traits, both, cause, planned},
    probe::{Probe, Seen},
};

/// For how long each way.
const SECONDS: u16 = 5;

/// What a line may stay under its contract, in per cent of it: the tunnel's own headers, and what others use.
const ENOUGH: u64 = 80;

/// What a line without a written rate is measured by, in bits a second.
const GIGABIT: u64 = 1_000_000_000;

pub(super) fn checks(design: &Design) -> Vec<Box<dyn Check>> {
    let http = design.profile.services.iter().find(|service| service.protocol == Protocol::Http);
    let Some(http) = http else { return Vec::new() };
    let rate = design.lgwan.line_rate.map(LineRate::bits_per_second);
    let from = design.profile.device_address.get();
    vec![Box::new(Load { from, to: http.address, rate })]
}

struct Load {
    from: Ipv4Addr,
    to: Ipv4Addr,
    /// What the line is contracted for.
    rate: Option<u64>,
}

fn megabits(rate: u64) -> String {
    format!("{}.{} Mb/s", rate / 1_000_000, rate / 100_000 % 10)
}

impl Check for Load {
    fn planned(&self) -> Planned {
        let to = self.to;
        planned(
            Stage::Load,
            "throughput",
            both!("回線の速さと、混んだときの遅れ"; "Throughput, and delay under load"),
            both!(
                "{to} との間で、上りと下りにそれぞれ{SECONDS}秒、流せるだけ流します。";
                "As much as goes, to {to} and from it, {SECONDS} seconds each way."
            ),
            &["R44", "R88"],
            vec![CARRIER.to_owned()],
        )
    }

    fn probe(&self) -> Probe {
        let Self { from, to, rate } = self;
        Probe::Load { from: *from, to: *to, seconds: SECONDS, most: rate.unwrap_or(GIGABIT) }
    }

    fn judge(&self, seen: &Seen, _: &[Seen]) -> Judgement {
        let Seen::Load { up, down, idle, loaded } = seen else { return Judgement::unable(seen) };
        let trip =
            |trip: &Option<std::time::Duration>| trip.map_or_else(|| "-".to_owned(), milliseconds);
        let (idle, loaded) = (trip(idle), trip(loaded));
        let value = format!("↑ {} ↓ {}", megabits(*up), megabits(*down));
        let said = both!(
            "{value}、往復時間は空いているとき {idle}、混んだとき {loaded} です。";
            "{value}; round trip {idle} idle, {loaded} under load."
        );
        let Some(rate) = self.rate else { return Judgement::passed(said).measured(value, "-") };
        let limit = format!("≥ {}", megabits(rate * ENOUGH / 100));
        if (*up).min(*down) >= rate * ENOUGH / 100 {
            return Judgement::passed(said).measured(value, limit);
        }
        Judgement::warned(
            said,
            cause(
                "slow-line",
                both!("回線が契約の速さに届いていません。"; "The line stays under its contract."),
                both!("トンネルの中で実際に流して測りました。"; "Measured by traffic inside the tunnel."),
                both!(
                    "業務の少ない時間にもう一度測り、ポートの速度と二重を確かめ、同じなら回線の担当に知らせてください。";
                    "Measure again at a quiet time, see to the port's speed and duplex, and tell whoever runs the line."
                ),
            ),
        )
        .measured(value, limit)
    }

    fn traits(&self) -> Traits {
        Traits { disturbs: true, seconds: 2 * SECONDS + 5, ..Traits::default() }
    }
}
