//! The self-test: the whole tree passes, and a server that is off is named.

use anyhow::{Context, ensure};
use sekisho_control::{CheckOutcome, SelfTestReport, Verdict};
use sekisho_lab::{Lab, describe};

use super::Story;

pub(super) fn play(story: &mut Story, lab: &Lab) {
    story.act("the self-test looks at everything, from the cable to the certificate", || {
        let report = test(lab)?;
        let failed = report.outcomes.iter().find(|outcome| outcome.verdict == Verdict::Failed);
        ensure!(failed.is_none(), "{failed:?}");
        let passed = |outcome: &&CheckOutcome| outcome.verdict == Verdict::Passed;
        let (passed, all) = (report.outcomes.iter().filter(passed).count(), report.outcomes.len());
        Ok(format!("{passed} of {all} checks passed, the far end's calls among them"))
    });
    story.act("juki is switched off, and the self-test says so first", || {
        let juki = lab.host("juki");
        juki.must(&["ip", "link", "set", "eth0", "down"])?;
        let report = test(lab);
        juki.must(&["ip", "link", "set", "eth0", "up"])?;
        let gateway = lab.addresses().device(lab.addresses().host("juki")?.lan)?.addr();
        juki.must(&["ip", "route", "add", "default", "via", &gateway.to_string()])?;
        let first = report?.first_cause.context("it says nothing")?;
        ensure!((&*first.check, &*first.cause.code) == ("office.server.juki", "server-off"));
        Ok(format!("{} {}", first.cause.why.en, first.cause.next_step.en))
    });
}

fn test(lab: &Lab) -> anyhow::Result<SelfTestReport> {
    let output = lab.sekisho(&["self-test", "--format", "json"])?;
    ensure!(matches!(output.status.code(), Some(0 | 1)), "{}", describe(&output));
    Ok(serde_json::from_slice(&output.stdout)?)
}
