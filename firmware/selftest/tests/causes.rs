//! What a site's trouble is taken for: a healthy world, one thing wrong in it, and what is said first.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::{net::Ipv4Addr, time::Duration};

use sekisho_control::{CheckOutcome, Level, SelfTestEvent, SelfTestWish, Stage, Verdict};
use sekisho_selftest::{
    Depth, checks, first_cause, level,
    probe::{Answer, Ask, Known, Link, Probe, Question, Said, Seen, TlsFault, Way},
    run, unknown, verdict,
};

use self::world::{World, address, design, good, mac, silent, tls};

const JUKI: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 1);
const EAST: Ipv4Addr = Ipv4Addr::new(198, 18, 11, 10);

async fn test(world: &World, wish: &SelfTestWish) -> Vec<CheckOutcome> {
    let (design, carrier) = (design(), world::east());
    run(&checks(Some(&design), Some(&carrier), wish), world, Depth::Whole, |_| ()).await
}

fn first(outcomes: &[CheckOutcome]) -> (String, String) {
    let first = first_cause(outcomes).expect("something is wrong");
    (first.check, first.cause.code)
}

#[tokio::test]
async fn a_healthy_site_passes_and_every_check_says_what_it_saw() {
    let outcomes = test(&World::healthy(), &SelfTestWish::default()).await;
    let not_passed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !matches!(outcome.verdict, Verdict::Passed | Verdict::NotRun))
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    let stages: Vec<_> = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Load).collect();
    for stage in stages {
        assert!(outcomes.iter().any(|outcome| outcome.check.stage == stage), "{stage}");
    }
    for outcome in &outcomes {
        let check = &outcome.check;
        let words = [&check.title, &check.tried, &outcome.result];
        assert!(words.iter().all(|both| !both.ja.is_empty() && !both.en.is_empty()), "{outcome:?}");
        assert!(!check.requirements.is_empty(), "{}", check.id);
    }
    assert_eq!(verdict(&outcomes), Verdict::Passed);
    assert_eq!(first_cause(&outcomes), None);
}

/// What is wrong, the world where it is, and the check and the cause that are said first.
type Case = (&'static str, World, &'static str, &'static str);

async fn said_first(cases: Vec<Case>) {
    for (what, world, check, code) in cases {
        let outcomes = test(&world, &SelfTestWish::default()).await;
        assert_eq!(first(&outcomes), (check.to_owned(), code.to_owned()), "{what}");
    }
}

fn healthy() -> World {
    World::healthy()
}

fn to_juki(probe: &Probe) -> bool {
    matches!(probe, Probe::Ask(Ask { way: Way::Wire { .. }, to, .. }) if *to == JUKI)
}

fn mapped(probe: &Probe) -> bool {
    matches!(probe, Probe::Ask(Ask { way: Way::Office { .. }, question, .. })
        if !matches!(question, Question::Tcp { .. }))
}

fn web(probe: &Probe) -> bool {
    matches!(probe, Probe::Ask(Ask { question: Question::Tls { name: Some(_), .. }, .. }))
}

fn time(probe: &Probe) -> bool {
    matches!(probe, Probe::Ask(Ask { way: Way::Socket { .. }, question: Question::Ntp, .. }))
}

fn is_routers(probe: &Probe) -> bool {
    matches!(probe, Probe::Routers { .. })
}

fn centre(probe: &Probe) -> bool {
    matches!(probe, Probe::Known(Known::Centre(name)) if name.as_str() == "east")
}

fn dark(port: &'static str) -> impl Fn(&Probe) -> bool {
    move |probe| matches!(probe, Probe::Link { port: of } if of.as_str() == port)
}

fn holder(port: &'static str) -> impl Fn(&Probe) -> bool {
    move |probe| matches!(probe, Probe::Holder { port: of, .. } if of.as_str() == port)
}

fn arp(of: Ipv4Addr, at: &'static str) -> impl Fn(&Probe) -> bool {
    move |probe| matches!(probe, Probe::Arp { port, address, .. } if *address == of && port.as_str() == at)
}

fn on_lgwan(question: fn(&Question) -> bool) -> impl Fn(&Probe) -> bool {
    move |probe| {
        matches!(probe, Probe::Ask(Ask { way: Way::Wire { port, .. }, to, question: asked })
            if port.as_str() == "port1" && *to == EAST && question(asked))
    }
}

fn closed(question: &Question) -> bool {
    matches!(question, Question::Closed { port: 33434 })
}

fn at_port(question: &Question) -> bool {
    matches!(question, Question::Closed { port: 51820 })
}

fn echo(question: &Question) -> bool {
    matches!(question, Question::Echo)
}

fn no_carrier() -> Seen {
    Seen::Link(Link { present: true, up: true, ..Link::default() })
}

fn icmp(by: Ipv4Addr, code: u8) -> Seen {
    Seen::Answer(Answer::Icmp { by, kind: 3, code, after: Duration::from_millis(1) })
}

fn routers(lead: Ipv4Addr) -> Seen {
    Seen::Routers { hosts: vec![ROUTER, lead], lead: vec![lead] }
}

fn bad_tls(fault: TlsFault) -> Seen {
    good(Said::Http(200, Some(tls("web.platform.example", Some(fault)))))
}

fn silent_centre() -> World {
    healthy().but(centre, world::centre(false, None))
}

#[tokio::test]
async fn trouble_of_the_box_and_its_ports_is_named_first() {
    said_first(vec![
        (
            "the clock's battery",
            healthy().but(
                |probe| *probe == Probe::Known(Known::Rtc),
                Seen::Rtc { ahead_s: -853_315_200 },
            ),
            "standalone.rtc",
            "rtc-off",
        ),
        (
            "cable out",
            healthy().but(dark("port1"), no_carrier()),
            "standalone.port.lgwan",
            "cable-out",
        ),
        (
            "speed mismatch",
            healthy()
                .but(dark("port2"), Seen::Link(Link { full_duplex: Some(false), ..world::link() })),
            "standalone.port.head-office",
            "speed-mismatch",
        ),
        (
            "education board's cable in the head office's port",
            healthy()
                .but(dark("port3"), no_carrier())
                .but(arp(address("192.168.2.100"), "port2"), Seen::Holder(Some(mac()))),
            "standalone.port.education-board",
            "cable-in-wrong-port",
        ),
        (
            "disk full",
            healthy().but(
                |probe| *probe == Probe::DiskWrite,
                Seen::Wrong { what: vec!["no space".to_owned()] },
            ),
            "standalone.disk",
            "disk-full",
        ),
        (
            "somebody changes the kernel",
            healthy().but(
                |probe| *probe == Probe::Known(Known::Kernel),
                Seen::Wrong { what: vec!["a rule".to_owned()] },
            ),
            "standalone.kernel",
            "kernel-differs",
        ),
    ])
    .await;
}

#[tokio::test]
async fn trouble_of_the_office_is_named_first() {
    said_first(vec![
        (
            "LGWAN's and the office's cables swapped",
            healthy()
                .but(to_juki, Seen::Answer(Answer::NoNeighbour))
                .but(arp(JUKI, "port1"), Seen::Holder(Some(mac()))),
            "office.server.juki",
            "cable-in-wrong-port",
        ),
        (
            "server off",
            healthy().but(to_juki, Seen::Answer(Answer::NoNeighbour)),
            "office.server.juki",
            "server-off",
        ),
        (
            "wrong prefix length here",
            healthy()
                .but(to_juki, Seen::Answer(Answer::NoNeighbour))
                .but(is_routers, routers(address("192.168.1.254"))),
            "office.server.juki",
            "wrong-prefix",
        ),
        (
            "wrong prefix length there",
            healthy().but(
                to_juki,
                Seen::Answer(Answer::Silent { sought: Some(address("192.168.1.9")) }),
            ),
            "office.server.juki",
            "server-wrong-prefix",
        ),
        (
            "server's firewall, RST",
            healthy().but(to_juki, Seen::Answer(Answer::Refused { after: Duration::ZERO })),
            "office.server.juki",
            "server-refuses",
        ),
        (
            "server's firewall, ICMP",
            healthy().but(to_juki, icmp(JUKI, 13)),
            "office.server.juki",
            "server-refuses",
        ),
        (
            "server's firewall, silent",
            healthy().but(to_juki, silent()),
            "office.server.juki",
            "server-silent",
        ),
    ])
    .await;
}

#[tokio::test]
async fn trouble_of_the_uplink_is_named_first() {
    said_first(vec![
        (
            "two boxes",
            healthy().but(holder("port1"), Seen::Holder(Some(mac()))),
            "lgwan.address",
            "address-taken",
        ),
        (
            "wrong gateway",
            healthy()
                .but(arp(ROUTER, "port1"), Seen::Holder(None))
                .but(is_routers, routers(address("198.18.1.254"))),
            "lgwan.router",
            "wrong-gateway",
        ),
        (
            "router off",
            healthy().but(arp(ROUTER, "port1"), Seen::Holder(None)),
            "lgwan.router",
            "router-silent",
        ),
        (
            "open to LGWAN",
            healthy().but(
                |probe| *probe == Probe::Known(Known::Open),
                Seen::Open(vec!["tcp/443".to_owned()]),
            ),
            "lgwan.closed",
            "open-to-lgwan",
        ),
        (
            "clock off",
            healthy().but(time, good(Said::Time { offset_ms: 365 * 86_400_000, stratum: 2 })),
            "lgwan.ntp.198-18-2-123",
            "clock-off",
        ),
        ("NTP dead", healthy().but(time, silent()), "lgwan.ntp.198-18-2-123", "ntp-silent"),
        (
            "no route to a centre",
            silent_centre().but(on_lgwan(|_| true), icmp(ROUTER, 0)),
            "lgwan.path.east",
            "no-route",
        ),
    ])
    .await;
}

#[tokio::test]
async fn trouble_of_the_tunnel_is_named_first() {
    said_first(vec![
        (
            "another device with this key",
            healthy().but(centre, world::centre(true, Some(3))),
            "tunnel.centre.east",
            "identity-elsewhere",
        ),
        (
            "wrong key",
            silent_centre().but(on_lgwan(at_port), silent()),
            "tunnel.centre.east",
            "keys-differ",
        ),
        (
            "UDP filtered, silently",
            silent_centre().but(on_lgwan(at_port), silent()).but(on_lgwan(closed), silent()),
            "tunnel.centre.east",
            "udp-filtered",
        ),
        (
            "UDP filtered, by somebody who says so",
            silent_centre().but(on_lgwan(at_port), icmp(ROUTER, 13)),
            "tunnel.centre.east",
            "udp-filtered",
        ),
        (
            "centre's program down",
            silent_centre().but(on_lgwan(at_port), icmp(EAST, 3)),
            "tunnel.centre.east",
            "centre-not-listening",
        ),
        (
            "centre gone",
            silent_centre()
                .but(on_lgwan(at_port), silent())
                .but(on_lgwan(closed), silent())
                .but(on_lgwan(echo), silent()),
            "tunnel.centre.east",
            "centre-silent",
        ),
        (
            "path MTU",
            healthy()
                .but(|probe| matches!(probe, Probe::PathMtu { .. }), Seen::PathMtu(Some(1220))),
            "tunnel.path-mtu.east",
            "path-mtu",
        ),
    ])
    .await;
}

#[tokio::test]
async fn trouble_of_the_platform_is_named_first() {
    said_first(vec![
        (
            "no way back",
            healthy().but(mapped, silent()).but(
                |probe| matches!(probe, Probe::Ask(Ask { way: Way::Wire { from, .. }, .. }) if from.octets()[0] == 100),
                silent(),
            ),
            "platform.to.juki.tls-443",
            "no-route-back",
        ),
        ("mapping to another host", healthy().but(mapped, good(Said::Tls(tls("other.example", None)))), "platform.to.juki.tls-443", "wrong-host"),
        ("the box's own rules", healthy().but(mapped, silent()), "platform.to.juki.tls-443", "mapping-broken"),
        (
            "resolver dead",
            healthy().but(|probe| matches!(probe, Probe::Ask(Ask { way: Way::Tunnel { .. }, question: Question::Dns { .. }, .. })), silent()),
            "platform.resolver.100-72-0-53",
            "resolver-silent",
        ),
        ("certificate over", healthy().but(web, bad_tls(TlsFault::Expired)), "platform.service.web", "certificate-expired"),
        ("certificate of another", healthy().but(web, bad_tls(TlsFault::WrongName)), "platform.service.web", "certificate-wrong-name"),
        ("certificate by a stranger", healthy().but(web, bad_tls(TlsFault::UnknownIssuer)), "platform.service.web", "certificate-unknown-issuer"),
        (
            "global address not routed",
            healthy().but(|probe| matches!(probe, Probe::Ask(Ask { way: Way::Tunnel { from }, .. }) if *from == address("100.64.10.11")), silent()),
            "platform.as.100-64-10-11",
            "global-not-routed",
        ),
        (
            "undeclared service open",
            healthy()
                .but(|probe| *probe == Probe::Known(Known::Kernel), Seen::Wrong { what: vec!["a rule".to_owned()] })
                .but(|probe| matches!(probe, Probe::Ask(Ask { way: Way::Office { .. }, question: Question::Tcp { .. }, .. })), good(Said::Here)),
            "platform.closed.juki",
            "undeclared-open",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_depends_on_a_failure_is_not_run_and_says_on_what() {
    let dark = |probe: &Probe| matches!(probe, Probe::Link { port } if port.as_str() == "port1");
    let world =
        World::healthy().but(dark, Seen::Link(Link { present: true, up: true, ..Link::default() }));
    let outcomes = test(&world, &SelfTestWish::default()).await;
    let beyond = outcomes.iter().filter(|outcome| outcome.check.id.starts_with("platform.service"));
    for outcome in beyond.clone() {
        assert_eq!(outcome.verdict, Verdict::NotRun, "{}", outcome.check.id);
        assert!(outcome.result.en.contains("depends on"), "{}", outcome.result.en);
        assert!(outcome.cause.is_none());
    }
    assert!(beyond.count() > 2);
    let office = outcomes.iter().filter(|outcome| outcome.check.stage == Stage::Office);
    assert!(office.clone().count() > 3);
    assert!(office.clone().all(|outcome| outcome.verdict == Verdict::Passed), "no noise elsewhere");
}

#[tokio::test]
async fn a_wish_for_some_brings_what_they_need_and_nothing_else() {
    let only = |only: &str| SelfTestWish { only: vec![only.to_owned()], ..SelfTestWish::default() };
    let outcomes = test(&World::healthy(), &only("platform.service.web")).await;
    let ids: Vec<_> = outcomes.iter().map(|outcome| outcome.check.id.as_str()).collect();
    assert_eq!(
        ids,
        ["standalone.port.lgwan", "lgwan.router", "tunnel.carrier", "platform.service.web"]
    );
    let design = design();
    assert_eq!(unknown(Some(&design), &only("platform.service")), None);
    assert_eq!(unknown(Some(&design), &only("tunnel.fail-over")), None);
    assert_eq!(unknown(Some(&design), &only("platform.servic")), Some("platform.servic"));
}

#[tokio::test]
async fn an_observation_is_made_once_and_events_tell_all() {
    let (world, design) = (World::healthy(), design());
    let mut events = Vec::new();
    let wish = SelfTestWish::default();
    let all = checks(Some(&design), None, &wish);
    let outcomes = run(&all, &world, Depth::Whole, |event| events.push(event)).await;
    assert!(matches!(&events[0], SelfTestEvent::Begun { checks, .. } if checks.len() == all.len()));
    let ended = events.iter().filter(|event| matches!(event, SelfTestEvent::Ended { .. })).count();
    assert_eq!((ended, outcomes.len()), (all.len(), all.len()));
    let asked = world.asked();
    for probe in &asked {
        assert_eq!(asked.iter().filter(|other| *other == probe).count(), 1, "{probe:?}");
    }
    let Some(SelfTestEvent::Ended { seconds_left, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(*seconds_left, 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_given_up_and_said() {
    let world = World::healthy().hanging(|probe| *probe == Probe::Crypto);
    let outcomes = test(&world, &SelfTestWish::default()).await;
    assert_eq!(first(&outcomes), ("standalone.crypto".to_owned(), "unable".to_owned()));
}

#[tokio::test]
async fn the_box_alone_is_tested_without_a_design() {
    let world = World::healthy().but(
        |probe| *probe == Probe::Known(Known::Design),
        Seen::Design { generation: 0, fault: None, awaiting: false },
    );
    let outcomes =
        run(&checks(None, None, &SelfTestWish::default()), &world, Depth::Whole, |_| ()).await;
    assert!(outcomes.iter().all(|outcome| outcome.check.stage == Stage::Standalone));
    assert_eq!(first(&outcomes).1, "no-design");
}

#[tokio::test]
async fn the_level_follows_what_is_vital() {
    let design = design();
    let watched = sekisho_selftest::watched(Some(&design), None);
    for (what, world, wanted) in [
        ("healthy", World::healthy(), Level::Ok),
        (
            "the second centre",
            World::healthy().but(
                |probe| matches!(probe, Probe::Known(Known::Centre(name)) if name.as_str() == "west"),
                world::centre(false, None),
            ),
            Level::Degraded,
        ),
        (
            "no carrier",
            World::healthy().but(|probe| *probe == Probe::Known(Known::Carrier), Seen::Carrier(None)),
            Level::Down,
        ),
    ] {
        let outcomes = run(&watched, &world, Depth::Light, |_| ()).await;
        assert_eq!(level(&watched, &outcomes), wanted, "{what}");
        let sent = |probe: &Probe| matches!(probe, Probe::Ask(Ask { way: Way::Wire { .. }, .. }));
        assert!(!world.asked().iter().any(sent), "{what}: a light look sends nothing past the rules");
    }
}
