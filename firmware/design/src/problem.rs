//! A problem: a broken rule and where in the text it shows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Rule, messages};

/// A broken rule and where it shows.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(into = "Report")]
pub struct Problem {
    /// What is wrong.
    pub rule: Rule,
    /// The file's name, as the caller gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// TOML path, like `server[0].private` (lists count from 0); empty where the file as a whole is meant.
    pub path: String,
}

/// Every problem of a refused design, warnings included, by file (site first) and position. At least one is an error.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

/// Whether a problem refuses the design.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The design is accepted; somebody should look.
    Warning,
    /// The design is refused.
    Error,
}

/// The languages that the device speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Language {
    /// 日本語.
    #[default]
    #[serde(rename = "ja")]
    Japanese,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// A problem as `--format json` and the control API show it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// The rule's code, like `ADDR-03`.
    pub code: String,
    /// Whether it refuses the design.
    pub severity: Severity,
    /// The file's name.
    pub file: String,
    /// Line, from 1; 0 where the file has none.
    pub line: usize,
    /// Column in characters, from 1; 0 where the file has none.
    pub column: usize,
    /// TOML path.
    pub path: String,
    /// What is wrong.
    pub sentence: Both,
    /// What to do about it.
    pub mend: Both,
}

/// One text in both languages.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Both {
    /// 日本語.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Problem {
    /// The rule's code, like `ADDR-03`; it never changes its meaning.
    pub fn code(&self) -> &'static str {
        self.rule.code()
    }

    /// Whether it refuses the design.
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }

    /// What is wrong, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        messages::sentence(&self.rule, language)
    }

    /// What to do about it, in one or two sentences.
    pub fn mend(&self, language: Language) -> String {
        messages::mend(&self.rule, language)
    }
}

impl Both {
    /// The text in one language.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.ja,
            Language::English => &self.en,
        }
    }
}

impl Report {
    /// Two lines for a terminal: place, code and sentence, then the way out.
    pub fn display(&self, language: Language) -> String {
        let severity = match (self.severity, language) {
            (Severity::Error, Language::Japanese) => "誤り",
            (Severity::Warning, Language::Japanese) => "注意",
            (Severity::Error, Language::English) => "error",
            (Severity::Warning, Language::English) => "warning",
        };
        let place = if self.line == 0 {
            self.file.clone()
        } else {
            format!("{}:{}:{}", self.file, self.line, self.column)
        };
        format!(
            "{place}: {severity} {} {}\n    {}",
            self.code,
            self.sentence.get(language),
            self.mend.get(language)
        )
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        let both = |text: fn(&Rule, Language) -> String| Both {
            ja: text(&problem.rule, Language::Japanese),
            en: text(&problem.rule, Language::English),
        };
        Self {
            code: problem.code().to_owned(),
            severity: problem.severity(),
            sentence: both(messages::sentence),
            mend: both(messages::mend),
            file: problem.file,
            line: problem.line,
            column: problem.column,
            path: problem.path,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Report::from(self.clone()).display(Language::English))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
