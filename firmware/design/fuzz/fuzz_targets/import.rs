//! Any table gets an answer, and a site with its rows is in canonical form and takes the table again without a change.
//!
//! The last byte says what the rest is a table for: servers as a rule, where it is a line feed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_design::{Imported, Problems, Severity, Source, Tables, format, import};
use sekisho_fuzz::{PROFILE, SITE, check_pair, signed};

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_last() else { return };
    let table = |bit| (kind & bit == 0).then_some(Source { name: "table.csv", bytes });
    let tables = Tables { servers: table(1), terminals: table(2), replace: kind & 4 != 0 };
    let imported = match import(&site(SITE), &tables) {
        Ok(imported) => imported,
        Err(Problems(problems)) => {
            assert!(problems.iter().any(|problem| problem.severity() == Severity::Error));
            return;
        }
    };
    assert!(imported.notices.iter().all(|notice| notice.severity() == Severity::Warning));
    assert_eq!(format(&site(&imported.site)).expect("it is TOML"), imported.site);

    let Imported { site: again, changes, .. } =
        import(&site(&imported.site), &tables).expect("the table is right");
    assert_eq!(again, imported.site);
    for changes in changes.values() {
        assert!(changes.added.is_empty() && changes.changed.is_empty(), "{changes:?}");
        assert!(changes.removed.is_empty(), "{changes:?}");
    }

    if let Err(Problems(problems)) =
        check_pair(imported.site.as_bytes(), signed(PROFILE).as_bytes())
    {
        // No value of a table is malformed by now; it can only break rules.
        for problem in imported.in_tables(problems, "site.toml") {
            assert!(!problem.code().starts_with("FILE-"), "{problem}");
        }
    }
});

fn site(text: &str) -> Source<'_> {
    Source { name: "site.toml", bytes: text.as_bytes() }
}
