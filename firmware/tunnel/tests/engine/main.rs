//! Whole engines on real devices and sockets, each test in a network namespace of its own. No root is needed where
//! unprivileged user namespaces are allowed; `ip` and `unshare` are.

#[cfg(test)]
mod centres;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod go;
#[cfg(test)]
mod joined;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod rekeying;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod superpackets;
#[cfg(test)]
mod tap;
#[cfg(test)]
mod wireguard_go;
