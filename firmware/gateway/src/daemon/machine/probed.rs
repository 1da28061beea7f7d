//! Addresses that hosts on a network can see.

use sekisho_plan::{
    KernelState,
    state::{Address, LinkKind},
};

/// Addresses of ports that the state before didn't have there, whatever their prefix.
pub(in crate::daemon) fn arrivals(before: &KernelState, after: &KernelState) -> Vec<Address> {
    let had = |address: &Address| {
        let same = |held: &Address| held.link == address.link && held.address == address.address;
        before.addresses.iter().any(same)
    };
    holders(after).into_iter().filter(|address| !had(address)).collect()
}

/// All addresses of ports; the tunnel device has no neighbours.
pub(in crate::daemon) fn holders(state: &KernelState) -> Vec<Address> {
    let on_a_port = |address: &&Address| {
        state.links.get(&address.link).is_some_and(|link| link.kind == LinkKind::Port)
    };
    state.addresses.iter().filter(on_a_port).cloned().collect()
}
