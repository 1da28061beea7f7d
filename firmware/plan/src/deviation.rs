//! What a kernel holds otherwise than a design says, named piece by piece.
//!
//! The steps of a plan say how to put it right; here stands what is wrong, down to a rule of the packet filter.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_design::{Language, PortName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    KernelState,
    diff::setting_steps,
    sentence::mode_words,
    state::{Address, Link, Queues, Route, Rule},
    table::{Chain, Set, Table},
    trace::show,
};

/// Something that the kernel holds otherwise than a design says. `foreign` is what it holds beyond the design; without
/// that, it lacks the thing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Deviation {
    /// A kernel setting has another value.
    Setting {
        /// Path below `/proc/sys/`.
        path: String,
        /// The value by the design.
        wanted: String,
        /// The value that it has; empty where the setting isn't there.
        held: String,
    },
    /// A link is in another state.
    Link {
        /// Its name.
        name: PortName,
        /// Its state by the design.
        wanted: Link,
        /// The state that it has; `None` where there is no such link.
        held: Option<Link>,
    },
    /// An address.
    Address {
        /// The address.
        address: Address,
        /// Held beyond the design.
        foreign: bool,
    },
    /// A route.
    Route {
        /// The route.
        route: Route,
        /// Held beyond the design.
        foreign: bool,
    },
    /// A policy rule.
    Rule {
        /// The rule.
        rule: Rule,
        /// Held beyond the design.
        foreign: bool,
    },
    /// The queues in front of a link.
    Queues {
        /// The link.
        link: PortName,
        /// Ours by the design; `None` where nothing is shaped.
        wanted: Option<Queues>,
        /// Ours as they stand; `None` where there are none of ours.
        held: Option<Queues>,
    },
    /// The packet filter isn't there at all.
    NoFilter,
    /// A chain, a set or a counter of the packet filter.
    Object {
        /// `chain`, `set` or `counter`.
        kind: String,
        /// Its name.
        name: String,
        /// Held beyond the design.
        foreign: bool,
    },
    /// A chain or a set is declared otherwise, or the rules of a chain stand in another order.
    Form {
        /// `chain` or `set`.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A rule of the packet filter.
    FilterRule {
        /// The chain.
        chain: String,
        /// The rule, in nft's words.
        rule: String,
        /// Held beyond the design.
        foreign: bool,
    },
    /// An element of a set of the packet filter.
    Element {
        /// The set.
        set: String,
        /// The element, in nft's words.
        element: String,
        /// Held beyond the design.
        foreign: bool,
    },
}

/// What `held` has otherwise than `wanted` says; nothing where a plan has no step.
pub fn deviations(held: &KernelState, wanted: &KernelState) -> Vec<Deviation> {
    let mut found = Vec::new();
    let settings = setting_steps(held, wanted).into_iter();
    found.extend(settings.map(|(path, change)| Deviation::Setting {
        path,
        wanted: change.after,
        held: change.before,
    }));
    for (name, link) in &wanted.links {
        let held = held.links.get(name);
        if held != Some(link) {
            let (name, wanted, held) = (name.clone(), link.clone(), held.cloned());
            found.push(Deviation::Link { name, wanted, held });
        }
    }
    let address = |address, foreign| Deviation::Address { address, foreign };
    both_ways(&mut found, &held.addresses, &wanted.addresses, address);
    both_ways(&mut found, &held.routes, &wanted.routes, |route, foreign| Deviation::Route {
        route,
        foreign,
    });
    both_ways(&mut found, &held.rules, &wanted.rules, |rule, foreign| Deviation::Rule {
        rule,
        foreign,
    });
    let links: BTreeSet<_> = held.queues.keys().chain(wanted.queues.keys()).collect();
    for link in links {
        let (held, wanted) = (held.queues.get(link), wanted.queues.get(link));
        if held != wanted {
            let (link, wanted, held) = (link.clone(), wanted.cloned(), held.cloned());
            found.push(Deviation::Queues { link, wanted, held });
        }
    }
    match (&held.table, &wanted.table) {
        (None, Some(_)) => found.push(Deviation::NoFilter),
        (held, wanted) => {
            let none = Table::default();
            tables(
                &mut found,
                held.as_deref().unwrap_or(&none),
                wanted.as_deref().unwrap_or(&none),
            );
        }
    }
    found
}

/// What the one lacks and what the other has beyond it.
fn both_ways<T: Clone + Ord>(
    found: &mut Vec<Deviation>,
    held: &BTreeSet<T>,
    wanted: &BTreeSet<T>,
    deviation: impl Fn(T, bool) -> Deviation,
) {
    found.extend(wanted.difference(held).map(|item| deviation(item.clone(), false)));
    found.extend(held.difference(wanted).map(|item| deviation(item.clone(), true)));
}

fn tables(found: &mut Vec<Deviation>, held: &Table, wanted: &Table) {
    let object = |kind: &str| {
        let kind = kind.to_owned();
        move |name, foreign| Deviation::Object { kind: kind.clone(), name, foreign }
    };
    let names = |sets: &BTreeMap<String, Set>| sets.keys().cloned().collect();
    both_ways(found, &names(&held.sets), &names(&wanted.sets), object("set"));
    let names = |chains: &BTreeMap<String, Chain>| chains.keys().cloned().collect();
    both_ways(found, &names(&held.chains), &names(&wanted.chains), object("chain"));
    both_ways(found, &held.counters, &wanted.counters, object("counter"));
    for (name, wanted) in &wanted.sets {
        let Some(held) = held.sets.get(name) else { continue };
        if held.declaration != wanted.declaration {
            found.push(Deviation::Form { kind: "set".to_owned(), name: name.clone() });
        }
        let texts = |set: &Set| set.elements.keys().cloned().collect();
        both_ways(found, &texts(held), &texts(wanted), |text: String, foreign| {
            let elements = if foreign { &held.elements } else { &wanted.elements };
            let element = elements.get(&text).map_or(text, element);
            Deviation::Element { set: name.clone(), element, foreign }
        });
    }
    for (name, wanted) in &wanted.chains {
        if let Some(held) = held.chains.get(name) {
            chains(found, name, held, wanted);
        }
    }
}

fn chains(found: &mut Vec<Deviation>, name: &str, held: &Chain, wanted: &Chain) {
    let before = found.len();
    let rules = |these: &Chain, others: &Chain, foreign| {
        let mut others = others.rules.clone();
        let beyond = these.rules.iter().filter(move |rule| {
            let at = others.iter().position(|other| other == *rule);
            at.map(|at| others.remove(at)).is_none()
        });
        let deviation = |rule: &Value| Deviation::FilterRule {
            chain: name.to_owned(),
            rule: rule.as_array().map_or(String::new(), |statements| show::rule(statements)),
            foreign,
        };
        beyond.map(deviation).collect::<Vec<_>>()
    };
    found.extend(rules(wanted, held, false));
    found.extend(rules(held, wanted, true));
    if held.declaration != wanted.declaration || (found.len() == before && held != wanted) {
        found.push(Deviation::Form { kind: "chain".to_owned(), name: name.to_owned() });
    }
}

/// An element as nft prints it; a map's has a value.
fn element(element: &Value) -> String {
    match element.as_array().map(Vec::as_slice) {
        Some([key, value]) => format!("{} : {}", show::expression(key), show::expression(value)),
        _ => show::expression(element),
    }
}

impl Deviation {
    /// The deviation as a sentence.
    pub fn sentence(&self, language: Language) -> String {
        let there = |what: String, foreign: bool| {
            if foreign {
                let ja = format!("{what}は、設計にありません。");
                language.pick(ja, format!("{what}: not in the design."))
            } else {
                let ja = format!("{what}がありません。");
                language.pick(ja, format!("{what}: missing."))
            }
        };
        match self {
            Self::Setting { path, wanted, held } => {
                let key = path.replace('/', ".");
                let ja =
                    format!("カーネルの設定 {key} が「{held}」です。設計では「{wanted}」です。");
                language.pick(ja, format!("setting {key} is '{held}', not '{wanted}'."))
            }
            Self::Link { name, wanted, held } => match held {
                None => {
                    there(language.pick(format!("ポート {name} "), format!("port {name}")), false)
                }
                Some(held) => {
                    let fixed = held.mode != wanted.mode;
                    let words = |of, language| link(of, fixed, language);
                    let (ja, en) =
                        (words(held, Language::Japanese), words(held, Language::English));
                    let ja = format!(
                        "{name} が {ja} です。設計では {} です。",
                        words(wanted, Language::Japanese)
                    );
                    let wanted = words(wanted, Language::English);
                    language.pick(ja, format!("{name} is {en}, not {wanted}."))
                }
            },
            Self::Address { address: Address { link, address, prefix }, foreign } => {
                let ja = format!("{link} のアドレス {address}/{prefix} ");
                there(language.pick(ja, format!("address {address}/{prefix} on {link}")), *foreign)
            }
            Self::Route { route, foreign } => there(route.words(language), *foreign),
            Self::Rule { rule, foreign } => there(rule.words(language), *foreign),
            Self::Queues { link, wanted, held } => match (wanted, held) {
                (Some(wanted), Some(held))
                    if held.words(Language::English) == wanted.words(Language::English) =>
                {
                    let ja = format!("{link} の帯域の配分の細部が設計と違います。");
                    language.pick(ja, format!("the queues of {link} have another form."))
                }
                (Some(wanted), Some(held)) => {
                    let ja = format!(
                        "{link} の帯域の配分が {} です。設計では {} です。",
                        held.words(Language::Japanese),
                        wanted.words(Language::Japanese)
                    );
                    let (held, wanted) =
                        (held.words(Language::English), wanted.words(Language::English));
                    language.pick(ja, format!("{link} is shaped to {held}, not {wanted}."))
                }
                (_, held) => {
                    let ja = format!("{link} の帯域の配分");
                    there(language.pick(ja, format!("shaping of {link}")), held.is_some())
                }
            },
            Self::NoFilter => {
                there(language.pick("パケットフィルタ", "the packet filter").to_owned(), false)
            }
            Self::Object { kind, name, foreign } => {
                let ja = format!("パケットフィルタの {kind} {name} ");
                there(language.pick(ja, format!("{kind} {name} of the packet filter")), *foreign)
            }
            Self::Form { kind, name } => {
                let ja = format!("パケットフィルタの {kind} {name} の形が設計と違います。");
                language.pick(ja, format!("{kind} {name} of the packet filter has another form."))
            }
            Self::FilterRule { chain, rule, foreign } => {
                let ja = format!("チェイン {chain} の規則「{rule}」");
                there(language.pick(ja, format!("rule '{rule}' in chain {chain}")), *foreign)
            }
            Self::Element { set, element, foreign } => {
                let ja = format!("集合 {set} の要素「{element}」");
                there(language.pick(ja, format!("element '{element}' in set {set}")), *foreign)
            }
        }
    }
}

fn link(link: &Link, with_mode: bool, language: Language) -> String {
    let Link { up, mtu, mode, .. } = link;
    let state = if *up { language.pick("開", "up") } else { language.pick("閉", "down") };
    if !with_mode {
        return language.pick(format!("{state}（MTU {mtu}）"), format!("{state} with MTU {mtu}"));
    }
    let mode = mode_words(*mode, language);
    language
        .pick(format!("{state}（MTU {mtu}、{mode}）"), format!("{state} with MTU {mtu}, {mode}"))
}

#[cfg(test)]
mod tests;
