//! What a datagram can be, and why one changes nothing.

use boringtun::noise::errors::WireGuardError;

/// A WireGuard message, by type and length (WireGuard, clause 5.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Message {
    Initiation,
    Response,
    Cookie,
    Data,
}

/// What a datagram turned out to be. Only the first three come from the holder of the peer's key, so only after them
/// may the caller take the datagram's source as the peer's endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opened {
    /// A packet for the tunnel.
    Data,
    /// A handshake message that was accepted.
    Handshake,
    /// An empty data message.
    Keepalive,
    /// Dropped, or taken without telling anything about its sender.
    Rejected(Rejection),
}

/// Why a datagram changed nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejection {
    /// Of no kind or length that WireGuard knows.
    Malformed,
    /// Not made by the holder of the peer's key for ours.
    Forged,
    /// Seen before, or older than what has been seen.
    Replayed,
    /// Belongs to no handshake or session that stands.
    NoSession,
    /// A handshake message beyond the rate limit; a cookie was sent back (WireGuard, clause 5.3).
    UnderLoad,
    /// A cookie from a peer that is under load. It is kept for the next handshake.
    Cookie,
    /// An initiation that crossed one of ours. It is looked at again in the next [`Session::tick`](super::Session::tick).
    Crossing,
    /// Sealed by the peer, and what it holds is no IPv4 packet.
    NotIpv4,
}

impl Message {
    /// Longer than any datagram.
    pub(super) const LONGEST: usize = 1 << 16;
    /// WireGuard gives up a key before its counter comes this close to the end (`REJECT_AFTER_MESSAGES`), and the
    /// library's replay window is not made for what lies beyond.
    const LAST_COUNTER: u64 = u64::MAX - (1 << 13);

    pub(super) fn of(datagram: &[u8]) -> Option<Self> {
        let (kind, rest) = datagram.split_first_chunk::<4>()?;
        match (u32::from_le_bytes(*kind), datagram.len()) {
            (1, 148) => Some(Self::Initiation),
            (2, 92) => Some(Self::Response),
            (3, 64) => Some(Self::Cookie),
            (4, 32..=Self::LONGEST) => {
                let counter = rest.get(4..)?.first_chunk::<8>()?;
                (u64::from_le_bytes(*counter) < Self::LAST_COUNTER).then_some(Self::Data)
            }
            _ => None,
        }
    }

    /// The index of the session that a message is for, as it names it; none for an initiation and for what is no message.
    pub(super) fn receiver(datagram: &[u8]) -> Option<u32> {
        let at = match Self::of(datagram)? {
            Self::Initiation => return None,
            Self::Response => 8,
            Self::Cookie | Self::Data => 4,
        };
        Some(u32::from_le_bytes(*datagram.get(at..)?.first_chunk()?))
    }
}

impl Rejection {
    pub(super) fn of(error: &WireGuardError) -> Self {
        match error {
            WireGuardError::InvalidPacket
            | WireGuardError::IncorrectPacketLength
            | WireGuardError::WrongPacketType
            | WireGuardError::DestinationBufferTooSmall => Self::Malformed,
            WireGuardError::WrongKey
            | WireGuardError::InvalidMac
            | WireGuardError::InvalidAeadTag
            | WireGuardError::InvalidTai64nTimestamp
            | WireGuardError::LockFailed => Self::Forged,
            WireGuardError::InvalidCounter
            | WireGuardError::DuplicateCounter
            | WireGuardError::WrongTai64nTimestamp => Self::Replayed,
            WireGuardError::NoCurrentSession
            | WireGuardError::WrongIndex
            | WireGuardError::UnexpectedPacket
            | WireGuardError::ConnectionExpired => Self::NoSession,
            WireGuardError::UnderLoad => Self::UnderLoad,
        }
    }
}
