//! What the canonical form is, by examples, and what has none.

use std::fs;

use sekisho_design::{Problems, Source, format};

use crate::{keys, pair};

pub(crate) fn formatted(text: &str) -> Result<String, Problems> {
    format(&Source { name: "site.toml", bytes: text.as_bytes() })
}

/// Each pair: as somebody wrote it, and the canonical form.
const EXAMPLES: [(&str, &str); 15] = [
    ("", ""),
    ("# nothing yet\r\n\r\n\r\n# really", "# nothing yet\n\n# really\n"),
    // Order: tables, then keys; what nobody knows stays, last.
    (
        "schema=1\n[[terminals]]\nglobal='100.64.10.30'\nname=\"counter\"\n[other]\nb=1\na=2\n[site]\nplacement=0x1\nname='''見本\"市\"'''\n[[server]]\nhobby='go'\nname='juki'\n",
        "schema = 1\n\n[site]\nname = '見本\"市\"'\nplacement = 1\n\n[[server]]\nname = \"juki\"\nhobby = \"go\"\n\n[[terminals]]\nname = \"counter\"\nglobal = \"100.64.10.30\"\n\n[other]\nb = 1\na = 2\n",
    ),
    // One table in four ways of writing.
    ("site.kind='union'\nsite.name='a'", "[site]\nname = \"a\"\nkind = \"union\"\n"),
    ("site={kind='union',name='a'} # c", "[site]  # c\nname = \"a\"\nkind = \"union\"\n"),
    (
        "[interface]\nmaintenance.port='p4'\nlgwan={port='p1'}\n",
        "[interface.lgwan]\nport = \"p1\"\n\n[interface.maintenance]\nport = \"p4\"\n",
    ),
    (
        "server=[{name='b'},#first\n{name='a'}\n# last\n]",
        "[[server]]  #first\nname = \"b\"\n\n[[server]]\nname = \"a\"\n# last\n",
    ),
    // Comments go where the thing goes that they are about.
    (
        "# the file\nschema = 1\n# below the number\n\n# the site\n[site] # its heading\n# kind\nkind = 'union' # a union\n# name\n\nname = 'a'\n# mtu = 1\n\n# end\n",
        "# the file\nschema = 1\n# below the number\n\n# the site\n[site]  # its heading\n# name\n\nname = \"a\"\n# kind\nkind = \"union\"  # a union\n# mtu = 1\n\n# end\n",
    ),
    // The office's DNS servers stand in braces, entries under headings.
    (
        "[[names.entry]]\nalias='b'\nname='a'\n[names]\nmethod='hosts'\n[names.office-dns]\neducation-board=['c']\nhead-office=['d']\n",
        "[names]\nmethod = \"hosts\"\noffice-dns = { head-office = [\"d\"], education-board = [\"c\"] }\n\n[[names.entry]]\nname = \"a\"\nalias = \"b\"\n",
    ),
    (
        "names.entry=[{alias='b',name='a'}]\n# servers\nnames.office-dns.head-office=['d'] # one\n",
        "[names]\noffice-dns = {\n  # servers\n  head-office = [\"d\"],  # one\n}\n\n[[names.entry]]\nname = \"a\"\nalias = \"b\"\n",
    ),
    // A text of many lines keeps them.
    (
        "[collector]\ncertificate-authority = \"\"\"\nMII\n\"\"\" # ours\nsend=['flows']\n[flow-log]\nsize='1M'\n",
        "[flow-log]\nsize = \"1M\"\n\n[collector]\nsend = [\"flows\"]\ncertificate-authority = \"\"\"\nMII\n\"\"\"  # ours\n",
    ),
    // A list keeps its line breaks and the comments in it; a long line is broken.
    (
        "[[server]]\nservices=['a',\n'b']\nallow-from-platform=[{services=['c'],from='d'}]\n",
        "[[server]]\nservices = [\n  \"a\",\n  \"b\",\n]\nallow-from-platform = [{ from = \"d\", services = [\"c\"] }]\n",
    ),
    (
        "[interface.lgwan]\ndns = [ # all\n'a' # one\n, # one more\n# two\n'b',# beside\n\n\n# three\n]# closed\n",
        "[interface.lgwan]\ndns = [\n  # all\n  # one\n  \"a\",  # one more\n  # two\n  \"b\",  # beside\n  # three\n]  # closed\n",
    ),
    (
        "[[terminals]]\nfrom = ['10.0.1.0/24','10.0.2.0/24','10.0.3.0/24','10.0.4.0/24','10.0.5.0/24','10.0.6.0/24','10.0.7.0/24']",
        "[[terminals]]\nfrom = [\n  \"10.0.1.0/24\",\n  \"10.0.2.0/24\",\n  \"10.0.3.0/24\",\n  \"10.0.4.0/24\",\n  \"10.0.5.0/24\",\n  \"10.0.6.0/24\",\n  \"10.0.7.0/24\",\n]\n",
    ),
    (
        "[[server]]\nname='a'\n# who may\n[[server.allow-from-platform]] # these\nservices=['c'] # and what\nfrom='d'\n",
        "[[server]]\nname = \"a\"\nallow-from-platform = [\n  # who may\n  {\n    from = \"d\",\n    services = [\"c\"],  # and what\n  },  # these\n]\n",
    ),
];

#[test]
fn the_canonical_form_is_what_it_is() {
    for (written, canonical) in EXAMPLES {
        assert_eq!(formatted(written).unwrap(), canonical, "{written}");
        assert_eq!(formatted(canonical).unwrap(), canonical);
    }
}

#[test]
fn an_editor_on_windows_leaves_no_trace() {
    let site = pair::base("site.toml");
    let from_windows = format!("\u{FEFF}{}", site.replace('\n', "\r\n"));
    assert_eq!(formatted(&from_windows).unwrap(), site);
}

#[test]
fn the_samples_are_in_canonical_form() {
    for entry in fs::read_dir(keys::path("config-samples")).unwrap() {
        let sample = entry.unwrap().path().join("site.toml");
        if let Ok(text) = fs::read_to_string(&sample) {
            assert!(formatted(&text).unwrap() == text, "{}: sekisho format", sample.display());
        }
    }
}

#[test]
fn what_is_no_site_design_has_no_form() {
    let profile = keys::signed(&pair::base("profile.toml"));
    let unsigned = pair::base("profile.toml");
    let refused: [(&[u8], &str, (usize, usize)); 8] = [
        (b"schema = 1\n[site\n", "FILE-03", (2, 6)),
        (b"schema = 1\n[site]\n[site]\n", "FILE-03", (3, 2)),
        (b"# \x8c\xa9\x96{\n", "FILE-02", (1, 3)),
        (&vec![b'#'; (1 << 20) + 1], "FILE-01", (1, 1)),
        (b"schema = 2\nfuture = true\n", "FORM-01", (1, 10)),
        (b"schema = 0\n", "FORM-02", (1, 10)),
        (profile.as_bytes(), "FILE-04", (1, 1)),
        (unsigned.as_bytes(), "FILE-04", (1, 1)),
    ];
    for (bytes, code, place) in refused {
        let Problems(problems) = format(&Source { name: "site.toml", bytes }).unwrap_err();
        let found: Vec<_> =
            problems.iter().map(|found| (found.code(), (found.line, found.column))).collect();
        assert_eq!(found, [(code, place)], "{problems:?}");
    }
}

#[test]
fn a_number_that_does_not_fit_is_said_where_it_stands() {
    let Problems(problems) = formatted("schema = 1\nother = 9223372036854775808\n").unwrap_err();
    assert_eq!((problems[0].code(), problems[0].line, problems[0].column), ("FILE-03", 2, 9));
}

#[test]
fn a_design_that_breaks_rules_has_its_form_too() {
    let wrong = "schema = 1\n[site]\nplacement = \"ten\"\n";
    assert_eq!(formatted(wrong).unwrap(), "schema = 1\n\n[site]\nplacement = \"ten\"\n");
}
