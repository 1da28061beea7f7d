//! The order of keys: that of the samples and of the manual.

use super::tree::Entry;

/// The keys of a table in their order, with the keys of the tables below them.
pub(crate) struct Keys {
    own: &'static [(&'static str, &'static Keys)],
    /// Whether the tables of this table have headings of their own.
    pub(crate) sections: bool,
    /// Whether this table stands in braces even where others of its kind have headings.
    pub(crate) braces: bool,
}

const fn keys(own: &'static [(&'static str, &'static Keys)]) -> Keys {
    Keys { own, sections: false, braces: false }
}

static UNKNOWN: Keys = keys(&[]);

/// The whole file.
pub(crate) static ROOT: Keys = keys(&[
    ("schema", &UNKNOWN),
    ("site", &SITE),
    ("interface", &INTERFACE),
    ("traffic", &TRAFFIC),
    ("server", &SERVER),
    ("terminals", &TERMINALS),
    ("object", &OBJECT),
    ("service", &SERVICES),
    ("policy", &POLICY),
    ("limits", &LIMITS),
    ("names", &NAMES),
    ("flow-log", &FLOW_LOG),
    ("collector", &COLLECTOR),
    ("page", &PAGE),
    ("metrics", &METRICS),
    ("backup", &BACKUP),
    ("snmp", &METRICS),
    ("rollout", &ROLLOUT),
]);

static SITE: Keys = keys(&[
    ("name", &UNKNOWN),
    ("organisation", &UNKNOWN),
    ("kind", &UNKNOWN),
    ("placement", &UNKNOWN),
]);

static INTERFACE: Keys = Keys {
    own: &[
        ("lgwan", &PORT),
        ("head-office", &PORT),
        ("education-board", &PORT),
        ("maintenance", &PORT),
    ],
    sections: true,
    braces: false,
};

static PORT: Keys = keys(&[
    ("port", &UNKNOWN),
    ("speed", &UNKNOWN),
    ("duplex", &UNKNOWN),
    ("address", &UNKNOWN),
    ("gateway", &UNKNOWN),
    ("mtu", &UNKNOWN),
    ("line-rate", &UNKNOWN),
    ("dns", &UNKNOWN),
    ("routes", &ROUTE),
    ("share", &UNKNOWN),
]);

static TRAFFIC: Keys = keys(&[("shares", &SHARES), ("hold-back", &UNKNOWN)]);

static SHARES: Keys = Keys {
    own: &[("online", &UNKNOWN), ("normal", &UNKNOWN), ("bulk", &UNKNOWN)],
    sections: false,
    braces: true,
};

static ROUTE: Keys = keys(&[("to", &UNKNOWN), ("via", &UNKNOWN)]);

static SERVER: Keys = keys(&[
    ("name", &UNKNOWN),
    ("interface", &UNKNOWN),
    ("private", &UNKNOWN),
    ("identity", &UNKNOWN),
    ("global", &UNKNOWN),
    ("global-for", &GLOBAL_FOR),
    ("environment", &UNKNOWN),
    ("class", &UNKNOWN),
    ("ftp", &UNKNOWN),
    ("services", &UNKNOWN),
    ("approval", &UNKNOWN),
    ("allow-from-platform", &ALLOWANCE),
]);

static ALLOWANCE: Keys =
    keys(&[("from", &UNKNOWN), ("services", &UNKNOWN), ("approval", &UNKNOWN)]);

static TERMINALS: Keys = keys(&[
    ("name", &UNKNOWN),
    ("interface", &UNKNOWN),
    ("from", &UNKNOWN),
    ("global", &UNKNOWN),
    ("global-for", &GLOBAL_FOR),
    ("environment", &UNKNOWN),
    ("class", &UNKNOWN),
    ("cap", &UNKNOWN),
    ("services", &UNKNOWN),
    ("approval", &UNKNOWN),
]);

static GLOBAL_FOR: Keys = keys(&[("to", &UNKNOWN), ("global", &UNKNOWN)]);

static OBJECT: Keys = keys(&[("name", &UNKNOWN), ("members", &UNKNOWN)]);

static SERVICES: Keys = keys(&[("name", &UNKNOWN), ("services", &UNKNOWN)]);

static POLICY: Keys = keys(&[
    ("name", &UNKNOWN),
    ("from", &UNKNOWN),
    ("to", &UNKNOWN),
    ("services", &UNKNOWN),
    ("environment", &UNKNOWN),
    ("class", &UNKNOWN),
    ("ftp", &UNKNOWN),
    ("approval", &UNKNOWN),
    ("until", &UNKNOWN),
]);

static LIMITS: Keys = keys(&[("connections", &UNKNOWN), ("new-per-second", &UNKNOWN)]);

static NAMES: Keys = Keys {
    own: &[
        ("method", &UNKNOWN),
        ("office-dns", &OFFICE_DNS),
        ("rewrite-own", &UNKNOWN),
        ("outside-answers", &UNKNOWN),
        ("query-log-days", &UNKNOWN),
        ("entry", &ENTRY),
    ],
    sections: true,
    braces: false,
};

static OFFICE_DNS: Keys = Keys {
    own: &[("head-office", &UNKNOWN), ("education-board", &UNKNOWN)],
    sections: false,
    braces: true,
};

static ENTRY: Keys = keys(&[
    ("name", &UNKNOWN),
    ("addresses", &UNKNOWN),
    ("alias", &UNKNOWN),
    ("interfaces", &UNKNOWN),
]);

static FLOW_LOG: Keys = keys(&[("days", &UNKNOWN), ("size", &UNKNOWN)]);

static COLLECTOR: Keys = keys(&[
    ("address", &UNKNOWN),
    ("port", &UNKNOWN),
    ("transport", &UNKNOWN),
    ("interface", &UNKNOWN),
    ("send", &UNKNOWN),
    ("name", &UNKNOWN),
    ("certificate-authority", &UNKNOWN),
]);

static PAGE: Keys = keys(&[("head-office", &UNKNOWN)]);

static METRICS: Keys = keys(&[("maintenance", &UNKNOWN)]);

static BACKUP: Keys = keys(&[("recipient", &UNKNOWN)]);
static ROLLOUT: Keys = keys(&[("enabled", &UNKNOWN)]);

impl Keys {
    /// The keys of the table that stands under a key.
    pub(crate) fn of(&self, key: &str) -> &'static Self {
        self.own.iter().find(|(own, _)| *own == key).map_or(&UNKNOWN, |(_, below)| below)
    }

    fn rank(&self, key: &str) -> usize {
        self.own.iter().position(|(own, _)| *own == key).unwrap_or(self.own.len())
    }
}

/// Entries in the order of their keys; those that nobody knows come last, as they stood.
pub(crate) fn sorted(mut entries: Vec<Entry>, keys: &Keys) -> Vec<Entry> {
    entries.sort_by_key(|entry| keys.rank(&entry.key));
    entries
}
