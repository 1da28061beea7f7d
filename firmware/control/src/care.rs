//! Care of the box.

use serde::{Deserialize, Serialize};

use crate::Principal;

/// A wish that the box restarts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Restart {
    /// The page's user who wishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<Principal>,
}

/// The box goes down in a moment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Restarting {
    /// The generation that it comes up with; 0 for none.
    pub generation: u64,
}
