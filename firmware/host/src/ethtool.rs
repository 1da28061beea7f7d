//! Speed, duplex and the lamp of a port: the kernel's ethtool calls (ethtool.h).

use std::{
    collections::BTreeMap,
    io,
    os::fd::AsRawFd,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use nix::libc::{self, EOPNOTSUPP};
use sekisho_design::{Duplex, PortMode, PortName, Speed};
use socket2::{Domain, Socket, Type};

use crate::HostError;

/// The ports of the network namespace of the thread that made it.
#[derive(Debug)]
pub(crate) struct Ethtool {
    socket: Socket,
    /// What ports were set to, by the kernel's number of the link. A fixed port without a carrier has no speed to read.
    set: Mutex<BTreeMap<u32, Option<PortMode>>>,
}

/// What the kernel says of a port's speed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    /// It agrees on it with its neighbour.
    Agreed,
    Fixed(PortMode),
    /// It doesn't say.
    Unknown,
}

impl Ethtool {
    pub(crate) fn open() -> Result<Self, HostError> {
        let socket =
            Socket::new(Domain::IPV4, Type::DGRAM, None).map_err(|source| HostError::Netlink {
                tried: "open a socket to ask ports for their speed".to_owned(),
                source,
            })?;
        Ok(Self { socket, set: Mutex::default() })
    }

    /// The mode that a port is fixed at; `None` where it agrees on one, or can do neither.
    pub(crate) fn mode(&self, name: &PortName, index: u32) -> Option<PortMode> {
        // A link without speeds, or one that has gone since, is fixed at nothing.
        let seen = self.settings(name).map_or(Seen::Unknown, |settings| settings.seen());
        match seen {
            Seen::Agreed => None,
            Seen::Fixed(mode) => Some(mode),
            Seen::Unknown => *self.set().get(&index)?,
        }
    }

    /// What a port runs at: speed in Mb/s and duplex, as far as the driver says.
    pub(crate) fn runs_at(&self, name: &PortName) -> (Option<u32>, Option<Duplex>) {
        self.settings(name).map_or((None, None), |settings| (settings.speed(), settings.duplex()))
    }

    /// Fixes a port at a mode, or lets it agree on one.
    pub(crate) fn set_mode(
        &self,
        name: &PortName,
        index: u32,
        mode: Option<PortMode>,
    ) -> Result<(), HostError> {
        let failed = |source| HostError::Mode { name: name.clone(), mode, source };
        let mut settings = self.settings(name).map_err(failed)?;
        settings.choose(mode).map_err(failed)?;
        self.call(name, &mut settings.0).map_err(failed)?;
        self.set().insert(index, mode);
        Ok(())
    }

    /// Lets a port's lamp blink; returns when it is over. The kernel wants whole seconds.
    pub(crate) fn blink(&self, name: &PortName, time: Duration) -> Result<(), HostError> {
        // Zero would blink until a signal comes.
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX).clamp(1, LONGEST_BLINK);
        self.call(name, &mut [PHYS_ID, seconds])
            .map_err(|source| HostError::Lamp { name: name.clone(), source })
    }

    fn set(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Option<PortMode>>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self, name: &PortName) -> io::Result<Settings> {
        let mut settings = Settings(vec![0; HEADER]);
        settings.0[0] = GET_SETTINGS;
        // The first answer is only how wide the kernel's masks are, as a negative number.
        self.call(name, &mut settings.0)?;
        let words = settings.byte(WIDTH).cast_signed().unsigned_abs();
        let mut settings = Settings(vec![0; HEADER + 3 * usize::from(words)]);
        settings.0[0] = GET_SETTINGS;
        settings.set_byte(WIDTH, words);
        self.call(name, &mut settings.0)?;
        Ok(settings)
    }

    /// One ethtool call: the first word of the data says which, and how long the rest is follows from it.
    #[expect(
        unsafe_code,
        reason = "an ioctl whose argument holds a pointer; no safe wrapper has it"
    )]
    fn call(&self, name: &PortName, data: &mut [u32]) -> io::Result<()> {
        let mut request = Request { name: [0; 16], data: data.as_mut_ptr(), rest: [0; 2] };
        for (byte, letter) in request.name.iter_mut().zip(name.as_str().bytes()) {
            *byte = letter;
        }
        // SAFETY: `Request` has the form and at least the size of `struct ifreq`; its name ends in a zero, because a port's name
        // has 15 bytes at most. The kernel reads and writes what the call in the first word says: two words for PHYS_ID, and
        // for the settings the header and three masks of the width in it, which is what the callers' buffers hold, or
        // the header alone where that width is zero.
        let outcome =
            unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
        match outcome {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// `struct ifreq`, as this call uses it.
#[repr(C)]
struct Request {
    name: [u8; 16],
    data: *mut u32,
    rest: [usize; 2],
}

const _: () = assert!(size_of::<Request>() >= size_of::<libc::ifreq>());

const LONGEST_BLINK: u32 = 60;

/// `ETHTOOL_PHYS_ID`, `ETHTOOL_GLINKSETTINGS`, `ETHTOOL_SLINKSETTINGS`.
const PHYS_ID: u32 = 0x1c;
const GET_SETTINGS: u32 = 0x4c;
const SET_SETTINGS: u32 = 0x4d;

/// `struct ethtool_link_settings`: words before the masks of modes that are supported, offered and offered by the neighbour.
const HEADER: usize = 12;
/// The word of the speed in Mb/s, and bytes: `duplex`, `autoneg`, `link_mode_masks_nwords`.
const SPEED: usize = 1;
const DUPLEX: usize = 8;
const AGREES: usize = 11;
const WIDTH: usize = 15;

/// Bits of the masks (`enum ethtool_link_mode_bit_indices`) that are no speeds: agreement, kinds of sockets, pause, error
/// correction.
const NO_SPEEDS: [usize; 13] = [AUTONEG, 7, 8, 9, 10, 11, 13, 14, 16, 49, 50, 51, 74];
const AUTONEG: usize = 6;

/// `struct ethtool_link_settings` with its masks.
#[derive(Clone)]
struct Settings(Vec<u32>);

impl Settings {
    fn byte(&self, at: usize) -> u8 {
        self.0[at / 4].to_ne_bytes()[at % 4]
    }

    fn set_byte(&mut self, at: usize, value: u8) {
        let mut bytes = self.0[at / 4].to_ne_bytes();
        bytes[at % 4] = value;
        self.0[at / 4] = u32::from_ne_bytes(bytes);
    }

    /// In Mb/s. Where there is none to tell, drivers write 0 or all ones (`SPEED_UNKNOWN`).
    fn speed(&self) -> Option<u32> {
        Some(self.0[SPEED]).filter(|speed| ![0, u32::MAX].contains(speed))
    }

    fn duplex(&self) -> Option<Duplex> {
        match self.byte(DUPLEX) {
            0 => Some(Duplex::Half),
            1 => Some(Duplex::Full),
            _ => None,
        }
    }

    fn words(&self) -> usize {
        (self.0.len() - HEADER) / 3
    }

    fn supported(&self) -> &[u32] {
        &self.0[HEADER..HEADER + self.words()]
    }

    fn offered(&self) -> &[u32] {
        &self.0[HEADER + self.words()..HEADER + 2 * self.words()]
    }

    /// A port that can't agree with its neighbour has no other speed than its own, whatever it calls that.
    fn seen(&self) -> Seen {
        if !has(self.supported(), AUTONEG) {
            return Seen::Unknown;
        }
        let gigabit = PortMode::new(Speed::Gbps1, Duplex::Full);
        if self.byte(AGREES) != 0 {
            let only = |mask: &[u32]| gigabit.is_some_and(|mode| speeds(mask) == [bit(mode)]);
            return match gigabit {
                Some(_) if only(self.supported()) => Seen::Unknown,
                Some(mode) if only(self.offered()) => Seen::Fixed(mode),
                _ => Seen::Agreed,
            };
        }
        let speed = Speed::ALL.into_iter().find(|speed| megabits(*speed) == self.0[SPEED]);
        let mode =
            speed.zip(self.duplex()).and_then(|(speed, duplex)| PortMode::new(speed, duplex));
        mode.map_or(Seen::Unknown, Seen::Fixed)
    }

    /// Turns what was read into what is to be set. At a gigabit two ports must agree on who gives the clock (IEEE 802.3, 40.4):
    /// a port is fixed there by offering nothing else.
    fn choose(&mut self, mode: Option<PortMode>) -> io::Result<()> {
        let able = mode.is_none_or(|mode| has(self.supported(), bit(mode)));
        if !able || !has(self.supported(), AUTONEG) {
            return Err(io::Error::from_raw_os_error(EOPNOTSUPP));
        }
        self.0[0] = SET_SETTINGS;
        let words = self.words();
        let mut offered = self.supported().to_vec();
        match mode {
            Some(mode) if mode.speed() != Speed::Gbps1 => {
                self.0[SPEED] = megabits(mode.speed());
                self.set_byte(DUPLEX, u8::from(mode.duplex() == Duplex::Full));
                self.set_byte(AGREES, 0);
                return Ok(());
            }
            Some(mode) => {
                for other in speeds(&offered).into_iter().filter(|speed| *speed != bit(mode)) {
                    offered[other / 32] &= !(1 << (other % 32));
                }
            }
            None => {}
        }
        self.set_byte(AGREES, 1);
        self.0[HEADER + words..HEADER + 2 * words].copy_from_slice(&offered);
        Ok(())
    }
}

fn has(mask: &[u32], bit: usize) -> bool {
    mask.get(bit / 32).is_some_and(|word| word & (1 << (bit % 32)) != 0)
}

fn speeds(mask: &[u32]) -> Vec<usize> {
    (0..32 * mask.len()).filter(|bit| has(mask, *bit) && !NO_SPEEDS.contains(bit)).collect()
}

/// `10baseT/Half` is the first bit, then `10baseT/Full`, and so on.
fn bit(mode: PortMode) -> usize {
    let speed = match mode.speed() {
        Speed::Mbps10 => 0,
        Speed::Mbps100 => 2,
        Speed::Gbps1 => 4,
    };
    speed + usize::from(mode.duplex() == Duplex::Full)
}

fn megabits(speed: Speed) -> u32 {
    match speed {
        Speed::Mbps10 => 10,
        Speed::Mbps100 => 100,
        Speed::Gbps1 => 1000,
    }
}

#[cfg(test)]
mod tests;
