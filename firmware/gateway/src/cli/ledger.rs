//! `sekisho ledger`: who holds which global address, and what to apply for.

use sekisho_design::{Language, ledger};

use super::{CommandError, Format, SignedFiles, sheet, show, with_files};

/// Makes the ledger of two files, which may use addresses that the pool doesn't hold.
pub(super) fn run(
    files: &SignedFiles,
    format: Format,
    language: Language,
) -> Result<String, CommandError> {
    let ledger = with_files(&files.files, &files.operator_key, ledger)?;
    Ok(if format == Format::Json {
        show::json(&ledger)
    } else {
        sheet::shown(&ledger.sheet(language), format)
    })
}
