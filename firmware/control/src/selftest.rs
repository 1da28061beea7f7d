//! The self-test as the control API tells it: what is wished, what happens, what came of it (R19 R20 R21).

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use sekisho_design::Both;
use serde::{Deserialize, Serialize};

use crate::SiteSummary;

/// For how long a test of load fills the line, each way, in seconds (R88).
pub const LOAD_SECONDS: u16 = 5;

/// For how long a rehearsal of fail-over may hold traffic up, in seconds.
pub const FAIL_OVER_SECONDS: u16 = 3;

/// What somebody wants tested.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SelfTestWish {
    /// These stages; all but [`Stage::Load`] where none is named.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub stages: BTreeSet<Stage>,
    /// These checks alone, with what they need; all of the stages where none is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Whether fail-over is rehearsed as well, which disturbs traffic.
    pub disturb: bool,
    /// The number that both sides write on their reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_number: Option<TestNumber>,
}

/// How far into the network a check reaches.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// 単体動作確認: the box alone (R19).
    Standalone,
    /// The office LANs.
    Office,
    /// The uplink.
    Lgwan,
    /// The tunnel to each centre.
    Tunnel,
    /// The platform's services, and both directions of each mapping.
    Platform,
    /// Connections that the far end opens (R20).
    DialBack,
    /// Throughput and latency at the line's rate, on request only (R88).
    Load,
}

/// The number of a connection check, agreed on by both sides: 1 to 32 letters, digits and hyphens.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct TestNumber(String);

/// The text is no test number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{0}' is no test number: write 1 to 32 letters, digits and hyphens, like 2026-0142")]
pub struct MalformedTestNumber(String);

/// What a check will look at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Planned {
    /// Names it, like `lgwan.router`; lower-case words, dots between levels.
    pub id: String,
    /// How far it reaches.
    pub stage: Stage,
    /// What it is about.
    pub title: Both,
    /// What is tried.
    pub tried: Both,
    /// The requirements that it serves, like `R19`.
    pub requirements: Vec<String>,
    /// Checks without which it makes no sense.
    pub needs: Vec<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// It couldn't be tried, because something that it needs failed or isn't there.
    NotRun,
    /// It works, and somebody should look at it.
    Warned,
    /// It doesn't work.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct CheckOutcome {
    /// What it looked at.
    #[serde(flatten)]
    pub check: Planned,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen.
    pub result: Both,
    /// The value that was measured, with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// What it may be, with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Why, in plain words, where it didn't pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What it took, in milliseconds.
    pub milliseconds: u64,
}

/// Why something doesn't work, and what to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Cause {
    /// Names the cause for programs, like `cable-out`.
    pub code: String,
    /// Why, in plain words.
    pub why: Both,
    /// The observation that told it from causes like it.
    pub told_by: Both,
    /// What to do next.
    pub next_step: Both,
}

/// What happens during a test: one JSON value a line.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum SelfTestEvent {
    /// It begins, with these checks.
    Begun {
        /// In the order in which they are shown.
        checks: Vec<Planned>,
        /// How long all of it takes at the longest.
        seconds_left: u64,
    },
    /// A check begins.
    Started {
        /// Which.
        id: String,
    },
    /// A check ended.
    Ended {
        /// With this.
        outcome: Box<CheckOutcome>,
        /// How long the rest takes at the longest.
        seconds_left: u64,
    },
    /// All ended.
    Finished {
        /// What is kept of it.
        report: Box<SelfTestReport>,
    },
}

/// What the device found: its half of the report that both sides sign (R20).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SelfTestReport {
    /// The number shared with the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_number: Option<TestNumber>,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether a time server led the clock.
    pub clock_synchronised: bool,
    /// The site in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteSummary>,
    /// The design's generation; 0 while none is in force.
    pub generation: u64,
    /// SHA-256 of the site design and the profile in force, one after the other, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design_hash: Option<String>,
    /// The firmware's version.
    pub firmware: String,
    /// Every check, in the order in which they are shown.
    pub outcomes: Vec<CheckOutcome>,
    /// The worst of them; what was not run doesn't count.
    pub verdict: Verdict,
    /// What to mend first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_cause: Option<FirstCause>,
    /// The far end's half as it was told to the device inside the tunnel; none where nobody called back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub far_half: Option<FarHalf>,
}

/// A self-test whose report is kept, in short.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct KeptSelfTest {
    /// By which its report is asked for; a later test has a larger one.
    pub number: u64,
    /// The number shared with the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_number: Option<TestNumber>,
    /// When it began.
    pub begun: Timestamp,
    /// The design's generation; 0 while none was in force.
    pub generation: u64,
    /// The worst of its checks; what was not run doesn't count.
    pub verdict: Verdict,
    /// What was to be mended first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_cause: Option<FirstCause>,
}

/// What to mend first.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FirstCause {
    /// The check that found it.
    pub check: String,
    /// What that check is about.
    pub title: Both,
    /// The cause.
    #[serde(flatten)]
    pub cause: Cause,
}

/// The far end's half: what it found when it called the site (R20).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FarHalf {
    /// The number shared with the device.
    pub test_number: TestNumber,
    /// When, by the far end's clock.
    pub at: Timestamp,
    /// The address that it called from.
    pub from: std::net::Ipv4Addr,
    /// Each call.
    pub calls: Vec<FarCall>,
}

/// One connection that the far end tried to open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct FarCall {
    /// Where to.
    pub to: std::net::SocketAddrV4,
    /// Whether the design lets it in.
    pub declared: bool,
    /// How it ended: `connected`, `refused`, `timed-out` or `unreachable`.
    pub outcome: CallOutcome,
    /// What it took.
    pub milliseconds: u64,
}

/// How a call of the far end ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CallOutcome {
    /// The connection was opened.
    Connected,
    /// Refused at once (TCP reset).
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// An ICMP error said that there is no way.
    Unreachable,
}

/// How the device is, in one word, for updates and for the light on the page.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Health {
    /// The word.
    pub level: Level,
    /// When it was found.
    pub at: Timestamp,
    /// What to mend first, where something is to be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_cause: Option<FirstCause>,
    /// Checks that didn't pass.
    pub troubles: Vec<CheckOutcome>,
    /// When the level changed, the latest first.
    pub history: Vec<HealthChange>,
}

/// How the device is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// All that is watched works.
    Ok,
    /// It does its work, and something is to be mended.
    Degraded,
    /// It doesn't do its work.
    Down,
}

/// A change of level.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct HealthChange {
    /// When.
    pub at: Timestamp,
    /// To which.
    pub level: Level,
    /// The code of the first cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl KeptSelfTest {
    /// A report in short.
    pub fn of(number: u64, report: &SelfTestReport) -> Self {
        Self {
            number,
            test_number: report.test_number.clone(),
            begun: report.begun,
            generation: report.generation,
            verdict: report.verdict,
            first_cause: report.first_cause.clone(),
        }
    }
}

impl Stage {
    /// All, the nearest first.
    pub const ALL: [Self; 7] = [
        Self::Standalone,
        Self::Office,
        Self::Lgwan,
        Self::Tunnel,
        Self::Platform,
        Self::DialBack,
        Self::Load,
    ];

    /// The word of the command line and of check ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Office => "office",
            Self::Lgwan => "lgwan",
            Self::Tunnel => "tunnel",
            Self::Platform => "platform",
            Self::DialBack => "dial-back",
            Self::Load => "load",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TestNumber {
    type Err = MalformedTestNumber;

    fn from_str(text: &str) -> Result<Self, MalformedTestNumber> {
        let fits = (1..=32).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits && plain {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedTestNumber(text.to_owned()))
        }
    }
}

impl TryFrom<String> for TestNumber {
    type Error = MalformedTestNumber;

    fn try_from(text: String) -> Result<Self, MalformedTestNumber> {
        text.parse()
    }
}

impl From<TestNumber> for String {
    fn from(number: TestNumber) -> Self {
        number.0
    }
}

impl fmt::Display for TestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
