//! The menu, and what all its items share.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sekisho_control::{Failure, Phase, Status};
use sekisho_design::Language;

use crate::{
    Administrator, Echo, Input, Outcome, Places, System, Terminal, places::Release, prompt, reset,
    restore, wizard,
};

/// How long a question waits before the menu takes its place.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long a program may take that only looks, and one that changes the box.
pub(crate) const LOOK: Duration = Duration::from_secs(20);
pub(crate) const CHANGE: Duration = Duration::from_mins(2);

/// How a session at the console ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// The line was dropped.
    Closed,
    /// The box goes down.
    Down,
}

/// Why an item of the menu was left before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Left {
    /// Ctrl-C, an empty answer, or nobody there: back to the menu.
    Menu,
    /// The session is over.
    Session(End),
}

/// A person's session at the console.
pub struct Console<'a> {
    pub(crate) terminal: &'a mut dyn Terminal,
    pub(crate) system: &'a mut dyn System,
    pub(crate) places: &'a Places,
    pub(crate) language: Language,
    pub(crate) administrator: Administrator,
    release: Release,
}

impl<'a> Console<'a> {
    /// A session in a language.
    pub fn new(
        terminal: &'a mut dyn Terminal,
        system: &'a mut dyn System,
        places: &'a Places,
        language: Language,
    ) -> Self {
        let administrator = Administrator::of(&places.kept);
        let release = Release::read(places);
        Self { terminal, system, places, language, administrator, release }
    }

    /// Serves until the line is dropped or the box goes down.
    pub fn serve(mut self) -> End {
        if let Err(fault) = self.administrator.first() {
            self.say(
                &format!("管理者パスワードを作れません（{fault}）。ログインはできません。"),
                &format!(
                    "The administrator's password can't be made ({fault}); nobody can log in."
                ),
            );
        }
        let mut first = true;
        loop {
            self.greet();
            let status = self.status();
            if first && status.as_ref().is_some_and(is_new) {
                self.say(
                    "この装置にはまだ設計がありません。9 で初期設定を始めます。",
                    "This box has no design yet. 9 starts its first steps.",
                );
            }
            first = false;
            let phase = status.as_ref().map(|status| &status.phase);
            if let Some(Phase::Faulty { fault } | Phase::RollbackFailed { fault }) = phase {
                self.warn(fault);
            }
            self.menu(status.as_ref());
            let choice = match self.terminal.read(Echo::Shown, PATIENCE) {
                Input::Line(line) => line.trim().to_ascii_uppercase(),
                Input::Interrupted | Input::Idle => continue,
                Input::Closed => return End::Closed,
            };
            match self.choose(&choice) {
                Ok(()) | Err(Left::Menu) => {}
                Err(Left::Session(end)) => return end,
            }
        }
    }

    fn choose(&mut self, choice: &str) -> Result<(), Left> {
        match choice {
            "" => {}
            "1" => self.tell("sekisho", &["status"], LOOK),
            "2" => self.addresses(),
            "3" => self.settle("confirm")?,
            "4" => self.settle("rollback")?,
            "5" => self.look(),
            "6" => self.reset_password()?,
            "7" => reset::ask(self)?,
            "8" => self.restart()?,
            "9" => wizard::lead(self)?,
            "B" => restore::lead(self)?,
            "0" | "L" => prompt::open(self)?,
            "I" => self.tell("sekisho", &["identity"], LOOK),
            "E" => self.language = Language::English,
            "J" => self.language = Language::Japanese,
            _ => self.say("その番号はありません。", "There is no such item."),
        }
        Ok(())
    }

    /// Who the box is, and what whoever stands before it must know at once.
    fn greet(&mut self) {
        let version = self.release.version.clone();
        self.show(&format!("\n{}\nSekisho 関所  {version}\n", "=".repeat(60)));
        if self.release.is_development() {
            self.show("DEVELOPMENT 開発版\n");
            self.say(
                "鍵は公開されたものです。業務には使えません。",
                "Its keys are public. It isn't for service.",
            );
        }
        if let Some(reason) = read_line(&self.places.run.join("data"))
            .and_then(|line| line.strip_prefix("memory: ").map(str::to_owned))
        {
            self.say(
                &format!("警告：データ領域が使えません（{reason}）。設計は保存されず、何も中継しません。"),
                &format!("WARNING: the data partition is dead ({reason}). Nothing is kept, nothing is forwarded."),
            );
        }
        if read_line(&self.places.run.join("reset")).is_some() {
            self.say("工場出荷状態に戻しました。", "The box is as it left the factory.");
        }
        if let Some(password) = self.administrator.initial() {
            self.say(
                &format!("管理者の初期パスワード：{password}"),
                &format!("The administrator's initial password: {password}"),
            );
        }
    }

    /// Why the device isn't as designed, and the way out.
    fn warn(&mut self, fault: &Failure) {
        self.say("警告：設計どおりに動いていません。", "WARNING: the device isn't as designed.");
        self.show(&format!("{fault}\n"));
        if let Some(way_out) = &fault.way_out {
            self.show(&format!("{way_out}\n"));
        }
    }

    fn menu(&mut self, status: Option<&Status>) {
        let awaiting = status.and_then(|status| status.awaiting.as_ref());
        let pending = awaiting.map_or((String::new(), String::new()), |awaiting| {
            let (number, left) = (awaiting.generation, awaiting.seconds_left);
            (
                format!("（第{number}世代、あと{left}秒）"),
                format!(" (generation {number}, {left} s left)"),
            )
        });
        self.say(
            &format!(
                "\n 1 状態        2 アドレスとポート  3 変更を確定{0}\n 4 変更を取消  5 簡易点検          \
                 6 管理者パスワードの再発行\n 7 工場出荷状態に戻す  8 再起動  9 初期設定\n \
                 0 ログイン    I 装置の識別    B 控えから戻す    E English",
                pending.0
            ),
            &format!(
                "\n 1 Status      2 Addresses and ports  3 Confirm the change{0}\n 4 Roll back   \
                 5 Quick look           6 New administrator's password\n 7 Factory reset  8 Restart  \
                 9 First steps\n 0 Log in      I Identity     B Restore a backup     J 日本語",
                pending.1
            ),
        );
        self.show("> ");
    }

    fn addresses(&mut self) {
        self.tell("sekisho-ports", &["list"], LOOK);
        self.tell("ip", &["-brief", "-4", "address"], LOOK);
    }

    /// What can be seen of the box without LGWAN.
    fn look(&mut self) {
        for (ja, en, program, words) in [
            ("ポート", "Ports", "sekisho-ports", &["list"][..]),
            ("止まっているサービス", "Failed services", "systemctl", &["--failed", "--no-pager"]),
            ("規則の表", "Table of rules", "nft", &["list", "tables"]),
            ("装置の状態", "The box", "sekisho", &["status"]),
        ] {
            self.say(&format!("-- {ja}"), &format!("-- {en}"));
            self.tell(program, words, LOOK);
        }
    }

    /// Confirms or takes back the change that awaits it.
    fn settle(&mut self, command: &str) -> Result<(), Left> {
        let Some(awaiting) = self.status().and_then(|status| status.awaiting) else {
            self.say("確定を待っている変更はありません。", "No change awaits confirmation.");
            return Ok(());
        };
        let number = awaiting.generation;
        let (ja, en) = if command == "confirm" {
            (format!("第{number}世代を確定します。"), format!("Generation {number} will be kept."))
        } else {
            (
                format!("第{number}世代を取り消します。"),
                format!("Generation {number} will be taken back."),
            )
        };
        self.say(&ja, &en);
        if self.agreed()? {
            self.tell("sekisho", &[command, &number.to_string()], CHANGE);
        }
        Ok(())
    }

    fn reset_password(&mut self) -> Result<(), Left> {
        self.say(
            "管理者パスワードを再発行します。いまのパスワードは使えなくなります。",
            "The administrator gets a new password. The present one ends.",
        );
        if !self.agreed()? {
            return Ok(());
        }
        match self.administrator.reset() {
            Ok(password) => self.say(
                &format!("新しいパスワード：{password}\n初めて使われるまで、この画面に表示されます。"),
                &format!("The new password: {password}\nIt is shown here until it is used for the first time."),
            ),
            Err(fault) => self.say(
                &format!("再発行できません（{fault}）。いまのパスワードのままです。"),
                &format!("That failed ({fault}). The present password stays."),
            ),
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Left> {
        self.say(
            "再起動します。通信は数分止まります。",
            "The box restarts. Traffic stops for some minutes.",
        );
        if self.agreed()? { self.go_down() } else { Ok(()) }
    }

    /// Has the box restart; comes back only where it doesn't.
    pub(crate) fn go_down(&mut self) -> Result<(), Left> {
        let outcome = self.run("systemctl", &["reboot"], CHANGE);
        if outcome.done() {
            self.say("再起動しています。", "Restarting.");
            return Err(Left::Session(End::Down));
        }
        self.show(&outcome.said());
        self.say(
            "再起動できません。電源を入れ直してください。",
            "It doesn't restart. Switch it off and on.",
        );
        Ok(())
    }

    /// How the daemon is; `None` where it doesn't say.
    pub(crate) fn status(&mut self) -> Option<Status> {
        let outcome = self.run("sekisho", &["status", "--format", "json"], LOOK);
        serde_json::from_str(&outcome.output).ok()
    }

    /// Runs a program in the language of the session, and shows what it says.
    pub(crate) fn tell(&mut self, program: &str, words: &[&str], limit: Duration) {
        let mut all = words.to_vec();
        if program.starts_with("sekisho") {
            all.extend(["--lang", self.language_code()]);
        }
        let outcome = self.run(program, &all, limit);
        self.show(&outcome.said());
    }

    pub(crate) fn language_code(&self) -> &'static str {
        match self.language {
            Language::Japanese => "ja",
            Language::English => "en",
        }
    }

    /// Runs a program in the folder of what was brought by a stick.
    pub(crate) fn run(&mut self, program: &str, words: &[&str], limit: Duration) -> Outcome {
        self.system.run(program, words, &self.folder(), limit)
    }

    /// The same with a program that takes long; what it says is shown as it comes.
    pub(crate) fn follow(&mut self, program: &str, words: &[&str], limit: Duration) {
        let folder = self.folder();
        let mut tell = |line: &str| self.terminal.show(line);
        self.system.follow(program, words, &folder, limit, &mut tell);
    }

    fn folder(&self) -> PathBuf {
        let import = self.places.import();
        if import.is_dir() { import } else { PathBuf::from("/") }
    }

    /// Shows a sentence in the language of the session.
    pub(crate) fn say(&mut self, ja: &str, en: &str) {
        let text = match self.language {
            Language::Japanese => ja,
            Language::English => en,
        };
        self.terminal.show(text);
        self.terminal.show("\n");
    }

    pub(crate) fn show(&mut self, text: &str) {
        self.terminal.show(text);
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, ja: &str, en: &str, echo: Echo) -> Result<String, Left> {
        let text = match self.language {
            Language::Japanese => ja,
            Language::English => en,
        };
        self.terminal.show(text);
        match self.terminal.read(echo, PATIENCE) {
            Input::Line(line) => Ok(line.trim().to_owned()),
            Input::Interrupted | Input::Idle => {
                self.terminal.show("\n");
                Err(Left::Menu)
            }
            Input::Closed => Err(Left::Session(End::Closed)),
        }
    }

    /// Which of several; none where the number isn't one of theirs.
    pub(crate) fn pick(&mut self, names: &[String]) -> Result<Option<String>, Left> {
        if let [only] = names {
            return Ok(Some(only.clone()));
        }
        for (number, name) in (1..).zip(names) {
            self.show(&format!("  {number}  {name}\n"));
        }
        let answer = self.ask("番号：", "Number: ", Echo::Shown)?;
        let chosen = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let chosen = chosen.and_then(|index| names.get(index)).cloned();
        if chosen.is_none() {
            self.say("その番号はありません。", "There is no such number.");
        }
        Ok(chosen)
    }

    /// Asks for a yes; everything else is a no.
    pub(crate) fn agreed(&mut self) -> Result<bool, Left> {
        let answer = self.ask("よろしいですか（y/N）：", "Go on (y/N)? ", Echo::Shown)?;
        let agreed = answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes");
        if !agreed {
            self.say("何も変えていません。", "Nothing was changed.");
        }
        Ok(agreed)
    }
}

/// Whether the box has no design.
pub(crate) fn is_new(status: &Status) -> bool {
    status.generation == 0
}

/// The first line of a small file.
pub(crate) fn read_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::script::{Files, Model, Person, new_box, status};

    fn awaiting() -> String {
        status(3, r#"{"generation":4,"seconds_left":120}"#)
    }

    #[test]
    fn the_first_screen_says_what_one_must_know() {
        let files = Files::new();
        fs::write(files.places.run.join("data"), "memory: it can't be mounted\n").unwrap();
        fs::write(files.places.run.join("reset"), "done\n").unwrap();
        let (mut person, mut model) =
            (Person::typing(&["J"]), Model::default().answer("sekisho status", &[&new_box()]));
        assert_eq!(files.serve(&mut person, &mut model), End::Closed);
        let initial = Administrator::of(&files.places.kept).initial().unwrap();
        for said in [
            "Sekisho 関所  0.1.0",
            "DEVELOPMENT 開発版",
            "the data partition is dead (it can't be mounted)",
            "as it left the factory",
            &initial,
            "no design yet",
            "工場出荷状態に戻す",
        ] {
            assert!(person.seen.contains(said), "{said}: {}", person.seen);
        }
    }

    #[test]
    fn what_keeps_the_design_from_being_in_force_is_said_unasked() {
        let fault = r#"{"name":"faulty","fault":{"kind":"device","message":"another box has it","way_out":"switch it off"}}"#;
        let faulty = status(3, "null").replace(r#"{"name":"closed"}"#, fault);
        let (mut person, mut model) =
            (Person::typing(&[]), Model::default().answer("sekisho status", &[&faulty]));
        Files::new().serve(&mut person, &mut model);
        let said = "WARNING: the device isn't as designed.\nanother box has it\nswitch it off\n";
        assert!(person.seen.contains(said), "{}", person.seen);
    }

    #[test]
    fn a_change_is_confirmed_or_taken_back_by_its_number() {
        for (item, command) in [("3", "sekisho confirm 4"), ("4", "sekisho rollback 4")] {
            let files = Files::new();
            let model = || Model::default().answer("sekisho status", &[&awaiting()]);
            let (mut person, mut sure) = (Person::typing(&[item, "y"]), model());
            files.serve(&mut person, &mut sure);
            assert!(sure.has_run(command), "{:?}", sure.ran);
            assert!(person.seen.contains("generation 4, 120 s left"), "{}", person.seen);
            let (mut person, mut unsure) = (Person::typing(&[item, ""]), model());
            files.serve(&mut person, &mut unsure);
            assert!(!unsure.has_run(command) && person.seen.contains("Nothing was changed"));
        }
        let files = Files::new();
        let (mut person, mut model) =
            (Person::typing(&["3"]), Model::default().answer("sekisho status", &[&new_box()]));
        files.serve(&mut person, &mut model);
        assert!(person.seen.contains("No change awaits confirmation"), "{}", person.seen);
    }

    #[test]
    fn a_new_password_is_shown_and_opens() {
        let files = Files::new();
        let mut person = Person::typing(&["6", "y", "6", "n"]);
        files.serve(&mut person, &mut Model::default());
        let mut administrator = Administrator::of(&files.places.kept);
        let password = administrator.initial().unwrap();
        assert!(person.seen.contains(&format!("The new password: {password}")), "{}", person.seen);
        assert_eq!(administrator.enter(&password, std::time::Instant::now()), crate::Entry::Open);
    }

    #[test]
    fn a_restart_ends_the_session_and_a_failed_one_does_not() {
        let files = Files::new();
        let mut model = Model::default().answer("systemctl reboot", &[""]);
        assert_eq!(files.serve(&mut Person::typing(&["8", "y"]), &mut model), End::Down);
        let (mut person, mut model) = (Person::typing(&["8", "y"]), Model::default());
        assert_eq!(files.serve(&mut person, &mut model), End::Closed);
        assert!(person.seen.contains("Switch it off and on"), "{}", person.seen);
    }

    #[test]
    fn looking_shows_what_programs_say_and_why_they_do_not() {
        let files = Files::new();
        let mut model = Model::default()
            .answer("sekisho-ports list", &["port1 …"])
            .answer("ip -brief", &["port4 UP"])
            .refuse("sekisho status", "can't reach the daemon\n");
        let mut person = Person::typing(&["1", "2", "5"]);
        files.serve(&mut person, &mut model);
        for said in ["can't reach the daemon", "port1 …", "port4 UP", "nft: not found"] {
            assert!(person.seen.contains(said), "{said}: {}", person.seen);
        }
        assert!(model.has_run("sekisho status --lang en"), "{:?}", model.ran);
    }

    fn inputs() -> impl Strategy<Value = Vec<Input>> {
        let line = prop_oneof![
            "[0-9LEJyqcos]",
            Just("ERASE".to_owned()),
            "\\PC{0,40}".prop_map(|text| text),
        ];
        let input = prop_oneof![
            8 => line.prop_map(Input::Line),
            1 => Just(Input::Interrupted),
            1 => Just(Input::Idle),
        ];
        proptest::collection::vec(input, 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever is typed, on a box where everything works or nothing does: the session ends with the line or the box.
        #[test]
        fn no_input_breaks_the_console(inputs in inputs(), works: bool) {
            let files = Files::new();
            let mut model = Model::default();
            if works {
                model = model.answer("sekisho status", &[&awaiting()]).answer("", &[""]);
            }
            let end = files.serve(&mut Person::doing(inputs), &mut model);
            prop_assert!(works || end == End::Closed);
        }
    }
}
