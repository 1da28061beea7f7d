//! The local page: who gets to it, and who doesn't.

use anyhow::ensure;
use sekisho_lab::{Lab, Page, text};

use super::Story;

pub(crate) fn play(story: &mut Story, lab: &mut Lab) {
    story.act("the clerk's PC logs in to the device's page; no other side reaches it", || {
        lab.start_page(None)?;
        let url = lab.page().map(Page::url).unwrap_or_default();
        let login = format!(r#"{{"user":"admin","password":"{}"}}"#, Page::first_password()?);
        let (origin, login_url) = (format!("Origin: {url}"), format!("{url}api/login"));
        let json = "Content-Type: application/json";
        let words = [
            "curl",
            "-sk",
            "-H",
            origin.trim_end_matches('/'),
            "-H",
            json,
            "-d",
            &login,
            &login_url,
        ];
        let said = lab.host("clerk").must(&words)?;
        ensure!(said.contains(r#""role":"administrator""#), "{said}");
        let addresses = lab.addresses();
        for (host, address) in [
            ("school", addresses.device(sekisho_design::Lan::EducationBoard)?.addr()),
            ("lgwan", addresses.device_lgwan.addr()),
            ("platform", addresses.device_global),
        ] {
            let url = format!("https://{address}/");
            let said = lab.host(host).run(&["curl", "-sk", "--max-time", "2", &url])?;
            ensure!(!said.status.success(), "{host} reaches it: {}", text(&said.stdout));
        }
        Ok("silence for education board, LGWAN and platform")
    });
}
