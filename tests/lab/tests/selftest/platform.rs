//! Trouble of the platform, and of the box's own rules.

use std::time::Duration;

use sekisho_lab::wait_until;

use crate::{cases::Case, site::Site};

pub(crate) const CASES: &[Case] = &[
    Case {
        wrong: "A resolver of the platform is dead",
        wreck: |site| site.filter("platform", "input", &["ip daddr 100.72.0.53 udp dport 53 drop"]),
        mend: |site| site.unfiltered("platform"),
        check: "platform.resolver.100-72-0-53",
        code: "resolver-silent",
    },
    Case {
        wrong: "A certificate of the platform is over",
        wreck: |site| site.lab.show_certificate("web-expired.pem"),
        mend: |site| site.lab.show_certificate("web.pem"),
        check: "platform.service.web",
        code: "certificate-expired",
    },
    Case {
        wrong: "A certificate of the platform is for another name",
        wreck: |site| site.lab.show_certificate("web-wrong-name.pem"),
        mend: |site| site.lab.show_certificate("web.pem"),
        check: "platform.service.web",
        code: "certificate-wrong-name",
    },
    Case {
        wrong: "A certificate of the platform is by an unknown authority",
        wreck: |site| site.lab.show_certificate("web-unknown-authority.pem"),
        mend: |site| site.lab.show_certificate("web.pem"),
        check: "platform.service.web",
        code: "certificate-unknown-issuer",
    },
    Case {
        wrong: "The platform doesn't route a global address",
        wreck: |site| site.ip("platform", "route add blackhole 100.64.10.12/32"),
        mend: |site| site.ip("platform", "route del blackhole 100.64.10.12/32"),
        check: "platform.as.100-64-10-12",
        code: "global-not-routed",
    },
    Case {
        wrong: "An undeclared service is open, because somebody changes the device's rules again and again",
        wreck: open_again_and_again,
        mend: |site| {
            site.guests.pop();
            // The device puts it right by itself.
            let closed = || {
                site.self_test(&["--only", "standalone.kernel"])
                    .is_ok_and(|report| report.first_cause.is_none())
            };
            anyhow::ensure!(wait_until(Duration::from_secs(30), closed), "the rules stay changed");
            Ok(())
        },
        check: "platform.closed.juki",
        code: "undeclared-open",
    },
];

/// Repairs are slowed down after ten in a row, so that the rule stands for some seconds.
fn open_again_and_again(site: &mut Site) -> anyhow::Result<()> {
    let script =
        "while :; do nft insert rule inet sekisho forward tcp dport 8443 accept; sleep 0.3; done";
    site.guests.push(site.lab.host("gateway").spawn("meddler", &["sh", "-c", script])?);
    std::thread::sleep(Duration::from_secs(13));
    Ok(())
}
