//! The packet filter's chains, carried out on a model packet.
//!
//! Exactly the forms that [`ruleset`](crate::ruleset) makes are known here. Another one is an error: a trace that guesses
//! is worse than none.

use std::{collections::BTreeMap, net::Ipv4Addr};

use sekisho_design::Class;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    NotUnderstood, Told,
    expression::{key, matches},
    lookup::{Lookup, lookups, single},
    packet::{Packet, State},
    show,
};
use crate::{KernelState, shaping, table::Chain};

/// The filter with its sets ready to be asked.
#[derive(Debug, Default)]
pub(super) struct Filter {
    chains: BTreeMap<String, Chain>,
    sets: BTreeMap<String, Lookup>,
}

/// What became of a packet at a rule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RuleOutcome {
    /// The rule isn't about this packet; this is its first condition that doesn't hold.
    PassedOver(String),
    /// Every condition holds; this is what the rule did.
    Applied(Vec<Effect>),
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The packet got a mark, its LAN's number.
    Mark(u32),
    /// The packet got a conntrack zone, its LAN's number.
    Zone(u32),
    /// The MSS that a SYN offers is at most this.
    LargestSegment(u32),
    /// It isn't tracked: the device does without a connection.
    Untracked,
    /// The connection got a helper, which finds the data connections that it announces.
    Helped,
    /// The connection is on this account.
    Account(u32),
    /// It is counted for its account, its host or its address.
    CountedFor,
    /// The queues take it as of this class.
    Class(Class),
    /// It carries the codepoint of its class.
    Codepoint,
    /// A refusal was counted.
    Counted,
    /// A refusal was logged, as far as the rate allows.
    Logged,
    /// The destination was translated to this.
    Destination(Ipv4Addr),
    /// The source was translated to this.
    Source(Ipv4Addr),
    /// The rules of another chain follow.
    Goto,
    /// The packet goes on.
    Accepted,
    /// The packet is refused; the sender is told, or not.
    Refused(Told),
}

/// A rule that was asked about a packet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleStep {
    /// The chain that the rule stands in.
    pub chain: String,
    /// The base chain that the packet came by.
    pub base: String,
    /// The rule, in nft's words.
    pub rule: String,
    /// What became of the packet.
    pub outcome: RuleOutcome,
}

/// How a base chain ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// By a rule, or by the chain's policy.
    Accept,
    Refuse(Told),
}

/// A base chain that has been gone through.
#[derive(Debug)]
pub(super) struct Passage {
    pub(super) verdict: Verdict,
    /// The rule that decided is the last of these; none decided where the policy did.
    pub(super) steps: Vec<RuleStep>,
    pub(super) by_policy: bool,
    pub(super) counted: Vec<String>,
}

/// Where evaluation goes after a statement.
enum Next {
    Statement,
    Rule,
    Chain(String),
    End(Verdict),
}

/// Chains that a packet can pass one after another: more would be a ring, which the kernel refuses.
const MOST_CHAINS: usize = 16;

impl Filter {
    pub(super) fn of(state: &KernelState) -> Result<Self, NotUnderstood> {
        // Without our table the kernel filters nothing; whether it forwards is another question.
        let Some(table) = &state.table else { return Ok(Self::default()) };
        Ok(Self { chains: table.chains.clone(), sets: lookups(&table.sets)? })
    }

    /// The base chains of a hook by priority, with their type.
    pub(super) fn base_chains(&self, hook: &str) -> Vec<(i64, &str, &str)> {
        let mut found: Vec<_> = self
            .chains
            .iter()
            .filter_map(|(name, chain)| {
                let word = |key: &str| chain.declaration.get(key).and_then(Value::as_str);
                let priority = chain.declaration.get("prio").and_then(Value::as_i64)?;
                (word("hook")? == hook).then_some((priority, name.as_str(), word("type")?))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// Takes a packet through a base chain.
    pub(super) fn pass(
        &self,
        base: &str,
        packet: &mut Packet,
        state: &KernelState,
    ) -> Result<Passage, NotUnderstood> {
        let mut passage = Passage {
            verdict: Verdict::Accept,
            steps: Vec::new(),
            by_policy: false,
            counted: Vec::new(),
        };
        let mut name = base.to_owned();
        for _ in 0..MOST_CHAINS {
            let chain = self.chain(&name)?;
            let mut next = None;
            for rule in &chain.rules {
                match self.rule(rule, (base, &name), packet, state, &mut passage)? {
                    Next::Statement | Next::Rule => {}
                    Next::Chain(target) => next = Some(target),
                    Next::End(verdict) => {
                        passage.verdict = verdict;
                        return Ok(passage);
                    }
                }
                if next.is_some() {
                    break;
                }
            }
            let Some(target) = next else {
                // The end of a chain that was gone to is the end of the base chain.
                passage.verdict = self.policy(base)?;
                passage.by_policy = true;
                return Ok(passage);
            };
            name = target;
        }
        Err(NotUnderstood(format!("a ring of chains at {name}")))
    }

    fn chain(&self, name: &str) -> Result<&Chain, NotUnderstood> {
        self.chains.get(name).ok_or_else(|| NotUnderstood(format!("no chain {name}")))
    }

    fn policy(&self, base: &str) -> Result<Verdict, NotUnderstood> {
        match self.chain(base)?.declaration.get("policy").and_then(Value::as_str) {
            Some("accept") => Ok(Verdict::Accept),
            Some("drop") => Ok(Verdict::Refuse(Told::Nothing)),
            other => Err(NotUnderstood(format!("policy {other:?} of {base}"))),
        }
    }

    fn rule(
        &self,
        rule: &Value,
        (base, chain): (&str, &str),
        packet: &mut Packet,
        state: &KernelState,
        passage: &mut Passage,
    ) -> Result<Next, NotUnderstood> {
        let statements = rule.as_array().ok_or_else(|| NotUnderstood::of(rule))?;
        let mut effects = Vec::new();
        let mut step = |outcome| {
            let (base, chain) = (base.to_owned(), chain.to_owned());
            passage.steps.push(RuleStep { base, chain, rule: show::rule(statements), outcome });
        };
        for statement in statements {
            let next =
                self.statement(statement, packet, state, &mut effects, &mut passage.counted)?;
            match next {
                Next::Statement => {}
                // What a rule did before its condition failed stays done, as in the kernel.
                Next::Rule => {
                    step(RuleOutcome::PassedOver(show::statement(statement)));
                    return Ok(Next::Rule);
                }
                Next::Chain(_) | Next::End(_) => {
                    step(RuleOutcome::Applied(effects));
                    return Ok(next);
                }
            }
        }
        step(RuleOutcome::Applied(effects));
        Ok(Next::Rule)
    }

    fn statement(
        &self,
        statement: &Value,
        packet: &mut Packet,
        state: &KernelState,
        effects: &mut Vec<Effect>,
        counted: &mut Vec<String>,
    ) -> Result<Next, NotUnderstood> {
        let not_understood = || NotUnderstood::of(statement);
        let parts = statement.as_object().filter(|object| object.len() == 1);
        let Some((kind, body)) = parts.and_then(|object| object.iter().next()) else {
            return Err(not_understood());
        };
        let end = |verdict, effect, effects: &mut Vec<Effect>| {
            effects.push(effect);
            Ok(Next::End(verdict))
        };
        match (kind.as_str(), body) {
            ("match", _) => {
                let holds = matches(body, packet, state, &self.sets)?;
                Ok(if holds { Next::Statement } else { Next::Rule })
            }
            ("mangle", _) => self.mangle(body, packet, effects),
            ("counter", Value::String(name)) => {
                counted.push(name.clone());
                effects.push(Effect::Counted);
                Ok(Next::Statement)
            }
            // One packet is within every rate and every number.
            ("limit", Value::Object(_)) => Ok(Next::Statement),
            ("set", Value::Object(_)) => metered(body, effects).ok_or_else(not_understood),
            ("notrack", Value::Null) => {
                packet.state = Some(State::Untracked);
                effects.push(Effect::Untracked);
                Ok(Next::Statement)
            }
            ("ct helper", Value::String(_)) => {
                effects.push(Effect::Helped);
                Ok(Next::Statement)
            }
            ("log", Value::Object(_)) => {
                effects.push(Effect::Logged);
                Ok(Next::Statement)
            }
            ("goto", _) => {
                let target = body.get("target").and_then(Value::as_str);
                effects.push(Effect::Goto);
                Ok(Next::Chain(target.ok_or_else(not_understood)?.to_owned()))
            }
            ("accept", Value::Null) => end(Verdict::Accept, Effect::Accepted, effects),
            ("drop", Value::Null) => {
                end(Verdict::Refuse(Told::Nothing), Effect::Refused(Told::Nothing), effects)
            }
            ("reject", _) => {
                let told = told(body).ok_or_else(not_understood)?;
                end(Verdict::Refuse(told), Effect::Refused(told), effects)
            }
            ("dnat" | "snat", _) => {
                let address = body.get("addr").and_then(|addr| addr.get("map"));
                let lookup = address.ok_or_else(not_understood)?;
                let Some(address) = self.looked_up(lookup, packet)? else { return Ok(Next::Rule) };
                let address = Ipv4Addr::from_bits(address);
                let effect = if kind == "dnat" {
                    packet.destination = address;
                    Effect::Destination(address)
                } else {
                    packet.source = address;
                    Effect::Source(address)
                };
                end(Verdict::Accept, effect, effects)
            }
            _ => Err(not_understood()),
        }
    }

    fn mangle(
        &self,
        body: &Value,
        packet: &mut Packet,
        effects: &mut Vec<Effect>,
    ) -> Result<Next, NotUnderstood> {
        let not_understood = || NotUnderstood::of(body);
        let value = body.get("value").ok_or_else(not_understood)?;
        let target = show::expression(body.get("key").ok_or_else(not_understood)?);
        if target == "ip dscp" {
            effects.push(Effect::Codepoint);
            return Ok(Next::Statement);
        }
        let value = if let Some(lookup) = value.get("map") {
            let Some(value) = self.looked_up(lookup, packet)? else { return Ok(Next::Rule) };
            value
        } else {
            single(value)?
        };
        match target.as_str() {
            "mark" => {
                packet.mark = value;
                effects.push(Effect::Mark(value));
            }
            "ct zone" => {
                packet.zone = value;
                effects.push(Effect::Zone(value));
            }
            "ct mark" => {
                packet.account = value;
                effects.push(Effect::Account(value));
            }
            "priority" => {
                let mut classes = Class::ALL.into_iter();
                let class = classes.find(|class| shaping::number(*class) == value);
                let class = class.ok_or_else(not_understood)?;
                packet.class = Some(class);
                effects.push(Effect::Class(class));
            }
            "tcp option maxseg size" => effects.push(Effect::LargestSegment(value)),
            _ => return Err(not_understood()),
        }
        Ok(Next::Statement)
    }

    /// What a map has for a packet.
    fn looked_up(&self, lookup: &Value, packet: &Packet) -> Result<Option<u32>, NotUnderstood> {
        let not_understood = || NotUnderstood::of(lookup);
        let map =
            lookup.get("data").and_then(Value::as_str).and_then(|data| data.strip_prefix('@'));
        let map = map.and_then(|name| self.sets.get(name)).ok_or_else(not_understood)?;
        let key = key(lookup.get("key").ok_or_else(not_understood)?, packet)?;
        Ok(key.and_then(|key| map.value(&key)))
    }
}

/// A count goes on; a limit is one that the model packet keeps, so its rule is about others.
fn metered(body: &Value, effects: &mut Vec<Effect>) -> Option<Next> {
    let [statement] = body.get("stmt")?.as_array()?.as_slice() else { return None };
    if statement.get("counter").is_some() {
        effects.push(Effect::CountedFor);
        return Some(Next::Statement);
    }
    let limit = statement.get("limit").or_else(|| statement.get("ct count"))?;
    (limit.get("inv")? == true).then_some(Next::Rule)
}

fn told(reject: &Value) -> Option<Told> {
    if reject.get("type")?.as_str()? != "icmp" {
        return None;
    }
    match reject.get("expr")?.as_str()? {
        "admin-prohibited" => Some(Told::Prohibited),
        "host-unreachable" => Some(Told::HostUnreachable),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
