//! Sites that are wrong in one way: each is broken, tested, and mended, and what the test said first is compared with what is
//! wrong. `docs/selftest-cases.md` has what was said; `BLESS=1` writes it anew.

use std::{fmt::Write as _, fs, path::Path, time::Instant};

use anyhow::{Context, ensure};
use sekisho_control::FirstCause;

use crate::{office, platform, site::Site, uplink};

/// A site that is wrong in one way.
pub(crate) struct Case {
    /// What is wrong, for people.
    pub(crate) wrong: &'static str,
    /// How it is broken; returns when it shows.
    pub(crate) wreck: fn(&mut Site) -> anyhow::Result<()>,
    /// How it is mended.
    pub(crate) mend: fn(&mut Site) -> anyhow::Result<()>,
    /// The check that finds it, and the cause that it names.
    pub(crate) check: &'static str,
    pub(crate) code: &'static str,
}

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/selftest-cases.md");

const HEAD: &str = "\
# What the self-test says of a site that is wrong

Written by the lab's test `each_trouble_is_named_first_and_rightly`: it breaks a healthy site in one way, runs
`sekisho self-test`, and puts down what is said first. It fails where that is another cause than the one that was made, and
where this page says something else (`BLESS=1` writes it anew).

Two kinds are shown elsewhere: the same identity in another box takes minutes (`long_a_copy_of_the_device_is_noticed`), and the
lab's wires have no speed that could differ (`trouble_of_the_box_and_its_ports_is_named_first`, with ports of a model).

| What is wrong | First cause: code, check | Why, and what tells it from causes like it | 画面の言葉（原因、見分けた根拠） |
|---|---|---|---|
";

pub(crate) fn each_trouble_is_named_first() -> anyhow::Result<()> {
    let mut site = Site::up()?;
    let (mut page, mut wrong) = (HEAD.to_owned(), Vec::new());
    for case in office::CASES.iter().chain(uplink::CASES).chain(platform::CASES) {
        let begun = Instant::now();
        let said = one(&mut site, case).with_context(|| case.wrong)?;
        let code = said.as_ref().map_or("nothing", |said| &said.cause.code);
        let check = said.as_ref().map_or("-", |said| &said.check);
        println!("{:>5.1} s  {}: {code} ({check})", begun.elapsed().as_secs_f64(), case.wrong);
        if (check, code) != (case.check, case.code) {
            wrong.push(format!("{}: {said:?}", case.wrong));
        }
        row(&mut page, case, said.as_ref())?;
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    let healthy = site.self_test(&[])?;
    ensure!(healthy.first_cause.is_none(), "all mended: {:?}", healthy.first_cause);
    if std::env::var_os("BLESS").is_some() {
        fs::write(TABLE, &page)?;
    }
    let kept = fs::read_to_string(Path::new(TABLE)).context(TABLE)?;
    ensure!(
        kept == page,
        "docs/selftest-cases.md says something else; BLESS=1 writes it anew:\n{page}"
    );
    Ok(())
}

fn one(site: &mut Site, case: &Case) -> anyhow::Result<Option<FirstCause>> {
    (case.wreck)(site).context("wreck")?;
    let report = site.self_test(&[])?;
    (case.mend)(site).context("mend")?;
    site.both_alive()?;
    Ok(report.first_cause)
}

fn row(page: &mut String, case: &Case, said: Option<&FirstCause>) -> anyhow::Result<()> {
    let Some(FirstCause { check, cause, .. }) = said else { return Ok(()) };
    let (why, told) = (&cause.why, &cause.told_by);
    let words = format!("{} {} | {} {}", why.en, told.en, why.ja, told.ja);
    let words = words.split_inclusive(' ').map(without_mac).collect::<String>();
    writeln!(page, "| {} | `{}`, `{check}` | {words} |", case.wrong, cause.code)?;
    Ok(())
}

/// Hardware addresses are others in each lab.
fn without_mac(word: &str) -> String {
    let is_mac = |text: &str| {
        text.len() == 17 && text.split(':').all(|part| u8::from_str_radix(part, 16).is_ok())
    };
    let bare = word.trim_matches(|c: char| !c.is_ascii_hexdigit());
    if is_mac(bare) { word.replace(bare, "02:…") } else { word.to_owned() }
}
