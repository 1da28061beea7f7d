//! An office host on smoltcp, for tests: packets and time go in, packets come out.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddrV4},
    time::Instant,
};

use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::{icmp, tcp, udp},
    wire::{HardwareAddress, Icmpv4Packet, Icmpv4Repr, IpAddress, IpCidr, IpEndpoint},
};

pub(super) struct Client {
    interface: Interface,
    queue: Queue,
    sockets: SocketSet<'static>,
    epoch: Instant,
}

impl Client {
    pub(super) fn new(address: Ipv4Addr) -> Self {
        let mut queue = Queue::default();
        let zero = smoltcp::time::Instant::ZERO;
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut queue, zero);
        interface
            .update_ip_addrs(|all| all.push(IpCidr::new(IpAddress::Ipv4(address), 32)).unwrap());
        interface.routes_mut().add_default_ipv4_route(address).unwrap();
        Self { interface, queue, sockets: SocketSet::new(Vec::new()), epoch: Instant::now() }
    }

    pub(super) fn connect(&mut self, port: u16, to: &str) -> SocketHandle {
        let mut socket = Self::socket();
        socket.connect(self.interface.context(), endpoint(to), port).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn listen(&mut self, port: u16) -> SocketHandle {
        let mut socket = Self::socket();
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Everything that a connection has received and not given out yet.
    pub(super) fn received(&mut self, handle: SocketHandle) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(n) = self.tcp(handle).recv(|bytes| {
            all.extend_from_slice(bytes);
            (bytes.len(), bytes.len())
        }) && n > 0
        {}
        all
    }

    pub(super) fn ask(&mut self, question: &[u8], to: &str) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(5353).unwrap();
        socket.send_slice(question, endpoint(to)).unwrap();
        self.sockets.add(socket)
    }

    pub(super) fn answer(&mut self, handle: SocketHandle) -> Option<(Vec<u8>, IpEndpoint)> {
        let (bytes, from) = self.sockets.get_mut::<udp::Socket<'_>>(handle).recv().ok()?;
        Some((bytes.to_vec(), from.endpoint))
    }

    pub(super) fn ping(&mut self, to: Ipv4Addr) -> SocketHandle {
        let buffer =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
        let mut socket = icmp::Socket::new(buffer(), buffer());
        socket.bind(icmp::Endpoint::Ident(7)).unwrap();
        let request = Icmpv4Repr::EchoRequest { ident: 7, seq_no: 1, data: b"ping" };
        let payload = socket.send(request.buffer_len(), IpAddress::Ipv4(to)).unwrap();
        let mut packet = Icmpv4Packet::new_unchecked(payload);
        request.emit(&mut packet, &smoltcp::phy::ChecksumCapabilities::default());
        self.sockets.add(socket)
    }

    /// Who answered the ping.
    pub(super) fn pong(&mut self, handle: SocketHandle) -> Option<IpAddress> {
        let (_, from) = self.sockets.get_mut::<icmp::Socket<'_>>(handle).recv().ok()?;
        Some(from)
    }

    /// Lets go of a socket, so that its port is free again.
    pub(super) fn forget(&mut self, handle: SocketHandle) {
        self.sockets.remove(handle);
    }

    pub(super) fn poll(&mut self, now: Instant) {
        let now = smoltcp::time::Instant::ZERO + now.duration_since(self.epoch).into();
        self.interface.poll(now, &mut self.queue, &mut self.sockets);
    }

    pub(super) fn give(&mut self, packet: &[u8]) {
        self.queue.inbound.push_back(packet.to_vec());
    }

    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.queue.outbound.pop_front()
    }

    fn socket() -> tcp::Socket<'static> {
        let buffer = || tcp::SocketBuffer::new(vec![0; 32 * 1024]);
        tcp::Socket::new(buffer(), buffer())
    }
}

fn endpoint(text: &str) -> IpEndpoint {
    let end: SocketAddrV4 = text.parse().unwrap();
    IpEndpoint::new(IpAddress::Ipv4(*end.ip()), end.port())
}

#[derive(Default)]
struct Queue {
    inbound: VecDeque<Vec<u8>>,
    outbound: VecDeque<Vec<u8>>,
}

struct Received(Vec<u8>);

struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl Device for Queue {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received, Sending<'_>)> {
        let packet = self.inbound.pop_front()?;
        Some((Received(packet), Sending(&mut self.outbound)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.outbound))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1420;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}
