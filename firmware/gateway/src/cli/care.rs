//! Care of the box: backups, and its restart.

use std::path::Path;

use clap::Subcommand;
use sekisho_control::{RESTART, Restart, Restarting};
use sekisho_design::Language;

use super::{CommandError, backup, client, show};

/// What a box needs now and then.
#[derive(Debug, Subcommand)]
pub(super) enum Care {
    /// Make backups, look into them and restore them
    #[command(subcommand)]
    Backup(backup::Backups),
    /// Restart the box; all traffic stops for some minutes
    ///
    /// It comes up with the generation that is kept. While a change awaits confirmation it doesn't restart.
    Restart,
}

pub(super) async fn run(
    socket: &Path,
    care: &Care,
    json: bool,
    language: Language,
) -> Result<String, CommandError> {
    match care {
        Care::Backup(backups) => backup::run(socket, backups, json, language).await,
        Care::Restart => {
            let told: Restarting = client::post(socket, RESTART, &Restart::default()).await?;
            Ok(if json { show::json(&told) } else { show::restarting(told, language) })
        }
    }
}
