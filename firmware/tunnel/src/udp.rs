//! Batches from and to the network, with UDP segmentation and receive offload.

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt},
};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use crate::{Ecn, TunnelError, TypeOfService, transport::Network};

/// A UDP socket that sends and receives runs of datagrams in one call. It doesn't block and sets "don't fragment".
pub struct Udp {
    network: Box<dyn Network>,
}

/// The kernel's socket.
pub(crate) struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Udp {
    /// Prepares a bound socket. Its queues are made larger, beyond the system's limit where the caller may do so.
    ///
    /// # Errors
    /// [`TunnelError::Socket`].
    pub fn new(socket: UdpSocket) -> Result<Self, TunnelError> {
        Socket::new(socket).map(Self::over).map_err(TunnelError::Socket)
    }

    pub(crate) fn over(network: impl Network + 'static) -> Self {
        Self { network: Box::new(network) }
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.network.local_addr()
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.network.as_fd()
    }
}

impl Socket {
    /// Bytes that the kernel may queue each way: a third of a second at 100 Mbit/s, eight batches of superpackets.
    const QUEUE: usize = 4 << 20;

    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        setsockopt(&socket, sockopt::RcvBufForce, &Self::QUEUE)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &Self::QUEUE))?;
        setsockopt(&socket, sockopt::SndBufForce, &Self::QUEUE)
            .or_else(|_| setsockopt(&socket, sockopt::SndBuf, &Self::QUEUE))?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // The library asks for times of arrival, which nobody here reads. With them the kernel's notes about a run don't
        // fit into its buffer, and the last of them, the mark of congestion, is lost.
        setsockopt(&socket, sockopt::ReceiveTimestampns, &false)?;
        Ok(Self { socket, state })
    }
}

impl Network for Socket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The library's own sending knows ECN but no codepoint, and says zero by each datagram, which counts more than an
    /// option of the socket.
    fn send(
        &self,
        (to, service): (SocketAddr, TypeOfService),
        contents: &[u8],
        segment: Option<u16>,
    ) -> io::Result<()> {
        let (service, class) = (service.byte(), i32::from(service.byte()));
        let urgency = if to.is_ipv4() {
            ControlMessage::Ipv4Tos(&service)
        } else {
            ControlMessage::Ipv6TClass(&class)
        };
        let alone = [urgency];
        let with_length =
            segment.as_ref().map(|length| [urgency, ControlMessage::UdpGsoSegments(length)]);
        let control = with_length.as_ref().map_or(&alone[..], |both| &both[..]);
        loop {
            let sent = sendmsg(
                self.socket.as_raw_fd(),
                &[IoSlice::new(contents)],
                control,
                MsgFlags::empty(),
                Some(&SockaddrStorage::from(to)),
            );
            match sent {
                Err(Errno::EINTR) => {}
                sent => return sent.map(drop).map_err(io::Error::from),
            }
        }
    }

    fn receive(&self, runs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.socket), runs, meta)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A batch received from the network. Its memory is allocated once, 1 MB.
pub struct DatagramsIn {
    bytes: Vec<u8>,
    meta: [RecvMeta; Self::RUNS],
    count: usize,
}

impl DatagramsIn {
    /// Runs in a batch. A run is up to 64 datagrams of one size from one source.
    const RUNS: usize = 16;
    const RUN_BYTES: usize = 1 << 16;

    /// An empty batch.
    pub fn new() -> Self {
        Self {
            bytes: vec![0; Self::RUNS * Self::RUN_BYTES],
            meta: [RecvMeta::default(); Self::RUNS],
            count: 0,
        }
    }

    /// Replaces the batch by what waits in the socket, without blocking: possibly nothing.
    ///
    /// # Errors
    /// What the kernel says; the next call may well succeed.
    pub fn receive(&mut self, udp: &Udp) -> io::Result<()> {
        self.count = 0;
        let mut runs = self.bytes.chunks_exact_mut(Self::RUN_BYTES);
        let mut slices: [IoSliceMut<'_>; Self::RUNS] =
            std::array::from_fn(|_| IoSliceMut::new(runs.next().unwrap_or_default()));
        match udp.network.receive(&mut slices, &mut self.meta) {
            Ok(count) => {
                self.count = count;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether no datagram is in the batch.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The runs of the batch in order: their source, what the way said of congestion, and their datagrams, at most 64.
    pub fn runs(&self) -> impl Iterator<Item = (SocketAddr, Ecn, impl Iterator<Item = &[u8]>)> {
        let runs = self.meta[..self.count].iter().zip(self.bytes.chunks_exact(Self::RUN_BYTES));
        runs.map(|(meta, run)| {
            let datagrams = run[..meta.len].chunks(meta.stride.max(1));
            (meta.addr, Ecn::of_datagram(meta.ecn), datagrams)
        })
    }
}

impl Default for DatagramsIn {
    fn default() -> Self {
        Self::new()
    }
}

/// A batch on its way to the network: neighbouring datagrams of one size, one destination and one type of service leave
/// as one run.
pub struct DatagramsOut {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    dropped: u64,
}

struct Run {
    to: SocketAddr,
    service: TypeOfService,
    start: usize,
    length: usize,
    segment: usize,
    count: usize,
}

impl DatagramsOut {
    /// Bytes in a batch: 256 packets of ordinary length, and as much again for what a session held back.
    const BYTES: usize = 1 << 20;
    /// The longest UDP payload over IPv4.
    const RUN_BYTES: usize = 65_507;
    /// How long a batch waits for a full socket, all its runs together, before what is left is dropped.
    const PATIENCE: Duration = Duration::from_millis(20);

    /// An empty batch.
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(Self::BYTES), runs: Vec::new(), dropped: 0 }
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Adds a datagram. A batch without room, and a datagram longer than UDP carries, is dropped and counted.
    pub fn push(&mut self, to: SocketAddr, datagram: &[u8], service: TypeOfService) {
        if datagram.len() > Self::RUN_BYTES || self.bytes.len() + datagram.len() > Self::BYTES {
            self.dropped += 1;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        match self.runs.last_mut() {
            Some(run) if run.takes(to, datagram.len(), service) => {
                run.length += datagram.len();
                run.count += 1;
            }
            _ => {
                self.runs.push(Run {
                    to,
                    service,
                    start,
                    length: datagram.len(),
                    segment: datagram.len(),
                    count: 1,
                });
            }
        }
    }

    /// Sends the batch and empties it. What the socket doesn't take is dropped and counted: an unreachable centre, a
    /// refusal by the packet filter or a queue that stays full is the protocols' business inside the tunnel.
    pub fn send(&mut self, udp: &Udp) {
        let mut patience = Patience::default();
        for run in &self.runs {
            let contents = &self.bytes[run.start..run.start + run.length];
            self.dropped += run.send(udp, contents, &mut patience);
        }
        self.runs.clear();
        self.bytes.clear();
    }

    /// Datagrams dropped since the batch was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Default for DatagramsOut {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    /// The kernel's `UDP_MAX_SEGMENTS` of every kernel that has the option.
    const SEGMENTS: usize = 64;

    /// Only the last datagram of a run may be shorter, and none may be longer.
    fn takes(&self, to: SocketAddr, length: usize, service: TypeOfService) -> bool {
        self.to == to
            && self.service == service
            && length != 0
            && length <= self.segment
            && self.length == self.segment * self.count
            && self.count < Self::SEGMENTS
            && self.length + length <= DatagramsOut::RUN_BYTES
    }

    /// How many datagrams were dropped.
    fn send(&self, udp: &Udp, contents: &[u8], patience: &mut Patience) -> u64 {
        let segment = u16::try_from(self.segment).ok().filter(|_| self.count > 1);
        match self.send_patiently(udp, contents, segment, patience) {
            Ok(()) => return 0,
            // Either the driver can't segment, or the route is away; one by one tells which. The library would take it
            // for the driver and never try again, so a moment without a route would cost half the throughput for good.
            Err(error) if is_without_offload(&error) && self.count > 1 => {}
            Err(error) => {
                tracing::trace!(%error, to = %self.to, "the network refused a run of datagrams");
                return self.count as u64;
            }
        }
        contents
            .chunks(self.segment.max(1))
            .filter(|datagram| self.send_patiently(udp, datagram, None, patience).is_err())
            .count() as u64
    }

    fn send_patiently(
        &self,
        udp: &Udp,
        contents: &[u8],
        segment: Option<u16>,
        patience: &mut Patience,
    ) -> io::Result<()> {
        let to = (self.to, self.service);
        match udp.network.send(to, contents, segment) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && patience.wait(udp)? => {
                udp.network.send(to, contents, segment)
            }
            sent => sent,
        }
    }
}

/// How long a batch still waits for its socket: a thread that waits for each run of a batch would be late for its timers.
#[derive(Default)]
struct Patience {
    until: Option<Instant>,
}

impl Patience {
    /// Waits until the socket has room, or patience ends; false where it had ended before.
    fn wait(&mut self, udp: &Udp) -> io::Result<bool> {
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + DatagramsOut::PATIENCE);
        let left = until.saturating_duration_since(now).as_micros().div_ceil(1_000);
        if left == 0 {
            return Ok(false);
        }
        let mut writable = [PollFd::new(udp.as_fd(), PollFlags::POLLOUT)];
        poll(&mut writable, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO))?;
        Ok(true)
    }
}

fn is_without_offload(error: &io::Error) -> bool {
    [Errno::EIO, Errno::EINVAL].map(|errno| Some(errno as i32)).contains(&error.raw_os_error())
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{ControlMessageOwned, recvmsg};
    use sekisho_design::Class;

    use super::*;

    fn loopback() -> (Udp, SocketAddr) {
        let udp = Udp::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        let address = udp.local_addr().unwrap();
        (udp, address)
    }

    /// Receives until `count` datagrams are there.
    fn receive(udp: &Udp, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut batch = DatagramsIn::new();
        let mut all = Vec::new();
        let end = Instant::now() + Duration::from_secs(5);
        while all.len() < count && Instant::now() < end {
            poll(&mut [PollFd::new(udp.as_fd(), PollFlags::POLLIN)], 100_u8).unwrap();
            batch.receive(udp).unwrap();
            for (from, _, datagrams) in batch.runs() {
                all.extend(datagrams.map(|datagram| (from, datagram.to_vec())));
            }
        }
        all
    }

    #[test]
    fn runs_follow_the_kernels_rules() {
        let (a, b) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let mut batch = DatagramsOut::new();
        // Two of a size and a shorter one; a longer one; another destination; empty ones by themselves.
        for (to, length) in [(a, 100), (a, 100), (a, 60), (a, 60), (a, 61), (b, 61), (b, 0), (b, 0)]
        {
            batch.push(to, &vec![0; length], TypeOfService::OWN);
        }
        let runs: Vec<_> =
            batch.runs.iter().map(|run| (run.to, run.segment, run.count, run.length)).collect();
        assert_eq!(
            runs,
            [
                (a, 100, 3, 260),
                (a, 60, 1, 60),
                (a, 61, 1, 61),
                (b, 61, 1, 61),
                (b, 0, 1, 0),
                (b, 0, 1, 0)
            ]
        );

        let mut batch = DatagramsOut::new();
        for _ in 0..130 {
            batch.push(a, &[0; 1452], TypeOfService::OWN);
        }
        assert!(
            batch.runs.iter().all(|run| run.length <= DatagramsOut::RUN_BYTES && run.count <= 64)
        );
        assert_eq!(batch.runs.iter().map(|run| run.count).sum::<usize>(), 130);
    }

    /// Batches stay whole in the usual case of one class, and no datagram bears another's codepoint (R35).
    #[test]
    fn each_run_bears_its_own_codepoint() {
        let (sender, _) = loopback();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        setsockopt(&receiver, sockopt::IpRecvTos, &true).unwrap();
        let dscp = |class: Class| TypeOfService::of(&[0x45, class.dscp() << 2]);
        let classes = [Class::Bulk, Class::Bulk, Class::Online, Class::Bulk, Class::Normal];
        let mut batch = DatagramsOut::new();
        for class in classes {
            batch.push(to, &[0; 700], dscp(class));
        }
        assert_eq!(batch.runs.iter().map(|run| run.count).collect::<Vec<_>>(), [2, 1, 1, 1]);
        batch.send(&sender);
        assert_eq!(batch.dropped(), 0);
        for class in classes {
            let mut readable = [PollFd::new(receiver.as_fd(), PollFlags::POLLIN)];
            assert_eq!(poll(&mut readable, 5_000_u16).unwrap(), 1);
            assert_eq!(service_of_next(&receiver), class.dscp() << 2);
        }
    }

    /// Datagrams of two marks never come as one run, and each run tells its own (RFC 6040).
    #[test]
    fn what_the_way_says_of_congestion_is_told() {
        use Ecn::{Capable0, Capable1, Congested, NotCapable};
        let (udp, to) = loopback();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let bytes = [0b00, 0b10, 0b11, 0b11, 0b01_u8];
        for byte in bytes {
            setsockopt(&sender, sockopt::Ipv4Tos, &i32::from(byte)).unwrap();
            sender.send_to(&[byte; 700], to).unwrap();
        }
        let mut batch = DatagramsIn::new();
        let mut told = Vec::new();
        while told.len() < bytes.len() {
            assert_eq!(
                poll(&mut [PollFd::new(udp.as_fd(), PollFlags::POLLIN)], 5_000_u16).unwrap(),
                1
            );
            batch.receive(&udp).unwrap();
            for (_, ecn, datagrams) in batch.runs() {
                told.extend(datagrams.map(|datagram| (datagram[0], ecn)));
            }
        }
        let marks = [NotCapable, Capable0, Congested, Congested, Capable1];
        assert_eq!(told, bytes.into_iter().zip(marks).collect::<Vec<_>>());
    }

    #[test]
    fn a_run_tells_of_congestion_for_all_of_it() {
        let ((sender, _), (receiver, to)) = (loopback(), loopback());
        let mut batch = DatagramsOut::new();
        for _ in 0..10 {
            batch.push(to, &[7; 700], TypeOfService::of(&[0x45, 0b11]));
        }
        batch.send(&sender);
        poll(&mut [PollFd::new(receiver.as_fd(), PollFlags::POLLIN)], 5_000_u16).unwrap();
        let mut batch = DatagramsIn::new();
        batch.receive(&receiver).unwrap();
        let told: Vec<_> = batch.runs().map(|(_, ecn, run)| (ecn, run.count())).collect();
        assert_eq!(told, [(Ecn::Congested, 10)]);
    }

    /// The second byte of the next datagram's IPv4 header. A plain socket has each datagram for itself.
    fn service_of_next(socket: &UdpSocket) -> u8 {
        let mut bytes = [0; 2_048];
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let mut control = nix::cmsg_space!(i32);
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let message = message.unwrap();
        let told = message.cmsgs().unwrap().next();
        let Some(ControlMessageOwned::Ipv4Tos(service)) = told else { panic!("{told:?}") };
        service
    }

    #[test]
    fn a_batch_arrives_whole_and_in_order() {
        let (sender, from) = loopback();
        let (receiver, to) = loopback();
        let datagrams: Vec<Vec<u8>> = (0..200_u16)
            .map(|i| i.to_be_bytes().repeat(if i % 37 == 0 { 30 } else { 700 }))
            .collect();
        let mut batch = DatagramsOut::new();
        for datagram in &datagrams {
            batch.push(to, datagram, TypeOfService::OWN);
        }
        batch.send(&sender);
        assert!(batch.is_empty());
        let arrived = receive(&receiver, datagrams.len());
        assert_eq!(batch.dropped(), 0);
        assert_eq!(arrived.len(), datagrams.len());
        for ((source, datagram), sent) in arrived.iter().zip(&datagrams) {
            assert_eq!(*source, from);
            assert!(datagram == sent);
        }
    }

    #[test]
    fn a_refused_destination_costs_its_own_datagrams_only() {
        let (sender, _) = loopback();
        let (receiver, to) = loopback();
        let mut batch = DatagramsOut::new();
        // A socket on loopback can't reach an address beyond it.
        batch.push("192.0.2.1:9".parse().unwrap(), &[1; 10], TypeOfService::OWN);
        batch.push(to, &[2; 10], TypeOfService::OWN);
        batch.send(&sender);
        assert_eq!(batch.dropped(), 1);
        assert_eq!(receive(&receiver, 1)[0].1, [2; 10]);
    }

    /// A socket whose queue never has room.
    struct Full(io::PipeReader);

    impl AsFd for Full {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Network for Full {
        fn local_addr(&self) -> io::Result<SocketAddr> {
            Err(Errno::EINVAL.into())
        }

        fn send(&self, _: (SocketAddr, TypeOfService), _: &[u8], _: Option<u16>) -> io::Result<()> {
            Err(Errno::EAGAIN.into())
        }

        fn receive(&self, _: &mut [IoSliceMut<'_>], _: &mut [RecvMeta]) -> io::Result<usize> {
            Err(Errno::EAGAIN.into())
        }
    }

    #[test]
    fn a_batch_waits_once_for_a_socket_that_stays_full() {
        let (never_writable, _writer) = io::pipe().unwrap();
        let full = Udp::over(Full(never_writable));
        let mut batch = DatagramsOut::new();
        for round in 1..=2_u64 {
            for number in 1..=200_u16 {
                // One longer than the other: each is a run of its own.
                let datagram = vec![0; usize::from(number)];
                batch.push("127.0.0.1:1".parse().unwrap(), &datagram, TypeOfService::OWN);
            }
            let begun = Instant::now();
            batch.send(&full);
            let took = begun.elapsed();
            assert!(took >= DatagramsOut::PATIENCE, "every batch waits: {took:?}");
            assert!(took < DatagramsOut::PATIENCE * 20, "and not for each of its runs: {took:?}");
            assert_eq!(batch.dropped(), 200 * round);
        }
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut batch = DatagramsOut::new();
        let to = "127.0.0.1:1".parse().unwrap();
        batch.push(to, &vec![0; 65_508], TypeOfService::OWN);
        assert_eq!(batch.dropped(), 1);
        for _ in 0..20 {
            batch.push(to, &vec![0; 65_507], TypeOfService::OWN);
        }
        assert_eq!(batch.dropped(), 1 + 4);
        assert_eq!(batch.bytes.capacity(), DatagramsOut::BYTES);
    }
}
