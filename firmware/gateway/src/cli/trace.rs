//! `sekisho trace`: what would happen to a packet.

use std::net::Ipv4Addr;

use clap::{Args, ValueEnum};
use sekisho_design::{Design, Lan};
use sekisho_plan::trace::{Question, Side, Target, Trace, TraceError, Tracer, UnclearSide};

use super::SignedFiles;

#[derive(Args, Debug)]
pub(super) struct Packet {
    /// The packet's source address
    #[arg(long, value_name = "ADDR")]
    from: Ipv4Addr,
    /// Where it goes: 100.72.1.10:443/tcp, 100.72.1.10:53/udp or 100.72.1.10/icmp-echo
    #[arg(long, value_name = "ADDR:PORT/PROTOCOL")]
    to: Target,
    /// The LAN that it comes from; without it, the one that has the source
    #[arg(long, value_enum, conflicts_with = "from_platform")]
    lan: Option<LanName>,
    /// It comes from the platform, through the tunnel
    #[arg(long)]
    from_platform: bool,
    #[command(flatten)]
    pub(super) files: SignedFiles,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LanName {
    /// 首長部局業務系LAN
    HeadOffice,
    /// 教育委員会業務系LAN
    EducationBoard,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTrace {
    #[error(transparent)]
    Side(#[from] UnclearSide),
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl NoTrace {
    pub(super) fn way_out(&self) -> Option<String> {
        match self {
            Self::Side(_) => Some(
                "say where it comes from: --lan head-office, --lan education-board or --from-platform"
                    .to_owned(),
            ),
            Self::Trace(_) => None,
        }
    }
}

/// Traces a packet through a design.
pub(super) fn trace(design: &Design, packet: &Packet) -> Result<Trace, NoTrace> {
    let side = match (packet.lan, packet.from_platform) {
        (Some(LanName::HeadOffice), _) => Side::Lan(Lan::HeadOffice),
        (Some(LanName::EducationBoard), _) => Side::Lan(Lan::EducationBoard),
        (None, true) => Side::Platform,
        (None, false) => Side::of(design, packet.from)?,
    };
    let Target { address: to, opening } = packet.to;
    let tracer = Tracer::new(design).map_err(TraceError::from)?;
    Ok(tracer.trace(&Question { side, from: packet.from, to, opening })?)
}
