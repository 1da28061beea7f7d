//! Files that are no design, and requests that are no proposal.

use std::{fs, net::Ipv4Addr};

use anyhow::{Context, ensure};
use sekisho_control::{APPLY, CONFIRM, Decision, Failure, FailureKind, PLAN, Principal, ROLL_BACK};
use sekisho_lab::{Extent, Lab, PROFILE, describe, sample, text};

use crate::{
    expect::{Expected, ensure_works, stored},
    files::{Site, operator_key},
    snapshot::Snapshot,
};

const SITE: &str = "site.toml";

pub(crate) fn bad_files_change_nothing() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    let cases = cases(&lab)?;
    for (name, site, expected) in &cases {
        expected.apply(&lab, site).with_context(|| format!("{name}, nothing in force"))?;
        closed.ensure_same(&lab, name)?;
    }
    ensure!(!lab.logs().join("state/in-force").is_symlink(), "a refused design was kept");

    lab.apply(lab.site())?;
    lab.wait_for_carrier(None, std::time::Duration::from_mins(1))?;
    let (in_force, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    for (name, site, expected) in &cases {
        expected.apply(&lab, site).with_context(|| format!("{name}, a design in force"))?;
        in_force.ensure_same(&lab, name)?;
    }
    ensure!(stored(&lab)? == kept, "a refused design was kept");

    let newer = Site::copy(&lab, "newer")?
        .edit(PROFILE, &[("serial = 1", "serial = 5")])?
        .sign(&lab, &operator_key())?;
    lab.apply(newer.folder())?;
    let (in_force, kept) = (Snapshot::take(&lab)?, stored(&lab)?);
    Expected::refused("SIGN-05").apply(&lab, &Site::copy(&lab, "older")?)?;
    in_force.ensure_same(&lab, "an older profile")?;
    ensure!(stored(&lab)? == kept, "an older profile was kept");
    ensure_works(&lab)
}

type Case = (&'static str, Site, Expected<'static>);

fn cases(lab: &Lab) -> anyhow::Result<Vec<Case>> {
    let copy = |name: &str| Site::copy(lab, name);
    let text = fs::read_to_string(lab.site().join(SITE))?;
    let long = |filler: &str| {
        (text.clone() + "# " + &filler.repeat(10_000_000 / filler.len())).into_bytes()
    };
    let (shift_jis, other_key) = (b"# \x8c\xa9\x96{\x8es\n", lab.logs().join("stranger.key"));
    let stranger = other_key.to_string_lossy();
    let keygen = [&*lab.binary("sekisho-far-end")?, "keygen", "operator", "--out", &stranger];
    lab.host("platform").must(&keygen)?;
    let unread = |says, way_out| Expected { code: 2, kind: FailureKind::Malformed, says, way_out };
    let refused = Expected::refused;
    let union = fs::read(sample("union").join(PROFILE))?;

    let missing = copy("missing")?;
    fs::remove_file(missing.path(SITE))?;
    Ok(vec![
        (
            "broken TOML",
            copy("broken")?.edit(SITE, &[("name = \"juki\"", "name = \"juki")])?,
            refused("FILE-03"),
        ),
        (
            "a wrong type",
            copy("type")?.edit(SITE, &[("placement = 1", "placement = [1]")])?,
            refused("FORM-05"),
        ),
        ("an empty file", copy("empty")?.write(SITE, b"")?, refused("FORM-04")),
        ("10 MB", copy("long")?.write(SITE, &long("x"))?, refused("FILE-01")),
        // However the limit cuts it, a character of three bytes is never the reason.
        ("10 MB of kanji", copy("kanji-0")?.write(SITE, &long("見"))?, refused("FILE-01")),
        ("10 MB of kanji", copy("kanji-1")?.write(SITE, &long("見見x"))?, refused("FILE-01")),
        ("a 10 MB profile", copy("profile")?.write(PROFILE, &long("見x"))?, refused("FILE-01")),
        ("no UTF-8", copy("sjis")?.write(SITE, shift_jis)?, unread("save the file as UTF-8", "")),
        ("a missing file", missing, unread("site.toml", "name the file")),
        (
            "a port that the box lacks",
            copy("port")?.edit(SITE, &[("\"port3\"", "\"port9\"")])?,
            Expected::device("no port port9", "ip -br link"),
        ),
        (
            "another organisation's profile",
            copy("organisation")?.write(PROFILE, &union)?,
            refused("SIGN-04"),
        ),
        (
            "a profile that was changed after it was signed",
            copy("changed")?.edit(PROFILE, &[("serial = 1", "serial = 7")])?,
            refused("SIGN-03"),
        ),
        (
            "a profile that a stranger signed",
            copy("stranger")?.sign(lab, &other_key)?,
            refused("SIGN-03"),
        ),
        (
            "mistakes in both files",
            copy("both")?
                .edit(SITE, &[("\"192.168.1.10\"", "\"203.0.113.9\"")])?
                .edit(PROFILE, &[("probe = \"100.72.250.1\"", "probe = \"east\"")])?
                .sign(lab, &operator_key())?,
            refused("ADDR-01"),
        ),
    ])
}

/// Other clients than `sekisho` may send anything; each answer is a failure in the API's own shape.
pub(crate) fn the_api_refuses_what_is_no_proposal() -> anyhow::Result<()> {
    let lab = Lab::up(&sample("1-office"), Extent::Daemon)?;
    let closed = Snapshot::take(&lab)?;
    let huge = format!(r#"{{"site":{{"name":"x","text":"{}"}}}}"#, "x".repeat(10_000_000));
    let bodies: [&[u8]; 6] =
        [b"", b"{", b"[]", br#"{"site":{"name":"x"}}"#, b"\xff\xfe\x00", huge.as_bytes()];
    for (number, body) in bodies.iter().enumerate() {
        for path in [PLAN, APPLY, CONFIRM, ROLL_BACK] {
            let failure =
                refused(&lab, "POST", path, body).with_context(|| format!("body {number}"))?;
            ensure!(failure.kind == FailureKind::Malformed, "{failure:?}");
            ensure!(!failure.message.is_empty() && failure.message.len() < 1000, "{failure:?}");
        }
    }
    for user in ["", "hana\u{1b}[2J", &"h".repeat(65)] {
        let who = Principal {
            user: user.to_owned(),
            role: "administrator".to_owned(),
            from: Ipv4Addr::LOCALHOST.into(),
        };
        let decision = Decision { generation: 1, on_behalf: Some(who) };
        let body = serde_json::to_vec(&decision)?;
        for path in [CONFIRM, ROLL_BACK] {
            let failure = refused(&lab, "POST", path, &body)?;
            ensure!(failure.kind == FailureKind::Malformed, "{user}: {failure:?}");
        }
    }
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/apply"),
        ("PUT", "/v1/status"),
        ("GET", "/v1/generations/first"),
        ("GET", "/v1/generations/-1"),
        ("GET", "/v1/generations/0"),
    ] {
        ensure!(refused(&lab, method, path, b"{}")?.kind == FailureKind::Malformed);
    }
    closed.ensure_same(&lab, "requests that are no proposal")?;
    lab.status()?;
    Ok(())
}

fn refused(lab: &Lab, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Failure> {
    let (code, answer) = request(lab, method, path, body)?;
    ensure!(code.starts_with('4'), "{method} {path}: {code} {answer}");
    serde_json::from_str(&answer).with_context(|| format!("{method} {path}: {answer}"))
}

/// Asks the control API as any client may: the code and the text of its answer.
pub(crate) fn request(
    lab: &Lab,
    method: &str,
    path: &str,
    body: &[u8],
) -> anyhow::Result<(String, String)> {
    let file = lab.logs().join("body");
    fs::write(&file, body)?;
    let (socket, data) = (lab.socket(), format!("@{}", file.display()));
    let (socket, url) = (socket.to_string_lossy(), format!("http://sekishod{path}"));
    let words = ["curl", "-sS", "--unix-socket", &socket, "-X", method, "--data-binary", &data];
    let header = ["-H", "Content-Type: application/json", "-w", "\n%{http_code}", &url];
    let output = lab.host("gateway").run(&[&words[..], &header].concat())?;
    let shown = text(&output.stdout);
    let (answer, code) = shown.rsplit_once('\n').with_context(|| describe(&output))?;
    Ok((code.to_owned(), answer.to_owned()))
}
