use sekisho_control::{PortsInUse, RowKind, Tally};

use super::{
    super::{
        By,
        look::tests::{host as host_traffic, look, row as row_traffic},
    },
    *,
};

const ALL: Shown = Shown { rows: true, hosts: true, by: By::Bytes };

fn office(at: u64, bytes: u64) -> Look {
    let policy = sekisho_control::RowTraffic {
        kind: RowKind::Policy,
        lan: None,
        class: None,
        refused: None,
        ..row_traffic("batch", bytes / 10, 2, 0)
    };
    let long = row_traffic("a-name-longer-than-its-column", bytes, 12, 3);
    let mut look = look(at, vec![long, policy], vec![host_traffic(100, bytes)]);
    look.traffic.connections =
        Some(ConnectionTable { count: 212_000, most: 262_144, fullness: Fullness::Near });
    look.traffic.napt.push(NaptUse {
        global: [100, 64, 10, 30].into(),
        rows: vec!["counter".parse().unwrap(), "window".parse().unwrap()],
        first_port: 1024,
        last_port: 61_999,
        ports: PortsInUse { tcp: 12, udp: 3 },
        refused: Tally::default(),
    });
    look
}

#[test]
fn what_was_counted_is_a_table_in_both_languages() {
    let look = office(0, 1_234_567);
    let en = "\
connections 212000 of 262144 (80 %)  NEARLY FULL
NAPT 100.64.10.30    ports in use TCP 12, UDP 3 of 60976  counter, window

row                  LAN  class       up B    down B  packets   opened  refused
a-name-longer-than-… head normal      1.2M        10    12.3k       12        3
batch                pol              123k        10     1.2k        2        0

host            LAN  row                       up B    down B  packets  refused
192.168.2.100   edu  school                    1.2M         0     1.2k        0";
    let ja = "\
接続 212000 / 262144（80 %）  まもなく満杯です
共有 100.64.10.30    使用ポート TCP 12・UDP 3 / 60976  counter, window

行                   LAN  分類       上りB     下りB パケット     接続     拒否
a-name-longer-than-… 首長 normal      1.2M        10    12.3k       12        3
batch                許可             123k        10     1.2k        2        0

端末・サーバ    LAN  行                       上りB     下りB パケット     拒否
192.168.2.100   教育 school                    1.2M         0     1.2k        0";
    for (language, expected) in [(Language::English, en), (Language::Japanese, ja)] {
        let lines = page(&look, None, ALL, Room::Endless, language);
        assert_eq!(lines.join("\n"), expected);
        assert!(lines.iter().all(|line| line.width() <= WIDTH), "{lines:?}");
    }
}

#[test]
fn rates_are_bits_and_fit_into_the_screen() {
    let (before, now) = (office(0, 1_000_000), office(2, 2_000_000));
    let lines = page(&now, Some(&before), ALL, Room::Lines(20), Language::English);
    let rate = lines.iter().find(|line| line.starts_with("a-name")).unwrap();
    assert!(rate.contains("4.0M") && rate.contains("5.0k"), "{rate}");
    let first = page(&now, None, ALL, Room::Lines(20), Language::English);
    assert!(first.iter().any(|line| line.starts_with("batch") && line.ends_with('-')), "{first:?}");
    for lines in 0..12 {
        let page = page(&now, Some(&before), ALL, Room::Lines(lines), Language::Japanese);
        assert!(page.len() <= lines, "{page:?}");
    }
    let only = Shown { rows: false, ..ALL };
    let hosts = page(&now, Some(&before), only, Room::Lines(20), Language::English).join("\n");
    assert!(hosts.contains("192.168.2.100") && !hosts.contains("batch"), "{hosts}");
}

#[test]
fn the_fullest_shared_addresses_come_first() {
    let mut look = office(0, 1);
    let napt = look.traffic.napt[0].clone();
    look.traffic.napt = (1..=5)
        .map(|last| NaptUse {
            global: [100, 64, 10, last].into(),
            ports: PortsInUse { tcp: 0, udp: u32::from(last) },
            ..napt.clone()
        })
        .collect();
    let first = |room| {
        let lines = page(&look, None, ALL, room, Language::English);
        let words = lines.iter().filter_map(|line| line.strip_prefix("NAPT 100.64.10."));
        words.map(|line| line[..1].to_owned()).collect::<String>()
    };
    assert_eq!(first(Room::Lines(30)), "543");
    assert_eq!(first(Room::Endless), "54321");
}

#[test]
fn room_is_divided_and_nothing_is_wasted() {
    let cases = [
        ((24, 50, 50), (10, 10)),
        ((24, 2, 50), (2, 18)),
        ((24, 50, 3), (17, 3)),
        ((3, 5, 5), (0, 0)),
    ];
    for ((left, rows, hosts), expected) in cases {
        assert_eq!(divided(left, (ALL, rows, hosts)), expected, "{left} {rows} {hosts}");
    }
    let only = Shown { hosts: false, ..ALL };
    assert_eq!(divided(22, (only, 50, 0)), (20, 0));
}

#[test]
fn numbers_have_three_digits() {
    let cases = [
        (0.0, "0"),
        (0.25, "0.2"),
        (3.0, "3"),
        (12.4, "12"),
        (999.4, "999"),
        (999.5, "1.0k"),
        (99_949.0, "99.9k"),
        (99_951.0, "100k"),
        (1_234_567_890.0, "1.2G"),
        (2e21, "2000E"),
    ];
    for (number, text) in cases {
        assert_eq!(short(number), text);
    }
}

#[test]
fn a_wide_character_is_never_halved() {
    assert_eq!(fit("住民記録", 8, Align::Left), "住民記録");
    assert_eq!(fit("住民記録", 7, Align::Left), "住民記…");
    assert_eq!(fit("住民記録", 6, Align::Left), "住民… ");
    assert_eq!(fit("住民", 6, Align::Right), "  住民");
    assert_eq!(fit("住民", 0, Align::Right).width(), 1, "no place at all");
}
