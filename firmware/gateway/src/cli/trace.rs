//! `sekisho trace`: what would happen to a packet.

use std::{fmt::Write as _, net::Ipv4Addr, path::Path};

use clap::Args;
use sekisho_control::{LiveTrace, NameQuery, TRACE};
use sekisho_design::{Design, DnsName, Host, Lan, Language};
use sekisho_plan::trace::{Question, Side, Target, Trace, TraceError, Tracer, UnclearSide};

use super::{CommandError, LanName, SignedFiles, client, names, status};

#[derive(Args, Debug)]
pub(super) struct Packet {
    /// The packet's source, an address or a name
    #[arg(long, value_name = "HOST")]
    from: Host,
    /// Where it goes: 100.72.1.10:443/tcp, web.platform.example:53/udp or 100.72.1.10/icmp-echo
    ///
    /// A name is what the design's static entries say; with --live the device asks for it as a client would.
    #[arg(long, value_name = "HOST:PORT/PROTOCOL")]
    to: Target<Host>,
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

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTrace {
    #[error("no static entry says what '{0}' stands for")]
    UnknownName(DnsName),
    #[error("the device has no address for '{0}': {1}")]
    NoAddress(DnsName, String),
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
            Self::UnknownName(_) => Some("let the device ask for it: --live".to_owned()),
            Self::NoAddress(name, _) => Some(format!("see why: sekisho names query {name}")),
            Self::Trace(_) => None,
        }
    }
}

impl Packet {
    /// The side that was named.
    fn side(&self) -> Option<Side> {
        let lan = self.lan.map(|lan| Side::Lan(lan.into()));
        lan.or_else(|| self.from_platform.then_some(Side::Platform))
    }
}

/// A name and what it was taken for.
pub(super) type Taken = (DnsName, Ipv4Addr);

/// Traces a packet through a design. Names are what its static entries say.
pub(super) fn trace(design: &Design, packet: &Packet) -> Result<(Vec<Taken>, Trace), NoTrace> {
    let mut taken = Vec::new();
    let from = address(design, packet.lan, &packet.from, &mut taken)?;
    let side = match packet.side() {
        Some(side) => side,
        None => Side::of(design, from)?,
    };
    let to = address(design, packet.lan, &packet.to.address, &mut taken)?;
    let tracer = Tracer::new(design).map_err(TraceError::from)?;
    let trace = tracer.trace(&Question { side, from, to, opening: packet.to.opening })?;
    Ok((taken, trace))
}

/// The first address that a host stands for, on the LAN that was named or else on any.
fn address(
    design: &Design,
    lan: Option<LanName>,
    host: &Host,
    taken: &mut Vec<Taken>,
) -> Result<Ipv4Addr, NoTrace> {
    let name = match host {
        Host::Address(address) => return Ok(*address),
        Host::Name(host) => &host.name,
    };
    let lans = lan.map_or(Lan::ALL.to_vec(), |lan| vec![lan.into()]);
    let mut known = lans
        .into_iter()
        .filter_map(|lan| design.names.as_ref()?.stands_for(lan, name).first().copied());
    let address = known.next().ok_or_else(|| NoTrace::UnknownName(name.clone()))?;
    taken.push((name.clone(), address));
    Ok(address)
}

/// Asks the device about a packet. Names are what it tells a client.
pub(super) async fn ask(
    socket: &Path,
    packet: &Packet,
) -> Result<(Vec<Taken>, LiveTrace), CommandError> {
    let mut taken = Vec::new();
    let from = resolved(socket, packet, &packet.from, &mut taken).await?;
    let to = resolved(socket, packet, &packet.to.address, &mut taken).await?;
    let side = packet.side();
    let packet = sekisho_control::Packet { side, from, to, opening: packet.to.opening };
    Ok((taken, client::post(socket, TRACE, &packet).await?))
}

/// The first address that the device tells a client for a host.
async fn resolved(
    socket: &Path,
    packet: &Packet,
    host: &Host,
    taken: &mut Vec<Taken>,
) -> Result<Ipv4Addr, CommandError> {
    let name = match host {
        Host::Address(address) => return Ok(*address),
        Host::Name(host) => &host.name,
    };
    let lan = packet.lan.map(Lan::from);
    let query = NameQuery { name: name.to_string(), kind: "A".to_owned(), lan };
    let told = names::resolve(socket, query).await?;
    let first = told.addresses.first().copied();
    let address = first.ok_or_else(|| NoTrace::NoAddress(name.clone(), told.code))?;
    taken.push((name.clone(), address));
    Ok(address)
}

/// What names were taken for, a line each.
pub(super) fn said(taken: &[Taken], language: Language) -> String {
    taken.iter().fold(String::new(), |text, (name, address)| {
        text + &language
            .pick(format!("{name} は {address} です。\n"), format!("{name} is {address}.\n"))
    })
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
