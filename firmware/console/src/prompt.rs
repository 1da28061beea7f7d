//! The prompt for who logs in: the box's own commands and nothing else. There is no shell behind it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    Echo, Entry,
    administrator::SHORTEST,
    console::{CHANGE, Console, Left},
};

/// For an update to be written to the disk and read back.
const UPDATE: Duration = Duration::from_mins(20);

pub(crate) fn open(console: &mut Console<'_>) -> Result<(), Left> {
    let password = console.ask("管理者パスワード：", "Administrator's password: ", Echo::Hidden)?;
    match console.administrator.enter(&password, Instant::now()) {
        Entry::Open => {}
        Entry::Wrong => {
            console.say("パスワードが違います。", "That is not the password.");
            return Ok(());
        }
        Entry::Shut(left) => {
            let seconds = left.as_secs().max(1);
            console.say(
                &format!("間違いが続いたため、{seconds}秒間は受け付けません。"),
                &format!("Too many were wrong. Try again in {seconds} seconds."),
            );
            return Ok(());
        }
    }
    console.say(
        "sekisho のコマンドだけが使えます。help で一覧、password でパスワード変更、exit で終わります。",
        "Only commands of sekisho: help lists them, password changes the password, exit ends.",
    );
    loop {
        let line = console.ask("sekisho> ", "sekisho> ", Echo::Shown)?;
        let words = match shell_words::split(&line) {
            Ok(words) => words,
            Err(fault) => {
                console.say(&format!("読めません：{fault}"), &format!("Can't be read: {fault}"));
                continue;
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {}
            ["exit" | "quit" | "logout"] => return Ok(()),
            ["password"] => change(console)?,
            words => run(console, words),
        }
    }
}

fn run(console: &mut Console<'_>, words: &[&str]) {
    if let Some(word) = words.iter().find(|word| !may_be_named(console, word)) {
        let folder = console.places.import();
        let folder = folder.display();
        console.say(
            &format!(
                "{word} は使えません。ファイルは {folder} のものを、名前だけで指定してください。"
            ),
            &format!("{word} is not for this prompt. Name files of {folder} by their name alone."),
        );
        return;
    }
    // Before the command: 'help' takes nothing of the kind after it. A language that is named there counts.
    let all = [&["--lang", console.language_code()], words].concat();
    if words.first() == Some(&"update") {
        console.follow("sekisho", &all, UPDATE);
    } else {
        let outcome = console.run("sekisho", &all, CHANGE);
        console.show(&outcome.said());
    }
}

/// Whether a command may have this word: the commands run as root, so a path leads nowhere but to what a stick has brought.
fn may_be_named(console: &Console<'_>, word: &str) -> bool {
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    let import = console.places.import();
    let is_brought = Path::new(value).parent() == Some(import.as_path());
    let may = match value.rsplit_once('/') {
        None => value != "..",
        // 10.0.0.0/16, 100.72.1.10:443/tcp, web.platform.example/icmp-echo, tcp/443.
        Some((left, right)) => {
            is_brought
                || !left.contains('/')
                    && !left.starts_with('.')
                    && !left.is_empty()
                    && (matches!(right, "tcp" | "udp" | "icmp-echo")
                        || right.parse::<u16>().is_ok())
        }
    };
    may && !word.starts_with("--socket")
}

fn change(console: &mut Console<'_>) -> Result<(), Left> {
    let first = console.ask("新しいパスワード：", "The new password: ", Echo::Hidden)?;
    if first.chars().count() < SHORTEST {
        console.say(
            &format!("{SHORTEST}文字以上にしてください。変更していません。"),
            &format!("It needs at least {SHORTEST} characters. Nothing was changed."),
        );
        return Ok(());
    }
    let second = console.ask("もう一度：", "Once more: ", Echo::Hidden)?;
    if first != second {
        console.say("一致しません。変更していません。", "They differ. Nothing was changed.");
        return Ok(());
    }
    match console.administrator.change(&first) {
        Ok(()) => console.say("変更しました。", "Changed."),
        Err(fault) => console.say(
            &format!("変更できません（{fault}）。いまのパスワードのままです。"),
            &format!("That failed ({fault}). The present password stays."),
        ),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        Administrator,
        script::{Files, Model, Person},
    };

    fn logged_in(files: &Files, lines: &[&str]) -> (Person, Model) {
        let administrator = Administrator::of(&files.places.kept);
        let password = administrator.reset().unwrap();
        let lines = [&["L", password.as_str()], lines].concat();
        let mut person = Person::typing(&lines);
        let mut model = Model::default().answer("sekisho ", &["said\n"]);
        files.serve(&mut person, &mut model);
        (person, model)
    }

    #[test]
    fn commands_of_sekisho_run_and_nothing_else() {
        let files = Files::new();
        let import = files.path("var/lib/sekisho-box/import");
        let brought = format!("check --site {}/site.toml", import.display());
        let (person, model) = logged_in(
            &files,
            &[
                "history",
                "trace --from 10.0.0.1 --to 100.72.1.10:443/tcp",
                "check --site site.toml",
                &brought,
                "",
                "'unfinished",
                "status; reboot",
                "check --site /etc/shadow",
                "check --site=../tunnel.key",
                "status --socket=evil",
                "exit",
            ],
        );
        let ran: Vec<&str> = model.ran.iter().map(String::as_str).collect();
        let expected = [
            "sekisho --lang en history",
            "sekisho --lang en trace --from 10.0.0.1 --to 100.72.1.10:443/tcp",
            "sekisho --lang en check --site site.toml",
            &format!("sekisho --lang en {brought}"),
            // No shell: these are two words of one command, which refuses them.
            "sekisho --lang en status; reboot",
        ];
        let asked = |line: &&str| *line != "sekisho status --format json";
        assert_eq!(ran.into_iter().filter(asked).collect::<Vec<_>>(), expected);
        assert_eq!(person.seen.matches("is not for this prompt").count(), 3, "{}", person.seen);
        assert!(person.seen.contains("Can't be read"));
        assert_eq!(person.hidden, 1, "the password isn't shown");
    }

    #[test]
    fn an_update_is_followed() {
        let (person, model) =
            logged_in(&Files::new(), &["update install --stick new.raucb", "exit"]);
        assert!(
            model.has_run("sekisho --lang en update install --stick new.raucb"),
            "{:?}",
            model.ran
        );
        assert!(person.seen.contains("said\n"), "{}", person.seen);
    }

    #[test]
    fn a_wrong_password_runs_nothing_and_many_shut_the_door() {
        let files = Files::new();
        Administrator::of(&files.places.kept).reset().unwrap();
        let lines: Vec<&str> = ["L", "guess"].repeat(6);
        let (mut person, mut model) = (Person::typing(&lines), Model::default());
        files.serve(&mut person, &mut model);
        assert_eq!(person.seen.matches("That is not the password").count(), 4, "{}", person.seen);
        assert_eq!(person.seen.matches("Try again in").count(), 2);
        assert!(!person.seen.contains("sekisho> "));
    }

    #[test]
    fn an_own_password_takes_the_first_ones_place() {
        let files = Files::new();
        let (good, short) = ("correct horse battery", "short");
        let (person, _) = logged_in(
            &files,
            &["password", short, "password", good, "another", "password", good, good, "exit"],
        );
        for said in ["at least 12 characters", "They differ", "Changed."] {
            assert!(person.seen.contains(said), "{said}: {}", person.seen);
        }
        let mut administrator = Administrator::of(&files.places.kept);
        assert_eq!(administrator.enter(good, std::time::Instant::now()), crate::Entry::Open);
        assert_eq!(administrator.initial(), None);
    }
}
