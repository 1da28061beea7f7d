//! Tables of attacks, and what has to come of them: refused by the rule that is named, arrived nowhere, answered to nobody.

use std::{collections::BTreeMap, net::Ipv4Addr, thread, time::Duration};

use anyhow::{Context, ensure};
use sekisho_lab::{Capture, Lab, wait_until};

use crate::raw;

/// How long a packet may take from any corner of the lab to the device.
const ARRIVAL: Duration = Duration::from_secs(20);
/// After this a packet that will still arrive somewhere has arrived.
const SETTLED: Duration = Duration::from_millis(300);

/// A packet, and the rule that refuses it.
pub(crate) struct Attack {
    name: String,
    pub(crate) packet: Vec<u8>,
    rule: Option<String>,
}

/// A row of a table.
pub(crate) fn attack(name: &str, packet: Vec<u8>, rule: &str) -> Attack {
    Attack { name: name.to_owned(), packet, rule: Some(rule.to_owned()) }
}

/// A row that no rule of ours counts: the kernel drops it by itself, or waits for the rest of it.
pub(crate) fn uncounted(name: &str, packet: Vec<u8>) -> Attack {
    Attack { name: name.to_owned(), packet, rule: None }
}

/// Sends each packet over the way to `gate`, whatever its own destination, and holds the device's counters against the row.
pub(crate) fn repelled(
    lab: &Lab,
    from: &str,
    gate: Ipv4Addr,
    attacks: &[Attack],
) -> anyhow::Result<()> {
    for Attack { name, packet, rule } in attacks {
        let before = refused(lab)?;
        raw::send(lab, from, gate, std::slice::from_ref(packet)).context(name.clone())?;
        if rule.is_none() {
            thread::sleep(SETTLED);
        }
        let mut counted = BTreeMap::new();
        wait_until(ARRIVAL, || {
            counted = added(lab, &before).unwrap_or_default();
            rule.is_none() || !counted.is_empty()
        });
        let expected: BTreeMap<_, _> = rule.iter().map(|rule| (rule.clone(), 1)).collect();
        ensure!(counted == expected, "{from}, {name}: refused by {counted:?}, not {rule:?}");
    }
    Ok(())
}

/// What the counters of refusals are now, broadcasts left out.
pub(crate) fn refused(lab: &Lab) -> anyhow::Result<BTreeMap<String, u64>> {
    let counts = lab.status()?.refused.into_iter();
    let counts = counts.filter(|(rule, _)| rule != "any/broadcast");
    Ok(counts.map(|(rule, count)| (rule, count.packets)).collect())
}

fn added(lab: &Lab, before: &BTreeMap<String, u64>) -> anyhow::Result<BTreeMap<String, u64>> {
    let now = refused(lab)?.into_iter();
    let more = now.map(|(rule, count)| {
        let more = count - before.get(&rule).unwrap_or(&0);
        (rule, more)
    });
    Ok(more.filter(|(_, more)| *more > 0).collect())
}

/// Recordings at all who must notice nothing.
pub(crate) struct Watch(Vec<(&'static str, Capture)>);

/// Starts to watch these hosts.
pub(crate) fn watch(lab: &Lab, hosts: &[&'static str]) -> anyhow::Result<Watch> {
    let link = |host| if host == "platform" { "any" } else { "eth0" };
    let capture = |host: &'static str| Ok((host, lab.capture(host, link(host))?));
    Ok(Watch(hosts.iter().map(|host| capture(host)).collect::<anyhow::Result<_>>()?))
}

impl Watch {
    /// Nobody saw a packet but the tunnel's own.
    pub(crate) fn saw_nothing(self) -> anyhow::Result<()> {
        self.saw_nothing_like("ip and not udp port 51820")
    }

    /// Nobody saw a packet that matches.
    pub(crate) fn saw_nothing_like(self, filter: &str) -> anyhow::Result<()> {
        thread::sleep(SETTLED);
        for (host, capture) in self.0 {
            let seen = capture.stop()?.matching(filter)?;
            ensure!(seen.is_empty(), "{host} saw {seen:?}");
        }
        Ok(())
    }
}
