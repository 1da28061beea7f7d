//! A switch with our `port1` and any number of hosts, each in a network namespace of its own.

use std::{
    fs::File,
    future::Future,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use nix::sched::{CloneFlags, setns};
use sekisho_design::PortName;
use sekisho_selftest::{
    probe::{Answer, Ask, Question, Way},
    wire::Wires,
};

use crate::namespace::shell;

pub(crate) const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 7);

pub(crate) fn port1() -> PortName {
    "port1".parse().expect("a port's name")
}

/// A host in a network namespace; it ends with its value.
pub(crate) struct Host(Child);

impl Host {
    fn new() -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 1000"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a namespace");
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut String::new()).expect("it is ready");
        let host = Self(child);
        host.shell("ip link set lo up");
        host
    }

    pub(crate) fn shell(&self, line: &str) -> String {
        shell(&format!("nsenter --net=/proc/{}/ns/net sh -ec '{line}'", self.0.id()))
    }

    /// Drops or rejects what comes in there.
    pub(crate) fn filter(&self, rule: &str) {
        self.shell(&format!(
            "nft add table ip t; nft \"add chain ip t in {{ type filter hook input priority 0; }}\"; nft \"add rule ip t in {rule}\""
        ));
    }

    /// Serves there, in a thread that ends with the test program. `ready` is called once it listens.
    pub(crate) fn serve<F, R>(&self, serve: F)
    where
        F: FnOnce(mpsc::Sender<()>) -> R + Send + 'static,
        R: Future<Output = ()>,
    {
        let there = File::open(format!("/proc/{}/ns/net", self.0.id())).expect("its namespace");
        let (ready, listening) = mpsc::channel();
        thread::spawn(move || {
            setns(there, CloneFlags::CLONE_NEWNET).expect("gone there");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(ready));
        });
        listening.recv().expect("it listens");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It sleeps, and nothing else.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The switch, and our `port1` on it with [`OWN`].
pub(crate) struct Net {
    switch: Host,
    hosts: usize,
    pub(crate) wires: Wires,
}

impl Net {
    pub(crate) fn new() -> Self {
        let switch = Host::new();
        switch.shell("ip link add switch type bridge; ip link set switch up");
        let wires = Wires::open().expect("sockets");
        let mut net = Self { switch, hosts: 0, wires };
        net.plug("port1");
        shell("ip link set lo up; ip link set port1 up; ip address add 192.168.1.1/24 dev port1");
        // As the device's own rules do with what nobody asked for.
        shell(
            "nft add table ip t; nft 'add chain ip t in { type filter hook input priority 0; }'; \
             nft 'add rule ip t in meta l4proto { tcp, udp } th dport 62000-65535 ct state invalid,new drop'",
        );
        net
    }

    fn plug(&mut self, near: &str) {
        let (far, switch) = (format!("s{}", self.hosts), self.switch.0.id());
        self.hosts += 1;
        shell(&format!("ip link add {near} type veth peer name {far} netns {switch}"));
        self.switch.shell(&format!("ip link set {far} master switch; ip link set {far} up"));
    }

    /// A host whose `eth0` has this address and prefix.
    pub(crate) fn host(&mut self, address: &str) -> Host {
        let host = Host::new();
        self.plug("eth0");
        shell(&format!("ip link set eth0 netns {}", host.0.id()));
        host.shell(&format!("ip link set eth0 up; ip address add {address} dev eth0"));
        host
    }

    pub(crate) fn server(&mut self) -> Host {
        self.host("192.168.1.7/24")
    }

    /// Asks straight on the wire.
    pub(crate) async fn wire(&self, question: Question) -> Answer {
        self.by(Way::Wire { port: port1(), from: OWN, via: None }, SERVER, question).await
    }

    pub(crate) async fn by(&self, way: Way, to: Ipv4Addr, question: Question) -> Answer {
        self.wires.ask(&Ask { way, to, question }).await
    }
}
