//! Sheets of some samples, as they are written down under `golden/`; `BLESS=1` writes them anew.

use std::{collections::BTreeSet, fmt::Write, fs, time::Duration};

use sekisho_design::{
    Design, Language, Ledger, Method, NamedHost, Names, Origin, Sheet, TunnelHabits,
};

use crate::{keys, sample};

const SAMPLES: [&str; 3] = ["1-office", "2-partly-data-centre", "policies"];
const LANGUAGES: [(&str, Language); 2] = [("ja", Language::Japanese), ("en", Language::English)];

/// The device's own; the command line's tests hold it against what the tunnel does.
const HABITS: TunnelHabits = TunnelHabits {
    port: 51820,
    probe_interval: Duration::from_millis(200),
    longest_silence: Duration::from_secs(30),
};

fn sheets(sample: &str, language: Language) -> [(&'static str, Sheet); 4] {
    let design = sample::design(sample);
    [
        ("ledger", Ledger::of(&design).sheet(language)),
        ("translation", Sheet::translation(&design, language)),
        ("flows", Sheet::flows(&design, language)),
        ("firewall", Sheet::firewall(&design, &HABITS, language)),
    ]
}

#[test]
fn sheets_are_what_is_written_down() {
    let mut wrong = String::new();
    for sample in SAMPLES {
        let folder = keys::path("firmware/design/tests/golden").join(sample);
        let mut files = BTreeSet::new();
        for (code, language) in LANGUAGES {
            for (name, sheet) in sheets(sample, language) {
                for (kind, text) in
                    [("csv", sheet.csv()), ("html", sheet.html()), ("txt", sheet.text())]
                {
                    let file = format!("{name}.{code}.{kind}");
                    if std::env::var_os("BLESS").is_some() {
                        fs::create_dir_all(&folder).unwrap();
                        fs::write(folder.join(&file), &text).unwrap();
                    } else if fs::read_to_string(folder.join(&file)).ok().as_ref() != Some(&text) {
                        write!(wrong, "\n{sample}/{file}:\n{text}").unwrap();
                    }
                    files.insert(file);
                }
            }
        }
        let on_disk = fs::read_dir(folder).unwrap();
        let on_disk: BTreeSet<_> =
            on_disk.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(on_disk, files);
    }
    assert!(wrong.is_empty(), "these differ from the golden files:{wrong}");
}

#[test]
fn every_row_has_a_cell_for_each_column_and_its_number_first() {
    for sample in
        ["1-office", "4-terminals-only", "large", "overlapping-ranges", "policies", "union"]
    {
        for (_, language) in LANGUAGES {
            for (name, sheet) in sheets(sample, language) {
                for (number, row) in (1..).zip(&sheet.rows) {
                    assert_eq!(row.len(), sheet.columns.len(), "{sample} {name}");
                    assert_eq!(row[0], number.to_string(), "{sample} {name}");
                    // What a spreadsheet would take for a formula.
                    assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
                }
            }
        }
    }
}

#[test]
fn a_row_that_starts_nothing_has_no_flow() {
    let mut design = sample::design("1-office");
    let flows = |design: &Design| Sheet::flows(design, Language::English).rows.len();
    // Two servers both ways, two rows of terminals.
    assert_eq!(flows(&design), 6);
    design.servers[0].services.clear();
    design.servers[1].allow_from_platform.clear();
    assert_eq!(flows(&design), 4);
    let translation = Sheet::translation(&design, Language::English);
    assert_eq!(
        (translation.rows[0][7].as_str(), translation.rows[1][7].as_str()),
        ("platform", "office")
    );
}

#[test]
fn a_flow_tells_the_approval_of_its_own_services() {
    let mut design = sample::design("1-office");
    let note = |text: &str| Some(text.parse().unwrap());
    design.servers[0].approval = note("第1号");
    design.servers[0].allow_from_platform[0].approval = note("\u{202e}第2号");
    let flows = Sheet::flows(&design, Language::Japanese);
    let approvals: Vec<_> = flows.rows.iter().map(|row| row[5].as_str()).collect();
    let terminals = "情政第12号（令和8年3月2日）、接続確認のechoと名前解決";
    assert_eq!(approvals, ["第1号", "\\u{202e}第2号", "", "", terminals, terminals]);
}

#[test]
fn the_firewall_request_tells_the_line_where_the_design_does() {
    let about = |sample: &str, language| {
        let sheet = Sheet::firewall(&sample::design(sample), &HABITS, language);
        sheet.about[3..].iter().map(|(head, text)| format!("{head}: {text}")).collect::<Vec<_>>()
    };
    assert_eq!(about("union", Language::English), [""; 0]);
    assert_eq!(
        about("2-partly-data-centre", Language::English),
        ["Contracted rate of the LGWAN line: 50M", "Port on the LGWAN side: 100M, full duplex"]
    );
    assert_eq!(
        about("2-partly-data-centre", Language::Japanese),
        ["LGWAN回線の契約速度: 50M", "LGWAN側のポート: 100M、全二重"]
    );
}

#[test]
fn the_firewall_request_names_every_centre_both_ways_and_nothing_else() {
    let mut design = sample::design("1-office");
    design.profile.centres[1].endpoint.port = 4500;
    design.lgwan.dns.clear();
    let sheet = Sheet::firewall(&design, &HABITS, Language::English);
    let shown: Vec<_> = sheet.rows.iter().map(|row| row[2..8].join(" ")).collect();
    let expected = [
        "198.18.1.2 51820 centre east 198.18.11.10 51820 UDP",
        "198.18.11.10 51820 this device 198.18.1.2 51820 UDP",
        "198.18.1.2 51820 centre west 198.18.12.10 4500 UDP",
        "198.18.12.10 4500 this device 198.18.1.2 51820 UDP",
        "198.18.1.2 any LGWAN time server 198.18.2.123 123 UDP",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn hosts_that_are_called_by_a_name_stand_by_it_with_a_note() {
    let mut design = sample::design("1-office");
    let notes =
        |sheet: &Sheet| sheet.notes.iter().filter(|note| note.contains("may change")).count();
    let sheets = |design: &Design| {
        [
            Sheet::firewall(design, &HABITS, Language::English),
            Sheet::flows(design, Language::English),
        ]
    };
    assert_eq!(sheets(&design).each_ref().map(notes), [0, 0]);

    design.profile.centres[0].endpoint = "east.vpn.example:51820".parse().unwrap();
    design.profile.ntp = vec!["ntp.lgwan.example".parse().unwrap()];
    let web = NamedHost::new("web.platform.example".parse().unwrap());
    design.servers[0].allow_from_platform[0].from = Origin::Name(web);
    let sheets = sheets(&design);
    assert_eq!(sheets.each_ref().map(notes), [1, 1]);
    let [firewall, flows] = sheets;
    assert_eq!(firewall.rows[0][5], "east.vpn.example");
    assert_eq!(firewall.rows[1][2], "east.vpn.example");
    assert_eq!(firewall.rows.last().unwrap()[5], "ntp.lgwan.example");
    assert_eq!(flows.rows[1][1], "platform (production, web.platform.example)");
}

#[test]
fn the_firewall_request_tells_who_asks_for_names() {
    let mut design = sample::design("1-office");
    let note = |design: &Design| {
        let sheet = Sheet::firewall(design, &HABITS, Language::English);
        sheet.notes.last().unwrap().clone()
    };
    assert!(note(&design).contains("from clients of the LAN to the device"));
    for (method, said) in [
        (Some(Method::Forward), "from the office's DNS servers (office-dns) to the device"),
        (Some(Method::Hosts), "the rows of the flow inventory"),
        (None, "the rows of the flow inventory"),
    ] {
        let names = sample::design("1-office").names;
        design.names = names.zip(method).map(|(names, method)| Names { method, ..names });
        assert!(note(&design).contains(said), "{method:?}");
    }
}

#[test]
fn the_firewall_request_names_the_collector() {
    let notes = |sample: &str, language| {
        let sheet = Sheet::firewall(&sample::design(sample), &HABITS, language);
        sheet.notes.into_iter().filter(|note| note.contains("514")).collect::<Vec<_>>()
    };
    assert_eq!(
        notes("3-data-centre", Language::English),
        [
            "A firewall between the device and the collector of log messages must let TCP port 514 pass from the device to 10.10.0.60."
        ]
    );
    assert!(notes("3-data-centre", Language::Japanese)[0].contains("10.10.0.60 へのTCPの514番"));
    assert!(notes("1-office", Language::English).is_empty());
}
