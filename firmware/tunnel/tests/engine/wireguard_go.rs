//! A centre that is a process of wireguard-go, and an engine's place beside it.
//!
//! All centres stand in the test's own namespace, each with a device of its own; each engine has its device in another
//! namespace. Outer datagrams pass over loopback, through a [`Relay`].

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sekisho_design::PublicKey;
use sekisho_tunnel::{Centre, Config, Engine, Probing, SecretKey};

use crate::{
    namespace::{DEVICE, Namespace, ip, make_device},
    relay::Relay,
    requests::Requests,
};

/// How long anything may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A process of wireguard-go with one peer.
pub(crate) struct Go {
    name: String,
    key: SecretKey,
    listen: SocketAddr,
    process: Child,
}

impl Go {
    /// Starts it with a device `go-N` that has the address 100.72.N.1 and leads to 100.64.N.1.
    fn start(number: u8, key: SecretKey) -> Self {
        // Its control sockets have a fixed place.
        if !fs::exists("/run/wireguard").unwrap() {
            let mount = Command::new("mount").args(["-t", "tmpfs", "none", "/run"]).status();
            assert!(mount.unwrap().success());
            fs::create_dir("/run/wireguard").unwrap();
        }
        let name = format!("go-{number}");
        let process = Command::new("wireguard-go")
            .args(["-f", &name])
            .env("LOG_LEVEL", "error")
            .stdin(Stdio::null())
            .spawn()
            .expect("wireguard-go (Debian's package of that name)");
        let listen = SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::from(number)));
        let go = Self { name, key, listen, process };
        wait(|| fs::exists(go.socket()).unwrap(), "wireguard-go takes no orders");
        go.order(&format!("private_key={}\nlisten_port={}\n", hex(&go.key), listen.port()));
        ip(&format!("link set {} addrgenmode none mtu 1420 up", go.name));
        ip(&format!("address add 100.72.{number}.1/32 dev {}", go.name));
        ip(&format!("route add 100.64.{number}.1/32 dev {}", go.name));
        go
    }

    /// Forgets whom it knew and takes this peer, who is found at `endpoint`.
    fn meet(&self, peer: PublicKey, endpoint: SocketAddr) {
        let peer = hex_of(peer.as_bytes());
        self.order("replace_peers=true\n");
        self.order(&format!("public_key={peer}\nendpoint={endpoint}\nallowed_ip=0.0.0.0/0\n"));
    }

    /// Gives orders by its control socket ("cross-platform userspace implementation" protocol).
    fn order(&self, orders: &str) {
        let mut control = UnixStream::connect(self.socket()).unwrap();
        control.write_all(format!("set=1\n{orders}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer).unwrap();
        assert_eq!(answer, "errno=0\n", "{orders}");
    }

    fn socket(&self) -> String {
        format!("/run/wireguard/{}.sock", self.name)
    }
}

impl Drop for Go {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.socket());
    }
}

fn hex(key: &SecretKey) -> String {
    hex_of(&BASE64_STANDARD.decode(key.to_base64()).unwrap())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

pub(crate) fn wait(mut condition: impl FnMut() -> bool, otherwise: &str) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{otherwise} in {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An engine's place, its centre and what is between them.
pub(crate) struct Scene {
    pub(crate) number: u8,
    pub(crate) near: Namespace,
    key: SecretKey,
    go: Option<Go>,
    go_key: SecretKey,
    pub(crate) relay: Relay,
}

impl Scene {
    pub(crate) fn new(number: u8) -> Self {
        let near = Namespace::new();
        near.within(|| {
            ip("link set lo up");
            make_device(&format!("100.64.{number}.1"), "100.72.0.0/16");
        });
        let (key, go_key) = (SecretKey::generate(), SecretKey::generate());
        let go = Go::start(number, go_key.clone());
        let relay = Relay::start(go.listen);
        let scene = Self { number, near, key, go: Some(go), go_key, relay };
        scene.meet();
        scene
    }

    pub(crate) fn go(&self) -> &Go {
        self.go.as_ref().expect("the centre is away")
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.go().listen
    }

    /// The centre forgets what it knew of the engine.
    pub(crate) fn meet(&self) {
        self.go().meet(self.key.public(), self.relay.for_centre);
    }

    /// The centre has a packet to send.
    pub(crate) fn kick(&self) {
        let socket = UdpSocket::bind((self.far_address(), 0)).unwrap();
        socket.send_to(b"kick", (self.near_address(), 9)).unwrap();
    }

    pub(crate) fn near_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(100, 64, self.number, 1)
    }

    pub(crate) fn far_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(100, 72, self.number, 1)
    }

    pub(crate) fn start_engine(&self, stamped_after: SystemTime) -> Engine {
        self.start_engine_in(&self.near, &self.relay, stamped_after)
    }

    /// An engine with the same key and centre in another place.
    pub(crate) fn start_engine_in(
        &self,
        place: &Namespace,
        relay: &Relay,
        stamped_after: SystemTime,
    ) -> Engine {
        let config = Config {
            tun: DEVICE.to_owned(),
            socket: UdpSocket::bind("127.0.0.1:0").unwrap(),
            key: self.key.clone(),
            coming: None,
            centres: vec![Centre {
                name: "east".parse().unwrap(),
                endpoint: Some(relay.for_engine),
                public_key: self.go_key.public(),
                probe: self.far_address(),
            }],
            device_address: self.near_address(),
            largest: 1420,
            probing: Probing::default(),
            stamped_after,
        };
        place.within(|| Engine::start(config).unwrap())
    }

    /// The centre's process dies and another one starts, which knows nothing of any session.
    pub(crate) fn restart_go(&mut self) {
        self.stop_go();
        self.start_go();
    }

    pub(crate) fn stop_go(&mut self) {
        self.go = None;
    }

    pub(crate) fn start_go(&mut self) {
        self.go = Some(Go::start(self.number, self.go_key.clone()));
        self.meet();
    }

    pub(crate) fn near_socket(&self) -> UdpSocket {
        self.near.within(|| UdpSocket::bind((self.near_address(), 0)).unwrap())
    }

    pub(crate) fn far_socket(&self) -> UdpSocket {
        UdpSocket::bind((self.far_address(), 0)).unwrap()
    }

    /// Requests from the engine's side, and from the centre's.
    pub(crate) fn requests(&self) -> [Requests; 2] {
        let back = Requests::start(self.far_socket(), self.near_socket());
        [self.requests_to_centre(), back]
    }

    /// Requests from the engine's side only: the centre sends nothing by itself, so it starts no handshake.
    pub(crate) fn requests_to_centre(&self) -> Requests {
        Requests::start(self.near_socket(), self.far_socket())
    }
}
