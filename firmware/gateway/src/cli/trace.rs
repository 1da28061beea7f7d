//! `sekisho trace`: what would happen to a packet.

use std::{fmt::Write as _, net::Ipv4Addr, path::Path};

use clap::{Args, ValueEnum};
use sekisho_control::{LiveTrace, TRACE};
use sekisho_design::{Design, Lan, Language};
use sekisho_plan::trace::{Question, Side, Target, Trace, TraceError, Tracer, UnclearSide};

use super::{
    SignedFiles,
    client::{self, ClientError},
    status,
};

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
    /// Ask the device: by the design in force and by what its kernel holds now
    #[arg(long, conflicts_with_all = ["site", "profile", "operator_key"])]
    pub(super) live: bool,
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

impl Packet {
    /// The side that was named.
    fn side(&self) -> Option<Side> {
        match (self.lan, self.from_platform) {
            (Some(LanName::HeadOffice), _) => Some(Side::Lan(Lan::HeadOffice)),
            (Some(LanName::EducationBoard), _) => Some(Side::Lan(Lan::EducationBoard)),
            (None, true) => Some(Side::Platform),
            (None, false) => None,
        }
    }
}

/// Traces a packet through a design.
pub(super) fn trace(design: &Design, packet: &Packet) -> Result<Trace, NoTrace> {
    let side = match packet.side() {
        Some(side) => side,
        None => Side::of(design, packet.from)?,
    };
    let Target { address: to, opening } = packet.to;
    let tracer = Tracer::new(design).map_err(TraceError::from)?;
    Ok(tracer.trace(&Question { side, from: packet.from, to, opening })?)
}

/// Asks the device about a packet.
pub(super) async fn ask(socket: &Path, packet: &Packet) -> Result<LiveTrace, ClientError> {
    let Target { address: to, opening } = packet.to;
    let packet = sekisho_control::Packet { side: packet.side(), from: packet.from, to, opening };
    client::post(socket, TRACE, &packet).await
}

/// What the device answered, as text.
pub(super) fn text(live: &LiveTrace, language: Language) -> String {
    let mut text = live.trace.text(language);
    if let Some(tunnel) = &live.tunnel {
        let label = language.pick("トンネル（拠点）: ", "Tunnel, carrier: ");
        let _ = writeln!(text, "{label}{}", status::carrier(tunnel, language));
    }
    text
}
