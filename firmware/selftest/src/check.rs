//! A check: what is looked at, and what it means.

use sekisho_control::{Cause, Planned, Stage, Verdict};
use sekisho_design::Both;

use crate::probe::{Probe, Seen};

/// A sentence in both languages: the Japanese one with its values, a semicolon, the English one with its values.
macro_rules! both {
    ($ja:literal $(, $of_ja:expr)* ; $en:literal $(, $of_en:expr)* $(,)?) => {
        sekisho_design::Both { ja: format!($ja $(, $of_ja)*), en: format!($en $(, $of_en)*) }
    };
}
pub(crate) use both;

/// One check. Its parts stand together: what it is called, what it observes, and what that means.
pub trait Check: Send + Sync {
    /// Its name, title, and what it needs.
    fn planned(&self) -> Planned;

    /// The observation to make.
    fn probe(&self) -> Probe;

    /// More observations that tell why something is wrong; only asked where the first shows that something is.
    fn doubts(&self, _seen: &Seen) -> Vec<Probe> {
        Vec::new()
    }

    /// What the observations mean. `doubts` are in the order of [`Check::doubts`]; none where nobody looked further.
    fn judge(&self, seen: &Seen, doubts: &[Seen]) -> Judgement;

    /// How it is used beyond a test that somebody asks for.
    fn traits(&self) -> Traits {
        Traits::default()
    }
}

/// How a check is used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traits {
    /// It is made every minute, for the health level.
    pub watched: bool,
    /// Without it the device doesn't do its work.
    pub vital: bool,
    /// It disturbs traffic, and is made alone.
    pub disturbs: bool,
    /// How long it takes at the longest, in seconds, where that is more than a few.
    pub seconds: u16,
}

/// What a check's observations mean.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// In one word.
    pub verdict: Verdict,
    /// What was seen.
    pub result: Both,
    /// The measured value.
    pub measured: Option<String>,
    /// What it may be.
    pub limit: Option<String>,
    /// Why it didn't pass.
    pub cause: Option<Cause>,
}

impl Judgement {
    /// All is well.
    pub(crate) fn passed(result: Both) -> Self {
        Self { verdict: Verdict::Passed, result, measured: None, limit: None, cause: None }
    }

    /// It works, and somebody should look.
    pub(crate) fn warned(result: Both, cause: Cause) -> Self {
        Self { verdict: Verdict::Warned, cause: Some(cause), ..Self::passed(result) }
    }

    /// It doesn't work.
    pub(crate) fn failed(result: Both, cause: Cause) -> Self {
        Self { verdict: Verdict::Failed, cause: Some(cause), ..Self::passed(result) }
    }

    /// There is nothing to look at.
    pub(crate) fn not_run(result: Both) -> Self {
        Self { verdict: Verdict::NotRun, ..Self::passed(result) }
    }

    /// With a value and what it may be.
    pub(crate) fn measured(self, value: impl Into<String>, limit: impl Into<String>) -> Self {
        Self { measured: Some(value.into()), limit: Some(limit.into()), ..self }
    }

    /// What an observation comes to that fits no check: it couldn't be made.
    pub(crate) fn unable(seen: &Seen) -> Self {
        let why = match seen {
            Seen::Unable { why } => why.clone(),
            other => format!("{other:?}"),
        };
        Self::failed(
            both!("確認そのものができませんでした（{why}）。"; "The check itself couldn't be made: {why}."),
            cause(
                "unable",
                both!("装置の側の都合で確認できません。"; "Something on the device keeps it from looking."),
                both!("相手の応答ではなく、装置自身の誤りです（{why}）。"; "It is an error of the device itself, no answer: {why}."),
                both!(
                    "もう一度実行し、同じなら問合せ票を添えて保守の窓口に知らせてください。";
                    "Run it again; if it stays so, send the support bundle to the maintainer."
                ),
            ),
        )
    }
}

/// A cause, with the observation that told it from others.
pub(crate) fn cause(code: &str, why: Both, told_by: Both, next_step: Both) -> Cause {
    Cause { code: code.to_owned(), why, told_by, next_step }
}

/// The plan of a check in words.
pub(crate) fn planned(
    stage: Stage,
    name: &str,
    title: Both,
    tried: Both,
    requirements: &[&str],
    needs: Vec<String>,
) -> Planned {
    Planned {
        id: format!("{stage}.{name}"),
        stage,
        title,
        tried,
        requirements: requirements.iter().map(|&number| number.to_owned()).collect(),
        needs,
    }
}
