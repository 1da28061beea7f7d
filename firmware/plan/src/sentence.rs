//! Steps as sentences, for people who read a plan, in Japanese and English.

use std::{collections::BTreeMap, fmt};

use sekisho_design::{Both, Class, Duplex, Language, PortMode};

use crate::{
    Change, Step, shaping,
    state::{Address, Link, Queues, Route, RouteAction, Rule, Selector},
    table::{Set, Table},
};

impl Step {
    /// The step as a sentence in both languages.
    pub fn sentences(&self) -> Both {
        Both { ja: self.sentence(Language::Japanese), en: self.sentence(Language::English) }
    }

    /// The step as a sentence.
    pub fn sentence(&self, language: Language) -> String {
        match self {
            Self::Setting { path, change } => {
                let (key, after) = (path.replace('/', "."), &change.after);
                let ja = format!("カーネルの設定 {key} を {after} にします。");
                language.pick(ja, format!("set {key} to {after}"))
            }
            Self::Link { name, change } => {
                link(name.as_str(), change.before.as_ref(), change.after.as_ref(), language)
            }
            Self::Address { address, change } => {
                let Address { link, address, prefix } = address;
                let own = format!("{address}/{prefix}");
                if change.after {
                    let ja = format!("{link} にアドレス {own} を付けます。");
                    language.pick(ja, format!("add address {own} to {link}"))
                } else {
                    let ja = format!("{link} からアドレス {own} を外します。");
                    language.pick(ja, format!("remove address {own} from {link}"))
                }
            }
            Self::Route { route, change } => present(&route.words(language), change, language),
            Self::Reroute { change } => {
                let (before, after) = (change.before.words(language), change.after.words(language));
                let ja = format!("{before}を、{after}に切り替えます。");
                language.pick(ja, format!("turn {before} into {after}"))
            }
            Self::Rule { rule, change } => present(&rule.words(language), change, language),
            Self::Queues { link, change } => queues(link.as_str(), change.after.as_ref(), language),
            Self::Table { change } => {
                table(change.before.as_deref(), change.after.as_deref(), language)
            }
        }
    }
}

/// In English, as logs and errors have it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(Language::English))
    }
}

fn present(what: &str, change: &Change<bool>, language: Language) -> String {
    if change.after {
        language.pick(format!("{what}を加えます。"), format!("add {what}"))
    } else {
        language.pick(format!("{what}を外します。"), format!("remove {what}"))
    }
}

fn link(name: &str, before: Option<&Link>, after: Option<&Link>, language: Language) -> String {
    match (before, after) {
        (None, Some(Link { mtu, .. })) => language.pick(
            format!("トンネルの装置 {name} を作ります（MTU {mtu}）。"),
            format!("make tunnel device {name}, MTU {mtu}"),
        ),
        (before, Some(Link { up, mtu, mode, .. })) => {
            let fixed = mode.is_some() || before.is_some_and(|before| before.mode.is_some());
            let mode = |language| {
                let words = mode_words(*mode, language);
                let comma = language.pick("、", ", ");
                if fixed { format!("{comma}{words}") } else { String::new() }
            };
            let (ja, en) = (mode(Language::Japanese), mode(Language::English));
            let (open, way) = if *up { ("開き", "up") } else { ("閉じ", "down") };
            language.pick(
                format!("{name} を{open}ます（MTU {mtu}{ja}）。"),
                format!("bring {name} {way}, MTU {mtu}{en}"),
            )
        }
        (_, None) => language.pick(format!("{name} を消します。"), format!("remove {name}")),
    }
}

/// What a port is fixed at, or that it isn't.
pub(crate) fn mode_words(mode: Option<PortMode>, language: Language) -> String {
    let Some(mode) = mode else {
        return language.pick("速度は自動", "speed by agreement").to_owned();
    };
    let (ja, en) = match mode.duplex() {
        Duplex::Full => ("全二重", "full duplex"),
        Duplex::Half => ("半二重", "half duplex"),
    };
    format!("{} {}", mode.speed(), language.pick(ja, en))
}

fn queues(link: &str, after: Option<&Queues>, language: Language) -> String {
    let Some(queues) = after else {
        let ja = format!("{link} から出る通信を整えるのをやめます。");
        return language.pick(ja, format!("stop shaping what leaves by {link}"));
    };
    let ja = format!("{link} から出る通信を {} に整えます。", queues.words(Language::Japanese));
    let en = queues.words(Language::English);
    language.pick(ja, format!("shape what leaves by {link} to {en}"))
}

impl Queues {
    /// The rates that they give, in few words.
    pub(crate) fn words(&self, language: Language) -> String {
        let kilobits = |rate: u64| rate.saturating_mul(8) / 1000;
        let whole = self.whole().map_or(0, |whole| kilobits(whole.most.bytes_per_second));
        let classes: Vec<_> = Class::ALL
            .into_iter()
            .filter_map(|class| Some((class, self.classes.get(&shaping::class_handle(class).1)?)))
            .map(|(class, queue)| {
                format!("{class} {}", kilobits(queue.guaranteed.bytes_per_second))
            })
            .collect();
        let ja = format!("{whole} kbit/s（{}）", classes.join("、"));
        language.pick(ja, format!("{whole} kbit/s ({})", classes.join(", ")))
    }
}

impl Route {
    /// The route, in few words.
    pub(crate) fn words(&self, language: Language) -> String {
        let Self { table, to, metric, action } = self;
        let (ja, en) = match action {
            RouteAction::Unreachable => {
                (format!("{to} を到達不能とする経路"), format!("unreachable {to}"))
            }
            RouteAction::Forward { link, via: None, .. } => {
                (format!("{to} へ {link} から出る経路"), format!("route to {to} out of {link}"))
            }
            RouteAction::Forward { link, via: Some(via), .. } => (
                format!("{to} へ {link} の {via} を通る経路"),
                format!("route to {to} by {via} on {link}"),
            ),
        };
        language.pick(
            format!("{ja}（テーブル {table}、メトリック {metric}）"),
            format!("{en}, table {table}, metric {metric}"),
        )
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(Language::English))
    }
}

impl Rule {
    /// The rule, in few words.
    pub(crate) fn words(&self, language: Language) -> String {
        let Self { priority, selector, table } = self;
        match selector {
            Selector::Mark(mark) => language.pick(
                format!("経路の規則 {priority}（マーク {mark} はテーブル {table}）"),
                format!("rule {priority}: mark {mark} uses table {table}"),
            ),
            Selector::OutputLink(link) => language.pick(
                format!("経路の規則 {priority}（{link} から出るものはテーブル {table}）"),
                format!("rule {priority}: out of {link} uses table {table}"),
            ),
        }
    }
}

fn table(before: Option<&Table>, after: Option<&Table>, language: Language) -> String {
    match (before, after) {
        (_, None) => {
            language.pick("パケットフィルタを外します。", "remove the packet filter").to_owned()
        }
        (None, Some(after)) => {
            let elements: usize = after.sets.values().map(|set| set.elements.len()).sum();
            let rules: usize = after.chains.values().map(|chain| chain.rules.len()).sum();
            language.pick(
                format!("パケットフィルタを敷きます（規則 {rules}、集合の要素 {elements}）。"),
                format!("lay the packet filter: {rules} rules, {elements} set elements"),
            )
        }
        (Some(before), Some(after)) => changed_table(before, after, language),
    }
}

fn changed_table(before: &Table, after: &Table, language: Language) -> String {
    let mut changes = Vec::new();
    for name in keys(&before.sets, &after.sets) {
        let (held, wanted) = (elements(before, name), elements(after, name));
        let gone = held.keys().filter(|element| !wanted.contains_key(*element)).count();
        let come = wanted.keys().filter(|element| !held.contains_key(*element)).count();
        if gone + come > 0 {
            changes.push(format!("{name} -{gone} +{come}"));
        }
    }
    let chains = keys(&before.chains, &after.chains)
        .filter(|name| before.chains.get(*name) != after.chains.get(*name))
        .count();
    if chains > 0 {
        changes.push(language.pick(format!("{chains} 本のチェイン"), format!("chains {chains}")));
    }
    if changes.is_empty() {
        // Declarations or counters.
        changes.push(language.pick("宣言", "declarations").to_owned());
    }
    let joined = changes.join(language.pick("、", ", "));
    language.pick(
        format!("パケットフィルタを変えます（{joined}）。"),
        format!("change the packet filter: {joined}"),
    )
}

fn keys<'a, T>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = &'a String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    after.keys().chain(gone)
}

fn elements<'a>(table: &'a Table, set: &str) -> &'a BTreeMap<String, serde_json::Value> {
    static NONE: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    table.sets.get(set).map_or(&NONE, |set: &Set| &set.elements)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::state::LinkKind;

    fn link_step(before: Option<bool>, after: Option<bool>) -> Step {
        let link = |up| Link { kind: LinkKind::Tun, up, mtu: 1420, mode: None };
        let change = Change::new(before.map(link), after.map(link));
        Step::Link { name: "tunnel".parse().unwrap(), change }
    }

    fn ensure_said<const N: usize>(cases: [(Step, &str, &str); N]) {
        for (step, ja, en) in cases {
            let sentences = step.sentences();
            assert_eq!((&*sentences.ja, &*sentences.en), (ja, en));
            assert_eq!(step.to_string(), en);
        }
    }

    #[test]
    fn steps_of_settings_links_addresses_and_the_filter_are_sentences() {
        let there = |after: bool| Change::new(!after, after);
        let address = Address {
            link: "port2".parse().unwrap(),
            address: "192.168.1.1".parse().unwrap(),
            prefix: 24,
        };
        let table = |before: Option<Table>, after: Option<Table>| Step::Table {
            change: Change::new(before.map(Arc::new), after.map(Arc::new)),
        };
        ensure_said([
            (
                Step::Setting {
                    path: "net/ipv4/ip_forward".to_owned(),
                    change: Change::new("0".to_owned(), "1".to_owned()),
                },
                "カーネルの設定 net.ipv4.ip_forward を 1 にします。",
                "set net.ipv4.ip_forward to 1",
            ),
            (
                link_step(None, Some(false)),
                "トンネルの装置 tunnel を作ります（MTU 1420）。",
                "make tunnel device tunnel, MTU 1420",
            ),
            (
                link_step(Some(false), Some(true)),
                "tunnel を開きます（MTU 1420）。",
                "bring tunnel up, MTU 1420",
            ),
            (
                link_step(Some(true), Some(false)),
                "tunnel を閉じます（MTU 1420）。",
                "bring tunnel down, MTU 1420",
            ),
            (link_step(Some(true), None), "tunnel を消します。", "remove tunnel"),
            (
                Step::Address { address: address.clone(), change: there(true) },
                "port2 にアドレス 192.168.1.1/24 を付けます。",
                "add address 192.168.1.1/24 to port2",
            ),
            (
                Step::Address { address, change: there(false) },
                "port2 からアドレス 192.168.1.1/24 を外します。",
                "remove address 192.168.1.1/24 from port2",
            ),
            (
                Step::Queues {
                    link: "tunnel".parse().unwrap(),
                    change: Change::new(None, Some(shaping::tests::shaped(1_500_000, 100))),
                },
                "tunnel から出る通信を 1455 kbit/s（online 873、normal 363、bulk 218） に整えます。",
                "shape what leaves by tunnel to 1455 kbit/s (online 873, normal 363, bulk 218)",
            ),
            (
                Step::Queues {
                    link: "port2".parse().unwrap(),
                    change: Change::new(Some(shaping::tests::shaped(1_500_000, 100)), None),
                },
                "port2 から出る通信を整えるのをやめます。",
                "stop shaping what leaves by port2",
            ),
            (
                table(Some(Table::default()), None),
                "パケットフィルタを外します。",
                "remove the packet filter",
            ),
            (
                table(None, Some(Table::default())),
                "パケットフィルタを敷きます（規則 0、集合の要素 0）。",
                "lay the packet filter: 0 rules, 0 set elements",
            ),
        ]);
    }

    #[test]
    fn steps_that_fix_a_port_say_at_what() {
        let link = |mode| Link { kind: LinkKind::Port, up: true, mtu: 1500, mode };
        let step = |before, after| Step::Link {
            name: "port1".parse().unwrap(),
            change: Change::new(Some(link(before)), Some(link(after))),
        };
        let fixed = PortMode::new(sekisho_design::Speed::Mbps100, Duplex::Full);
        ensure_said([
            (
                step(None, fixed),
                "port1 を開きます（MTU 1500、100M 全二重）。",
                "bring port1 up, MTU 1500, 100M full duplex",
            ),
            (
                step(fixed, None),
                "port1 を開きます（MTU 1500、速度は自動）。",
                "bring port1 up, MTU 1500, speed by agreement",
            ),
            (step(None, None), "port1 を開きます（MTU 1500）。", "bring port1 up, MTU 1500"),
        ]);
    }

    #[test]
    fn steps_of_routes_and_rules_are_sentences() {
        let route = |via: Option<&str>| Route {
            table: 101,
            to: "10.20.0.0/16".parse().unwrap(),
            metric: 100,
            action: RouteAction::Forward {
                link: "port2".parse().unwrap(),
                via: via.map(|via| via.parse().unwrap()),
                source: None,
            },
        };
        let rule = |selector| Rule { priority: 8301, selector, table: 101 };
        let there = |after: bool| Change::new(!after, after);
        let unreachable = Route { action: RouteAction::Unreachable, ..route(None) };
        ensure_said([
            (
                Step::Route { route: unreachable, change: there(false) },
                "10.20.0.0/16 を到達不能とする経路（テーブル 101、メトリック 100）を外します。",
                "remove unreachable 10.20.0.0/16, table 101, metric 100",
            ),
            (
                Step::Route { route: route(None), change: there(true) },
                "10.20.0.0/16 へ port2 から出る経路（テーブル 101、メトリック 100）を加えます。",
                "add route to 10.20.0.0/16 out of port2, table 101, metric 100",
            ),
            (
                Step::Reroute {
                    change: Change::new(route(Some("192.168.1.8")), route(Some("192.168.1.9"))),
                },
                "10.20.0.0/16 へ port2 の 192.168.1.8 を通る経路（テーブル 101、メトリック 100）を、10.20.0.0/16 へ port2 の 192.168.1.9 を通る経路（テーブル 101、メトリック 100）に切り替えます。",
                "turn route to 10.20.0.0/16 by 192.168.1.8 on port2, table 101, metric 100 into route to 10.20.0.0/16 by 192.168.1.9 on port2, table 101, metric 100",
            ),
            (
                Step::Rule { rule: rule(Selector::Mark(1)), change: there(true) },
                "経路の規則 8301（マーク 1 はテーブル 101）を加えます。",
                "add rule 8301: mark 1 uses table 101",
            ),
            (
                Step::Rule {
                    rule: rule(Selector::OutputLink("port2".parse().unwrap())),
                    change: there(false),
                },
                "経路の規則 8301（port2 から出るものはテーブル 101）を外します。",
                "remove rule 8301: out of port2 uses table 101",
            ),
        ]);
    }
}
