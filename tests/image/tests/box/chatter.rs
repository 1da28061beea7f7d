//! Hosts that speak to the box and through it all the time, so that its silence shows something.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use sekisho_image_tests::NICS;
use sekisho_lab::{Lab, Namespace, PLATFORM_WEB, TUNNEL_PORT};
use socket2::{Domain, Protocol, Socket, Type};

const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(300);
/// An echo request with its checksum (RFC 792).
const PING: [u8; 8] = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];

pub(crate) struct Chatter {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Chatter {
    /// LGWAN's router and a host of each LAN send to the addresses that the box will have, and through it to each other.
    /// They know its cards, so that packets go out before it answers anybody's ARP; they ask by ARP as well.
    pub(crate) fn towards_the_box(lab: &Lab) -> anyhow::Result<Self> {
        let addresses = lab.addresses();
        let (terminal, school) = (addresses.host("terminal")?, addresses.host("school")?);
        let lgwan = addresses.device_lgwan.addr();
        let mut chatter = Self { stop: Arc::default(), sent: Arc::default(), threads: Vec::new() };
        for (name, device, beyond, card) in [
            ("lgwan", lgwan, terminal.address, NICS[0]),
            ("terminal", addresses.device(terminal.lan)?.addr(), PLATFORM_WEB, NICS[1]),
            ("school", addresses.device(school.lan)?.addr(), terminal.address, NICS[2]),
        ] {
            let host = lab.host(name);
            let (device_text, beyond_text) = (device.to_string(), beyond.to_string());
            let neighbour = ["ip", "neigh", "replace", &device_text, "lladdr", card, "dev", "eth0"];
            host.must(&neighbour)?;
            if name == "lgwan" {
                host.must(&["ip", "route", "replace", &beyond_text, "via", &device_text])?;
            }
            chatter.start(host.clone(), vec![device, beyond], next_to(device))?;
        }
        Ok(chatter)
    }

    /// Ends it, and tells how many packets went out.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        self.sent.load(Ordering::Relaxed)
    }

    fn start(&mut self, host: Namespace, to: Vec<Ipv4Addr>, asked: Ipv4Addr) -> anyhow::Result<()> {
        let (stop, sent) = (Arc::clone(&self.stop), Arc::clone(&self.sent));
        self.threads.push(thread::Builder::new().name("chatter".to_owned()).spawn(move || {
            let _ = host.inside(|| {
                while !stop.load(Ordering::Relaxed) {
                    let packets = to.iter().map(|address| speak(*address)).sum::<u64>();
                    // Nobody is there: the kernel asks by ARP, again and again.
                    sent.fetch_add(packets + speak(asked), Ordering::Relaxed);
                    thread::sleep(PAUSE);
                }
            });
        })?);
        Ok(())
    }
}

fn next_to(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) ^ 1)
}

/// A ping, a datagram for the tunnel, and one try for a TCP connection; how many of them left.
fn speak(to: Ipv4Addr) -> u64 {
    let ping = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))
        .and_then(|socket| socket.send_to(&PING, &SocketAddr::from((to, 0)).into()));
    let datagram = UdpSocket::bind("0.0.0.0:0")
        .and_then(|socket| socket.send_to(b"for the tunnel", (to, TUNNEL_PORT)));
    // It never answers; the attempt has left all the same.
    let _ = TcpStream::connect_timeout(&SocketAddr::from((to, 443)), PATIENCE);
    u64::from(ping.is_ok()) + u64::from(datagram.is_ok())
}
