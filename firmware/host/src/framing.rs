//! Netlink datagrams: one holds one message or more.

use std::io;

use netlink_packet_core::{DecodeError, NetlinkBuffer, NetlinkMessage, NetlinkSerializable};
use netlink_packet_netfilter::NetfilterMessage;

/// The kernel puts as much of a list into one datagram as its reader has room for, up to this (`netlink_recvmsg`).
pub(crate) const LARGEST: usize = 32 * 1024;

/// Cuts a datagram into messages. One that can't be cut further ends it with an error.
pub(crate) fn frames(datagram: &[u8]) -> impl Iterator<Item = Result<&[u8], DecodeError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let whole = std::mem::take(&mut rest);
        let length = match NetlinkBuffer::new_checked(whole) {
            Ok(frame) => frame.length() as usize,
            Err(error) => return Some(Err(error)),
        };
        // Messages start at multiples of four bytes.
        rest = whole.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Ok(&whole[..length]))
    })
}

/// The messages of a datagram of the packet filter's side. One that can't be read ends it with an error.
pub(crate) fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = io::Result<NetlinkMessage<NetfilterMessage>>> {
    frames(datagram)
        .map(|frame| NetlinkMessage::deserialize(frame?))
        .map(|message| message.map_err(io::Error::other))
}

/// A message as it goes to the kernel.
pub(crate) fn bytes<I: NetlinkSerializable>(message: &NetlinkMessage<I>) -> Vec<u8> {
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of 16 bytes (netlink(7)) and what follows it.
    fn frame(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = 16 + u32::try_from(payload.len()).unwrap();
        let mut frame = length.to_ne_bytes().to_vec();
        frame.extend(kind.to_ne_bytes());
        frame.extend([0; 10]);
        frame.extend(payload);
        frame
    }

    fn kinds(datagram: &[u8]) -> Vec<Option<u16>> {
        let kind =
            |frame: Result<&[u8], _>| frame.ok().map(|f| NetlinkBuffer::new(f).message_type());
        frames(datagram).map(kind).collect()
    }

    #[test]
    fn messages_stand_at_multiples_of_four_bytes() {
        let mut datagram = frame(16, &[1, 2, 3]);
        datagram.push(0);
        datagram.extend(frame(17, &[]));
        assert_eq!(kinds(&datagram), [Some(16), Some(17)]);
        assert_eq!(frames(&datagram).next().unwrap().unwrap().len(), 19, "without the padding");
        assert_eq!(kinds(&frame(20, &[1])), [Some(20)], "the last one needs no padding");
        assert_eq!(kinds(&[]), []);
    }

    #[test]
    fn a_broken_message_ends_the_datagram() {
        let mut datagram = frame(16, &[]);
        datagram.extend([0xff; 7]);
        assert_eq!(kinds(&datagram), [Some(16), None]);
        let mut without_end = frame(16, &[]);
        without_end[0] = 0;
        assert_eq!(kinds(&without_end), [None], "a length of nothing would be read for ever");
        let mut too_long = frame(16, &[]);
        too_long[0] = 17;
        assert_eq!(kinds(&too_long), [None]);
    }
}
