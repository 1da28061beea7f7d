//! Settings, links, addresses, routes, rules, sockets.

use std::{fs, net::SocketAddrV4, path::Path, process::Stdio, time::Duration};

use libtest_mimic::Trial;
use sekisho_host::{HostError, Kernel, bind_udp, listen_tcp, open_tcp};
use sekisho_plan::{
    Change, Step,
    state::{Address, Link, LinkKind, Route, RouteAction, Rule, Selector},
};
use tokio::{io::AsyncReadExt, process::Command, time::sleep};
use tun_rs::DeviceBuilder;

use crate::{
    aids::{mount_tmpfs, observe, own_mounts, perform, plug, port, there_and_back},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("setting_there_and_back", setting),
        trial("links_up_and_mtu_there_and_back", links),
        trial("missing_link_is_named", missing_link),
        trial("ports_are_neither_made_nor_removed", fixed_link),
        trial("address_brings_no_route_of_the_kernels_own", address),
        trial("errors_say_what_was_tried", what_was_tried),
        trial("foreign_address_on_a_port_is_seen", foreign_address),
        trial("routes_of_every_kind_there_and_back", routes),
        trial("route_is_replaced_in_place_there_and_back", rerouted),
        trial("overlapping_lans_keep_apart", overlap),
        trial("rules_there_and_back", rules),
        trial("others_routes_and_rules_are_not_ours", others),
        trial("route_with_our_mark_in_foreign_form_is_an_error", foreign_route),
        trial("tun_outlives_its_maker_and_its_user", tun),
        trial("tun_without_device_node_says_what_to_do", tun_without_node),
        trial("tun_held_by_another_program", tun_held),
        trial("sockets_hear_their_own_link_only", sockets),
    ]
}

fn link(up: bool, mtu: u32) -> Link {
    Link { kind: LinkKind::Port, up, mtu, mode: None }
}

fn link_step(name: &str, before: Option<Link>, after: Option<Link>) -> Step {
    Step::Link { name: port(name), change: Change::new(before, after) }
}

fn up(name: &str) -> Step {
    link_step(name, Some(link(false, 1500)), Some(link(true, 1500)))
}

fn on(link: &str, address: &str, prefix: u8) -> Address {
    Address { link: port(link), address: address.parse().expect("an address"), prefix }
}

fn add_address(address: Address) -> Step {
    Step::Address { address, change: Change::new(false, true) }
}

fn route(table: u32, to: &str, metric: u32, action: RouteAction) -> Route {
    Route { table, to: to.parse().expect("a network"), metric, action }
}

fn forward(link: &str, via: Option<&str>, source: Option<&str>) -> RouteAction {
    let address = |text: &str| text.parse().expect("an address");
    RouteAction::Forward { link: port(link), via: via.map(address), source: source.map(address) }
}

fn add_route(route: &Route) -> Step {
    Step::Route { route: route.clone(), change: Change::new(false, true) }
}

fn add_rule(rule: &Rule) -> Step {
    Step::Rule { rule: rule.clone(), change: Change::new(false, true) }
}

fn kernel() -> Kernel {
    Kernel::connect().expect("a connection")
}

async fn setting() {
    let kernel = kernel();
    let path = "net/ipv4/ip_forward".to_owned();
    let was = observe(&kernel).await.settings[&path].clone();
    let wanted = if was == "1" { "0" } else { "1" }.to_owned();
    let change = Change::new(was, wanted.clone());
    let step = Step::Setting { path: path.clone(), change };
    there_and_back(&kernel, &[step], |state| {
        assert_eq!(state.settings[&path], wanted);
        let absent = "net/ipv4/conf/port1/rp_filter";
        assert!(!state.settings.contains_key(absent), "there is no port1 yet");
    })
    .await;
    let change = Change::new(String::new(), "1".to_owned());
    let step = Step::Setting { path: "net/ipv4/conf/port1/rp_filter".to_owned(), change };
    let error = kernel.perform(&step).await.expect_err("no such setting");
    assert!(matches!(error, HostError::Setting { tried: "write", .. }), "{error}");
}

async fn links() {
    plug();
    let kernel = kernel();
    let step = link_step("port1", Some(link(false, 1500)), Some(link(true, 1400)));
    there_and_back(&kernel, &[step], |state| {
        assert_eq!(state.links[&port("port1")], link(true, 1400));
        assert_eq!(state.links[&port("port2")], link(false, 1500));
        assert_eq!(state.links.len(), 2, "links outside the scope and missing ones are absent");
    })
    .await;
    let step = link_step("port1", Some(link(false, 1500)), Some(link(true, 1)));
    let error = kernel.perform(&step).await.expect_err("too small an MTU");
    assert!(error.to_string().contains("'port1' up with an MTU of 1"), "{error}");
    assert_eq!(observe(&kernel).await.links[&port("port1")], link(false, 1500));
}

async fn missing_link() {
    let kernel = kernel();
    let gone = route(101, "10.0.0.0/8", 0, forward("port1", None, None));
    let steps = [up("port1"), add_address(on("port1", "192.168.1.1", 24)), add_route(&gone)];
    for step in steps {
        let error = kernel.perform(&step).await.expect_err("no such link");
        assert!(
            matches!(&error, HostError::NoSuchLink { name } if *name == port("port1")),
            "{error}"
        );
        assert!(error.way_out().is_some());
    }
}

async fn fixed_link() {
    plug();
    let kernel = kernel();
    let tun = Link { kind: LinkKind::Tun, up: true, mtu: 1420, mode: None };
    for (before, after) in [
        (None, Some(link(true, 1500))),
        (Some(link(true, 1500)), None),
        (Some(link(true, 1500)), Some(tun)),
    ] {
        let error = kernel.perform(&link_step("port1", before, after)).await.expect_err("fixed");
        assert!(matches!(error, HostError::FixedLink { .. }), "{error}");
    }
    assert_eq!(observe(&kernel).await.links[&port("port1")], link(false, 1500));
}

async fn address() {
    plug();
    let kernel = kernel();
    let wanted = on("port1", "192.168.1.1", 24);
    there_and_back(&kernel, &[up("port1"), add_address(wanted.clone())], |state| {
        assert_eq!(state.addresses, [wanted].into());
        assert_eq!(shell("ip route show table main"), "");
        let listed = shell("ip address show dev port1");
        assert!(listed.contains("scope global noprefixroute port1"), "{listed}");
    })
    .await;
}

async fn what_was_tried() {
    plug();
    let kernel = kernel();
    perform(&kernel, &up("port1")).await;
    let address = add_address(on("port1", "192.168.1.1", 24));
    perform(&kernel, &address).await;
    let unreachable_hop = route(101, "10.0.0.0/8", 0, forward("port1", Some("10.9.9.9"), None));
    let rule = Rule { priority: 8300, selector: Selector::Mark(1), table: 101 };
    let cases = [
        (address.clone(), "add the address 192.168.1.1/24 to 'port1'"),
        (
            add_address(on("port1", "192.168.9.1", 24)).undo(),
            "remove the address 192.168.9.1/24 from 'port1'",
        ),
        (
            add_route(&unreachable_hop),
            "add the route 10.0.0.0/8 by 10.9.9.9 on 'port1' in table 101",
        ),
        (add_rule(&rule).undo(), "remove the policy rule 8300 to table 101"),
    ];
    for (step, tried) in cases {
        let error = kernel.perform(&step).await.expect_err(tried);
        assert!(error.to_string().contains(tried), "{error}");
        assert!(matches!(error, HostError::Netlink { .. }), "{error}");
    }
}

async fn foreign_address() {
    plug();
    let kernel = kernel();
    shell("ip address add 10.1.2.3/8 dev port2; ip address add 10.9.9.9/32 dev far1");
    let foreign = on("port2", "10.1.2.3", 8);
    assert_eq!(observe(&kernel).await.addresses, [foreign.clone()].into());
    let step = Step::Address { address: foreign, change: Change::new(true, false) };
    perform(&kernel, &step).await;
    assert!(observe(&kernel).await.addresses.is_empty());
}

async fn routes() {
    plug();
    let kernel = kernel();
    let wanted = [
        route(254, "192.168.1.0/24", 0, forward("port1", None, Some("192.168.1.1"))),
        route(101, "192.168.1.0/24", 0, forward("port1", None, None)),
        route(
            101,
            "10.20.0.0/16",
            10,
            forward("port1", Some("192.168.1.254"), Some("192.168.1.1")),
        ),
        route(70_000, "0.0.0.0/0", 5, forward("port1", Some("192.168.1.254"), None)),
        route(101, "100.72.0.0/16", 4_278_198_272, RouteAction::Unreachable),
        route(254, "0.0.0.0/0", 4_278_198_272, RouteAction::Unreachable),
    ];
    let mut steps = vec![up("port1"), add_address(on("port1", "192.168.1.1", 24))];
    steps.extend(wanted.iter().map(add_route));
    there_and_back(&kernel, &steps, |state| {
        assert_eq!(state.routes, wanted.clone().into());
        let table = shell("ip route show table 101");
        assert!(table.contains("192.168.1.0/24 dev port1 proto 83 scope link"), "{table}");
        assert!(table.contains("unreachable 100.72.0.0/16 proto 83"), "{table}");
    })
    .await;
    for step in &steps[..2] {
        perform(&kernel, step).await;
    }
    // The same network by another next hop: only the one named goes.
    let metric =
        |metric| route(101, "10.0.0.0/8", metric, forward("port1", Some("192.168.1.9"), None));
    perform(&kernel, &add_route(&wanted[1])).await;
    perform(&kernel, &add_route(&metric(1))).await;
    perform(&kernel, &add_route(&metric(2))).await;
    perform(&kernel, &add_route(&metric(1)).undo()).await;
    assert_eq!(observe(&kernel).await.routes, [wanted[1].clone(), metric(2)].into());
}

/// Packets never find the network without a way, and the undo brings the old way back.
async fn rerouted() {
    plug();
    let kernel = kernel();
    let near = route(101, "192.168.1.0/24", 100, forward("port1", None, Some("192.168.1.1")));
    let to = |action| route(101, "10.20.0.0/16", 100, action);
    let [first, second] = ["192.168.1.253", "192.168.1.254"]
        .map(|via| to(forward("port1", Some(via), Some("192.168.1.1"))));
    let last_resort = route(101, "10.20.0.0/16", u32::MAX, RouteAction::Unreachable);
    let steps = [
        up("port1"),
        add_address(on("port1", "192.168.1.1", 24)),
        add_route(&near),
        add_route(&first),
        add_route(&last_resort),
        Step::Reroute { change: Change::new(first.clone(), second.clone()) },
    ];
    there_and_back(&kernel, &steps, |state| {
        assert_eq!(state.routes, [near.clone(), second.clone(), last_resort.clone()].into());
    })
    .await;
    let gone = Step::Reroute { change: Change::new(first, to(forward("port9", None, None))) };
    let error = kernel.perform(&gone).await.expect_err("there is no port9");
    assert!(matches!(error, HostError::NoSuchLink { .. }), "{error}");
}

async fn overlap() {
    plug();
    let kernel = kernel();
    let mut steps = Vec::new();
    for (n, name) in [(1, "port1"), (2, "port2")] {
        let table = 100 + n;
        let lan = route(table, "192.168.1.0/24", 0, forward(name, None, Some("192.168.1.1")));
        let by_mark = Rule { priority: 8300 + n, selector: Selector::Mark(n), table };
        let by_link =
            Rule { priority: 8310 + n, selector: Selector::OutputLink(port(name)), table };
        steps.extend([up(name), add_address(on(name, "192.168.1.1", 24)), add_route(&lan)]);
        steps.extend([add_rule(&by_mark), add_rule(&by_link)]);
    }
    there_and_back(&kernel, &steps, |state| {
        assert_eq!((state.addresses.len(), state.routes.len(), state.rules.len()), (2, 2, 4));
        for (n, name) in [(1, "port1"), (2, "port2")] {
            for selector in [format!("mark {n}"), format!("oif {name}")] {
                let chosen = shell(&format!("ip route get 192.168.1.10 {selector}"));
                assert!(
                    chosen.contains(&format!("dev {name} table 10{n}")),
                    "{selector}: {chosen}"
                );
            }
        }
    })
    .await;
}

async fn rules() {
    let kernel = kernel();
    let wanted = [
        Rule { priority: 8300, selector: Selector::Mark(1), table: 101 },
        Rule { priority: 8300, selector: Selector::Mark(0x8000_0000), table: 70_000 },
        // The link needn't exist yet.
        Rule { priority: 8399, selector: Selector::OutputLink(port("tunnel")), table: 102 },
    ];
    let steps = wanted.each_ref().map(add_rule);
    there_and_back(&kernel, &steps, |state| {
        assert_eq!(state.rules, wanted.clone().into());
        let listed = shell("ip rule show pref 8300");
        assert!(listed.contains("fwmark 0x1 lookup 101 proto 83"), "{listed}");
    })
    .await;
}

async fn others() {
    plug();
    let kernel = kernel();
    let before = observe(&kernel).await;
    shell("ip rule add pref 8299 fwmark 1 lookup 101; ip rule add pref 8400 fwmark 1 lookup 101");
    shell(
        "ip route add unreachable 100.72.0.0/16 table 101; ip -6 route add unreachable 2001:db8::/32 proto 83",
    );
    assert_eq!(observe(&kernel).await, before);
}

async fn foreign_route() {
    let kernel = kernel();
    let scope = crate::aids::scope();
    for (add, remove, what) in [
        (
            "ip route add blackhole 10.0.0.0/8 table 101 proto 83",
            "ip route flush table 101",
            "table 101",
        ),
        ("ip rule add pref 8300 fwmark 1/3 lookup 101", "ip rule del pref 8300", "rule 8300"),
        ("ip rule add pref 8301 iif lo lookup 101", "ip rule del pref 8301", "rule 8301"),
        ("ip rule add pref 8302 not fwmark 1 lookup 101", "ip rule del pref 8302", "rule 8302"),
        (
            "ip rule add pref 8303 from 10.0.0.1 fwmark 1 lookup 101",
            "ip rule del pref 8303",
            "rule 8303",
        ),
    ] {
        shell(add);
        let error = kernel.observe(&scope).await.expect_err(add);
        assert!(matches!(error, HostError::NotOurs { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        shell(remove);
        kernel.observe(&scope).await.expect(remove);
    }
}

async fn tun() {
    let kernel = kernel();
    shell("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    let wanted = Link { kind: LinkKind::Tun, up: true, mtu: 1420, mode: None };
    let name = port("tunnel");
    let make = link_step("tunnel", None, Some(wanted.clone()));
    there_and_back(&kernel, std::slice::from_ref(&make), |state| {
        assert_eq!(state.links[&name], wanted);
        assert_eq!(shell("ip -6 address show dev tunnel"), "");
        for _ in 0..2 {
            let attached = DeviceBuilder::new()
                .name("tunnel")
                .inherit_enable_state()
                .with(|options| {
                    options.offload(true);
                })
                .build_sync()
                .expect("attached");
            assert!(attached.tcp_gso() && shell("ip link show tunnel").contains("LOWER_UP"));
            drop(attached);
            // A child that another test is starting may hold a copy for a moment.
            let let_go = (0..1000).any(|_| {
                std::thread::sleep(Duration::from_millis(10));
                shell("ip link show tunnel").contains("NO-CARRIER")
            });
            assert!(let_go);
        }
    })
    .await;
    // Removed under its user, as a reset to nothing does.
    perform(&kernel, &make).await;
    let smaller = Link { up: false, mtu: 1280, ..wanted.clone() };
    perform(&kernel, &link_step("tunnel", Some(wanted), Some(smaller.clone()))).await;
    assert_eq!(observe(&kernel).await.links[&name], smaller);
    perform(&kernel, &link_step("tunnel", Some(smaller), None)).await;
    assert!(observe(&kernel).await.links.is_empty());
}

async fn tun_without_node() {
    let kernel = kernel();
    own_mounts();
    mount_tmpfs(Path::new("/dev/net"), "");
    let wanted = Link { kind: LinkKind::Tun, up: true, mtu: 1420, mode: None };
    let make = link_step("tunnel", None, Some(wanted));
    let error = kernel.perform(&make).await.expect_err("no device node");
    assert!(matches!(error, HostError::Tun { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("/dev/net/tun")), "{error}");
    fs::write("/dev/net/tun", "").expect("a file in its place");
    let error = kernel.perform(&make).await.expect_err("a file is no device");
    assert!(matches!(error, HostError::Tun { .. }), "{error}");
    assert!(observe(&kernel).await.links.is_empty());
}

async fn tun_held() {
    let kernel = kernel();
    let held = DeviceBuilder::new().name("tunnel").build_sync().expect("a device");
    let wanted = Link { kind: LinkKind::Tun, up: true, mtu: 1420, mode: None };
    let error = kernel.perform(&link_step("tunnel", None, Some(wanted))).await.expect_err("held");
    assert!(error.way_out().is_some_and(|hint| hint.contains("holds a device")), "{error}");
    drop(held);
    // A child that another test is starting may hold a copy for a moment.
    while !observe(&kernel).await.links.is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
}

async fn sockets() {
    plug();
    shell("ip link set port1 up; ip link set port2 up");
    shell("ip address add 192.168.1.1/24 dev port1; ip address add 192.168.1.1/24 dev port2");
    shell("echo 1 > /proc/sys/net/ipv4/ip_unprivileged_port_start");
    let address: SocketAddrV4 = "192.168.1.1:53".parse().expect("an address");
    let one = bind_udp(&port("port1"), address).expect("bound to port1");
    let two = bind_udp(&port("port2"), address).expect("the same on port2");
    assert_eq!(one.local_addr().expect("an address"), address.into());
    let kind = one.recv_from(&mut [0; 4]).expect_err("nothing there").kind();
    assert_eq!(kind, std::io::ErrorKind::WouldBlock);
    let error = bind_udp(&port("port1"), address).expect_err("taken");
    assert!(matches!(error, HostError::Bind { .. }) && error.way_out().is_some(), "{error}");
    let error = bind_udp(&port("port3"), address).expect_err("no such port");
    assert!(matches!(error, HostError::NoSuchLink { .. }), "{error}");
    let elsewhere: SocketAddrV4 = "192.168.7.7:53".parse().expect("an address");
    let error = bind_udp(&port("port1"), elsewhere).expect_err("not our address");
    assert!(error.way_out().is_some_and(|hint| hint.contains("address")), "{error}");
    // Somebody behind port2 sends to the address that both ports have.
    let mut stranger = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo ready; exec sleep 1000"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a namespace");
    let ready = stranger.stdout.as_mut().expect("its output").read_u8().await;
    ready.expect("it is ready");
    let number = stranger.id().expect("its number");
    let there = format!("nsenter --net=/proc/{number}/ns/net");
    shell(&format!("ip link set far2 netns {number}; {there} ip link set far2 up"));
    shell(&format!("{there} ip address add 192.168.1.10/24 dev far2"));
    shell(&format!("{there} bash -c 'echo hello > /dev/udp/192.168.1.1/53'"));
    let mut words = [0; 8];
    let two = tokio::net::UdpSocket::from_std(two).expect("a socket of the runtime");
    let (length, _) = two.recv_from(&mut words).await.expect("heard on port2");
    assert_eq!(&words[..length], b"hello\n");
    assert!(one.recv_from(&mut words).is_err(), "not heard on port1");

    let one = listen_tcp(&port("port1"), address).expect("listening on port1");
    let two = listen_tcp(&port("port2"), address).expect("the same on port2");
    let error = listen_tcp(&port("port2"), address).expect_err("taken").to_string();
    assert!(error.starts_with("can't bind TCP 192.168.1.1:53 on 'port2'"), "{error}");
    shell(&format!("{there} bash -c 'exec 3<>/dev/tcp/192.168.1.1/53'"));
    let two = tokio::net::TcpListener::from_std(two).expect("a listener of the runtime");
    let (connection, from) = two.accept().await.expect("a connection on port2");
    assert_eq!(from.ip().to_string(), "192.168.1.10");
    assert!(one.accept().is_err(), "none on port1");
    // Begun anew while a connection of the listener before is still there.
    drop(two);
    listen_tcp(&port("port2"), address).expect("listening again");
    drop(connection);

    let own = SocketAddrV4::new(*address.ip(), 0);
    let asking = open_tcp(&port("port1"), own).expect("bound to port1");
    let asking = tokio::net::TcpSocket::from_std_stream(asking);
    let nobody = "192.168.1.10:9".parse().expect("an address");
    let attempt = tokio::time::timeout(Duration::from_millis(300), asking.connect(nobody)).await;
    assert!(attempt.is_err(), "the host is behind port2; nobody answers behind port1");
    stranger.kill().await.expect("ended");
}
