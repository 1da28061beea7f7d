//! The packet filter's table, its counters and sets, and every way in which `nft` fails.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use libtest_mimic::Trial;
use sekisho_host::{Count, HostError, Kernel, Places};
use sekisho_plan::{
    Change, Step,
    table::{Chain, Set, Table, by_text},
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{
    aids::{observe, perform, scope, there_and_back},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("table_there_and_back", there),
        trial("counters_go_on_across_a_change", counters_go_on),
        trial("set_is_filled_and_emptied_whole", fill),
        trial("large_transaction_passes", large),
        trial("many_flows_are_held_as_they_were_told", many_flows),
        trial("refused_transaction_leaves_the_old_table", refused),
        trial("without_rights_nothing_is_read_as_absent", without_rights),
        trial("nft_missing", missing),
        trial("nft_killed", killed),
        trial("nft_hanging_is_ended", hanging),
        trial("nft_talking_nonsense", nonsense),
    ]
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

/// Counts UDP on the way in, lets by whom `friends` holds, and drops the rest of it.
fn table(friends: &[&str], extra: &[Value]) -> Table {
    let compare = |left: Value, right: Value| json!({ "match": { "op": "==", "left": left, "right": right } });
    let source = json!({ "payload": { "protocol": "ip", "field": "saddr" } });
    let friendly = json!([compare(source, json!("@friends")), { "accept": null }]);
    let counted = json!([
        compare(json!({ "meta": { "key": "l4proto" } }), json!(17)),
        { "counter": "platform/udp" },
        { "drop": null },
    ]);
    let hook = json!({ "type": "filter", "hook": "input", "prio": 0, "policy": "accept" });
    let mut rules = vec![friendly, counted];
    rules.extend_from_slice(extra);
    Table {
        counters: ["platform/udp".to_owned()].into(),
        sets: BTreeMap::from([(
            "friends".to_owned(),
            Set {
                declaration: object(&json!({ "type": "ipv4_addr" })),
                elements: by_text(friends.iter().map(|friend| json!(friend))),
            },
        )]),
        chains: BTreeMap::from([("input".to_owned(), Chain { declaration: object(&hook), rules })]),
        ..Table::default()
    }
}

fn step(before: Option<Table>, after: Option<Table>) -> Step {
    Step::Table { change: Change::new(before.map(Arc::new), after.map(Arc::new)) }
}

fn kernel() -> Kernel {
    Kernel::connect().expect("a connection")
}

/// A program in the place of `nft`.
fn instead(script: &str) -> (Kernel, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let nft = folder.path().join("nft");
    fs::write(&nft, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&nft, fs::Permissions::from_mode(0o755)).expect("its mode");
    (with_nft(nft), folder)
}

fn with_nft(nft: PathBuf) -> Kernel {
    Kernel::connect_with(Places { nft, ..Places::default() }).expect("a connection")
}

async fn there() {
    let kernel = kernel();
    assert_eq!(observe(&kernel).await.table, None);
    shell("nft add table inet other; nft add table ip sekisho");
    assert_eq!(observe(&kernel).await.table, None, "another family's table is not ours");
    let wanted = table(&["192.0.2.1"], &[]);
    there_and_back(&kernel, &[step(None, Some(wanted.clone()))], |state| {
        assert_eq!(state.table.as_deref(), Some(&wanted));
    })
    .await;
    assert_eq!(shell("nft list tables"), "table inet other\ntable ip sekisho\n");
    let (one, two) =
        (table(&["192.0.2.1"], &[]), table(&["192.0.2.2"], &[json!([{ "accept": null }])]));
    perform(&kernel, &step(None, Some(one.clone()))).await;
    there_and_back(&kernel, &[step(Some(one.clone()), Some(two.clone()))], |state| {
        assert_eq!(state.table.as_deref(), Some(&two));
    })
    .await;
    perform(&kernel, &step(Some(one.clone()), Some(one))).await;
}

async fn counters_go_on() {
    let kernel = kernel();
    assert_eq!(kernel.counters().await.expect("no counters"), BTreeMap::new());
    let (one, two) = (table(&[], &[]), table(&["192.0.2.2"], &[json!([{ "accept": null }])]));
    perform(&kernel, &step(None, Some(one.clone()))).await;
    let count = async || kernel.counters().await.expect("counters")["platform/udp"];
    assert_eq!(count().await, Count::default());
    shell("ip link set lo up");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(b"counted", "127.0.0.1:9").expect("sent");
    assert_eq!(count().await, Count { packets: 1, bytes: 35 });
    perform(&kernel, &step(Some(one), Some(two))).await;
    assert_eq!(count().await, Count { packets: 1, bytes: 35 });
}

async fn fill() {
    let kernel = kernel();
    let wanted = table(&["192.0.2.1"], &[]);
    perform(&kernel, &step(None, Some(wanted.clone()))).await;
    let held =
        async || observe(&kernel).await.table.expect("a table").sets["friends"].elements.clone();
    let (two, three) = (json!("192.0.2.2"), json!("192.0.2.3"));
    kernel.fill_set("friends", &[two.clone(), three.clone()]).await.expect("filled");
    assert_eq!(held().await, by_text([two.clone(), three.clone()]));
    let error = kernel.fill_set("friends", &[json!("no address")]).await.expect_err("refused");
    assert!(matches!(error, HostError::NftRefused { .. }), "{error}");
    assert_eq!(held().await, by_text([two, three]), "the flush didn't happen either");
    kernel.fill_set("friends", &[]).await.expect("emptied");
    assert_eq!(held().await, BTreeMap::new());
    kernel.fill_set("strangers", &[]).await.expect_err("no such set");
}

async fn large() {
    let kernel = kernel();
    perform(&kernel, &step(None, Some(table(&[], &[])))).await;
    let many: Vec<Value> =
        (0..10_000_u32).map(|n| json!(Ipv4Addr::from_bits(0x0a00_0000 + n).to_string())).collect();
    kernel.fill_set("friends", &many).await.expect("filled");
    let held = observe(&kernel).await.table.expect("a table");
    assert_eq!(held.sets["friends"].elements.len(), many.len());
    let (deaf, _folder) = instead("echo 'Error: not listening' >&2; exit 1");
    let error = deaf.fill_set("friends", &many).await.expect_err("refused");
    assert_eq!(error.to_string(), "the packet filter refused: Error: not listening");
}

/// More than fit into one netlink attribute, with a mark, whose bytes the kernel has in another order than an address.
async fn many_flows() {
    let mut table = table(&[], &[]);
    let types = ["mark", "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"];
    let declaration = object(&json!({ "type": types, "flags": ["interval"] }));
    let flow = |n: u32| {
        let to = Ipv4Addr::from_bits(0x6448_0000 + n).to_string();
        json!({ "concat": [1, "192.0.2.1", to, 6, 8000 + n] })
    };
    let elements = by_text((1..=1500).map(flow));
    table.sets.insert("flows".to_owned(), Set { declaration, elements });
    let kernel = kernel();
    perform(&kernel, &step(None, Some(table.clone()))).await;
    assert_eq!(observe(&kernel).await.table.as_deref(), Some(&table));
}

async fn refused() {
    let kernel = kernel();
    let good = table(&["192.0.2.1"], &[]);
    perform(&kernel, &step(None, Some(good.clone()))).await;
    let bad = table(&["192.0.2.9"], &[json!([{ "jump": { "target": "nowhere" } }])]);
    let error = kernel.perform(&step(Some(good.clone()), Some(bad))).await.expect_err("refused");
    assert!(matches!(&error, HostError::NftRefused { stderr } if !stderr.is_empty()), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    assert_eq!(observe(&kernel).await.table.as_deref(), Some(&good));
}

async fn without_rights() {
    let (kernel, _folder) = instead("exec setpriv --bounding-set -all --inh-caps -all nft \"$@\"");
    shell("nft add table inet sekisho");
    let error = kernel.observe(&scope()).await.expect_err("no rights");
    assert!(matches!(error, HostError::NftRefused { .. }), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("CAP_NET_ADMIN")), "{error}");
    kernel.counters().await.expect_err("no rights");
}

async fn missing() {
    let kernel = with_nft("/nonexistent/nft".into());
    let error = kernel.observe(&scope()).await.expect_err("no nft");
    assert!(matches!(error, HostError::NftMissing { .. }), "{error}");
    assert_eq!(error.way_out(), Some("Install the package nftables."));
    let (kernel, folder) = instead("exit 0");
    let nft = folder.path().join("nft");
    fs::set_permissions(&nft, fs::Permissions::from_mode(0o644)).expect("its mode");
    let error = kernel.counters().await.expect_err("not executable");
    assert!(matches!(error, HostError::NftRun { .. }), "{error}");
}

async fn killed() {
    let (kernel, _folder) = instead("kill -9 $$");
    let error = kernel.perform(&step(None, Some(table(&[], &[])))).await.expect_err("killed");
    assert!(matches!(error, HostError::NftKilled { signal: 9 }), "{error}");
}

async fn hanging() {
    let (kernel, folder) = instead("echo $$ > \"$0.pid\"; exec sleep 1000");
    let start = Instant::now();
    let error = kernel.perform(&step(None, Some(table(&[], &[])))).await.expect_err("too slow");
    assert!(matches!(error, HostError::NftTimeout { .. }), "{error}");
    assert!((4..20).contains(&start.elapsed().as_secs()));
    let pid = fs::read_to_string(folder.path().join("nft.pid")).expect("its number");
    let left = Path::new("/proc").join(pid.trim());
    assert!(!left.exists(), "it lives on");
}

async fn nonsense() {
    for words in ["", "words", "[1]", "{\"nftables\": 3}"] {
        let (kernel, _folder) = instead(&format!("echo '{words}'"));
        let error = kernel.observe(&scope()).await.expect_err("nonsense");
        assert!(matches!(error, HostError::NftAnswer { .. }), "{words}: {error}");
        kernel.counters().await.expect_err("nonsense");
    }
}
