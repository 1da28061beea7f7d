//! What keeps the tunnel from starting or from going on.

use std::io;

use nix::errno::Errno;

/// A fault of the host's side of the tunnel: its device, its socket, its threads. Nothing that the network sends
/// leads here.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// No device of this name exists.
    #[error("find the tunnel device '{name}'")]
    NoDevice {
        /// The device's name.
        name: String,
        /// What the kernel said.
        source: Errno,
    },
    /// The device exists and can't be attached to. `EBUSY` means that another process holds it, `EPERM` that the
    /// caller lacks `CAP_NET_ADMIN`.
    #[error("attach to the tunnel device '{name}'")]
    Attach {
        /// The device's name.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The socket can't be prepared.
    #[error("prepare the tunnel's socket")]
    Socket(#[source] io::Error),
    /// No centre was given.
    #[error("start without any centre")]
    NoCentre,
    /// Two centres share an endpoint, so a datagram's source would not tell them apart.
    #[error("tell centres apart that share the endpoint {0}")]
    SharedEndpoint(std::net::SocketAddr),
    /// The engine has no centre of this name.
    #[error("find the centre '{0}'")]
    NoSuchCentre(sekisho_design::Name),
    /// A thread or the pipe that stops it can't be made.
    #[error("start the tunnel's threads")]
    Thread(#[source] io::Error),
    /// Waiting for the device or the socket failed.
    #[error("wait for traffic")]
    Poll(#[source] Errno),
    /// The device went away.
    #[error("read the tunnel device")]
    Device(#[source] io::Error),
    /// The engine has ended, or another was started in its place.
    #[error("speak through a tunnel that has ended")]
    Ended,
    /// Somebody speaks through the tunnel already.
    #[error("tap the tunnel a second time; wait until the self-test that runs has ended")]
    Tapped,
    /// More flows than any test needs.
    #[error("watch more flows in the tunnel")]
    TooManyFlows,
    /// Nobody could take over.
    #[error("rehearse fail-over without another centre that answers")]
    NoOtherCentre,
    /// A rehearsal is under way.
    #[error("rehearse fail-over twice at once; wait until the first has ended")]
    Rehearsing,
}
