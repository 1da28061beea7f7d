//! The one way from bytes to a design.

use crate::{
    Design, Problem, Problems, ProfileStamp, PublicKey, Rule, Severity, draft,
    reader::{File, Log, Place},
    rules, signature,
};

/// A file's name and content.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The name that problems show.
    pub name: &'a str,
    /// Its bytes, whatever they are.
    pub bytes: &'a [u8],
}

/// The two files that make a design.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The organisation's part.
    pub site: Source<'a>,
    /// The operator's signed part.
    pub profile: Source<'a>,
}

/// What a profile is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// The operator's Ed25519 public key.
    pub operator: PublicKey,
    /// The profile that the device works by now; an older one is refused. The same one is fine.
    pub in_force: Option<ProfileStamp>,
}

/// A design that keeps every rule.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The design.
    pub design: Design,
    /// What somebody should look at, by file and position.
    pub warnings: Vec<Problem>,
}

/// The largest file that is read, in bytes. A site of 5,000 servers takes about 900 KB.
pub const LARGEST_FILE: usize = 1 << 20;

/// Checks both files, each by itself and against the other, and finds every problem at once.
///
/// Takes time in proportion to n log n of the files' size, however wrong they are.
pub fn check(sources: &Sources<'_>, trust: &Trust) -> Result<Accepted, Problems> {
    let (design, problems) = read(sources, trust);
    let refused = problems.iter().any(|problem| problem.severity() == Severity::Error);
    match design {
        Some(design) if !refused => Ok(Accepted { design, warnings: problems }),
        _ => Err(Problems(problems)),
    }
}

/// Every problem, and what the files say where every value of it is known. While a problem is an error, that is no
/// design to work from.
pub(crate) fn read(sources: &Sources<'_>, trust: &Trust) -> (Option<Design>, Vec<Problem>) {
    let mut log = Log::default();
    let site = text(File::Site, sources.site.bytes, &mut log)
        .map(|text| draft::read_site(text, &mut log))
        .unwrap_or_default();
    let profile = text(File::Profile, sources.profile.bytes, &mut log)
        .map(|text| {
            let draft = draft::read_profile(signature::split(text).0, &mut log);
            check_signature(text, &trust.operator, &mut log);
            draft
        })
        .unwrap_or_default();
    rules::run(&site, &profile, trust.in_force.as_ref(), &mut log);

    let problems = locate(log, sources);
    (draft::assemble(site, profile), problems)
}

/// The stamp of a profile that carries the operator's signature, whatever else is wrong with it or with the site; `None`
/// where it carries none.
pub fn stamp(profile: &[u8], operator: &PublicKey) -> Option<ProfileStamp> {
    let mut log = Log::default();
    let text = text(File::Profile, profile, &mut log)?;
    check_signature(text, operator, &mut log);
    if !log.found.is_empty() {
        return None;
    }
    draft::read_profile(signature::split(text).0, &mut log).stamp()
}

/// The text of a site design that is to be written anew, or what is wrong with the file as a whole. Values are not judged.
pub(crate) fn site_text<'a>(site: &Source<'a>) -> Result<&'a str, Problems> {
    let mut log = Log::default();
    let text = text(File::Site, site.bytes, &mut log);
    if let Some(text) = text {
        draft::read_site(text, &mut log);
    }
    log.found.retain(|(_, rule)| rule.is_of_the_file());
    match text {
        Some(text) if log.found.is_empty() => Ok(text),
        _ => Err(Problems(locate_in_site(log, site))),
    }
}

/// Everything that is wrong with a site by itself.
pub(crate) fn problems_of_site(site: &Source<'_>) -> Vec<Problem> {
    let mut log = Log::default();
    if let Some(text) = text(File::Site, site.bytes, &mut log) {
        draft::read_site(text, &mut log);
    }
    locate_in_site(log, site)
}

/// Problems of the site alone.
pub(crate) fn locate_in_site(log: Log, site: &Source<'_>) -> Vec<Problem> {
    locate(log, &Sources { site: *site, profile: Source { name: "", bytes: b"" } })
}

fn text<'a>(file: File, bytes: &'a [u8], log: &mut Log) -> Option<&'a str> {
    let refused = if bytes.len() > LARGEST_FILE {
        (0, Rule::TooLarge { bytes: bytes.len(), limit: LARGEST_FILE })
    } else {
        match std::str::from_utf8(bytes) {
            Ok(text) => return Some(text),
            Err(error) => (error.valid_up_to(), Rule::NotUtf8),
        }
    };
    log.add(&Place { offset: refused.0, ..Place::start(file) }, refused.1);
    None
}

fn check_signature(text: &str, operator: &PublicKey, log: &mut Log) {
    let (signed, tail) = signature::split(text);
    let place = Place { offset: signed.len(), ..Place::start(File::Profile) };
    let Some(tail) = tail else {
        log.add(&place, Rule::SignatureMissing);
        return;
    };
    if let Some(signature) = draft::read_signature(tail, signed.len(), log)
        && !signature.is_over(signed, operator)
    {
        log.add(&place, Rule::SignatureWrong);
    }
}

/// Sorts the problems and turns byte offsets into lines and columns.
fn locate(log: Log, sources: &Sources<'_>) -> Vec<Problem> {
    let mut found = log.found;
    found.sort_by(|(place, rule), (other, other_rule)| {
        (place, rule.code()).cmp(&(other, other_rule.code()))
    });
    let mut site = Cursor::new(sources.site.bytes);
    let mut profile = Cursor::new(sources.profile.bytes);
    let problem = |(place, rule): (Place, Rule)| {
        let (source, cursor) = match place.file {
            File::Site => (&sources.site, &mut site),
            File::Profile => (&sources.profile, &mut profile),
        };
        let (line, column) = cursor.place(place.offset);
        Problem { rule, file: source.name.to_owned(), line, column, path: place.path }
    };
    found.into_iter().map(problem).collect()
}

/// Counts lines and columns on its way through a file, so that a long file is walked through once.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, line: 1, column: 1 }
    }

    /// Line and column of a byte, each from 1. No byte before the last one that was asked for can be asked for.
    pub(crate) fn place(&mut self, offset: usize) -> (usize, usize) {
        self.advance(offset);
        (self.line, self.column)
    }

    fn advance(&mut self, to: usize) {
        for byte in self.bytes.get(self.offset..to).unwrap_or_default() {
            match byte {
                b'\n' => (self.line, self.column) = (self.line + 1, 1),
                // Bytes that continue a UTF-8 character.
                0x80..=0xBF => {}
                _ => self.column += 1,
            }
        }
        self.offset = self.offset.max(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_line_feeds() {
        let text = "a\r\n見本 = x\n\nend";
        let mut cursor = Cursor::new(text.as_bytes());
        let mut place = |offset| cursor.place(offset);
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(3), (2, 1));
        assert_eq!(place(text.find('x').unwrap()), (2, 6));
        assert_eq!(place(text.find('x').unwrap()), (2, 6));
        assert_eq!(place(text.len()), (4, 4));
        assert_eq!(place(text.len() + 1), (4, 4));
    }
}
