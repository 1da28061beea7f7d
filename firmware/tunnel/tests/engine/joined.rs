//! Two engines, each the other's only centre, with a kernel behind each.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant, SystemTime},
};

use sekisho_design::PublicKey;
use sekisho_tunnel::{Centre, Config, Engine, Probing, SecretKey};

use crate::namespace::{DEVICE, Namespace, ip, make_device};

pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(100, 64, 10, 1);
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(100, 72, 1, 10);

/// Two namespaces, joined by two engines. The outer datagrams pass over the near one's loopback.
pub(crate) struct Joined {
    pub(crate) far: Namespace,
    pub(crate) engines: [Engine; 2],
    /// Copies of the engines' sockets.
    pub(crate) sockets: [UdpSocket; 2],
    /// The near engine's key.
    pub(crate) key: PublicKey,
}

impl Joined {
    pub(crate) fn new() -> Self {
        let far = Namespace::new();
        make_device("100.64.10.1", "100.72.0.0/16");
        far.within(|| {
            ip("link set lo up");
            make_device("100.72.1.10", "100.64.0.0/10");
        });
        let keys = [SecretKey::generate(), SecretKey::generate()];
        let sockets = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let endpoints = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let [near_socket, far_socket] =
            sockets.each_ref().map(|socket| socket.try_clone().unwrap());
        let config = |end: usize, socket, device_address, probe| Config {
            tun: DEVICE.to_owned(),
            socket,
            key: keys[end].clone(),
            coming: None,
            centres: vec![Centre {
                name: "other".parse().unwrap(),
                endpoint: Some(endpoints[1 - end]),
                public_key: keys[1 - end].public(),
                probe,
            }],
            device_address,
            largest: 1420,
            probing: Probing::default(),
            stamped_after: SystemTime::UNIX_EPOCH,
        };
        let (near_config, far_config) =
            (config(0, near_socket, NEAR, FAR), config(1, far_socket, FAR, NEAR));
        let near_engine = Engine::start(near_config).unwrap();
        let far_engine = far.within(|| Engine::start(far_config).unwrap());
        let engines = [near_engine, far_engine];
        let joined = Self { far, engines, sockets, key: keys[0].public() };
        let end = Instant::now() + Duration::from_secs(12);
        while joined.engines.iter().any(|engine| engine.status().carrier.is_none()) {
            assert!(Instant::now() < end, "no carrier: {:?}", joined.engines[0].status());
            thread::sleep(Duration::from_millis(10));
        }
        joined
    }

    /// A TCP connection from the near to the far kernel.
    pub(crate) fn connection(&self) -> [TcpStream; 2] {
        let listener = self.far.within(|| TcpListener::bind((FAR, 0)).unwrap());
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, source) = listener.accept().unwrap();
        assert_eq!(source.ip(), NEAR);
        for stream in [&near, &far] {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        }
        [near, far]
    }
}
