use super::*;

const UNKNOWN_SPEED: u32 = u32::MAX;
const UNKNOWN_DUPLEX: u8 = 0xff;
/// 10, 100 and 1000 of a copper port, pause included.
const COPPER: [u32; 2] = [0b0110_0000_1110_1111, 0];

/// A port that agrees and has a gigabit.
fn port(supported: [u32; 2]) -> Settings {
    let mut settings = Settings(vec![0; HEADER + 6]);
    settings.set_byte(WIDTH, 2);
    settings.0[SPEED] = 1000;
    settings.set_byte(DUPLEX, 1);
    settings.set_byte(AGREES, 1);
    settings.0[HEADER..HEADER + 2].copy_from_slice(&supported);
    settings.0[HEADER + 2..HEADER + 4].copy_from_slice(&supported);
    settings
}

fn mode(speed: Speed, duplex: Duplex) -> PortMode {
    PortMode::new(speed, duplex).unwrap()
}

/// A kernel that does what it is told, its carrier gone or not.
fn after(mut settings: Settings, wanted: Option<PortMode>, carrier: bool) -> Settings {
    settings.choose(wanted).unwrap();
    assert_eq!(settings.0[0], SET_SETTINGS);
    if !carrier {
        settings.0[SPEED] = UNKNOWN_SPEED;
        settings.set_byte(DUPLEX, UNKNOWN_DUPLEX);
    }
    settings
}

#[test]
fn what_is_set_is_read_back() {
    let modes = [
        mode(Speed::Mbps10, Duplex::Half),
        mode(Speed::Mbps10, Duplex::Full),
        mode(Speed::Mbps100, Duplex::Half),
        mode(Speed::Mbps100, Duplex::Full),
        mode(Speed::Gbps1, Duplex::Full),
    ];
    assert_eq!(port(COPPER).seen(), Seen::Agreed);
    for wanted in modes {
        let fixed = after(port(COPPER), Some(wanted), true);
        assert_eq!(fixed.seen(), Seen::Fixed(wanted));
        let free = after(fixed.clone(), None, true);
        assert_eq!(free.seen(), Seen::Agreed);
        assert_eq!(free.offered(), COPPER, "all that it can do is offered again");
        for other in modes {
            let changed = after(fixed.clone(), Some(other), true);
            assert_eq!(changed.seen(), Seen::Fixed(other), "{wanted:?}");
        }
    }
}

#[test]
fn a_fixed_port_without_a_carrier_has_no_speed_but_a_gigabit_that_alone_is_offered() {
    let hundred = mode(Speed::Mbps100, Duplex::Full);
    assert_eq!(after(port(COPPER), Some(hundred), false).seen(), Seen::Unknown);
    let gigabit = mode(Speed::Gbps1, Duplex::Full);
    assert_eq!(after(port(COPPER), Some(gigabit), false).seen(), Seen::Fixed(gigabit));
    assert_eq!(after(port(COPPER), None, false).seen(), Seen::Agreed);
}

#[test]
fn faster_speeds_are_not_offered_beside_a_gigabit() {
    // 2500baseT/Full is bit 47.
    let faster = [COPPER[0], 1 << 15];
    let gigabit = mode(Speed::Gbps1, Duplex::Full);
    let fixed = after(port(faster), Some(gigabit), true);
    assert_eq!(fixed.offered(), [0b0110_0000_1110_0000, 0], "pause and the kind of socket stay");
    assert_eq!(fixed.seen(), Seen::Fixed(gigabit));
    assert_eq!(after(fixed, None, true).offered(), faster);
}

#[test]
fn a_port_that_cannot_is_told_from_one_that_can() {
    let cannot = |settings: &Settings, wanted| {
        let error = settings.clone().choose(wanted).unwrap_err();
        error.kind() == io::ErrorKind::Unsupported
    };
    let hundred = Some(mode(Speed::Mbps100, Duplex::Full));
    // Agreement, socket, 1000baseT/Full alone.
    let only = port([0b1110_0000, 0]);
    assert_eq!(only.seen(), Seen::Unknown, "fixed or not is the same");
    assert!(cannot(&only, hundred));
    assert!(only.clone().choose(Some(mode(Speed::Gbps1, Duplex::Full))).is_ok());
    // A virtual cable, or a virtual machine's card.
    let mut bare = port([0, 0]);
    bare.0[SPEED] = 1000;
    bare.set_byte(AGREES, 0);
    assert_eq!(bare.seen(), Seen::Unknown);
    assert!(cannot(&bare, hundred) && cannot(&bare, None));
}

#[test]
fn an_error_names_port_and_mode_and_the_way_out() {
    let unsupported = || io::Error::from_raw_os_error(EOPNOTSUPP);
    let name: PortName = "port1".parse().unwrap();
    let mode = Some(mode(Speed::Mbps100, Duplex::Full));
    let error = HostError::Mode { name: name.clone(), mode, source: unsupported() };
    assert!(
        error.to_string().starts_with("can't fix the port 'port1' at 100M full duplex: "),
        "{error}"
    );
    assert!(error.way_out().unwrap().contains("'speed' and 'duplex'"));
    let error = HostError::Lamp { name, source: unsupported() };
    assert!(error.way_out().unwrap().contains("sekisho-ports list"), "{error}");
}

#[test]
fn a_link_without_speeds_is_fixed_at_nothing_and_does_not_blink() {
    let ethtool = Ethtool::open().unwrap();
    let lo: PortName = "lo".parse().unwrap();
    assert_eq!(ethtool.mode(&lo, 1), None);
    let error = ethtool.set_mode(&lo, 1, Some(mode(Speed::Mbps10, Duplex::Half))).unwrap_err();
    assert!(matches!(error, HostError::Mode { .. }), "{error}");
    let error = ethtool.blink(&lo, Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, HostError::Lamp { .. }), "{error}");
}
