//! Addresses on a wire, with hosts at its other end.

use std::{
    collections::BTreeSet,
    fs::File,
    process::Stdio,
    sync::mpsc::{self, TryRecvError},
    thread,
    time::Duration,
};

use libtest_mimic::Trial;
use nix::sched::{CloneFlags, setns};
use sekisho_host::{
    HostError,
    neighbour::{Probed, announce, probe},
};
use sekisho_plan::state::Address;
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::sleep,
};

use crate::{
    aids::{plug, port, without_rights},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("address_that_nobody_has_is_free", free),
        trial("all_who_have_an_address_are_named", taken),
        trial("of_two_who_probe_at_once_one_steps_back", at_once),
        trial("wire_that_is_never_silent_holds_nothing_up", noisy),
        trial("port_that_says_nothing_is_not_called_free", silent),
        trial("carrier_lost_while_asking_is_told", carrier_lost),
        trial("link_without_neighbours_has_no_holder", plain),
        trial("announcement_changes_what_neighbours_know", announced),
        trial("asking_and_telling_need_rights", refused),
        trial("missing_port_can_be_neither_asked_nor_told", missing),
    ]
}

/// A host in a network namespace of its own; it ends with its value.
pub(crate) struct Host {
    child: Child,
}

impl Host {
    /// A host that takes the far end of a cable.
    pub(crate) async fn at(far: &str) -> Self {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep 1000"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a namespace");
        child.stdout.as_mut().expect("its output").read_u8().await.expect("it is ready");
        let host = Self { child };
        shell(&format!("ip link set {far} netns {}", host.number()));
        host.shell(&format!("ip link set {far} up"));
        host
    }

    fn number(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn shell(&self, line: &str) -> String {
        shell(&format!("nsenter --net=/proc/{}/ns/net sh -ec '{line}'", self.number()))
    }

    pub(crate) fn mac(&self, far: &str) -> String {
        mac(&self.shell(&format!("ip -br link show {far}")))
    }

    /// Does something there, in a thread of its own.
    fn run<F, R>(&self, work: F) -> thread::JoinHandle<R::Output>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output: Send + 'static>,
    {
        let there = File::open(format!("/proc/{}/ns/net", self.number())).expect("its namespace");
        thread::spawn(move || {
            setns(there, CloneFlags::CLONE_NEWNET).expect("gone there");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(work())
        })
    }
}

/// The third word of `ip -br link`.
fn mac(listed: &str) -> String {
    listed.split_whitespace().nth(2).expect("an address").to_owned()
}

fn on(link: &str, address: &str) -> Address {
    Address { link: port(link), address: address.parse().expect("an address"), prefix: 24 }
}

pub(crate) fn up(links: &[&str]) {
    for link in links {
        shell(&format!("ip link set {link} up"));
    }
}

async fn free() {
    plug();
    up(&["port1", "port2"]);
    let host = Host::at("far1").await;
    host.shell("ip address add 192.168.1.7/24 dev far1");
    let wanted = [on("port1", "192.168.1.1"), on("port1", "192.168.1.2"), on("port2", "10.0.0.1")];
    let probed = probe(&wanted.clone().into()).await.expect("nobody objects");
    assert_eq!(probed, Probed { free: wanted.into(), unasked: [].into() });
    let nothing = probe(&[].into()).await.expect("nobody asked");
    assert_eq!(nothing, Probed::default());
}

async fn taken() {
    plug();
    up(&["port1", "port2"]);
    let (one, two) = (Host::at("far1").await, Host::at("far2").await);
    one.shell("ip address add 192.168.1.1/24 dev far1; ip address add 192.168.1.3/24 dev far1");
    two.shell("ip address add 192.168.1.1/24 dev far2");
    let wanted = ["192.168.1.1", "192.168.1.2", "192.168.1.3"].map(|host| on("port1", host));
    let wanted = BTreeSet::from(wanted).into_iter().chain([on("port2", "192.168.1.1")]).collect();
    let error = probe(&wanted).await.expect_err("three are taken");
    let HostError::AddressTaken { holders } = &error else { panic!("{error}") };
    let named: Vec<_> =
        holders.iter().map(|holder| (holder.address.clone(), holder.mac.to_string())).collect();
    let expected = [
        (on("port1", "192.168.1.1"), one.mac("far1")),
        (on("port1", "192.168.1.3"), one.mac("far1")),
        (on("port2", "192.168.1.1"), two.mac("far2")),
    ];
    assert_eq!(named, expected);
    let sentence = format!("192.168.1.1 is in use on 'port2' by the host {}", two.mac("far2"));
    assert!(error.to_string().contains(&sentence), "{error}");
    assert!(error.way_out().is_some());
}

async fn at_once() {
    plug();
    up(&["port1"]);
    let host = Host::at("far1").await;
    let here_mac = mac(&shell("ip -br link show port1"));
    // On a busy machine one of them may be through before the other starts.
    for _ in 0..5 {
        let other = host.run(|| async { probe(&[on("far1", "192.168.1.1")].into()).await });
        let here = probe(&[on("port1", "192.168.1.1")].into()).await;
        let there = other.join().expect("probed");
        // Who has stepped back no longer disturbs the other.
        for (stepped_back, mac) in [(&here, &host.mac("far1")), (&there, &here_mac)] {
            if let Err(error) = stepped_back {
                assert!(error.to_string().ends_with(mac), "{error}");
            }
        }
        if here.is_err() || there.is_err() {
            return;
        }
    }
    panic!("they never met");
}

async fn noisy() {
    plug();
    up(&["port1"]);
    let host = Host::at("far1").await;
    let (stop, stopped) = mpsc::channel::<()>();
    let noise = host.run(move || async move {
        // Both announcements of each of a thousand addresses, again and again.
        let foreign = (0..1000_u32).map(|number| Address {
            link: port("far1"),
            address: (0x0a00_0000 + number).into(),
            prefix: 8,
        });
        let foreign: BTreeSet<_> = foreign.collect();
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            announce(&foreign).await.expect("told");
        }
    });
    let wanted = [on("port1", "192.168.1.1")];
    let probed = probe(&wanted.clone().into()).await.expect("nobody objects");
    assert_eq!(probed, Probed { free: wanted.into(), unasked: [].into() });
    drop(stop);
    noise.join().expect("ended");
}

async fn silent() {
    plug();
    // port1 is down; port2 is up, and its cable ends in nothing.
    up(&["port2"]);
    shell("ip link set far2 down");
    let wanted = [on("port1", "192.168.1.1"), on("port2", "10.0.0.1")];
    let probed = probe(&wanted.clone().into()).await.expect("nobody objects");
    assert_eq!(probed, Probed { free: [].into(), unasked: wanted.into() });
    announce(&[on("port1", "192.168.1.1"), on("port2", "10.0.0.1")].into())
        .await
        .expect("nobody is there to hear");
}

async fn carrier_lost() {
    plug();
    up(&["port1", "port2"]);
    let wanted = [on("port1", "192.168.1.1"), on("port2", "10.0.0.1")];
    for cut in ["far2", "port2"] {
        let cutting = async {
            sleep(Duration::from_millis(600)).await;
            shell(&format!("ip link set {cut} down"));
        };
        let asked = wanted.clone().into();
        let (probed, ()) = tokio::join!(probe(&asked), cutting);
        let expected =
            Probed { free: [wanted[0].clone()].into(), unasked: [wanted[1].clone()].into() };
        assert_eq!(probed.expect("nobody objects"), expected, "{cut}");
        shell(&format!("ip link set {cut} up"));
    }
}

async fn plain() {
    shell("ip link set lo up; ip tuntap add tunnel mode tun; ip link set tunnel up");
    let wanted = BTreeSet::from([on("tunnel", "100.64.10.1"), on("lo", "127.0.0.2")]);
    let probed = probe(&wanted).await.expect("nobody to ask");
    assert_eq!(probed, Probed { free: wanted.clone(), unasked: [].into() });
    announce(&wanted).await.expect("nobody to tell");
}

async fn announced() {
    plug();
    up(&["port1"]);
    let host = Host::at("far1").await;
    host.shell("ip address add 192.168.1.7/24 dev far1");
    // The box that this one replaces had another hardware address.
    host.shell("ip neighbour add 192.168.1.1 lladdr 02:00:00:00:00:99 dev far1 nud stale");
    let known = || host.shell("ip neighbour show 192.168.1.1");
    assert!(known().contains("02:00:00:00:00:99"), "{}", known());
    shell("ip address add 192.168.1.1/24 dev port1");
    announce(&[on("port1", "192.168.1.1")].into()).await.expect("told");
    let mac = mac(&shell("ip -br link show port1"));
    while !known().contains(&mac) {
        sleep(Duration::from_millis(50)).await;
    }
}

async fn refused() {
    plug();
    up(&["port1"]);
    let wanted = || BTreeSet::from([on("port1", "192.168.1.1")]);
    let asked = without_rights(move || async move { probe(&wanted()).await }).expect_err("no");
    let told = without_rights(move || async move { announce(&wanted()).await }).expect_err("no");
    for (error, tried) in [(asked, "ask who has"), (told, "announce")] {
        assert!(matches!(error, HostError::Neighbours { .. }), "{error}");
        assert!(error.to_string().contains(tried), "{error}");
        assert!(error.way_out().is_some_and(|hint| hint.contains("CAP_NET_RAW")), "{error}");
    }
}

async fn missing() {
    plug();
    let wanted = [on("port9", "192.168.1.1")].into();
    for error in [
        probe(&wanted).await.expect_err("not there"),
        announce(&wanted).await.expect_err("not there"),
    ] {
        assert!(
            matches!(&error, HostError::NoSuchLink { name } if *name == port("port9")),
            "{error}"
        );
    }
}
