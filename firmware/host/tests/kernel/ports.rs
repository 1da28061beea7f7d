//! Names of links.

use libtest_mimic::Trial;
use sekisho_host::{HostError, ports::Links};

use crate::{
    aids::{plug, port},
    namespace::{shell, trial},
};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("links_change_their_names_up_or_down", renamed),
        trial("a_name_that_is_taken_is_refused", taken),
    ]
}

async fn renamed() {
    plug();
    shell("ip link set port1 up");
    let links = Links::connect().expect("sockets");
    let moves = [("port1", "aside1"), ("port2", "port1"), ("aside1", "port2")];
    for (from, to) in moves {
        links.rename(&port(from), &port(to)).await.expect("renamed");
    }
    // The one that was port1 is still up.
    shell("ip link show port2 | grep -q '[<,]UP[,>]'");
    shell("! ip link show port1 | grep -q '[<,]UP[,>]'");
    let listed = links.list().await.expect("listed");
    assert!(["port1", "port2"].iter().all(|name| listed.names.contains(&port(name))));
    assert!(listed.addresses.is_empty(), "virtual cables make their addresses up");
}

async fn taken() {
    plug();
    let links = Links::connect().expect("sockets");
    let error = links.rename(&port("port1"), &port("port2")).await.expect_err("taken");
    assert!(error.to_string().contains("rename 'port1' to 'port2'"), "{error}");
    let error = links.rename(&port("port9"), &port("port3")).await.expect_err("gone");
    assert!(matches!(error, HostError::NoSuchLink { .. }), "{error}");
}
