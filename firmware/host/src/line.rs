//! A port's link as its driver tells it: who is at the other end, at what speed, and how much arrives damaged.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's attributes grow with every release, and only a few concern us"
)]

use futures_util::TryStreamExt;
use nix::libc::ENODEV;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage, Stats64};
use sekisho_design::{Duplex, PortName};

use crate::{HostError, ethtool::Ethtool, kernel::refused, netlink::Netlink, ports::Links};

/// A port's link.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Line {
    /// Whether it is switched on.
    pub up: bool,
    /// Whether the other end of its cable is there.
    pub carrier: bool,
    /// In Mb/s, where there is a carrier and the driver says.
    pub speed: Option<u32>,
    /// Where there is a carrier and the driver says.
    pub duplex: Option<Duplex>,
    /// Frames that arrived damaged, since the driver began to count.
    pub damaged: u64,
    /// Collisions after the time in which one may happen.
    pub late_collisions: u64,
    /// Bytes that arrived, since the driver began to count.
    pub received: u64,
    /// Bytes that were sent, likewise.
    pub sent: u64,
}

impl Links {
    /// A port's link; `None` where there is no such port.
    ///
    /// # Errors
    /// What the kernel answered.
    pub async fn line(&self, port: &PortName) -> Result<Option<Line>, HostError> {
        look(&self.netlink, &self.ethtool, port).await
    }
}

/// A port's link; `None` where there is no such port.
pub(crate) async fn look(
    netlink: &Netlink,
    ethtool: &Ethtool,
    port: &PortName,
) -> Result<Option<Line>, HostError> {
    let mut found = netlink.handle()?.link().get().match_name(port.to_string()).execute();
    let message = match found.try_next().await {
        Ok(Some(message)) => message,
        Ok(None) => return Ok(None),
        Err(rtnetlink::Error::NetlinkError(answer)) if answer.raw_code() == -ENODEV => {
            return Ok(None);
        }
        Err(error) => return Err(refused(|| format!("look at the port '{port}'"))(error)),
    };
    let mut line = of(&message);
    if line.carrier {
        (line.speed, line.duplex) = ethtool.runs_at(port);
    }
    Ok(Some(line))
}

fn of(message: &LinkMessage) -> Line {
    let counts = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Stats64(counts) => Some(*counts),
        _ => None,
    });
    let counts = counts.unwrap_or_default();
    let flags = message.header.flags;
    Line {
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        damaged: damaged(&counts),
        // Ethernet drivers count late collisions here (struct rtnl_link_stats64).
        late_collisions: counts.tx_window_errors,
        received: counts.rx_bytes,
        sent: counts.tx_bytes,
        ..Line::default()
    }
}

/// Some drivers tell only the sum of all errors, some put what we were too slow for into it, and some tell each kind.
fn damaged(counts: &Stats64) -> u64 {
    let too_slow = counts.rx_over_errors + counts.rx_fifo_errors + counts.rx_missed_errors;
    let each = counts.rx_crc_errors + counts.rx_frame_errors + counts.rx_length_errors;
    each.max(counts.rx_errors.saturating_sub(too_slow))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(change: impl FnOnce(&mut Stats64)) -> u64 {
        let mut counts = Stats64::default();
        change(&mut counts);
        damaged(&counts)
    }

    #[test]
    fn damage_is_counted_however_the_driver_tells_it() {
        assert_eq!(counts(|_| ()), 0);
        assert_eq!(counts(|c| c.rx_errors = 7), 7, "the sum alone");
        assert_eq!(counts(|c| (c.rx_crc_errors, c.rx_frame_errors) = (3, 2)), 5, "each alone");
        assert_eq!(counts(|c| (c.rx_errors, c.rx_crc_errors) = (4, 4)), 4, "both");
    }

    #[test]
    fn what_we_were_too_slow_for_is_no_damage() {
        assert_eq!(counts(|c| (c.rx_errors, c.rx_missed_errors) = (9, 9)), 0);
        assert_eq!(counts(|c| c.rx_missed_errors = 9), 0);
    }
}
