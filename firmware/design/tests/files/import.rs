//! Rows from tables: what goes out as a sheet comes in again, and what is not in a table stays.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use proptest::{prelude::*, sample::Index};
use sekisho_design::{
    Changes, Design, Imported, Language, Problem, Problems, RowKind, Severity, Sheet, Source,
    Tables, import,
};

use crate::{form::design, format::formatted, pair};

/// A table for servers, one for terminals, and whether they replace.
type Given<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, bool);

fn imported(site: &str, (servers, terminals, replace): Given<'_>) -> Result<Imported, Problems> {
    let table = |name, bytes: Option<_>| bytes.map(|bytes| Source { name, bytes });
    let tables = Tables {
        servers: table("servers.csv", servers),
        terminals: table("terminals.csv", terminals),
        flows: None,
        replace,
    };
    import(&Source { name: "site.toml", bytes: site.as_bytes() }, &tables)
}

fn servers(site: &str, table: &str, replace: bool) -> Imported {
    imported(site, (Some(table.as_bytes()), None, replace)).unwrap()
}

/// The ways in which spreadsheets save a table.
pub(crate) fn saved(table: &str) -> Vec<Vec<u8>> {
    let bare = table.trim_start_matches('\u{FEFF}');
    let (cp932, _, unmappable) = encoding_rs::SHIFT_JIS.encode(bare);
    assert!(!unmappable, "{bare}");
    vec![table.into(), bare.into(), bare.replace("\r\n", "\n").into(), cp932.into_owned()]
}

/// The translation sheet of a design, in every way that a spreadsheet saves it.
fn sheets(design: &Design) -> Vec<Vec<u8>> {
    let languages = [Language::Japanese, Language::English];
    let sheets = languages.map(|language| Sheet::translation(design, language).csv());
    sheets.iter().flat_map(|sheet| saved(sheet)).collect()
}

#[test]
fn a_sheet_comes_in_again_and_changes_nothing() {
    let site = formatted(&pair::base("site.toml")).unwrap();
    for sheet in sheets(&design(&site)) {
        let Imported { site: again, changes, notices, .. } =
            imported(&site, (Some(&sheet), Some(&sheet), true)).unwrap();
        assert_eq!(again, site);
        let kept = |names: &[&str]| Changes {
            unchanged: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Changes::default()
        };
        assert_eq!(changes[&RowKind::Servers], kept(&["juki", "kensho"]));
        assert_eq!(changes[&RowKind::Terminals], kept(&["counter", "school"]));
        // Who starts a flow is no matter of addresses.
        let codes: Vec<_> = notices.iter().map(Problem::code).collect();
        assert_eq!(codes, ["CSV-05", "CSV-05"]);
    }
}

const TABLE: &str = "\
Name,Remarks,interface,inside,Global\r
atena,new,head-office,192.168.1.11,100.64.10.13\r
\r
juki,,首長部局業務系ＬＡＮ,\"192.168.1.12\",100.64.10.11\r
";

const SITE: &str = "\
schema = 1

[[server]]
name = \"juki\"  # 住基
interface = \"head-office\"
# since spring
private = \"192.168.1.10\"  # rack 3
global = \"100.64.10.11\"
environment = \"production\"
services = [\"https\"]

[[server]]
name = \"kensho\"
private = \"192.168.1.20\"
";

#[test]
fn a_row_takes_what_the_table_says_and_keeps_the_rest() {
    let after = "\
schema = 1

[[server]]
name = \"juki\"  # 住基
interface = \"head-office\"
# since spring
private = \"192.168.1.12\"  # rack 3
global = \"100.64.10.11\"
environment = \"production\"
services = [\"https\"]

[[server]]
name = \"kensho\"
private = \"192.168.1.20\"

[[server]]
name = \"atena\"
interface = \"head-office\"
private = \"192.168.1.11\"
global = \"100.64.10.13\"
";
    let imported = servers(SITE, TABLE, false);
    assert_eq!(imported.site, after);
    let names = |name: &str| vec![name.to_owned()];
    let changes = Changes { added: names("atena"), changed: names("juki"), ..Changes::default() };
    assert_eq!(imported.changes, [(RowKind::Servers, changes.clone())].into());

    let without_kensho =
        after.replace("[[server]]\nname = \"kensho\"\nprivate = \"192.168.1.20\"\n\n", "");
    let imported = servers(SITE, TABLE, true);
    assert_eq!(imported.site, without_kensho);
    assert_eq!(
        imported.changes[&RowKind::Servers],
        Changes { removed: names("kensho"), ..changes }
    );
}

#[test]
fn terminals_have_a_line_or_a_word_for_each_network() {
    let site = "[[terminals]]\nname = \"counter\"\nfrom = [\n  # first\n  \"192.168.1.100/32\",  # desk\n  \"192.168.1.7\",\n]\n";
    let expected = "[[terminals]]\nname = \"counter\"\ninterface = \"head-office\"\nfrom = [\n  \"192.168.1.128/25\",\n  # first\n  \"192.168.1.100/32\",  # desk\n  \"192.168.1.8\",\n]\nglobal = \"100.64.10.30\"\nenvironment = \"test\"\n";
    let line = |inside: &str, environment: &str| {
        format!("counter,head-office,\"{inside}\",100.64.10.30,{environment}\n")
    };
    let head = "name,lan,from,global,環境\n";
    let tables = [
        head.to_owned()
            + &line("192.168.1.128/25", "")
            + &line("192.168.1.100", "検証")
            + &line("192.168.1.8", "test"),
        head.to_owned() + &line("192.168.1.128/25\n192.168.1.100、192.168.1.8", "検証"),
        head.to_owned() + &line("192.168.1.128/25, 192.168.1.100;192.168.1.8", "TEST"),
    ];
    for table in &tables {
        let imported = imported(site, (None, Some(table.as_bytes()), false)).unwrap();
        assert_eq!(imported.site, expected, "{table}");
        assert_eq!(imported.notices, []);
    }
}

#[test]
fn what_an_input_method_makes_of_an_address_is_read_and_said() {
    let head = "name,lan,inside,global\n";
    for (name, inside) in [
        ("ｊｕｋｉ－１", "１９２．１６８．１．１２"),
        ("jukiー１", "192。168。1。12"),
        ("juki−1", "１９２｡１６８｡１｡１２"),
    ] {
        let table = format!("{head}{name},head-office,{inside},100.64.10.11\n");
        let imported = servers("schema = 1", &table, false);
        assert!(imported.site.contains("name = \"juki-1\""), "{}", imported.site);
        assert!(imported.site.contains("private = \"192.168.1.12\""), "{}", imported.site);
        let said: Vec<_> =
            imported.notices.iter().map(|notice| (notice.code(), notice.column)).collect();
        let columns = [1, 1 + name.chars().count() + ",head-office,".len()];
        assert_eq!(said, columns.map(|column| ("CSV-09", column)));
    }
}

#[test]
fn a_site_that_is_none_is_refused_as_check_does() {
    let table = TABLE.as_bytes();
    for (site, code) in [
        ("[site", "FILE-03"),
        ("schema = 2", "FORM-01"),
        ("schema = 1\nserver = 1", "FORM-05"),
        ("schema = 1\nserver = [1]", "FORM-05"),
        ("schema = 1\n[server]\nname = 'juki'", "FORM-05"),
    ] {
        let Problems(problems) = imported(site, (Some(table), None, false)).unwrap_err();
        assert!(problems.iter().any(|problem| problem.code() == code), "{site}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.file == "site.toml"));
    }
}

#[test]
fn both_tables_are_judged_at_once() {
    let wrong = "name,lan,inside,global\nA,head-office,192.168.1.11,100.64.10.13\n";
    let given = (Some(wrong.as_bytes()), Some(&b"\xFF"[..]), false);
    let Problems(problems) = imported("schema = 1", given).unwrap_err();
    let said: Vec<_> =
        problems.iter().map(|found| (&*found.file, found.line, found.code())).collect();
    assert_eq!(said, [("servers.csv", 2, "FORM-10"), ("terminals.csv", 1, "CSV-01")]);
    let huge = vec![b','; (1 << 20) + 1];
    let Problems(problems) = imported("schema = 1", (Some(&huge), None, false)).unwrap_err();
    assert_eq!(problems.iter().map(Problem::code).collect::<Vec<_>>(), ["FILE-01"]);
}

#[test]
fn problems_of_imported_values_are_shown_in_the_table() {
    let site = pair::base("site.toml");
    let table = "name,lan,inside,global\n\nnew,head-office,192.168.9.9,100.64.99.1\n";
    let terminals = "name,lan,inside,global\ncounter,head-office,192.168.1.96/27,100.64.10.30\ncounter,head-office,172.16.0.1,100.64.10.30\n";
    let given = (Some(table.as_bytes()), Some(terminals.as_bytes()), false);
    let imported = imported(&site.replace("\"198.18.1.1\"", "\"198.18.9.1\""), given).unwrap();
    let profile = crate::keys::signed(&pair::base("profile.toml"));
    let Problems(problems) =
        pair::check_pair(imported.site.as_bytes(), profile.as_bytes()).unwrap_err();
    let problems = imported.in_tables(problems, "site.toml");
    let gateway = imported.site.lines().position(|line| line.starts_with("gateway")).unwrap() + 1;
    let errors = problems.iter().filter(|problem| problem.severity() == Severity::Error);
    let said: Vec<_> = errors
        .map(|found| (&*found.file, found.line, found.column, &*found.path, found.code()))
        .collect();
    assert_eq!(
        said,
        [
            ("site.toml", gateway, 11, "interface.lgwan.gateway", "ADDR-07"),
            ("servers.csv", 3, 17, "inside", "ROW-03"),
            ("servers.csv", 3, 29, "global", "POOL-01"),
            ("terminals.csv", 3, 21, "inside", "ROW-05"),
        ]
    );
}

#[test]
fn a_cell_of_separators_is_empty() {
    let table = "name,lan,inside,global\ncounter,head-office,、;,100.64.10.30\n";
    let given = (None, Some(table.as_bytes()), false);
    let Problems(problems) = imported("schema = 1", given).unwrap_err();
    let said: Vec<_> = problems.iter().map(|found| (found.code(), found.column)).collect();
    assert_eq!(said, [("CSV-07", 21)]);
}

#[test]
fn a_large_table_takes_no_time_to_speak_of() {
    let mut table = "name,lan,inside,global\n".to_owned();
    for row in 0..2000 {
        let (high, low) = (row / 200, row % 200 + 2);
        writeln!(table, "s{row},head-office,10.1.{high}.{low},100.64.{high}.{low}").unwrap();
    }
    let start = Instant::now();
    let first = servers("schema = 1", &table, false);
    assert_eq!(first.changes[&RowKind::Servers].added.len(), 2000);
    let again = servers(&first.site, &table, true);
    assert_eq!(again.changes[&RowKind::Servers].unchanged.len(), 2000);
    assert_eq!(again.site, first.site);

    let networks = "10.0.0.1;".repeat(50_000);
    let table = format!("name,lan,inside,global\nt,head-office,{networks},100.64.10.30\n");
    let row = imported("schema = 1", (None, Some(table.as_bytes()), false)).unwrap();
    assert_eq!(row.site.matches("10.0.0.1").count(), 50_000);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// A byte put, taken or changed somewhere in a table.
#[derive(Clone, Debug)]
enum Slip {
    Put(Index, u8),
    Take(Index),
}

proptest! {
    #[test]
    fn a_sheet_restores_what_it_shows(
        digits in prop::collection::vec((any::<Index>(), b'0'..=b'9'), 0..8),
        sheet in any::<Index>(),
    ) {
        // Other addresses, environments and LANs in the rows, and the sheet of the right ones.
        let right = design(&pair::base("site.toml"));
        let site = pair::base("site.toml");
        let (head, rows) = site.split_at(site.find("[[server]]").unwrap());
        let mut rows = rows.replace("environment = \"test\"\n", "");
        for (at, digit) in digits {
            let addresses: Vec<_> = rows.match_indices("global = \"100.64.10.").collect();
            let (start, found) = addresses[at.index(addresses.len())];
            let place = start + found.len();
            rows.replace_range(place..=place, &char::from(digit).to_string());
        }
        let sheets = sheets(&right);
        let sheet = &sheets[sheet.index(sheets.len())];
        let imported = imported(&format!("{head}{rows}"), (Some(sheet), Some(sheet), true)).unwrap();
        prop_assert_eq!(design(&imported.site), right);
    }

    #[test]
    fn a_table_with_slips_gets_an_answer(
        slips in prop::collection::vec(
            prop_oneof![(any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Slip::Put(at, byte)), any::<Index>().prop_map(Slip::Take)],
            1..6,
        ),
        sheet in any::<Index>(),
    ) {
        let site = pair::base("site.toml");
        let sheets = sheets(&design(&site));
        let mut table = sheets[sheet.index(sheets.len())].clone();
        for slip in slips {
            match slip {
                Slip::Put(at, byte) => table.insert(at.index(table.len()), byte),
                Slip::Take(at) => drop(table.remove(at.index(table.len()))),
            }
        }
        match imported(&site, (Some(&table), Some(&table), false)) {
            Ok(imported) => {
                prop_assert!(imported.notices.iter().all(|notice| notice.severity() == Severity::Warning));
                prop_assert_eq!(&formatted(&imported.site).unwrap(), &imported.site);
            }
            Err(Problems(problems)) => {
                prop_assert!(problems.iter().any(|problem| problem.severity() == Severity::Error));
            }
        }
    }
}
