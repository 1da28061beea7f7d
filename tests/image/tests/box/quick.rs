//! What every change is tested with: one boot, closed, then in service.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_control::{CheckOutcome, SelfTestReport, SnmpPassphrases, Verdict};
use sekisho_design::Lan;
use sekisho_image_tests::NICS;
use sekisho_lab::{Lab, Namespace, PROFILE, Recording, wait_until};

use crate::bench::{self, CARRIER, COMMAND, Stage, file, from, wizard};

/// First contact: the box, and the one address that it leases.
const BOX: &str = "172.29.113.1";
const CLERK: &str = "172.29.113.2";

/// Most memory that the box may need in service, in megabytes.
const MEMORY: u64 = 200;
/// Most memory of the page's server, in kB, a password's hash included.
const PAGE_MEMORY: u64 = 25 << 10;
/// Highest exposure of daemon, page, agent and roll-outs by systemd's own count.
const EXPOSURE: [(&str, f64); 4] =
    [("sekishod", 2.5), ("sekisho-web", 1.5), ("sekisho-snmp", 2.0), ("sekisho-rollout", 1.6)];

/// From power-on to the first screen nothing leaves the box on LGWAN's side and on the LANs, whoever speaks to it; the
/// maintenance port serves the clerk's PC and nobody else. Nothing comes through (R4).
pub(crate) fn closed_and_silent_from_power_on() -> anyhow::Result<()> {
    from(Stage::Closed, |bench| {
        silent(&bench.from_power_on, &bench.lab)?;
        let rules = bench.machine.shell.must("nft list ruleset", COMMAND)?;
        ensure!(rules.contains("policy drop"), "{rules}");
        let forwards = bench.machine.shell.must("cat /proc/sys/net/ipv4/ip_forward", COMMAND)?;
        ensure!(forwards == "0", "ip_forward is {forwards}");
        Ok(())
    })
}

/// What recordings of a closed box must show, while hosts spoke to it.
pub(crate) fn silent(
    recordings: &BTreeMap<&'static str, Recording>,
    lab: &Lab,
) -> anyhow::Result<()> {
    for (port, card) in ["port1", "port2", "port3"].into_iter().zip(NICS) {
        let recording = &recordings[port];
        let heard = recording.count(&format!("not ether src {card}"))?;
        ensure!(heard > 20, "{port} heard {heard} packets only, so its silence shows nothing");
        let said = recording.matching(&format!("ether src {card}"))?;
        ensure!(said.is_empty(), "{port} said {} packets: {}", said.len(), said[0]);
    }
    let own = mac(lab, "lgwan")?;
    let through = recordings["port1"].matching(&format!("not ether src {own}"))?;
    ensure!(through.is_empty(), "towards LGWAN: {}", through[0]);
    let allowed = "arp or icmp or (udp port 67) or (tcp port 443)";
    let other =
        recordings["port4"].matching(&format!("ether src {} and not ({allowed})", NICS[3]))?;
    ensure!(other.is_empty(), "the maintenance port said: {}", other[0]);
    Ok(())
}

/// The clerk's PC gets the one lease, and reaches the box there; another PC gets none.
pub(crate) fn first_contact_leases_one_address() -> anyhow::Result<()> {
    from(Stage::Closed, |bench| {
        let clerk = bench.lab.host("clerk");
        let script = file("lease.sh");
        fs::write(&script, "#!/bin/sh\n[ \"$1\" != bound ] || echo \"lease $ip\"\n")?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        let script = script.to_string_lossy();
        let client = ["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "5", "-s", &script];
        let said = clerk.within(40).must(&client)?;
        ensure!(said.contains(&format!("lease {CLERK}")), "{said}");
        let other = [&client[..], &["-x", "0x3d:0102030405060f"]].concat();
        let said = clerk.within(40).run(&other)?;
        ensure!(!String::from_utf8_lossy(&said.stdout).contains("lease"), "{said:?}");

        clerk.must(&["ip", "address", "replace", &format!("{CLERK}/30"), "dev", "eth0"])?;
        clerk.must(&["busybox", "ping", "-c", "1", "-W", "5", BOX])?;
        let said = page(clerk, BOX, "session", None)?;
        ensure!(said.ends_with("401"), "the page at first contact: {said}");
        clerk.must(&["ip", "address", "delete", &format!("{CLERK}/30"), "dev", "eth0"])?;
        Ok(())
    })
}

/// In service the page opens to the clerk with the password from the console, and to no other side (R65).
pub(crate) fn the_page_answers_the_clerk_alone() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        let password = shell.must("cat /var/lib/sekisho-box/initial-password", COMMAND)?;
        let addresses = bench.lab.addresses();
        let maintenance =
            addresses.device_maintenance.context("the site has no maintenance port")?;
        let (device, lgwan) = (maintenance.addr().to_string(), addresses.device_lgwan.addr());
        let login = format!(r#"{{"user":"admin","password":"{}"}}"#, password.trim());
        let said = page(bench.lab.host("clerk"), &device, "login", Some(&login))?;
        ensure!(said.contains(r#""must_change":true"#) && said.ends_with("200"), "{said}");
        let peak = "grep VmHWM /proc/$(systemctl show -p MainPID --value sekisho-web)/status";
        let peak = shell.must(peak, COMMAND)?;
        let kilobytes = peak.split_whitespace().nth(1).context("no memory")?.parse::<u64>()?;
        println!("memory of sekisho-web at a login: {} MB", kilobytes / 1024);
        ensure!(kilobytes <= PAGE_MEMORY, "sekisho-web takes {peak}");
        for (host, address) in [
            ("terminal", addresses.device(Lan::HeadOffice)?.addr()),
            ("school", addresses.device(Lan::EducationBoard)?.addr()),
            ("lgwan", lgwan),
            ("platform", addresses.device_global),
        ] {
            let said = page(bench.lab.host(host), &address.to_string(), "session", None);
            ensure!(said.is_err(), "{host} reaches the page: {said:?}");
        }
        Ok(())
    })
}

/// Asks the page from a host; the answer, and its status behind it. Without an answer it is an error.
fn page(from: &Namespace, address: &str, what: &str, body: Option<&str>) -> anyhow::Result<String> {
    let (url, origin) =
        (format!("https://{address}/api/{what}"), format!("Origin: https://{address}"));
    let mut words = vec!["curl", "-sk", "--connect-timeout", "5", "--max-time", "20"];
    words.extend(["-w", "%{http_code}", "-H", &origin]);
    let json = ["-H", "Content-Type: application/json", "-d", body.unwrap_or_default()];
    words.extend(json.iter().filter(|_| body.is_some()));
    words.push(&url);
    from.within(30).must(&words)
}

pub(crate) fn ports_lie_in_their_slots() -> anyhow::Result<()> {
    from(Stage::Closed, |bench| {
        for (number, card) in (1..).zip(NICS) {
            let shell = &mut bench.machine.shell;
            let device =
                shell.must(&format!("readlink /sys/class/net/port{number}/device"), COMMAND)?;
            ensure!(device.ends_with(&format!("0000:0{number}:00.0")), "port{number}: {device}");
            let address =
                shell.must(&format!("cat /sys/class/net/port{number}/address"), COMMAND)?;
            ensure!(address == card, "port{number}: {address}");
        }
        Ok(())
    })
}

pub(crate) fn the_wizard_brings_the_site_in() -> anyhow::Result<()> {
    from(Stage::Closed, |bench| {
        bench.lab.admit(&bench.key)?;
        wizard(&mut bench.machine.console)?;
        bench::wait_for_carrier(&mut bench.machine.shell, CARRIER)?;
        bench.traffic()
    })
}

/// The machine has no AVX2, like the box's Atom; all that this machine sends is sealed without it.
pub(crate) fn the_cipher_runs_without_avx2() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let said = bench::status(&mut bench.machine.shell)?;
        ensure!(said["processor"]["cipher"] == "sse41", "{}", said["processor"]);
        Ok(())
    })
}

pub(crate) fn traffic_goes_both_ways() -> anyhow::Result<()> {
    from(Stage::Service, |bench| bench.traffic())
}

pub(crate) fn no_unit_failed() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        let failed = shell.must("systemctl --failed --no-legend --plain", COMMAND)?;
        ensure!(failed.is_empty(), "failed units: {failed}");
        let (_, cycles) =
            shell.run("journalctl --no-pager -b | grep -i 'ordering cycle'", COMMAND)?;
        ensure!(cycles.is_empty(), "{cycles}");
        Ok(())
    })
}

/// chrony asks the profile's time servers, and is led by one that answers (R62).
pub(crate) fn time_comes_from_the_profiles_servers() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let server = "198.18.2.123";
        let profile = fs::read_to_string(bench.lab.site().join(PROFILE))?;
        ensure!(profile.contains(&format!("ntp = [\"{server}\"]")), "{profile}");
        let shell = &mut bench.machine.shell;
        let sources = shell.must("chronyc -n sources", COMMAND)?;
        ensure!(sources.contains(server), "{sources}");
        let mut told = String::new();
        let led = wait_until(COMMAND, || {
            told = shell.must("chronyc -n tracking", COMMAND).unwrap_or_default();
            told.contains(&format!("({server})"))
        });
        ensure!(led, "{told}");
        Ok(())
    })
}

/// snmpd runs once the design names who asks and there is a user, answers him from within its sandbox, and ends with that.
pub(crate) fn snmp_answers_the_named_source() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let own = bench.lab.addresses().device_maintenance.context("no maintenance port")?.addr();
        let shell = &mut bench.machine.shell;
        let runs = "systemctl is-active sekisho-snmp.service";
        ensure!(shell.must(&format!("{runs} || true"), COMMAND)? == "inactive", "it runs");
        let stick = "mkdir -p /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick";
        shell.must(stick, COMMAND)?;
        let named = "(cat /run/stick/site.toml; printf '\\n[snmp]\\nmaintenance = [\"192.168.254.2\"]\\n') >/run/named.toml";
        shell.must(named, COMMAND)?;
        let apply =
            |site: &str| format!("sekisho apply --site {site} --profile /run/stick/{PROFILE}");
        shell.must(&apply("/run/named.toml"), 2 * COMMAND)?;
        let made = shell.must("sekisho snmp user --format json", COMMAND)?;
        let secrets: SnmpPassphrases = serde_json::from_str(&made)?;
        shell.must(&format!("timeout 60 sh -c 'until {runs}; do sleep 1; done'"), 2 * COMMAND)?;
        let (first, second) = (secrets.authentication.expose(), secrets.privacy.expose());
        let to = own.to_string();
        let mut words =
            vec!["snmpwalk", "-On", "-m", "", "-v", "3", "-l", "authPriv", "-u", "monitor"];
        words.extend(["-a", "SHA-256", "-A", first, "-x", "AES", "-X", second, &to]);
        words.push(".1.3.6.1.4.1.32473.1.1.1");
        let mut said = String::new();
        let answered = wait_until(COMMAND, || {
            said = bench.lab.host("clerk").within(30).must(&words).unwrap_or_default();
            said.contains(".1.3.6.1.4.1.32473.1.1.1.1.0 = INTEGER: 1\n")
        });
        ensure!(answered, "{said}");
        let shell = &mut bench.machine.shell;
        let status = shell
            .must("cat /proc/$(systemctl show -p MainPID --value sekisho-snmp)/status", COMMAND)?;
        let line =
            |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        println!("snmpd: {} {}", line("VmHWM"), line("RssAnon"));
        ensure!(line("CapEff").ends_with("0000000400"), "{status}");
        shell.must(&apply("/run/stick/site.toml"), 2 * COMMAND)?;
        let ended = format!("timeout 60 sh -c 'while {runs}; do sleep 1; done'");
        shell.must(&ended, 2 * COMMAND)?;
        Ok(())
    })
}

/// The whole self-test, in the box itself and with what its sandbox leaves it (R19).
pub(crate) fn the_self_test_passes() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let shell = &mut bench.machine.shell;
        shell.run("sekisho self-test --format json >/tmp/report", COMMAND)?;
        let report: SelfTestReport =
            serde_json::from_str(&shell.must("cat /tmp/report", COMMAND)?)?;
        // A machine from a snapshot has the snapshot's clock.
        let clock = |outcome: &&CheckOutcome| outcome.check.id.starts_with("lgwan.ntp.");
        let failed = report.outcomes.iter().filter(|outcome| !clock(outcome));
        let failed: Vec<_> = failed.filter(|outcome| outcome.verdict == Verdict::Failed).collect();
        ensure!(failed.is_empty(), "{failed:#?}");
        let passed = |id: &str| {
            let found = |outcome: &&CheckOutcome| outcome.check.id == id;
            let found = report.outcomes.iter().find(found);
            found.is_some_and(|outcome| outcome.verdict == Verdict::Passed)
        };
        for id in
            ["standalone.slot", "standalone.kernel", "standalone.disk", "platform.service.web"]
        {
            ensure!(passed(id), "{id}: {report:#?}");
        }
        Ok(())
    })
}

pub(crate) fn memory_in_service() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        bench.traffic()?;
        let table = bench.machine.shell.must("cat /proc/meminfo", COMMAND)?;
        let kilobytes = |name: &str| -> anyhow::Result<u64> {
            let line = table.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            Ok(number.with_context(|| format!("no {name} in\n{table}"))?.parse()?)
        };
        let used = (kilobytes("MemTotal:")? - kilobytes("MemAvailable:")?) / 1024;
        println!("memory in service: {used} MB");
        let who = bench.machine.shell.must("ps -eo rss,comm --sort=-rss | head -n 15", COMMAND)?;
        ensure!(used <= MEMORY, "{used} MB in service, more than {MEMORY}\n{who}\n{table}");
        Ok(())
    })
}

pub(crate) fn the_sandbox_is_tight() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        for (unit, most) in EXPOSURE {
            let command = format!("systemd-analyze security --no-pager {unit}.service");
            let said = bench.machine.shell.must(&command, Duration::from_mins(2))?;
            let line = said.lines().find(|line| line.contains("Overall exposure level"));
            let level = line.and_then(|line| line.rsplit(": ").next());
            let level = level.and_then(|rest| rest.split_whitespace().next());
            let level: f64 = level.with_context(|| said.clone())?.parse()?;
            println!("exposure of {unit}: {level}");
            ensure!(level <= most, "{unit}'s exposure is {level}, more than {most}\n{said}");
        }
        Ok(())
    })
}

fn mac(lab: &Lab, host: &str) -> anyhow::Result<String> {
    let path = "/sys/class/net/eth0/address";
    Ok(lab.host(host).must(&["cat", path])?.trim().to_owned())
}
