//! Request and response types of the control API.
//!
//! `sekishod` speaks HTTP/1.1 with JSON bodies on a Unix socket; the command line and the web page are its clients. An
//! answer other than 200 carries a [`Failure`].

#![forbid(unsafe_code)]

mod care;
mod change;
mod flows;
mod health;
mod identity;
mod names;
mod page;
mod proof;
mod selftest;
mod snmp;
mod time;
mod traffic;
mod update;

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use jiff::Timestamp;
use sekisho_design::{
    Both, Class, Difference, Lan, Name, OrganisationCode, Placement, PortName, ProfileStamp,
    PublicKey, Report,
};
use sekisho_plan::{
    Step,
    trace::{Advice, Live, Opening, Side},
};
use serde::{Deserialize, Serialize};

pub use self::care::{
    Backup, BackupUsers, BackupWish, Hidden, Nightly, NightlyFault, NightlyOutcome, Opened,
    Restart, Restarting, Unlocking, UserInBackup,
};
pub use self::change::{
    Applied, Apply, Author, Awaiting, Decision, Generation, LONGEST_NAME, LONGEST_REASON,
    LONGEST_WAIT_S, Outcome, Principal, Returned, SHORTEST_WAIT_S, Settled, Stored,
};
pub use self::flows::{
    CollectorStatus, FlowCursor, FlowEnd, FlowLogStatus, FlowPage, FlowQuery, FlowRecord,
    LARGEST_PAGE, MalformedCursor, Opener, Volume,
};
pub use self::health::{CipherCode, Processor, Reading, Release, ReleaseKind, Sensed};
pub use self::identity::{ComingKey, KeyAtCentre, KeyState, Renewal};
pub use self::names::{
    CacheStatus, HostStatus, NameAnswer, NameQuery, NamesStatus, UpstreamStatus, ZoneData,
    ZoneOwner, ZoneStatus,
};
pub use self::page::{
    CertificateRequest, FIRST_CONTACT, PAGE_NAMES, PageAuthority, PageCertificate,
};
pub use self::proof::{Confirmation, Proof, ProofAwaited, Token};
pub use self::selftest::{
    CallOutcome, Cause, CheckOutcome, FAIL_OVER_SECONDS, FarCall, FarHalf, FirstCause, Health,
    HealthChange, KeptSelfTest, LOAD_SECONDS, Level, MalformedTestNumber, Planned, SelfTestEvent,
    SelfTestReport, SelfTestWish, Stage, TestNumber, Verdict,
};
pub use self::snmp::{Snmp, SnmpPassphrases, SnmpRenewal, SnmpUser};
pub use self::time::{TimeServer, TimeStatus};
pub use self::traffic::{
    ConnectionTable, Fullness, HostTraffic, MOST_HOSTS, NaptUse, PortsInUse, RowKind, RowTraffic,
    Scarce, Shortage, Tally, Traffic,
};
pub use self::update::{
    Firmware, FirmwareSlot, FirmwareTrial, InstallWish, Installation, InstallationState,
    LARGEST_BUNDLE, LastUpdate, SPARE_ROOM, SlotName, UpdateStatus,
};

/// `GET`: [`Status`].
pub const STATUS: &str = "/v1/status";
/// `GET`: [`Key`].
pub const KEY: &str = "/v1/key";
/// `GET`: [`Identity`].
pub const IDENTITY: &str = "/v1/identity";
/// `POST` [`Renewal`]: [`Identity`]. A new key is made, to take the place of the tunnel's own once the centres know it.
pub const RENEW_IDENTITY: &str = "/v1/identity/renew";
/// `POST` [`Renewal`]: [`Identity`]. The key that was to come is erased.
pub const CANCEL_RENEWAL: &str = "/v1/identity/cancel-renewal";
/// `POST` [`Proposal`]: [`Plan`].
pub const PLAN: &str = "/v1/plan";
/// `POST` [`Apply`]: [`Applied`].
pub const APPLY: &str = "/v1/apply";
/// `POST` [`Packet`]: [`LiveTrace`].
pub const TRACE: &str = "/v1/trace";
/// `POST` [`Confirmation`]: [`Settled`]. The change that awaits confirmation stays.
pub const CONFIRM: &str = "/v1/confirm";
/// `POST` [`Decision`]: [`Settled`]. The change that awaits confirmation is taken back.
pub const ROLL_BACK: &str = "/v1/roll-back";
/// `GET`: a list of [`Generation`], newest first. Below it, by its number, a [`Stored`] one.
pub const GENERATIONS: &str = "/v1/generations";

/// `GET`: [`NamesStatus`].
pub const NAMES: &str = "/v1/names";
/// `POST` [`NameQuery`]: [`NameAnswer`].
pub const NAME_QUERY: &str = "/v1/names/query";
/// `GET`: [`ZoneData`], fetched from the platform now.
pub const ZONE_DATA: &str = "/v1/names/zone-data";
/// The path that tells what was refused last, and why: `GET`, with `?last=N` of the packets.
pub const REFUSALS: &str = "/v1/refusals";

/// `GET`: [`Traffic`].
pub const TRAFFIC: &str = "/v1/traffic";

/// `GET` with a [`FlowQuery`]: [`FlowPage`].
pub const FLOWS: &str = "/v1/flows";

/// `POST` [`SelfTestWish`]: [`SelfTestEvent`]s as they happen, one JSON value a line (`application/x-ndjson`). `GET`: the
/// [`SelfTestReport`] of the last test.
pub const SELF_TEST: &str = "/v1/self-test";
/// `GET`: a list of [`KeptSelfTest`], the latest first. Below it, by its number, the [`SelfTestReport`] of one.
pub const SELF_TESTS: &str = "/v1/self-tests";
/// `GET`: [`Health`].
pub const HEALTH: &str = "/v1/health";

/// `POST` [`CertificateRequest`]: [`PageCertificate`].
pub const PAGE_CERTIFICATE: &str = "/v1/page/certificate";
/// `GET`: [`PageAuthority`].
pub const PAGE_AUTHORITY: &str = "/v1/page/ca";

/// `POST` [`Restart`]: [`Restarting`]. The box itself, not the daemon alone.
pub const RESTART: &str = "/v1/restart";

/// `GET`: [`UpdateStatus`].
pub const UPDATE: &str = "/v1/update";
/// `POST` [`InstallWish`]: [`UpdateStatus`]. What was sent to the page is installed, by a service of root.
pub const INSTALL: &str = "/v1/update/install";

/// `GET`: [`Snmp`].
pub const SNMP: &str = "/v1/snmp";
/// `POST` [`SnmpRenewal`]: [`SnmpPassphrases`]. The ones before are of no more use.
pub const SNMP_USER: &str = "/v1/snmp/user";

/// `POST` [`BackupWish`]: [`Backup`].
pub const BACKUP: &str = "/v1/backup";
/// `POST` [`Unlocking`]: [`Opened`]. Nothing changes.
pub const OPEN_BACKUP: &str = "/v1/backup/open";
/// `POST` [`Unlocking`]: [`Key`]. A device without a design takes over the identity in a capsule.
pub const TAKE_IDENTITY: &str = "/v1/backup/identity";

/// `POST` [`Unlocking`]: [`BackupUsers`]. For the page and root, who write them; nothing changes here.
pub const BACKUP_USERS: &str = "/v1/backup/users";

/// `GET`: [`Nightly`]. `POST` [`NightlyOutcome`]: the same again; the device remembers it.
pub const NIGHTLY_BACKUP: &str = "/v1/backup/nightly";

/// Largest request body, in bytes: two files of the largest size that the design room reads, with JSON's escapes.
pub const LARGEST_BODY: usize = 8 << 20;

/// A design that somebody wants to be in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Proposal {
    /// The site design.
    pub site: File,
    /// The platform profile; the one in force where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<File>,
}

/// A file as the user has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct File {
    /// The name that problems show.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Which device it is: what an engineer reads from it, and what the operator knows it by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// Sixteen hexadecimal digits of its own, the same until a factory reset.
    pub serial: String,
    /// The tunnel's public key.
    pub public_key: PublicKey,
    /// The organisation of the design in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationCode>,
    /// The firmware's version.
    pub version: String,
    /// SHA-256 of the authority of the page's certificate, hexadecimal: what a browser's owner compares before he trusts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_authority: Option<String>,
    /// All of it that the operator registers, in one line: what the QR code bears.
    pub line: String,
    /// The key that is to take the place of the tunnel's own, during a renewal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coming: Option<ComingKey>,
}

/// What applying a design would do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// What changes from the design in force, in the words of the design; `None` where none is in force.
    pub changes: Option<Vec<Difference>>,
    /// The steps, in order; empty where the kernel holds all of it.
    pub steps: Vec<PlannedStep>,
    /// What somebody should look at.
    pub warnings: Vec<Report>,
}

/// A step that applying a design would take.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// The same as a sentence.
    pub sentence: Both,
}

/// A packet that somebody asks about: what would happen to it now?
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Packet {
    /// Where it reaches the device; the side that has the source where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Its source address.
    pub from: Ipv4Addr,
    /// Its destination address.
    pub to: Ipv4Addr,
    /// What it asks for.
    pub opening: Opening,
}

/// What would happen to a packet now, by the kernel and by the design in force.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveTrace {
    /// Its way by both, and what is different.
    pub trace: Live,
    /// The tunnel, where the packet or its answer would enter it.
    pub tunnel: Option<TunnelStatus>,
}

/// The device's public key, which the operator registers for the tunnel. The private key never leaves the device.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// Curve25519, base64.
    pub public: PublicKey,
}

/// How the device is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// The firmware's version.
    pub version: String,
    /// Whether a design is in force.
    pub phase: Phase,
    /// The generation that is kept and comes up after a restart; 0 while none is.
    pub generation: u64,
    /// The change that awaits confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<Awaiting>,
    /// The last change that was taken back since the daemon's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
    /// What is wrong with the disk or with what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Failure>,
    /// The site in force.
    pub site: Option<SiteSummary>,
    /// The tunnel; `None` while no design is in force.
    pub tunnel: Option<TunnelStatus>,
    /// The line and its queues; `None` where nothing is shaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineStatus>,
    /// The ports of the design in force, LGWAN's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortStatus>,
    /// What is nearly used up, or is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortages: Vec<Shortage>,
    /// What of this status couldn't be found out, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Failure>,
    /// Packets refused, by side and rule, since the counter was made. Rules that refused nothing are left out.
    pub refused: BTreeMap<String, Refused>,
    /// The last refusals, newest first.
    pub last_refusals: Vec<RefusedPacket>,
    /// The log of flows; `None` while none is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_log: Option<FlowLogStatus>,
    /// The office's collector; `None` while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collector: Option<CollectorStatus>,
    /// The clock; `None` where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeStatus>,
    /// What the box's sensors say; nothing on a box without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Reading>,
    /// What the processor brings to the tunnel; `None` where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processor>,
    /// The image that runs; `None` where no image says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
}

/// Whether a design is in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Phase {
    /// No design has been applied; nothing is forwarded.
    Closed,
    /// A design is in force; it may still await confirmation.
    InForce,
    /// The stored design can't be put in force; nothing new is opened.
    Faulty {
        /// Why, and what to do.
        fault: Failure,
    },
    /// A change failed and so did its roll-back: the kernel holds neither the old state nor the new one.
    RollbackFailed {
        /// Why, and what to do.
        fault: Failure,
    },
}

/// The site in force.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SiteSummary {
    /// Its name.
    pub name: String,
    /// The organisation that holds the device.
    pub organisation: OrganisationCode,
    /// Where the servers stand.
    pub placement: Placement,
    /// The profile in force.
    pub profile: ProfileStamp,
    /// Bidirectional servers.
    pub servers: usize,
    /// Rows of terminals.
    pub terminals: usize,
}

/// A port of the design, as its driver tells it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PortStatus {
    /// Its name on the box.
    pub port: PortName,
    /// Where it leads.
    pub side: Side,
    /// Whether the other end of its cable is there.
    pub carrier: bool,
    /// In Mb/s, where there is a carrier and the driver says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<u32>,
    /// Bytes that arrived, since the driver began to count.
    pub received: u64,
    /// Bytes that were sent, likewise.
    pub sent: u64,
}

/// The tunnel as a whole.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TunnelStatus {
    /// The centre that carries traffic; `None` while none answers.
    pub carrier: Option<Name>,
    /// Whether new connections are refused at once, because no centre has answered for five seconds.
    pub cut_off: bool,
    /// Each centre, in order of preference.
    pub centres: Vec<CentreStatus>,
}

/// The line, as far as it is shaped (R35 R44).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineStatus {
    /// What it is contracted for, in bits a second.
    pub rate: u64,
    /// Whether bulk gets no more than its share, because the line has been away (R72).
    pub held_back: bool,
    /// For how many seconds more; `None` while the line is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_back_left_s: Option<u64>,
    /// The queues: upwards, then downwards by LAN.
    pub ways: Vec<WayStatus>,
}

/// Queues in front of a link.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WayStatus {
    /// The link.
    pub link: PortName,
    /// The LAN that the link leads to; `None` for the tunnel.
    pub lan: Option<Lan>,
    /// The classes, the most urgent first.
    pub classes: Vec<ClassStatus>,
}

/// What became of the traffic of a class.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassStatus {
    /// The class.
    pub class: Class,
    /// What it has for sure, in bits a second.
    pub guaranteed: u64,
    /// What it may have now where others leave it, in bits a second.
    pub most: u64,
    /// Sent, in bytes.
    pub sent: u64,
    /// Dropped, in packets.
    pub dropped: u64,
    /// Waiting, in bytes.
    pub waiting: u64,
}

/// One centre.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CentreStatus {
    /// Its name.
    pub name: Name,
    /// The name of its host, where the profile calls it by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where its end of the tunnel listens; none while its name was never resolved.
    pub endpoint: Option<SocketAddr>,
    /// Whether it answers probes.
    pub alive: bool,
    /// Round trip of the last answered probe, in microseconds.
    pub round_trip_us: Option<u64>,
    /// Seconds since the last completed handshake.
    pub handshake_age_s: Option<u64>,
    /// The largest packet in the tunnel that the way there and back carries, in bytes; none as long as nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries: Option<u16>,
    /// Seconds since it was last noticed that somebody else uses the device's key with this centre (R8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival_age_s: Option<u64>,
    /// Payload received, in bytes.
    pub received: u64,
    /// Payload sent, in bytes.
    pub sent: u64,
    /// Datagrams that proved to be nobody's: forged, replayed, damaged.
    pub rejected: u64,
}

/// A refusal's counter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refused {
    /// Packets.
    pub packets: u64,
    /// Bytes of those packets.
    pub bytes: u64,
}

/// One refused packet from the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefusedPacket {
    /// When the device saw it.
    pub at: Timestamp,
    /// The side that it came from, a LAN's name mostly.
    pub side: String,
    /// The rule that refused it.
    pub rule: String,
    /// The server or the terminals that it is from or for; none where no row declares it.
    pub row: Option<Name>,
    /// Its source.
    pub source: Ipv4Addr,
    /// Its source as its receiver would see it.
    pub translated_source: Ipv4Addr,
    /// Its destination as its sender put it.
    pub destination: Ipv4Addr,
    /// The host that it would have come to.
    pub translated_destination: Ipv4Addr,
    /// Its protocol's number.
    pub protocol: u8,
    /// Source port, where the protocol has ports.
    pub source_port: Option<u16>,
    /// Destination port, where the protocol has ports.
    pub port: Option<u16>,
    /// The ICMP message's type.
    pub icmp_type: Option<u8>,
}

/// What was refused last, by flow and rule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefusedFlows {
    /// The latest first.
    pub flows: Vec<RefusedFlow>,
    /// How many packets the device remembers.
    pub kept: usize,
    /// Log entries that were lost on their way to the daemon. Counters count them, and those that the log's rate left out.
    pub lost: u64,
}

/// Packets of one flow that one rule refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefusedFlow {
    /// How many of those that were asked for.
    pub count: u64,
    /// When the first of them came.
    pub first: Timestamp,
    /// The latest of them.
    pub packet: RefusedPacket,
    /// Why.
    pub why: Both,
    /// What would let it pass, or why nothing can; none while no design is in force, or for what opens no flow.
    pub advice: Option<Advice>,
}

/// Why a request wasn't carried out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// What kind of failure; it decides the command line's exit code.
    pub kind: FailureKind,
    /// What went wrong, with its causes.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_out: Option<String>,
    /// What went wrong for people, where the daemon has words for it; in Japanese with the way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both: Option<Box<Both>>,
    /// The design's problems, where it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Report>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The design breaks rules; nothing was touched.
    Refused,
    /// The request itself is malformed.
    Malformed,
    /// Somebody else's change stands in the way; nothing was touched.
    Conflict,
    /// The change touches the way that its user came by, and nobody has shown that he reaches the device by the new one;
    /// nothing was touched.
    Unproven,
    /// A step failed and the state before it is back.
    RolledBack,
    /// A step failed and so did its roll-back.
    RollbackFailed,
    /// The device couldn't do it; nothing was touched.
    Device,
    /// A server that the device asked refuses or is silent; the device itself is well.
    Elsewhere,
}

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Malformed,
        Self::Conflict,
        Self::Unproven,
        Self::RolledBack,
        Self::RollbackFailed,
        Self::Device,
        Self::Elsewhere,
    ];
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
