//! The whole network state of the device's namespace, to be compared.

use std::collections::BTreeMap;

use anyhow::bail;
use sekisho_lab::Lab;
use sekisho_plan::ruleset::is_runtime_set;
use serde_json::Value;

/// Commands whose output is the state.
const COMMANDS: [(&str, &str); 6] = [
    ("rule set", "nft -j list ruleset"),
    ("addresses", "ip -j address"),
    ("routes", "ip -j route show table all"),
    ("rules", "ip -j rule"),
    (
        "queues",
        "for link in $(ip -br link | sed 's/[@ ].*//'); do tc -d class show dev $link; done; \
         tc -d qdisc show | sed 's/direct_packets_stat [0-9]*//' | grep -E 'htb|tbf|bfifo' || true",
    ),
    (
        "settings",
        "cd /proc/sys/net && grep -r . ipv4/conf ipv6/conf ipv4/ip_forward ipv4/fwmark_reflect \
         ipv4/tcp_fwmark_accept 2>/dev/null | grep -v stable_secret | sort",
    ),
];

/// The state at one moment, line by line.
#[derive(Debug)]
pub(crate) struct Snapshot(BTreeMap<&'static str, Vec<String>>);

impl Snapshot {
    pub(crate) fn take(lab: &Lab) -> anyhow::Result<Self> {
        let mut parts = BTreeMap::new();
        for (part, command) in COMMANDS {
            let mut text = lab.host("gateway").must(&["sh", "-c", command])?;
            if let Ok(mut value) = serde_json::from_str(&text) {
                forget(&mut value);
                text = serde_json::to_string_pretty(&value)?;
            }
            parts.insert(part, text.lines().map(str::to_owned).collect());
        }
        Ok(Self(parts))
    }

    /// Fails with the lines that differ.
    pub(crate) fn ensure_same(&self, lab: &Lab, after: &str) -> anyhow::Result<()> {
        let now = Self::take(lab)?;
        for (part, before) in &self.0 {
            let now = &now.0[part];
            if before != now {
                let gone = before.iter().filter(|line| !now.contains(line));
                let come = now.iter().filter(|line| !before.contains(line));
                let gone = gone.map(|line| format!("- {line}\n"));
                let difference: String =
                    gone.chain(come.map(|line| format!("+ {line}\n"))).collect();
                bail!("{after}: the {part} changed\n{difference}(or their order)");
            }
        }
        Ok(())
    }
}

/// Takes out what counts and numbers, what sets hold that fill by themselves, what tells whether a program holds the tunnel
/// device just now, and the length of a queue that the kernel gives a virtual cable with its first one of ours and never takes
/// back.
fn forget(value: &mut Value) {
    const KEYS: [&str; 7] =
        ["handle", "packets", "bytes", "ifindex", "qdisc", "operstate", "txqlen"];
    match value {
        Value::Object(fields) => {
            if fields.get("name").and_then(Value::as_str).is_some_and(is_runtime_set) {
                fields.remove("elem");
            }
            fields.retain(|key, _| !KEYS.contains(&key.as_str()));
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => {
            items.retain(|item| {
                !["NO-CARRIER", "LOWER_UP", "linkdown"].iter().any(|flag| item == flag)
            });
            items.iter_mut().for_each(forget);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
