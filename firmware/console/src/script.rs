//! A scripted person and a model of the box, for tests.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_design::Language;
use tempfile::TempDir;

use crate::{Console, Echo, End, Input, Outcome, Places, System, Terminal};

/// Types what it is told, then drops the line; keeps all that it was shown.
#[derive(Debug, Default)]
pub(crate) struct Person {
    types: VecDeque<Input>,
    pub(crate) seen: String,
    pub(crate) hidden: usize,
}

impl Person {
    pub(crate) fn typing(lines: &[&str]) -> Self {
        let types = lines.iter().map(|line| Input::Line((*line).to_owned())).collect();
        Self { types, ..Self::default() }
    }

    pub(crate) fn doing(types: Vec<Input>) -> Self {
        Self { types: types.into(), ..Self::default() }
    }
}

impl Terminal for Person {
    fn show(&mut self, text: &str) {
        self.seen += text;
    }

    fn read(&mut self, echo: Echo, _: Duration) -> Input {
        self.hidden += usize::from(echo == Echo::Hidden);
        self.types.pop_front().unwrap_or(Input::Closed)
    }
}

/// Answers with what it was told about the words that begin so; everything else fails.
#[derive(Debug, Default)]
pub(crate) struct Model {
    answers: Vec<(String, VecDeque<Outcome>)>,
    pub(crate) ran: Vec<String>,
    pub(crate) waited: Duration,
}

impl Model {
    /// Answers one command line and all that begin with it; several answers come one after another, the last for ever.
    pub(crate) fn answer(mut self, words: &str, answers: &[&str]) -> Self {
        let outcome = |output: &&str| Outcome {
            code: Some(0),
            output: (*output).to_owned(),
            errors: String::new(),
        };
        self.answers.push((words.to_owned(), answers.iter().map(outcome).collect()));
        self
    }

    pub(crate) fn refuse(self, words: &str, errors: &str) -> Self {
        self.refuse_with(words, "", errors)
    }

    /// Refuses as with `--format json`: everything goes to standard output.
    pub(crate) fn refuse_as_program(self, words: &str, output: &str) -> Self {
        self.refuse_with(words, output, "")
    }

    fn refuse_with(mut self, words: &str, output: &str, errors: &str) -> Self {
        let (output, errors) = (output.to_owned(), errors.to_owned());
        let outcome = Outcome { code: Some(1), output, errors };
        self.answers.push((words.to_owned(), VecDeque::from([outcome])));
        self
    }

    pub(crate) fn hang(mut self, words: &str) -> Self {
        let outcome =
            Outcome { code: None, output: String::new(), errors: "no answer\n".to_owned() };
        self.answers.push((words.to_owned(), VecDeque::from([outcome])));
        self
    }

    /// What another model knows counts where this one knows nothing.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.answers.extend(other.answers);
        self
    }

    /// Whether a command line that begins so was run.
    pub(crate) fn has_run(&self, words: &str) -> bool {
        self.ran.iter().any(|line| line.starts_with(words))
    }
}

impl System for Model {
    fn run(&mut self, program: &str, words: &[&str], _: &Path, _: Duration) -> Outcome {
        let line = [&[program], words].concat().join(" ");
        self.ran.push(line.clone());
        let known = self.answers.iter_mut().find(|(start, _)| line.starts_with(start.as_str()));
        match known {
            Some((_, answers)) if answers.len() > 1 => answers.pop_front(),
            Some((_, answers)) => answers.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| Outcome {
            code: None,
            output: String::new(),
            errors: format!("{program}: not found\n"),
        })
    }

    fn wait(&mut self, time: Duration) {
        self.waited += time;
    }
}

/// A box's files.
#[derive(Debug)]
pub(crate) struct Files {
    folder: TempDir,
    pub(crate) places: Places,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::below(folder.path());
        for made in [&places.kept, &places.run, &places.boot] {
            std::fs::create_dir_all(made).unwrap();
        }
        std::fs::create_dir_all(places.release.parent().unwrap()).unwrap();
        std::fs::write(&places.release, "version = \"0.1.0\"\nkind = \"development\"\n").unwrap();
        Self { folder, places }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Serves a person to the end of his script, in English.
    pub(crate) fn serve(&self, person: &mut Person, system: &mut dyn System) -> End {
        Console::new(person, system, &self.places, Language::English).serve()
    }
}

/// A box to which a stick brings these files: mounting it puts them where it is mounted.
pub(crate) struct WithStick<'a> {
    pub(crate) model: Model,
    pub(crate) files: &'a Files,
    pub(crate) brings: &'a [&'a str],
}

impl System for WithStick<'_> {
    fn run(&mut self, program: &str, words: &[&str], folder: &Path, limit: Duration) -> Outcome {
        if program == "mount" {
            for name in self.brings {
                let is_backup = Path::new(name).extension().is_some_and(|end| end == "age");
                let text =
                    if is_backup { "age-encryption.org/v1\n-> scrypt c2FsdA 16\n" } else { name };
                std::fs::write(self.files.places.stick().join(name), text).unwrap();
            }
        }
        self.model.run(program, words, folder, limit)
    }

    fn wait(&mut self, time: Duration) {
        self.model.wait(time);
    }
}

/// The status of a box without a design.
pub(crate) fn new_box() -> String {
    status(0, "null")
}

/// The status of a box in this generation, with this change that awaits confirmation.
pub(crate) fn status(generation: u64, awaiting: &str) -> String {
    format!(
        r#"{{"version":"0.1.0","phase":{{"name":"closed"}},"generation":{generation},"awaiting":{awaiting},
            "site":null,"tunnel":null,"refused":{{}},"last_refusals":[]}}"#
    )
}
