//! Echo requests of a known size, each answered before the next.

use std::{io::Read as _, net::Ipv4Addr, time::Duration};

use anyhow::Context;
use sekisho_lab::Lab;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of each packet: headers of IP and of ICMP, and 100 of data.
pub(crate) const PACKET: usize = 20 + 8 + 100;

const REQUEST: u8 = 8;
const IDENTIFIER: u8 = 7;
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends so many from an address of a host, and hears as many answers.
pub(crate) fn echo(
    lab: &Lab,
    (host, from): (&str, Ipv4Addr),
    to: Ipv4Addr,
    count: u8,
) -> anyhow::Result<()> {
    let exchange = || -> anyhow::Result<()> {
        let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        let end = |address: Ipv4Addr| SockAddr::from(std::net::SocketAddrV4::new(address, 0));
        socket.bind(&end(from))?;
        socket.connect(&end(to))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        for number in 0..count {
            socket.send(&request(number))?;
            let mut answer = [0; PACKET];
            socket.read_exact(&mut answer).with_context(|| format!("echo {number} to {to}"))?;
        }
        Ok(())
    };
    lab.host(host).inside(exchange)?
}

/// RFC 792.
fn request(number: u8) -> Vec<u8> {
    let mut message = [&[REQUEST, 0, 0, 0, 0, IDENTIFIER, 0, number][..], &[0; 100]].concat();
    // The sum of its words, which don't overflow 16 bits here.
    let words = message.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    let checksum = !words.sum::<u16>();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}
