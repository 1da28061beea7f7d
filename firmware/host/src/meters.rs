//! The sets that the kernel fills by itself as packets come, with a counter beside each element.
//!
//! They are read one by one: of a large site the whole table takes ten times as long as all of them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use sekisho_plan::ruleset::{
    ACCOUNT_DOWN, ACCOUNT_OPENED, ACCOUNT_UP, GLOBAL_REFUSED, HOST_DOWN, HOST_REFUSED, HOST_UP,
};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};

use crate::{
    HostError,
    nft::{Count, Nft, unreadable},
};

/// Reads the sets.
#[derive(Clone, Debug)]
pub struct Meters {
    nft: Nft,
}

/// What was counted, in each set since it was made.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metered {
    /// By account, into the tunnel.
    pub account_up: BTreeMap<u32, Count>,
    /// By account, out of the tunnel.
    pub account_down: BTreeMap<u32, Count>,
    /// First packets of connections, by account.
    pub account_opened: BTreeMap<u32, Count>,
    /// By LAN and host, into the tunnel.
    pub host_up: BTreeMap<(u32, Ipv4Addr), Count>,
    /// By LAN and host, out of the tunnel.
    pub host_down: BTreeMap<(u32, Ipv4Addr), Count>,
    /// What was refused of declared hosts, by LAN and host.
    pub host_refused: BTreeMap<(u32, Ipv4Addr), Count>,
    /// What was refused of the platform's, by the global address that it was sent to.
    pub global_refused: BTreeMap<Ipv4Addr, Count>,
}

impl Meters {
    pub(crate) fn new(nft: Nft) -> Self {
        Self { nft }
    }

    /// Reads all of them, one after the other, so that counts of two may be some milliseconds apart. All are empty where our
    /// table doesn't exist.
    ///
    /// # Errors
    /// What `nft` answered.
    pub async fn read(&self) -> Result<Metered, HostError> {
        Ok(Metered {
            account_up: self.set(ACCOUNT_UP, alone).await?,
            account_down: self.set(ACCOUNT_DOWN, alone).await?,
            account_opened: self.set(ACCOUNT_OPENED, alone).await?,
            host_up: self.set(HOST_UP, joined).await?,
            host_down: self.set(HOST_DOWN, joined).await?,
            host_refused: self.set(HOST_REFUSED, joined).await?,
            global_refused: self.set(GLOBAL_REFUSED, alone).await?,
        })
    }

    async fn set<T: DeserializeOwned, K: Ord>(
        &self,
        name: &str,
        key: fn(T) -> K,
    ) -> Result<BTreeMap<K, Count>, HostError> {
        let Some(listing) = self.nft.set(name).await? else { return Ok(BTreeMap::new()) };
        let elements = elements(&listing).map_err(unreadable)?;
        Ok(elements.map(|(named, count)| (key(named), count)).collect())
    }
}

fn alone<K>(key: K) -> K {
    key
}

fn joined(Joined { concat }: Joined) -> (u32, Ipv4Addr) {
    concat
}

#[derive(Deserialize)]
struct Listing<K> {
    nftables: Vec<Listed<K>>,
}

#[derive(Deserialize)]
struct Listed<K> {
    set: Option<Set<K>>,
}

#[derive(Deserialize)]
struct Set<K> {
    #[serde(default = "Vec::new")]
    elem: Vec<Element<K>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Element<K> {
    Counted {
        elem: Counted<K>,
    },
    /// Put there by hand: the kernel counts nothing beside it.
    Bare(IgnoredAny),
}

#[derive(Deserialize)]
struct Counted<K> {
    val: K,
    counter: Count,
}

#[derive(Deserialize)]
struct Joined {
    concat: (u32, Ipv4Addr),
}

fn elements<K: DeserializeOwned>(
    listing: &str,
) -> Result<impl Iterator<Item = (K, Count)>, serde_json::Error> {
    let listing: Listing<K> = serde_json::from_str(listing)?;
    let elements = listing.nftables.into_iter().filter_map(|listed| listed.set);
    Ok(elements.flat_map(|set| set.elem).filter_map(|element| match element {
        Element::Counted { elem: Counted { val, counter } } => Some((val, counter)),
        Element::Bare(_) => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<K: DeserializeOwned>(set: &str) -> Result<Vec<(K, Count)>, serde_json::Error> {
        let text =
            format!(r#"{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}},{{"set":{set}}}]}}"#);
        elements(&text).map(Iterator::collect)
    }

    #[test]
    fn counts_are_read_and_what_is_not_counted_is_left_out() {
        let count = Count { packets: 3, bytes: 252 };
        let by_mark = r#"{"name":"account-up","elem":[{"elem":{"val":7,"counter":{"packets":3,"bytes":252}}},9]}"#;
        assert_eq!(read::<u32>(by_mark).unwrap(), [(7, count)]);
        let by_host = r#"{"name":"host-up","elem":[{"elem":{"val":{"concat":[1,"192.168.1.10"]},
            "counter":{"packets":3,"bytes":252}}},{"concat":[1,"192.168.1.11"]}]}"#;
        let hosts: Vec<_> =
            read(by_host).unwrap().into_iter().map(|(k, c)| (joined(k), c)).collect();
        assert_eq!(hosts, [((1, Ipv4Addr::new(192, 168, 1, 10)), count)]);
        assert_eq!(read::<Ipv4Addr>(r#"{"name":"global-refused"}"#).unwrap(), []);
        assert!(elements::<u32>("[]").is_err());
        assert!(read::<u32>(r#"{"elem":7}"#).is_err());
    }
}
