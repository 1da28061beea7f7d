//! Policies from a flow inventory (R95): what goes out comes in again, what others write is read or refused by line.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use sekisho_design::{
    Changes, Class, Design, Environment, Imported, LARGEST_FILE, LARGEST_TABLE, Language, Problem,
    Problems, RowKind, Rule, Severity, Sheet, Source, Sources, Tables, Trust, check, import,
    print_site,
};

use crate::{format::formatted, import::saved, keys};

fn imported(site: &str, flows: &[u8], replace: bool) -> Result<Imported, Problems> {
    let flows = Some(Source { name: "flows.csv", bytes: flows });
    let tables = Tables { servers: None, terminals: None, flows, replace };
    import(&Source { name: "site.toml", bytes: site.as_bytes() }, &tables)
}

fn refused(site: &str, flows: &[u8]) -> Vec<Problem> {
    let Problems(problems) = imported(site, flows, false).unwrap_err();
    problems
}

/// A file of the sample that has policies.
fn sample(file: &str) -> String {
    std::fs::read_to_string(keys::path("config-samples/policies").join(file)).unwrap()
}

fn checked(site: &str) -> Design {
    let profile = sample("platform-profile.toml");
    let sources = Sources {
        site: Source { name: "site.toml", bytes: site.as_bytes() },
        profile: Source { name: "platform-profile.toml", bytes: profile.as_bytes() },
    };
    let trust = Trust { operator: keys::key("operator.pub").parse().unwrap(), in_force: None };
    let accepted = check(&sources, &trust);
    accepted.unwrap_or_else(|problems| panic!("{site}\n{problems}")).design
}

/// A site with other policies.
fn with(design: &Design, policies: &[sekisho_design::Policy]) -> String {
    let mut design = design.clone();
    design.policies = policies.to_vec();
    print_site(&design)
}

/// The inventory of a design, in every way that a spreadsheet saves it.
fn inventories(design: &Design) -> Vec<Vec<u8>> {
    let languages = [Language::Japanese, Language::English];
    let sheets = languages.map(|language| Sheet::flows(design, language).csv());
    sheets.iter().flat_map(|sheet| saved(sheet)).collect()
}

#[test]
fn an_inventory_comes_in_again_and_changes_nothing() {
    let site = sample("site.toml");
    let design = checked(&site);
    for inventory in inventories(&design) {
        let Imported { site: again, changes, notices, .. } =
            imported(&site, &inventory, true).unwrap();
        assert_eq!(again, site);
        let names = ["night-files", "notices", "rehearsal"].map(str::to_owned).to_vec();
        let unchanged = Changes { unchanged: names, ..Changes::default() };
        assert_eq!(changes, [(RowKind::Policies, unchanged)].into());
        // What servers and terminals may start stands there too.
        let said: Vec<_> = notices.iter().map(|notice| notice.rule.clone()).collect();
        assert_eq!(said, [Rule::OtherRows { count: 9, kind: RowKind::Policies }]);

        let bare = with(&design, &[]);
        let restored = imported(&bare, &inventory, false).unwrap();
        assert_eq!(checked(&restored.site), design);
    }
}

const SITE: &str = "\
schema = 1

[[policy]]
name = \"kept\"
from = [\"juki\"]
to = [\"100.72.0.0/16\"]
services = [\"https\"]

# 期限は課長と相談 / agreed on
[[policy]]
name = \"flow-2\"
from = [
  \"juki\",  # 住基
  \"atena\",
]
to = [\"100.72.0.0/16\"]
services = [\"https\", \"tcp/8443\"]
class = \"bulk\"
ftp = true
until = 2099-03-31T17:00:00+09:00  # 年度末
";

#[test]
fn a_table_by_hand_needs_four_columns_and_leaves_the_rest_alone() {
    let table = "\
項番,From,To,連携方式,技術仕様\r
1,counter,100.72.1.10,API連携,HTTPS・tcp/8080\r
2,\"juki、kensho（検証用）\",100.72.0.0/16,ファイル連携,\"TCP/8443, tcp/21\"\r
3,web.platform.example,juki,通知,special\r
";
    let after = SITE
        .replace("  \"atena\",\n", "  \"kensho\",\n")
        .replace("\"https\", \"tcp/8443\"", "\"tcp/8443\", \"tcp/21\"")
        + "
[[policy]]
name = \"flow-1\"
from = [\"counter\"]
to = [\"100.72.1.10\"]
services = [\"tcp/443\", \"tcp/8080\"]

[[policy]]
name = \"flow-3\"
from = [\"web.platform.example\"]
to = [\"juki\"]
services = [\"special\"]
";
    for table in saved(table) {
        let imported = imported(SITE, &table, false).unwrap();
        assert_eq!(imported.site, after);
        assert_eq!(imported.notices, []);
        let changes = Changes {
            added: ["flow-1", "flow-3"].map(str::to_owned).to_vec(),
            changed: vec!["flow-2".to_owned()],
            ..Changes::default()
        };
        assert_eq!(imported.changes, [(RowKind::Policies, changes)].into());
    }
}

#[test]
fn an_empty_cell_takes_away_and_the_same_time_stays_as_written() {
    let head = "name,from,to,services,class,ftp,until\n";
    let line =
        |more: &str| format!("{head}flow-2,juki;atena,100.72.0.0/16,https;tcp/8443,{more}\n");
    for until in ["2099/3/31 17:00", "2099-03-31T08:00:00Z"] {
        let same = imported(SITE, line(&format!("一括,許可,{until}")).as_bytes(), false).unwrap();
        assert_eq!(same.site, SITE);
        assert_eq!(same.changes[&RowKind::Policies].unchanged, ["flow-2"]);
    }
    let without = imported(SITE, line(",,").as_bytes(), false).unwrap();
    let shorter = SITE.split("class").next().unwrap();
    assert_eq!(without.site, shorter);
    assert_eq!(without.changes[&RowKind::Policies].changed, ["flow-2"]);
}

#[test]
fn replaced_policies_stand_as_the_table_has_them() {
    let table = "no.,name,from,to,services\n1,new,atena,100.72.0.0/16,http\n2,flow-2,juki,100.72.0.0/16,https\n3,kept,juki,100.72.0.0/16,https\n";
    let imported = imported(SITE, table.as_bytes(), true).unwrap();
    let order: Vec<_> =
        imported.site.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
    assert_eq!(order, ["\"new\"", "\"flow-2\"", "\"kept\""]);
    assert!(
        imported.site.contains("# 期限は課長と相談 / agreed on\n[[policy]]\nname = \"flow-2\"")
    );
    let problem = |path: &str| Problem {
        rule: Rule::BadApproval,
        file: "site.toml".to_owned(),
        line: 1,
        column: 1,
        path: path.to_owned(),
    };
    let problems = ["policy[0].services[0]", "policy[2]", "policy[1].class"].map(problem);
    let shown = imported.in_tables(problems.to_vec(), "site.toml");
    let shown: Vec<_> =
        shown.iter().map(|found| (&*found.file, found.line, &*found.path)).collect();
    assert_eq!(
        shown,
        [
            ("flows.csv", 2, "services"),
            ("flows.csv", 4, "name"),
            ("site.toml", 1, "policy[1].class")
        ]
    );
}

#[test]
fn what_is_wrong_is_said_by_line() {
    let head = "name,from,to,services,environment,class,ftp,approval,until\n";
    let table = head.to_owned()
        + "a,100.72.1.9/29,x..y,tcp/0,本番,fast,maybe,=1+1,tomorrow\n"
        + "b,juki,100.72.0.0/16,https,,,,,\n"
        + "b,juki,100.72.0.0/16,https,,,,,\n"
        + "C,,100.72.0.0/16,（注）,,,,,\n"
        + "d,juki,100.72.0.0/16,https,,,,,,more\n";
    let said: Vec<_> = refused("schema = 1", table.as_bytes())
        .iter()
        .map(|found| (found.line, found.column, found.code()))
        .collect();
    assert_eq!(
        said,
        [
            (2, 3, "FORM-08"),
            (2, 17, "FORM-28"),
            (2, 22, "FORM-12"),
            (2, 31, "FORM-13"),
            (2, 36, "FORM-13"),
            (2, 42, "FORM-23"),
            (2, 47, "FORM-16"),
            (4, 1, "ROW-01"),
            (5, 1, "FORM-10"),
            (5, 3, "CSV-07"),
            (5, 18, "CSV-07"),
            (6, 33, "CSV-06"),
        ]
    );
    for (table, code) in [
        ("", "CSV-10"),
        ("name,from,to,services\n", "CSV-10"),
        ("from,to,services\njuki,100.72.0.0/16,https\n", "CSV-03"),
        ("no.,from,to,services\n,juki,100.72.0.0/16,https\n", "CSV-07"),
        ("name,from,to,services,name\n", "CSV-04"),
        ("name,kind,from,to,services\na,server,juki,100.72.0.0/16,https\n", "CSV-10"),
        ("name,from,to,services\n\"a,juki,100.72.0.0/16,https\n", "CSV-02"),
        ("no.,from,to,services\n一,juki,100.72.0.0/16,https\n", "FORM-10"),
    ] {
        let codes: Vec<_> =
            refused("schema = 1", table.as_bytes()).iter().map(Problem::code).collect();
        assert!(codes.contains(&code), "{table}: {codes:?}");
    }
    let huge = vec![b','; LARGEST_TABLE + 1];
    let codes: Vec<_> = refused("schema = 1", &huge).iter().map(Problem::code).collect();
    assert_eq!(codes, ["FILE-01"]);
    for site in ["schema = 1\npolicy = 1", "schema = 1\npolicy = [1]"] {
        let table = b"name,from,to,services\na,juki,100.72.0.0/16,https\n";
        let problems = refused(site, table);
        assert!(problems.iter().any(|problem| problem.code() == "FORM-05"), "{problems:?}");
        assert!(problems.iter().all(|problem| problem.file == "site.toml"));
    }
}

/// A table of so many lines.
fn long(lines: usize) -> String {
    let mut table = "項番,From,To,連携方式,技術仕様\n".to_owned();
    for line in 1..=lines {
        let (high, low) = (line / 250 % 250, line % 250 + 1);
        writeln!(table, "{line},juki,100.72.{high}.{low},API連携,tcp/443").unwrap();
    }
    table
}

#[test]
fn a_table_that_the_site_can_not_hold_is_told_by_the_line() {
    let start = Instant::now();
    let problems = refused("schema = 1", long(100_000).as_bytes());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((problem.code(), &*problem.path), ("CSV-12", "項番"));
    let Rule::SiteTooLarge { bytes, limit } = problem.rule else { panic!("{problem}") };
    assert!(bytes > limit && limit == LARGEST_FILE);

    // The line before is the last that fits: the headings are line 1.
    let fits = imported("schema = 1", long(problem.line - 2).as_bytes(), false).unwrap();
    assert!(fits.site.len() <= LARGEST_FILE);
    let again = refused("schema = 1", long(problem.line - 1).as_bytes());
    assert_eq!((again[0].code(), again[0].line), ("CSV-12", problem.line));
    assert_eq!(formatted(&fits.site).unwrap(), fits.site);
}

#[test]
fn a_long_table_with_mistakes_gets_all_of_them_in_time() {
    let start = Instant::now();
    let problems = refused("schema = 1", long(100_000).replace("tcp/443", "tcp/0").as_bytes());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(problems.len(), 100_000);
    assert_eq!((problems[99_999].code(), problems[99_999].line), ("FORM-12", 100_001));
}

proptest! {
    #[test]
    fn any_policies_come_back(
        picks in prop::collection::vec((0..3usize, any::<[bool; 4]>(), 0..1_000_000_000i64), 0..6),
        sheet in any::<prop::sample::Index>(),
    ) {
        let design = checked(&sample("site.toml"));
        let mut policies = Vec::new();
        for (number, (kind, [class, ftp, test, until], second)) in picks.into_iter().enumerate() {
            let mut policy = design.policies[kind].clone();
            policy.name = format!("p-{number}").parse().unwrap();
            policy.class = class.then_some(Class::Online);
            policy.ftp = ftp && kind == 0;
            let end = jiff::Timestamp::from_second(4_000_000_000 + second).unwrap();
            if kind == 2 {
                policy.until = Some(end);
            } else {
                policy.environment = test.then_some(Environment::Production);
                policy.until = until.then_some(end);
            }
            policies.push(policy);
        }
        let full = checked(&with(&design, &policies));
        prop_assert_eq!(&full.policies, &policies);
        let sheets = inventories(&full);
        let sheet = &sheets[sheet.index(sheets.len())];
        if policies.is_empty() {
            let codes: Vec<_> = refused(&with(&design, &[]), sheet).iter().map(Problem::code).collect();
            prop_assert!(codes.contains(&"CSV-10"));
        } else {
            let from_nothing = imported(&with(&design, &[]), sheet, false).unwrap();
            prop_assert_eq!(&checked(&from_nothing.site), &full);
            let from_others = imported(&sample("site.toml"), sheet, true).unwrap();
            prop_assert_eq!(&checked(&from_others.site), &full);
            let warnings = |found: &Imported| found.notices.iter().all(|notice| notice.severity() == Severity::Warning);
            prop_assert!(warnings(&from_nothing) && warnings(&from_others));
        }
    }
}
