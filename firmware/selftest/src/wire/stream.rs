//! A connection straight on a wire, by smoltcp.

use std::{future::pending, io, net::Ipv4Addr, time::Duration};

use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    socket::tcp::{Socket, SocketBuffer, State},
    time::Instant as Moment,
    wire::{HardwareAddress, IpCidr, Ipv4Cidr},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split},
    select,
    time::{Instant, sleep, timeout_at},
};

use super::{
    CONNECT,
    caller::{Caller, error},
    packet::{self, Heard},
};
use crate::{
    probe::{Answer, Question},
    queue::Queue,
    talk,
};

/// Bytes that may be on their way in a connection, each way.
const ROOM: usize = 16 * 1024;

/// As much as an Ethernet frame holds.
const MTU: u16 = 1500;

/// A question that needs a connection.
pub(super) async fn converse(caller: &mut Caller, question: &Question) -> io::Result<Answer> {
    let to = caller.to;
    let (Question::Banner { port }
    | Question::Tls { port, .. }
    | Question::Http { port, .. }
    | Question::Tcp { port }) = question
    else {
        return Ok(Answer::Busy { why: "this question isn't asked over a connection".to_owned() });
    };
    let Some(mut connection) = Connection::open(caller, *port) else {
        return Ok(Answer::Busy { why: format!("nobody can be asked at {to}:{port}") });
    };
    let after = match connection.establish().await? {
        Ok(after) => after,
        Err(answer) => return Ok(answer),
    };
    let (near, far) = duplex(ROOM);
    let carried = async {
        connection.carry(far).await?;
        // Over, and what came has been handed on: the conversation sees to the rest.
        pending::<io::Result<_>>().await
    };
    let said = select! {
        said = talk::converse(near, to, question) => said,
        broken = carried => return broken,
    };
    connection.hang_up().await?;
    Ok(match said {
        Ok(said) => Answer::Good { after, said },
        Err(broken) => Answer::Broken { why: broken.to_string() },
    })
}

struct Connection<'a> {
    caller: &'a mut Caller,
    begun: Instant,
    queues: Queue,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

impl<'a> Connection<'a> {
    /// Begins it; `None` where the address or port can't be one of a connection.
    fn open(caller: &'a mut Caller, port: u16) -> Option<Self> {
        let mut queues = Queue::new(MTU, usize::MAX).unchecked();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut queues, Moment::ZERO);
        let own: Ipv4Addr = caller.from;
        interface.update_ip_addrs(|addresses| {
            // One address is as many as there is room for at the least.
            let _ = addresses.push(IpCidr::Ipv4(Ipv4Cidr::new(own, 32)));
        });
        interface.routes_mut().add_default_ipv4_route(own).ok()?;
        let buffer = || SocketBuffer::new(vec![0; ROOM]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_ack_delay(None);
        socket.connect(interface.context(), (caller.to, port), (own, caller.label)).ok()?;
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(socket);
        Some(Self { caller, begun: Instant::now(), queues, interface, sockets, socket })
    }

    /// Waits until it stands, and returns how long that took, or what came instead.
    async fn establish(&mut self) -> io::Result<Result<Duration, Answer>> {
        let end = self.begun + CONNECT;
        while Instant::now() < end {
            self.turn().await?;
            match self.socket().state() {
                State::SynSent | State::SynReceived => {}
                State::Closed => {
                    return Ok(Err(Answer::Refused { after: self.begun.elapsed() }));
                }
                State::Listen
                | State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck
                | State::TimeWait => return Ok(Ok(self.begun.elapsed())),
            }
            let until = end.min(Instant::now() + self.delay());
            let Ok(heard) = timeout_at(until, self.caller.wire.receive()).await else { continue };
            let bytes = heard?.1.to_vec();
            let ours = (self.caller.to, self.caller.label);
            match packet::read(&bytes) {
                Some(heard @ Heard::Icmp { .. }) => {
                    if let Some(answer) = error(&heard, ours, self.begun.elapsed()) {
                        return Ok(Err(answer));
                    }
                }
                _ => self.take(bytes),
            }
        }
        Ok(Err(Answer::Silent { sought: None }))
    }

    /// Carries bytes between the wire and the conversation until the host has said all.
    async fn carry(&mut self, far: DuplexStream) -> io::Result<()> {
        let (mut from_us, mut to_us) = split(far);
        let (mut ended, mut piece) = (false, [0; MTU as usize]);
        loop {
            self.turn().await?;
            while let Ok(heard) = self.socket().recv_slice(&mut piece)
                && heard > 0
            {
                // Where the conversation is over, nobody is there to listen.
                if to_us.write_all(&piece[..heard]).await.is_err() {
                    return Ok(());
                }
            }
            // A window that opened is told at once.
            self.turn().await?;
            if !self.socket().may_recv() && !self.socket().can_recv() {
                return to_us.shutdown().await;
            }
            let delay = self.delay();
            let socket = self.socket();
            let room = (socket.send_capacity() - socket.send_queue()).min(usize::from(MTU));
            let room = if ended || !socket.may_send() { 0 } else { room };
            let heard = select! {
                heard = self.caller.wire.receive() => Some(heard?.1.to_vec()),
                said = from_us.read(&mut piece[..room]), if room > 0 => {
                    let said = said?;
                    ended = said == 0;
                    let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
                    if ended {
                        socket.close();
                    } else {
                        // There is room for all of it.
                        let _ = socket.send_slice(&piece[..said]);
                    }
                    None
                }
                () = sleep(delay) => None,
            };
            if let Some(bytes) = heard {
                self.take(bytes);
            }
        }
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        self.socket().abort();
        self.turn().await
    }

    /// Lets smoltcp work, and sends what it made.
    async fn turn(&mut self) -> io::Result<()> {
        let now = self.now();
        self.interface.poll(now, &mut self.queues, &mut self.sockets);
        while let Some(packet) = self.queues.outbound.pop_front() {
            self.caller.send(&packet).await?;
        }
        Ok(())
    }

    /// Gives smoltcp a packet of this connection; it would answer any other.
    fn take(&mut self, bytes: Vec<u8>) {
        if let Some(Heard::Tcp { from, label, .. }) = packet::read(&bytes)
            && *from.ip() == self.caller.to
            && label == self.caller.label
        {
            self.queues.inbound.push_back(bytes);
        }
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    fn now(&self) -> Moment {
        let passed = i64::try_from(self.begun.elapsed().as_micros());
        Moment::from_micros(passed.unwrap_or(i64::MAX))
    }

    /// How long smoltcp has nothing to do unless something comes.
    fn delay(&mut self) -> Duration {
        let wanted = self.interface.poll_delay(self.now(), &self.sockets);
        wanted.map_or(CONNECT, |wanted| Duration::from(wanted).max(Duration::from_millis(1)))
    }
}
