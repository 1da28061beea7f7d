//! What can go wrong on the Linux side, and the way out.

use std::{error::Error, io, net::SocketAddrV4, path::PathBuf, time::Duration};

use sekisho_design::{PortMode, PortName};

use crate::{Transport, neighbour::Holder};

/// A failure on the Linux side. Each says what was tried; [`HostError::way_out`] says what an operator can do.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A link that the design names isn't there.
    #[error("there is no network port '{name}'")]
    NoSuchLink {
        /// The name.
        name: PortName,
    },
    /// Only a TUN device can be made and removed.
    #[error("the network port '{name}' can be neither made nor removed")]
    FixedLink {
        /// The name.
        name: PortName,
    },
    /// The kernel refused a change or a question about links, addresses, routes or rules.
    #[error("can't {tried}: {source}")]
    Netlink {
        /// What was tried, as a verb phrase.
        tried: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A port can't be fixed at a speed, or can't be let go again.
    #[error("can't {}: {source}", fix(name, *mode))]
    Mode {
        /// The port.
        name: PortName,
        /// What it was to be fixed at; `None` where it was to agree with its neighbour.
        mode: Option<PortMode>,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A port's lamp can't be made to blink.
    #[error("can't make the lamp of '{name}' blink: {source}")]
    Lamp {
        /// The port.
        name: PortName,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The ports can't be read.
    #[error("can't read the ports below '{}': {source}", path.display())]
    Ports {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel was built without a kind of queue, or can't load it.
    #[error("the kernel has no queue '{kind}' to shape '{link}' with: {source}")]
    NoQueue {
        /// The kernel's name for it.
        kind: &'static str,
        /// The link.
        link: PortName,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The TUN device can't be made.
    #[error("can't make the tunnel device '{name}': {source}")]
    Tun {
        /// Its name.
        name: PortName,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something stands where only we should put things, and we can't have put it there.
    #[error("{what} is not of our making but carries our mark")]
    NotOurs {
        /// What stands there.
        what: String,
    },
    /// A kernel setting can't be read or written.
    #[error("can't {tried} the kernel setting '{path}': {source}")]
    Setting {
        /// `read` or `write`.
        tried: &'static str,
        /// Path below `/proc/sys/`.
        path: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A setting's path leads out of `/proc/sys/`.
    #[error("'{path}' is no path of a kernel setting")]
    SettingPath {
        /// The path.
        path: String,
    },
    /// The packet filter's program isn't there.
    #[error("can't find the program '{}'", program.display())]
    NftMissing {
        /// Where it was looked for.
        program: PathBuf,
    },
    /// The packet filter's program can't be started or spoken to.
    #[error("can't run '{}': {source}", program.display())]
    NftRun {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The packet filter refused; nothing of the transaction is in force.
    #[error("the packet filter refused: {}", first_line(stderr))]
    NftRefused {
        /// All that the program said.
        stderr: String,
    },
    /// The packet filter's program was ended by a signal. Whether the transaction is in force is unknown.
    #[error("the packet filter's program was killed by signal {signal}")]
    NftKilled {
        /// The signal's number.
        signal: i32,
    },
    /// The packet filter's program took too long and was killed. Whether the transaction is in force is unknown.
    #[error("the packet filter's program didn't end within {} s", limit.as_secs())]
    NftTimeout {
        /// The time it was given.
        limit: Duration,
    },
    /// The packet filter's answer can't be read.
    #[error("can't read the packet filter's answer: {source}")]
    NftAnswer {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The log of refused packets can't be listened to.
    #[error("can't listen to the log of refused packets: {source}")]
    RefusalLog {
        /// The kernel's answer.
        source: io::Error,
    },
    /// Running connections can't be listed or ended.
    #[error("can't look through the running connections: {source}")]
    Connections {
        /// The kernel's answer.
        source: io::Error,
    },
    /// Changes of the network can't be listened to.
    #[error("can't listen to changes of the network: {source}")]
    Events {
        /// The kernel's answer.
        source: io::Error,
    },
    /// The hosts on a link can't be asked or told about an address.
    #[error("can't {tried} on '{link}': {source}")]
    Neighbours {
        /// What was tried, as a verb phrase.
        tried: &'static str,
        /// The link.
        link: PortName,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Other hosts have addresses that are to be ours.
    #[error("{}", name_holders(holders))]
    AddressTaken {
        /// All who objected.
        holders: Vec<Holder>,
    },
    /// A socket can't be bound.
    #[error("can't bind {transport} {address} on '{link}': {source}")]
    Bind {
        /// Which kind of socket.
        transport: Transport,
        /// The link.
        link: PortName,
        /// The address and port.
        address: SocketAddrV4,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file can't be read, written or made.
    #[error("can't {tried} '{}': {source}", path.display())]
    File {
        /// `read`, `write`, `lock`.
        tried: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than anything that belongs there.
    #[error("'{}' is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// No USB stick has a file of this name.
    #[error("no USB stick has the file '{name}' in its top folder")]
    NotOnStick {
        /// The name.
        name: String,
    },
    /// A stick can't be mounted.
    #[error("can't mount '{}': {reason}", device.display())]
    NotMounted {
        /// Its partition.
        device: PathBuf,
        /// What `mount` said.
        reason: String,
    },
    /// The boot loader's memory and its copy are both damaged.
    #[error("'{}' and its copy hold no memory of the boot loader", path.display())]
    BootMemory {
        /// The file.
        path: PathBuf,
    },
    /// A secret is there already; secrets are never overwritten.
    #[error("'{}' exists and is not overwritten", path.display())]
    SecretExists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read a secret.
    #[error("'{}' has mode {mode:04o}: others than its owner can reach it", path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process holds the lock.
    #[error("'{}' is held by {}", path.display(), name_holder(*holder))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The other process, where it wrote its number down.
        holder: Option<u32>,
    },
}

impl HostError {
    /// What an operator can do about it, as one sentence; `None` where the error itself says all there is.
    pub fn way_out(&self) -> Option<&'static str> {
        use io::ErrorKind::{
            AddrInUse, AddrNotAvailable, NotFound, PermissionDenied, ReadOnlyFilesystem,
            ResourceBusy, StorageFull, Unsupported,
        };
        match self {
            Self::NoSuchLink { .. } | Self::FixedLink { .. } => {
                Some("Name a port of this box in the design; `ip link` lists them.")
            }
            Self::Netlink { source, .. }
            | Self::Setting { source, .. }
            | Self::Connections { source }
            | Self::Events { source }
            | Self::Mode { source, .. }
            | Self::Lamp { source, .. }
                if is(source, PermissionDenied) =>
            {
                Some(NEEDS_NET_ADMIN)
            }
            Self::Mode { .. } => Some(
                "Take 'speed' and 'duplex' of this port out of the design, or write what it can do; `ethtool` lists it.",
            ),
            Self::Lamp { source, .. } if is(source, Unsupported) => Some(
                "The driver of this port can't; plug in a cable and see which port has a carrier: `sekisho-ports list`.",
            ),
            Self::NoQueue { .. } => Some(
                "Load the kernel's queues (`modprobe -a sch_htb sch_tbf`), or take 'line-rate' out of the design.",
            ),
            Self::Tun { source, .. } if is(source, NotFound) => {
                Some("Load the kernel's TUN driver (`modprobe tun`) so that /dev/net/tun exists.")
            }
            Self::Tun { source, .. } if is(source, ResourceBusy) => {
                Some("Another program holds a device of this name; end it or remove the device.")
            }
            Self::Tun { source, .. } if is(source, PermissionDenied) => {
                Some("Run as root, or with CAP_NET_ADMIN and permission to open /dev/net/tun.")
            }
            Self::NotOnStick { .. } => {
                Some("Plug in a stick with FAT, exFAT or ext4, and name the file without a folder.")
            }
            Self::NotMounted { .. } => Some(
                "Look at the stick on a PC: repair it there, format it with FAT, or take another one.",
            ),
            Self::NotOurs { .. } => Some("Remove it, then apply again."),
            Self::NftMissing { .. } => Some("Install the package nftables."),
            Self::NftRefused { stderr } if stderr.contains("Operation not permitted") => {
                Some(NEEDS_NET_ADMIN)
            }
            Self::NftKilled { .. } | Self::NftTimeout { .. } => {
                Some("Apply again; what is in force is read anew first.")
            }
            // The kernel has the same answer for both.
            Self::RefusalLog { source } if is(source, PermissionDenied) => Some(
                "Run as root, or with CAP_NET_ADMIN; end other programs that listen to log group 83.",
            ),
            Self::Bind { source, .. } if is(source, AddrInUse) => {
                Some("Another program uses the port; end it.")
            }
            Self::Bind { source, .. } if is(source, AddrNotAvailable) => {
                Some("The address must be on the device before the socket is bound.")
            }
            Self::Bind { source, .. } if is(source, PermissionDenied) => {
                Some("Run as root, or with CAP_NET_RAW and CAP_NET_BIND_SERVICE.")
            }
            Self::Neighbours { source, .. } if is(source, PermissionDenied) => {
                Some("Run as root, or with CAP_NET_RAW.")
            }
            Self::AddressTaken { .. } => {
                Some("Give that host another address, or the device, then apply again.")
            }
            Self::File { source, .. } if is(source, StorageFull) => Some("Free space on the disk."),
            Self::File { source, .. } if is(source, ReadOnlyFilesystem) => {
                Some("Mount the file system for writing.")
            }
            Self::File { source, .. } if is(source, PermissionDenied) => {
                Some("Run as the user who owns the folder.")
            }
            Self::SecretExposed { .. } => Some("Take the rights of others away: `chmod 600`."),
            Self::Locked { .. } => Some("End the other daemon, or give this one its own folder."),
            Self::Netlink { .. }
            | Self::Lamp { .. }
            | Self::Ports { .. }
            | Self::Tun { .. }
            | Self::Bind { .. }
            | Self::File { .. }
            | Self::Setting { .. }
            | Self::SettingPath { .. }
            | Self::NftRun { .. }
            | Self::NftRefused { .. }
            | Self::NftAnswer { .. }
            | Self::RefusalLog { .. }
            | Self::Connections { .. }
            | Self::Events { .. }
            | Self::Neighbours { .. }
            | Self::TooLarge { .. }
            | Self::BootMemory { .. }
            | Self::SecretExists { .. } => None,
        }
    }
}

const NEEDS_NET_ADMIN: &str = "Run as root, or with CAP_NET_ADMIN.";

fn fix(name: &PortName, mode: Option<PortMode>) -> String {
    match mode {
        Some(mode) => format!("fix the port '{name}' at {} {} duplex", mode.speed(), mode.duplex()),
        None => format!("let the port '{name}' agree on its speed"),
    }
}

fn is(source: &io::Error, kind: io::ErrorKind) -> bool {
    source.kind() == kind
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason")
}

fn name_holders(holders: &[Holder]) -> String {
    let sentences: Vec<String> = holders.iter().map(Holder::to_string).collect();
    sentences.join("; ")
}

fn name_holder(holder: Option<u32>) -> String {
    holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_shows_first_line_only() {
        let error =
            HostError::NftRefused { stderr: "\nError: syntax\nlist table\n  ^\n".to_owned() };
        assert_eq!(error.to_string(), "the packet filter refused: Error: syntax");
        assert_eq!(error.way_out(), None);
        let silent = HostError::NftRefused { stderr: String::new() };
        assert_eq!(silent.to_string(), "the packet filter refused: it gave no reason");
    }

    #[test]
    fn missing_right_has_a_way_out() {
        let denied = || io::Error::from_raw_os_error(nix::libc::EPERM);
        let errors = [
            HostError::Netlink { tried: "add a route".to_owned(), source: denied() },
            HostError::Setting {
                tried: "write",
                path: "net/ipv4/ip_forward".to_owned(),
                source: denied(),
            },
            HostError::NftRefused { stderr: "Error: Operation not permitted".to_owned() },
            HostError::Connections { source: denied() },
            HostError::Events { source: denied() },
        ];
        for error in errors {
            assert_eq!(error.way_out(), Some(NEEDS_NET_ADMIN), "{error}");
        }
        let link = "port1".parse().unwrap();
        let error = HostError::Neighbours { tried: "announce", link, source: denied() };
        assert!(error.way_out().unwrap().contains("CAP_NET_RAW"), "{error}");
    }
}
