//! Updates of the firmware: which slot holds what, how the last update ended, and how far an installation is.

use jiff::Timestamp;
use sekisho_design::Both;
use serde::{Deserialize, Serialize};

use crate::{Hidden, Principal, ReleaseKind};

/// The largest file that the page takes as an update, in bytes: more than a slot and what a bundle has beside it.
pub const LARGEST_BUNDLE: u64 = 256 << 20;

/// Bytes of the disk that no update takes from the daemon's own state.
pub const SPARE_ROOM: u64 = 64 << 20;

/// The firmware of the box and its updates.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdateStatus {
    /// What the slots hold; `None` on a machine without slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<Firmware>,
    /// The installation that goes on, or how the last one since the box's start ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installation: Option<Installation>,
}

/// What the slots hold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Firmware {
    /// The version that runs.
    pub version: String,
    /// What it was built for.
    pub kind: ReleaseKind,
    /// The oldest version that it lets in without the operator's token.
    pub floor: String,
    /// Both slots.
    pub slots: Vec<FirmwareSlot>,
    /// What was installed and isn't known to work yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<FirmwareTrial>,
    /// How the last trial ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastUpdate>,
}

/// The name of a slot.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SlotName {
    /// The first.
    A,
    /// The second.
    B,
}

/// One of the two places of the firmware.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FirmwareSlot {
    /// Its name.
    pub name: SlotName,
    /// Whether the box runs from it.
    pub runs: bool,
    /// Whether the boot loader may start it.
    pub good: bool,
    /// The version in it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Firmware that was installed and isn't known to work yet.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FirmwareTrial {
    /// Its version.
    pub version: String,
    /// The version that installed it.
    pub from: String,
    /// Where it lies. Where that slot doesn't run, its turn is with the next start.
    pub slot: SlotName,
}

/// How the last trial ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LastUpdate {
    /// The version that was tried.
    pub version: String,
    /// The one before.
    pub from: String,
    /// Why the old one is back; `None` where the new one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_back: Option<Both>,
}

/// A wish that what was sent to the page is installed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstallWish {
    /// Restart the box once it is installed.
    #[serde(default)]
    pub restart: bool,
    /// The operator's token for a version below the floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Hidden>,
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// How far an installation is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Installation {
    /// When it was told, by the box's clock.
    pub at: Timestamp,
    /// Where it is.
    pub state: InstallationState,
}

/// Where an installation is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum InstallationState {
    /// It is asked for, and nobody has begun.
    Waiting,
    /// The file is copied to a place of root's own.
    Taking,
    /// Signature, board, size and version are looked at.
    Checking,
    /// The other slot is written.
    Writing {
        /// How far, in per cent.
        percent: u8,
    },
    /// It is there.
    Installed {
        /// The version in the other slot.
        version: String,
        /// Whether the box restarts now; otherwise the next start tries it.
        restarts: bool,
    },
    /// It isn't, and the firmware that runs is as it was.
    Failed {
        /// Why.
        why: Both,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way_out: Option<Both>,
    },
}

impl InstallationState {
    /// Whether somebody is at it.
    pub fn goes_on(&self) -> bool {
        match self {
            Self::Waiting | Self::Taking | Self::Checking | Self::Writing { .. } => true,
            Self::Installed { .. } | Self::Failed { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_a_name_and_what_belongs_to_it() {
        let writing = InstallationState::Writing { percent: 40 };
        assert_eq!(serde_json::to_string(&writing).unwrap(), r#"{"name":"writing","percent":40}"#);
        assert!(writing.goes_on() && InstallationState::Waiting.goes_on());
        let done = InstallationState::Installed { version: "0.2.0".to_owned(), restarts: true };
        assert!(!done.goes_on());
    }
}
