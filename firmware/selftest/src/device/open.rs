//! Which sockets of the box take something from anybody (proc(5), `/proc/net/tcp` and its siblings).

use std::{
    collections::BTreeSet,
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV4},
    path::Path,
};

use sekisho_host::Transport;

/// The sockets that listen in the network namespace that the folder shows: `/proc/net` for that of this process.
///
/// # Errors
/// Which file can't be read, and why.
pub fn open_sockets(folder: &Path) -> Result<Vec<(Transport, SocketAddrV4)>, String> {
    let mut open = Vec::new();
    for transport in [Transport::Tcp, Transport::Udp] {
        let mut found = BTreeSet::new();
        for version in ["", "6"] {
            let path = folder.join(format!("{}{version}", transport.to_string().to_lowercase()));
            match fs::read_to_string(&path) {
                Ok(table) => found.extend(listening(transport, &table)),
                // A kernel without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound && version == "6" => {}
                Err(error) => return Err(format!("can't read '{}': {error}", path.display())),
            }
        }
        open.extend(found.into_iter().map(|address| (transport, address)));
    }
    Ok(open)
}

/// Where sockets listen, by such a table, that of IPv4 or of IPv6: a socket for all of IPv6 hears IPv4 as well, unless it
/// forwent that, which the table doesn't say. What can't be understood is left out.
pub fn listening(transport: Transport, table: &str) -> BTreeSet<SocketAddrV4> {
    table.lines().filter_map(|line| socket(transport, line)).collect()
}

/// The kernel's numbers of states: of a connection that is waited for, and of a socket that isn't tied to one other end.
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

fn socket(transport: Transport, line: &str) -> Option<SocketAddrV4> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (own, _, state) = (words.next()?, words.next()?, words.next()?);
    let waits = match transport {
        Transport::Tcp => LISTEN,
        Transport::Udp => CLOSE,
    };
    let (address, port) = own.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (state == waits && port != 0).then_some(SocketAddrV4::new(ipv4(address)?, port))
}

/// Words of 32 bits, each in the byte order of the machine, of which there are one or four.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let word = |at: usize| {
        let digits = text.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => word(0).map(Ipv4Addr::from),
        32 => {
            let mut bytes = [0; 16];
            for (at, room) in bytes.chunks_exact_mut(4).enumerate() {
                room.copy_from_slice(&word(at)?);
            }
            let address = Ipv6Addr::from(bytes);
            if address.is_unspecified() {
                Some(Ipv4Addr::UNSPECIFIED)
            } else {
                address.to_ipv4_mapped()
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use proptest::prelude::*;

    use super::*;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0101A8C0:0050 0701A8C0:C001 01 00000000:00000000 00:00000000 00000000     0        0 3 1
";

    const TCP6: &str = "\
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0 0 0
   1: 0000000000000000FFFF00000101A8C0:0017 00000000000000000000000000000000:0000 0A 0 0 0
   2: 00000000000000000000000001000000:0018 00000000000000000000000000000000:0000 0A 0 0 0
";

    fn read(transport: Transport, table: &str) -> Vec<String> {
        listening(transport, table).iter().map(SocketAddrV4::to_string).collect()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn listeners_are_read_and_connections_are_not() {
        assert_eq!(read(Transport::Tcp, TCP), ["0.0.0.0:80", "127.0.0.1:53"]);
        let expected = ["0.0.0.0:22", "192.168.1.1:23"];
        assert_eq!(read(Transport::Tcp, TCP6), expected, "what hears IPv4 as well");
        let udp = TCP.replace(" 0A ", " 07 ");
        assert_eq!(read(Transport::Udp, &udp), ["0.0.0.0:80", "127.0.0.1:53"]);
        assert_eq!(read(Transport::Udp, TCP), [""; 0]);
    }

    #[test]
    fn own_listeners_are_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tied = UdpSocket::bind("127.0.0.1:0").unwrap();
        tied.connect(udp.local_addr().unwrap()).unwrap();
        let open = open_sockets(Path::new("/proc/net")).unwrap();
        let has = |transport, address: std::net::SocketAddr| {
            open.iter().any(|(t, found)| *t == transport && address == (*found).into())
        };
        assert!(has(Transport::Tcp, tcp.local_addr().unwrap()));
        assert!(has(Transport::Udp, udp.local_addr().unwrap()));
        assert!(!has(Transport::Udp, tied.local_addr().unwrap()));
    }

    #[test]
    fn a_table_that_cannot_be_read_is_named() {
        let error = open_sockets(Path::new("/nonexistent")).unwrap_err();
        assert!(error.starts_with("can't read '/nonexistent/tcp'"), "{error}");
    }

    proptest! {
        #[test]
        fn any_table_is_read_without_panic(table in any::<String>()) {
            let _ = listening(Transport::Tcp, &table);
        }

        #[test]
        fn any_line_is_read_without_panic(
            address in "[0-9A-Fa-fé]{0,40}",
            port in "[0-9A-F]{0,5}",
            state in "0A|07|x",
        ) {
            let _ = listening(Transport::Udp, &format!("0: {address}:{port} 0:0 {state} 0"));
        }

        #[test]
        fn what_the_kernel_writes_is_read_back(address in any::<[u8; 4]>(), port in 1..=u16::MAX) {
            let line = format!("0: {:08X}:{port:04X} 0:0 0A 0", u32::from_ne_bytes(address));
            let expected = SocketAddrV4::new(address.into(), port);
            prop_assert_eq!(listening(Transport::Tcp, &line), [expected].into());
        }
    }
}
