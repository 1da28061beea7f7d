//! The canonical form of a site design.
//!
//! Tables and keys stand in the order of the samples; keys that nobody knows come last. Comments stay with the key, the
//! heading or the entry of a list that they stand above or beside; those right below a table's last line are the
//! table's, where an empty line follows. Rows of one kind keep their order. A list keeps its line breaks, and gets some
//! where its line would be longer than 100 characters. Text is quoted the plain way, whole numbers are decimal, lines
//! end with a line feed, and no byte order mark stands at the start.

mod order;
pub(crate) mod parse;
mod site;
pub(crate) mod tree;
mod write;

pub(crate) use write::write;

use self::parse::Parsed;
use crate::{
    Design, Problems, Rule, Source,
    check::{locate_in_site, site_text},
    reader::{File, Log, Place},
};

/// A site design in canonical form. It says the same, whether that is right or wrong, and every comment is still there.
///
/// # Errors
/// What [`crate::check()`] would say, where the file can't be read as a whole: no UTF-8, no TOML, another schema, or the
/// platform profile, which is signed as it stands.
pub fn format(site: &Source<'_>) -> Result<String, Problems> {
    parsed(site).map(write)
}

/// Prints the organisation's part of a design, as a file that reads as this very part. What is left out has its
/// default.
pub fn print_site(design: &Design) -> String {
    write(Parsed { root: site::tree(design), end: Vec::new() })
}

/// The tree of a file that can be read as a whole.
pub(crate) fn parsed(site: &Source<'_>) -> Result<Parsed, Problems> {
    let text = site_text(site)?;
    // The ends of lines inside a text are the editor's as well (TOML 1.1, multi-line strings).
    parse::parse(&text.replace("\r\n", "\n")).map_err(|error| {
        let mut log = Log::default();
        let offset = error.span().map_or(0, |span| span.start);
        let detail = error.message().to_owned();
        log.add(&Place { offset, ..Place::start(File::Site) }, Rule::Syntax { detail });
        Problems(locate_in_site(log, site))
    })
}
