//! For whom the nightly backup is, from text to draft.

use super::{NightlyBackupDraft, values};
use crate::reader::{Log, Table};

pub(super) fn read_backup(table: &mut Table<'_>, log: &mut Log) -> NightlyBackupDraft {
    let recipient = table.required("recipient", log);
    NightlyBackupDraft { recipient: recipient.and_then(|node| values::recipient(&node, log)) }
}
