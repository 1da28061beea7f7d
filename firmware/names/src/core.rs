//! The heart of the service: from a question to an answer, by the decision, the cache and the servers.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME, PTR},
    },
};
use sekisho_design::{DnsName, Lan};
use tracing::debug;

use crate::{
    Limits, Network, Way,
    ask::{AskError, ask},
    cache::{self, Cache, Found},
    decide::{Decision, Refusal, decide, source},
    health::Health,
    question::Question,
    rate::{Admission, Rates},
    setup::{Group, Setup},
};

/// The time to live of static entries, in seconds: a change of the design is known everywhere after five minutes.
const STATIC_TTL: u32 = 300;

/// The longest chain of aliases that is followed.
const LONGEST_CHAIN: usize = 8;

/// What all tasks share. No lock is held while anything is awaited.
pub(crate) struct Core {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) limits: Limits,
    setup: RwLock<Arc<Setup>>,
    state: Mutex<State>,
    started: Instant,
}

struct State {
    cache: Cache,
    health: BTreeMap<Group, Health>,
    rates: Rates,
    /// Questions that servers are being asked, so that the same one is asked once.
    flights: HashMap<(Group, Question), Flight>,
    counts: BTreeMap<(Lan, &'static str), u64>,
    hits: u64,
    misses: u64,
    stale: u64,
}

type Flight = Shared<BoxFuture<'static, Told>>;

/// What came of a question to servers.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The answer, or why there is none.
    pub(crate) message: Result<Arc<Message>, Trouble>,
    pub(crate) from: From,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum From {
    Static,
    Cache,
    Stale,
    Server(Ipv4Addr),
    Nobody,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// No server answers as it should.
    Unanswered,
    /// The platform's answer leads where the platform isn't.
    Outside,
    /// Too many questions are on their way.
    Busy,
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) code: ResponseCode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
    /// A server has checked it (AD).
    pub(crate) checked: bool,
    pub(crate) from: From,
    /// The word of the counter.
    pub(crate) rule: &'static str,
}

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asker {
    /// A host of a LAN.
    Client(Ipv4Addr),
    /// Somebody at the device who wants to know what a client would be told. Nothing is counted.
    Device,
}

impl Core {
    pub(crate) fn new(network: Arc<dyn Network>, setup: Setup, limits: Limits) -> Self {
        let core = Self {
            network,
            setup: RwLock::new(Arc::new(setup)),
            state: Mutex::new(State {
                cache: Cache::new(limits.cache_entries, limits.cache_bytes),
                health: BTreeMap::new(),
                rates: Rates::new(limits.clients),
                flights: HashMap::new(),
                counts: BTreeMap::new(),
                hits: 0,
                misses: 0,
                stale: 0,
            }),
            limits,
            started: Instant::now(),
        };
        core.follow_groups();
        core
    }

    pub(crate) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works by another setup from now on. What is known of servers and answers that stay goes on.
    pub(crate) fn follow(&self, setup: Setup) {
        *self.setup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        self.follow_groups();
    }

    fn follow_groups(&self) {
        let setup = self.setup();
        let mut state = self.state();
        state.health.retain(|group, _| setup.groups.contains_key(group));
        for (group, servers) in &setup.groups {
            state.health.entry(group.clone()).or_default().follow(servers);
        }
        let kept: Vec<_> = setup.groups.keys().map(cache::text).collect();
        state.cache.retain(|group| kept.iter().any(|kept| kept == group));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether a client may ask one more question.
    pub(crate) fn admit(&self, lan: Lan, client: Ipv4Addr) -> Admission {
        let setup = self.setup();
        let server = setup.views.get(&lan).is_some_and(|view| view.servers.contains(&client));
        let rate = if server { self.limits.per_server } else { self.limits.per_client };
        let now = self.now();
        let admission = self.state().rates.ask(client, rate, now);
        if admission != Admission::Admitted {
            self.count(lan, Refusal::Rate.as_str());
        }
        admission
    }

    pub(crate) fn count(&self, lan: Lan, what: &'static str) {
        *self.state().counts.entry((lan, what)).or_default() += 1;
    }

    /// Answers a question of a LAN.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        lan: Lan,
        asker: Asker,
        question: &Question,
    ) -> Reply {
        let reply = self.find(lan, asker, question.clone()).await;
        if asker != Asker::Device {
            self.count(lan, reply.rule);
        }
        reply
    }

    async fn find(self: &Arc<Self>, lan: Lan, asker: Asker, mut question: Question) -> Reply {
        let setup = self.setup();
        let Some(view) = setup.views.get(&lan) else { return Reply::refused(Refusal::Client) };
        let mut chain = Vec::new();
        let mut decision = match asker {
            Asker::Client(client) => decide(&setup, lan, client, &question.name, question.kind),
            Asker::Device => source(&setup, view, lan, &question.name, question.kind),
        };
        loop {
            let mut reply = match decision {
                Decision::Refuse(refusal) if chain.is_empty() => return Reply::refused(refusal),
                // The alias itself was asked for rightly; nobody knows where it leads.
                Decision::Refuse(_) => Reply::of_static(Vec::new()),
                Decision::Addresses(addresses) => {
                    let data = addresses.iter().map(|address| RData::A(A(*address)));
                    Reply::of_static(records(&question.name, data))
                }
                Decision::Names(names) => {
                    let data = names.iter().map(|it| RData::PTR(PTR(name(it))));
                    Reply::of_static(records(&question.name, data))
                }
                Decision::Alias(alias) => {
                    let target = name(alias);
                    let data = RData::CNAME(CNAME(target.clone()));
                    chain.extend(records(&question.name, [data]));
                    if question.kind == RecordType::CNAME || chain.len() > LONGEST_CHAIN {
                        Reply::of_static(Vec::new())
                    } else {
                        question = question.about(&target);
                        decision = source(&setup, view, lan, &question.name, question.kind);
                        continue;
                    }
                }
                Decision::Ask(group) => {
                    let rule =
                        if matches!(group, Group::Platform(_)) { "platform" } else { "office" };
                    Reply::of(self.lookup(group, question).await, rule)
                }
            };
            reply.answers.splice(0..0, chain);
            reply.rewrite(&view.rewrites);
            return reply;
        }
    }

    /// What servers say, or said: from memory while that is fresh, else by asking them.
    async fn lookup(self: &Arc<Self>, group: Group, question: Question) -> Told {
        let now = self.now();
        {
            let mut state = self.state();
            if let Found::Fresh(message) = state.cache.find(&group, &question, now) {
                state.hits += 1;
                return Told { message: Ok(Arc::new(message)), from: From::Cache };
            }
            state.misses += 1;
        }
        self.fetch(group, question).await
    }

    /// What servers say now; they are asked once for all who ask the same at one time.
    pub(crate) async fn fetch(self: &Arc<Self>, group: Group, question: Question) -> Told {
        let flight = {
            let mut state = self.state();
            let key = (group, question);
            if let Some(flight) = state.flights.get(&key) {
                flight.clone()
            } else if state.flights.len() >= self.limits.in_flight {
                return Told { message: Err(Trouble::Busy), from: From::Nobody };
            } else {
                let core = Arc::clone(self);
                let (group, question) = key.clone();
                let asking = async move {
                    let told = core.ask_servers(&group, &question).await;
                    core.state().flights.remove(&(group, question));
                    told
                };
                let flight = asking.boxed().shared();
                state.flights.insert(key, flight.clone());
                // It comes to its end, and into the memory, although the client may go away.
                tokio::spawn(flight.clone());
                flight
            }
        };
        flight.await
    }

    async fn ask_servers(self: &Arc<Self>, group: &Group, question: &Question) -> Told {
        let (order, beside) = {
            let now = self.now();
            let mut state = self.state();
            let State { cache, health, .. } = &mut *state;
            let Some(health) = health.get_mut(group) else {
                return Told { message: Err(Trouble::Unanswered), from: From::Nobody };
            };
            if !health.is_silent() {
                (health.order(), health.due(now))
            } else if matches!(cache.find(group, question, now), Found::Stale(_)) {
                // Nobody waits for silence where something was known.
                (Vec::new(), health.due(now))
            } else {
                (health.order(), Vec::new())
            }
        };
        for server in beside {
            let (core, group, question) = (Arc::clone(self), group.clone(), question.clone());
            tokio::spawn(async move { core.ask_one(&group, server, &question).await });
        }
        for server in order {
            let Ok(mut message) = self.ask_one(group, server, question).await else { continue };
            let from = From::Server(server);
            if matches!(group, Group::Platform(_)) {
                if self.leads_outside(&message) {
                    return Told { message: Err(Trouble::Outside), from };
                }
                // There is no way to the platform by IPv6; a client shall not try one.
                message.answers.retain(|record| record.record_type() != RecordType::AAAA);
            }
            let now = self.now();
            self.state().cache.keep(group, question, &message, now);
            return Told { message: Ok(Arc::new(message)), from };
        }
        let now = self.now();
        let mut state = self.state();
        if let Found::Stale(message) = state.cache.find(group, question, now) {
            state.stale += 1;
            return Told { message: Ok(Arc::new(message)), from: From::Stale };
        }
        Told { message: Err(Trouble::Unanswered), from: From::Nobody }
    }

    async fn ask_one(
        &self,
        group: &Group,
        server: Ipv4Addr,
        question: &Question,
    ) -> Result<Message, AskError> {
        let started = Instant::now();
        let result = ask(&self.network, way(group), server, question).await;
        let now = self.now();
        let mut state = self.state();
        let Some(health) = state.health.get_mut(group) else { return result };
        if let Err(fault) = &result {
            debug!(%server, %fault, "a name server doesn't answer as it should");
        }
        match &result {
            // What it can't do for one name says nothing of others.
            Ok(_) | Err(AskError::Unable(_)) => health.answered(server, started.elapsed()),
            Err(AskError::Silent | AskError::Network(_) | AskError::Garbled(_)) => {
                health.failed(server, now);
            }
        }
        result
    }

    fn leads_outside(&self, message: &Message) -> bool {
        let setup = self.setup();
        message.answers.iter().any(
            |record| matches!(&record.data, RData::A(A(address)) if !setup.leads_inside(*address)),
        )
    }

    /// Reads what is known; for the status.
    pub(crate) fn look<T>(
        &self,
        look: impl FnOnce(
            &Cache,
            &BTreeMap<Group, Health>,
            &BTreeMap<(Lan, &'static str), u64>,
            [u64; 3],
        ) -> T,
    ) -> T {
        let state = self.state();
        let uses = [state.hits, state.misses, state.stale];
        look(&state.cache, &state.health, &state.counts, uses)
    }
}

/// The way to a group's servers.
pub(crate) fn way(group: &Group) -> Way {
    match group {
        Group::Platform(_) => Way::Platform,
        Group::Lgwan => Way::Lgwan,
        Group::Office(lan) => Way::Office(*lan),
    }
}

/// A design's name in DNS's own form.
pub(crate) fn name(name: &DnsName) -> Name {
    let mut name = Name::from_ascii(name.as_str()).unwrap_or_default();
    name.set_fqdn(true);
    name
}

fn records(name: &Name, data: impl IntoIterator<Item = RData>) -> Vec<Record> {
    let record = |data| Record::from_rdata(name.clone(), STATIC_TTL, data);
    data.into_iter().map(record).collect()
}

impl Reply {
    fn empty(code: ResponseCode, rule: &'static str, from: From) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            checked: false,
            from,
            rule,
        }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self::empty(ResponseCode::Refused, refusal.as_str(), From::Nobody)
    }

    fn of_static(answers: Vec<Record>) -> Self {
        Self { answers, ..Self::empty(ResponseCode::NoError, "static", From::Static) }
    }

    fn of(told: Told, rule: &'static str) -> Self {
        let message = match told.message {
            Ok(message) => message,
            Err(trouble) => {
                let rule = trouble.as_str();
                return Self::empty(ResponseCode::ServFail, rule, told.from);
            }
        };
        Self {
            answers: message.answers.clone(),
            authorities: message.authorities.clone(),
            additionals: message.additionals.clone(),
            checked: message.metadata.authentic_data,
            ..Self::empty(message.metadata.response_code, rule, told.from)
        }
    }

    /// Gives own servers by their private address. Signatures of what was changed go; nothing is checked any more.
    fn rewrite(&mut self, rewrites: &BTreeMap<Ipv4Addr, Ipv4Addr>) {
        let mut changed = false;
        for record in &mut self.answers {
            if let RData::A(A(address)) = &mut record.data
                && let Some(private) = rewrites.get(address)
            {
                *address = *private;
                changed = true;
            }
        }
        if changed {
            self.answers.retain(|record| record.record_type() != RecordType::RRSIG);
            self.checked = false;
        }
    }
}

impl Trouble {
    /// The word of counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Outside => "outside-answer",
            Self::Busy => "busy",
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::NULL;

    use super::*;

    #[test]
    fn what_is_rewritten_is_no_longer_signed() {
        let owner = Name::from_ascii("own.platform.example.").unwrap();
        let address = |last| RData::A(A::new(100, 64, 10, last));
        let signature = RData::Unknown { code: RecordType::RRSIG, rdata: NULL::with(vec![1]) };
        let reply = |last| Reply {
            answers: records(&owner, [address(last), signature.clone()]),
            checked: true,
            ..Reply::of_static(Vec::new())
        };
        let (global, private) = (Ipv4Addr::new(100, 64, 10, 11), Ipv4Addr::new(192, 168, 1, 10));
        let rewrites = BTreeMap::from([(global, private)]);
        let mut own = reply(11);
        own.rewrite(&rewrites);
        assert_eq!(own.answers, records(&owner, [RData::A(A(private))]));
        assert!(!own.checked);
        let mut other = reply(12);
        other.rewrite(&rewrites);
        assert_eq!((other.answers.len(), other.checked), (2, true));
    }
}
