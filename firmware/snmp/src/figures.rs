//! Figures in Prometheus' text form 0.0.4, as the page's process tells them.

use std::collections::BTreeMap;

/// A figure with what tells it from others of its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Labels with their values.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Figures by their names, each in the order in which they were told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(BTreeMap<String, Vec<Sample>>);

impl Figures {
    /// Reads the text form. Lines that aren't of it are left out: a figure that is missing is one that nobody knows.
    pub fn read(text: &str) -> Self {
        let mut figures = Self::default();
        for (name, sample) in text.lines().filter_map(line) {
            figures.0.entry(name.to_owned()).or_default().push(sample);
        }
        figures
    }

    /// All samples of a name.
    pub fn all(&self, name: &str) -> &[Sample] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a figure that has no labels.
    pub fn one(&self, name: &str) -> Option<f64> {
        self.all(name).first().map(|sample| sample.value)
    }

    /// The value of the sample with a label.
    pub fn with(&self, name: &str, label: (&str, &str)) -> Option<f64> {
        self.all(name).iter().find(|sample| sample.label(label.0) == label.1).map(|it| it.value)
    }
}

impl Sample {
    /// A label's value; nothing where it has none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// A sample and its name: `name{label="value",…} 1.5`. None for a comment and for what is none.
fn line(line: &str) -> Option<(&str, Sample)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, Sample { labels, value }))
}

/// Labels up to the brace that ends them, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.insert(name.to_owned(), value);
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// A value up to its quotation mark, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# HELP a Help with a {brace}.\n# TYPE a gauge\n\
                    a{x=\"1\",y=\"a \\\"b\\\" \\\\ c\\n\"} 42\na{x=\"2\"} 0.5\nb 1000000000000\n";
        let figures = Figures::read(text);
        assert_eq!(figures.all("a").len(), 2);
        assert_eq!(figures.all("a")[0].label("y"), "a \"b\" \\ c\n");
        assert_eq!(figures.with("a", ("x", "2")), Some(0.5));
        assert_eq!(figures.one("b"), Some(1e12));
        assert_eq!(figures.one("c"), None);
    }

    #[test]
    fn what_is_no_sample_is_left_out() {
        for text in [
            "",
            "a",
            "a b",
            "a{",
            "a{x",
            "a{x=",
            "a{x=\"",
            "a{x=\"\\",
            "a{x=\"1\" 2",
            " 1",
            "{} 1",
            "<html>",
        ] {
            assert_eq!(Figures::read(text), Figures::default(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(text in "[a{}\"\\\\=,# \n0-9.x\u{e9}]{0,60}") {
            Figures::read(&text);
        }
    }
}
