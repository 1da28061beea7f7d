//! What the stack needs of the tunnel.

use std::any::Any;

use sekisho_design::Name;
use sekisho_tunnel::{Tap, TapFlow, TunnelError};

/// Where packets go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// Through a centre to the platform; through the carrier where none is named.
    Platform(Option<Name>),
    /// Into the tunnel device, to the office.
    Office,
}

/// A way into the tunnel.
pub(super) trait Link: Send + Sync {
    /// Sends packets.
    fn send(&self, side: &Side, packets: &[Vec<u8>]) -> Result<(), TunnelError>;

    /// Has a flow's packets brought to the stack as long as what this gives lives.
    fn watch(&self, flow: TapFlow) -> Result<Box<dyn Any + Send>, TunnelError>;
}

impl Link for Tap {
    fn send(&self, side: &Side, packets: &[Vec<u8>]) -> Result<(), TunnelError> {
        let packets = packets.iter().map(Vec::as_slice);
        match side {
            Side::Platform(centre) => self.to_platform(centre.as_ref(), packets),
            Side::Office => self.to_office(packets),
        }
    }

    fn watch(&self, flow: TapFlow) -> Result<Box<dyn Any + Send>, TunnelError> {
        Ok(Box::new(self.watch(flow)?))
    }
}
