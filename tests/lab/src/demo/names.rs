//! Names: the device answers for the platform's, for the office's own, and for each LAN by itself.

use anyhow::{Context, ensure};
use sekisho_design::{Lan, NameTarget};
use sekisho_lab::{Host, Lab};

use super::{Story, traffic::expect};

/// The platform's web server, as its own resolver calls it.
const WEB: &str = "web.platform.example";

pub(super) fn play(story: &mut Story, lab: &Lab) {
    story.act("terminal asks for the platform's page by its name", || {
        let host = lab.addresses().host("terminal")?;
        let seen = by_name(lab, "terminal", host, &format!("http://{WEB}/source"))?;
        expect(seen.trim(), host.global)?;
        Ok(format!("{WEB}: told by the platform's resolver, through the tunnel; its page came"))
    });
    story.act("by another name, which only the design knows", || {
        let names = lab.design().names.as_ref().context("the sample names nothing")?;
        let mut entries = names.entries.iter();
        let alias = entries
            .find(|entry| matches!(&entry.target, NameTarget::Alias(to) if to.as_str() == WEB));
        let alias = &alias.context("the sample has no alias")?.name;
        let host = lab.addresses().host("terminal")?;
        by_name(lab, "terminal", host, &format!("http://{alias}/source"))?;
        Ok(format!("{alias} is {WEB}"))
    });
}

/// One name, another answer on each LAN.
pub(super) fn play_one_range(story: &mut Story, lab: &Lab) {
    story.act("terminal and school ask for one name, and each gets its own LAN's answer", || {
        let names = lab.design().names.as_ref().context("the sample names nothing")?;
        let name = &names.entries.first().context("the sample has no entry")?.name;
        let mut told = Vec::new();
        for (host, lan) in [("terminal", Lan::HeadOffice), ("school", Lan::EducationBoard)] {
            let wanted = names.stands_for(lan, name).first().context("no entry for the LAN")?;
            let server = format!("@{}", lab.addresses().device(lan)?.addr());
            let words = ["dig", "+short", "+time=5", &server, name.as_str()];
            let answer = lab.host(host).must(&words)?;
            expect(answer.trim(), *wanted)?;
            told.push(answer.trim().to_owned());
        }
        ensure!(told[0] != told[1], "both LANs got {}", told[0]);
        Ok(format!("{name}: {} and {}", told[0], told[1]))
    });
}

fn by_name(lab: &Lab, name: &str, host: Host, url: &str) -> anyhow::Result<String> {
    let server = lab.addresses().device(host.lan)?.addr();
    lab.host(name).must_by_name(server, &["curl", "-sS", "--max-time", "9", url])
}
