//! What the engine tells others about itself.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use sekisho_design::Name;
use serde::{Serialize, Serializer};

use crate::Counters;

/// The tunnel as a whole. Serialised, every moment becomes its age in milliseconds at that time. No key is in here.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Every centre, in order of preference.
    pub centres: Vec<CentreStatus>,
    /// The centre that carries traffic; `None` while no centre is alive.
    pub carrier: Option<Name>,
    /// Since when no centre is alive; `None` while one is. New flows are to be refused 5 s after this.
    #[serde(rename = "silent_ms", serialize_with = "age")]
    pub silent_since: Option<Instant>,
    /// No handshake so far bore a later stamp than this; `None` before the first. It is for the next engine's
    /// [`Config::stamped_after`](crate::Config::stamped_after).
    pub last_stamp: Option<SystemTime>,
    /// Datagrams from an address that is no centre's endpoint.
    pub foreign_datagrams: u64,
    /// Datagrams that the uplink did not take.
    pub unsent_datagrams: u64,
    /// Packets that could not be read from the device or written to it.
    pub device_drops: u64,
    /// Times that the uplink or the device refused a read. Nothing is lost by that unless it lasts.
    pub refused_reads: u64,
    /// Why a thread ended by itself. The engine is then to be dropped and started again.
    pub failure: Option<String>,
}

/// One centre.
#[derive(Clone, Debug, Serialize)]
pub struct CentreStatus {
    /// Its name.
    pub name: Name,
    /// Where its tunnel end listens, as far as that is known.
    pub endpoint: Option<SocketAddr>,
    /// Whether a session stands.
    pub established: bool,
    /// Since when it has answered probes without falling silent; `None` while it is silent.
    #[serde(rename = "alive_ms", serialize_with = "age")]
    pub alive_since: Option<Instant>,
    /// When its last answer to a probe arrived.
    #[serde(rename = "last_answer_ms", serialize_with = "age")]
    pub last_answer: Option<Instant>,
    /// Round trip of that answer.
    #[serde(rename = "round_trip_us", serialize_with = "microseconds")]
    pub round_trip: Option<Duration>,
    /// When the last handshake was completed.
    #[serde(rename = "last_handshake_ms", serialize_with = "age")]
    pub last_handshake: Option<Instant>,
    /// The largest packet in the tunnel that the way there and back carries; `None` as long as nobody knows.
    pub carries: Option<u16>,
    /// How far it is with the device's coming key; `None` while no key is to come.
    pub coming_key: Option<ComingKey>,
    /// When it was last noticed that somebody else uses the device's key with this centre (R8): a copy of the device or
    /// a spare that runs beside it. Each takes the session away from the other.
    #[serde(rename = "rival_ms", serialize_with = "age")]
    pub rival_seen: Option<Instant>,
    /// Its session's counts.
    pub counters: Counters,
}

/// What a centre makes of the key that is to come. It says so itself, by what it answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComingKey {
    /// Its handshakes are not answered: nobody has registered it there, or the centre is silent.
    Unknown,
    /// A session stands, and the organisation's addresses belong to the old key still.
    Known,
    /// The centre's packets come by it, and the device's go out by it.
    InUse,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn age<S: Serializer>(moment: &Option<Instant>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(|moment| saturated(moment.elapsed().as_millis())).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn microseconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| saturated(time.as_micros())).serialize(serializer)
}

fn saturated(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_as_ages() {
        let ago = |milliseconds| Instant::now().checked_sub(Duration::from_millis(milliseconds));
        let status = Status {
            centres: vec![CentreStatus {
                name: "east".parse().unwrap(),
                endpoint: "198.18.11.10:51820".parse().ok(),
                established: true,
                alive_since: None,
                last_answer: ago(1_500),
                round_trip: Some(Duration::from_micros(730)),
                last_handshake: ago(60_000),
                carries: Some(1420),
                coming_key: Some(ComingKey::InUse),
                rival_seen: None,
                counters: Counters::default(),
            }],
            carrier: None,
            silent_since: ago(400),
            last_stamp: Some(SystemTime::UNIX_EPOCH),
            foreign_datagrams: 3,
            unsent_datagrams: 0,
            device_drops: 0,
            refused_reads: 0,
            failure: None,
        };
        let shown = serde_json::to_value(&status).unwrap();
        let east = &shown["centres"][0];
        assert!((400..10_000).contains(&shown["silent_ms"].as_u64().unwrap()));
        assert!((1_500..11_000).contains(&east["last_answer_ms"].as_u64().unwrap()));
        assert!(east["last_handshake_ms"].as_u64().unwrap() >= 60_000);
        assert_eq!(
            (&east["alive_ms"], &shown["carrier"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        assert_eq!((&east["round_trip_us"], &east["coming_key"]), (&730.into(), &"in-use".into()));
        assert_eq!(
            (&east["name"], &east["endpoint"]),
            (&"east".into(), &"198.18.11.10:51820".into())
        );
    }
}
