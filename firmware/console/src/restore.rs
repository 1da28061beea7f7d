//! A backup from a stick put in force: by a box that takes another's place (R8), or by one that goes back.

use std::{fs, path::PathBuf, time::Duration};

use jiff::Timestamp;
use sekisho_control::{Failure, Opened};
use sekisho_design::Language;
use sekisho_host::files;

use crate::{
    Echo, Outcome,
    console::{CHANGE, Console, LOOK, Left, is_new},
    stick, wizard,
};

/// How long a self-test may take.
const SELF_TEST: Duration = Duration::from_mins(5);

/// What is written onto the stick.
const REPORT: &str = "sekisho-replacement.txt";
const IDENTITY: &str = "sekisho-identity.txt";

/// A passphrase in a file in memory, as long as it is needed: command lines are seen by others.
struct Passphrase(PathBuf);

impl Passphrase {
    fn keep(console: &Console<'_>, words: &str) -> Result<Self, String> {
        let kept = Self(console.places.run.join("passphrase"));
        files::write(&kept.0, words.as_bytes(), 0o600).map_err(|fault| fault.to_string())?;
        Ok(kept)
    }

    /// Has `sekisho backup` do something with a backup.
    fn open(&self, console: &mut Console<'_>, what: &str, name: &str, more: &[&str]) -> Outcome {
        let file = self.0.to_string_lossy();
        let words = ["backup", what, name, "--passphrase-file", &file];
        let words = [&words, more, &["--lang", console.language_code()]].concat();
        console.run("sekisho", &words, CHANGE)
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn lead(console: &mut Console<'_>) -> Result<(), Left> {
    let names = loop {
        let answer = console.ask(
            "控え（*.age）のUSBメモリを挿して Enter（中止は q）：",
            "Put in the stick with the backup (*.age), then Enter (q leaves): ",
            Echo::Shown,
        )?;
        if answer.eq_ignore_ascii_case("q") {
            return Ok(());
        }
        match stick::fetch_backups(console) {
            Ok(names) => break names,
            Err(reason) => console
                .say(&format!("読み込めません：{reason}"), &format!("It can't be read: {reason}")),
        }
    };
    let Some(name) = console.pick(&names)? else { return Ok(()) };
    console.show(&format!("{name}\n"));
    let words = console.ask("控えの合言葉：", "The backup's passphrase: ", Echo::Hidden)?;
    let passphrase = match Passphrase::keep(console, &words) {
        Ok(passphrase) => passphrase,
        Err(reason) => {
            console.say(
                &format!("続けられません（{reason}）。何も変えていません。"),
                &format!("It can't go on ({reason}). Nothing was changed."),
            );
            return Ok(());
        }
    };
    let Some(opened) = preview(console, &passphrase, &name) else {
        console.say(
            "この控えは使えません。何も変えていません。上の説明を見て、もう一度 B を選んでください。",
            "This backup can't be used. Nothing was changed. Read what is said above, then choose B again.",
        );
        return Ok(());
    };
    let Terms { key, with_users } = terms(console, &opened);
    if !console.agreed()? {
        return Ok(());
    }
    let mut more = Vec::new();
    more.extend((key == BoxKey::TakenOver).then_some("--with-identity"));
    more.extend(with_users.then_some("--with-users"));
    let restored = passphrase.open(console, "restore", &name, &more);
    drop(passphrase);
    console.show(&restored.said());
    if !restored.done() {
        console.say(
            "戻せませんでした。1 で状態を確かめてください。",
            "It wasn't restored. 1 shows how the box is.",
        );
        return Ok(());
    }
    report(console, &name, &restored, key)
}

/// Shows what a backup holds; none where it can't be opened, or isn't for this box.
fn preview(console: &mut Console<'_>, passphrase: &Passphrase, name: &str) -> Option<Opened> {
    let read = passphrase.open(console, "show", name, &["--format", "json"]);
    match serde_json::from_str::<Opened>(&read.output) {
        Ok(opened) if read.done() => {
            console.show(&format!("{}\n", opened.text(console.language)));
            Some(opened)
        }
        _ => {
            console.show(&refusal(&read, console.language));
            None
        }
    }
}

/// Why a command that answers as a program would isn't done, as people read it.
fn refusal(read: &Outcome, language: Language) -> String {
    let Ok(failure) = serde_json::from_str::<Failure>(&read.output) else { return read.said() };
    let problems = failure.problems.iter().map(|problem| {
        let (sentence, mend) = (problem.sentence.get(language), problem.mend.get(language));
        format!("{sentence}\n  {mend}\n")
    });
    let problems: String = problems.collect();
    if !problems.is_empty() {
        return problems;
    }
    let way_out = failure.way_out.as_deref().map(|words| format!("  {words}\n"));
    format!("{failure}\n{}", way_out.unwrap_or_default())
}

/// Which key the box has after.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum BoxKey {
    /// The one in the backup, which the platform knows.
    TakenOver,
    /// Its own, which the platform has never heard of.
    New,
    /// The one that it has had with its design so far.
    Kept,
}

/// What is restored beside the design.
struct Terms {
    key: BoxKey,
    /// The page's users become those of the backup.
    with_users: bool,
}

/// Says what will be done.
fn terms(console: &mut Console<'_>, opened: &Opened) -> Terms {
    let has_design = !console.status().as_ref().is_some_and(is_new);
    let key = match (has_design, opened.public_key.is_some()) {
        (true, _) => BoxKey::Kept,
        (false, true) => BoxKey::TakenOver,
        (false, false) => BoxKey::New,
    };
    match key {
        BoxKey::TakenOver => console.say(
            "装置の鍵を引き継ぎ、設計を反映します。元の装置は電源を切り、もうつながないでください。",
            "The identity is taken over and the design put in force. The old box must be off, for good.",
        ),
        BoxKey::New => console.say(
            "設計を反映します。装置の鍵は新しいものになり、機構への登録が要ります。",
            "The design is put in force. The box has a key of its own, which the operator has to register.",
        ),
        BoxKey::Kept => console.say(
            "設計を反映します。装置の鍵はいまのものを使います。",
            "The design is put in force. The box keeps the key that it has.",
        ),
    }
    // Whoever left the office since the backup was made isn't let in again by the way.
    let with_users = opened.users.is_some() && !has_design;
    if with_users {
        console.say(
            "画面の利用者とパスワードも、控えのものになります。この装置の初期パスワードは使えなくなります。",
            "The page's users and their passwords become those of the backup; this box's first password no longer counts.",
        );
    } else {
        console.say("画面の利用者は、いまのままです。", "The page's users stay as they are.");
    }
    Terms { key, with_users }
}

/// Tests the box, says how it is, and leaves it in writing.
fn report(
    console: &mut Console<'_>,
    name: &str,
    restored: &Outcome,
    key: BoxKey,
) -> Result<(), Left> {
    let mut written = Vec::new();
    match key {
        BoxKey::TakenOver | BoxKey::Kept => wizard::await_tunnel(console),
        BoxKey::New => written.extend(register(console)?.then_some(IDENTITY)),
    }
    console.say("接続確認をしています。", "Testing the box.");
    let words = ["self-test", "--lang", console.language_code()];
    let tested = console.run("sekisho", &words, SELF_TEST);
    // What went on meanwhile would stand after the end.
    let tested = if tested.output.trim().is_empty() { tested.said() } else { tested.output };
    let end = tested.trim_end().rsplit("\n\n").next().unwrap_or_default();
    console.show(&format!("{end}\n"));
    let text = format!(
        "Sekisho: record of replacement / 交換記録\ntime / 時刻: {}\nbackup / 控え: {name}\n\n{}\n{tested}",
        Timestamp::now(),
        restored.said(),
    );
    if !leave(console, REPORT, text)? {
        return Ok(());
    }
    written.push(REPORT);
    let names = written.join(", ");
    console.say(
        &format!("終わりました。USBメモリに {names} を書きました。抜いてかまいません。"),
        &format!("Done. The stick has {names} now. It may be taken out."),
    );
    Ok(())
}

/// Says and leaves on the stick what the operator has to register, and waits for the tunnel once that is done; tells whether the
/// stick has it. The operator may be a day's way off: whoever doesn't wait, or doesn't answer, goes on without a tunnel.
fn register(console: &mut Console<'_>) -> Result<bool, Left> {
    let identity = console.run("sekisho", &["identity", "--lang", console.language_code()], LOOK);
    console.say(
        "次の内容を機構に届けて、登録を受けてください。",
        "Send this to the operator, who registers the box.",
    );
    console.show(&identity.said());
    let left = leave(console, IDENTITY, identity.said())?;
    if left {
        console.say(
            &format!("同じ内容を、USBメモリの {IDENTITY} に書きました。"),
            &format!("The stick has the same in {IDENTITY}."),
        );
    }
    let answer = console.ask(
        "登録が済んだら Enter（あとにするなら q）：",
        "Enter once it is registered (q: later): ",
        Echo::Shown,
    );
    match answer {
        Ok(answer) if answer.eq_ignore_ascii_case("q") => {}
        Ok(_) => wizard::await_tunnel(console),
        Err(Left::Menu) => {}
        Err(Left::Session(end)) => return Err(Left::Session(end)),
    }
    Ok(left)
}

/// Leaves a text on the stick; not where nobody wants it.
fn leave(console: &mut Console<'_>, name: &str, text: String) -> Result<bool, Left> {
    let files = [(name, text)];
    while let Err(reason) = stick::write(console, &files) {
        console.say(
            &format!("USBメモリに書けません：{reason}"),
            &format!("The stick can't be written: {reason}"),
        );
        let answer = console.ask(
            "USBメモリを挿して Enter（書かないなら q）：",
            "Put in a stick, then Enter (q leaves it): ",
            Echo::Shown,
        )?;
        if answer.eq_ignore_ascii_case("q") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Input,
        script::{Files, Model, Person, WithStick, new_box, status},
    };

    const STICK: &str = r#"{"blockdevices":[{"path":"/dev/sdb","fstype":"vfat","tran":"usb"}]}"#;
    const CAPSULE: &str = "sekisho-011002-20261126.age";
    const WORDS: &str = "hashi wo wataru kaze";

    fn opened(public_key: Option<&str>) -> String {
        let key = public_key.map(|key| format!(r#","public_key":"{key}""#)).unwrap_or_default();
        format!(
            r#"{{"made_at":"2026-11-26T00:00:00Z","version":"0.1.0","serial":"0123","organisation":"011002",
                "site":"","profile":""{key},
                "users":[{{"name":"hana","role":"viewer","second_factor":true}}]}}"#
        )
    }

    fn model(status: &str, public_key: Option<&str>) -> Model {
        Model::default()
            .answer("sekisho status", &[status])
            .answer("lsblk", &[STICK])
            .answer("mount", &[""])
            .answer("umount", &[""])
            .answer("sekisho backup show", &[&opened(public_key)])
            .answer("sekisho backup restore", &["in force\n"])
            .answer("sekisho identity", &["sekisho serial=0123\n"])
            .answer("sekisho self-test", &["Self-test\n\n  OK  disk\n\nVerdict: passed\n"])
    }

    const KEY: &str = "esfCpGUPcRrmYpu/wK8Gl7D8RmPbtfno8XJVriBr/R0=";

    fn play(files: &Files, model: Model, lines: &[&str]) -> (Person, Model) {
        let mut person = Person::typing(lines);
        let mut system = WithStick { model, files, brings: &[CAPSULE] };
        files.serve(&mut person, &mut system);
        assert!(!files.places.run.join("passphrase").exists());
        assert!(!system.model.ran.iter().any(|line| line.contains(WORDS)));
        (person, system.model)
    }

    fn written(files: &Files, name: &str) -> Option<String> {
        fs::read_to_string(files.places.stick().join(name)).ok()
    }

    #[test]
    fn a_spare_box_takes_the_identity_over_and_leaves_a_report() {
        let files = Files::new();
        let model = model(&new_box(), Some(KEY));
        let (person, model) = play(&files, model, &["b", "", WORDS, "y"]);
        for said in [
            "Organisation: 011002",
            "hana (viewer, second factor)",
            "users and their passwords",
            "taken over",
            "in force",
            "Verdict: passed",
            "Done.",
        ] {
            assert!(person.seen.contains(said), "{said}: {}", person.seen);
        }
        // A passphrase takes work: it is worked through once to look, once to restore.
        let opened = model.ran.iter().filter(|line| line.starts_with("sekisho backup")).count();
        assert_eq!(opened, 2, "{:?}", model.ran);
        assert_eq!(person.hidden, 1, "the passphrase isn't shown");
        let restore = model.ran.iter().find(|line| line.contains("backup restore")).unwrap();
        assert!(
            restore.contains(CAPSULE) && restore.contains("--with-identity --with-users"),
            "{restore}"
        );
        let report = written(&files, REPORT).unwrap();
        assert!(report.contains("in force") && report.contains("OK  disk"), "{report}");
        assert!(written(&files, IDENTITY).is_none() && !model.has_run("sekisho identity"));
    }

    #[test]
    fn without_the_identity_the_operator_gets_a_text() {
        let files = Files::new();
        let model = model(&new_box(), None);
        let (person, model) = play(&files, model, &["b", "", WORDS, "y"]);
        assert!(person.seen.contains("sekisho serial=0123"), "{}", person.seen);
        assert!(!model.ran.iter().any(|line| line.contains("--with-identity")));
        // It is there before anybody answers.
        assert!(written(&files, IDENTITY).unwrap().contains("serial=0123"));
        assert!(written(&files, REPORT).is_none() && !model.has_run("sekisho self-test"));
    }

    #[test]
    fn a_new_key_is_waited_for_once_it_is_registered_and_not_longer_than_somebody_wants() {
        let line = |text: &str| Input::Line(text.to_owned());
        for (answer, waits) in [(line(""), true), (line("Q"), false), (Input::Idle, false)] {
            let files = Files::new();
            let mut types: Vec<Input> = ["b", "", WORDS, "y"].into_iter().map(line).collect();
            types.push(answer);
            let mut person = Person::doing(types);
            let model = model(&new_box(), None);
            let mut system = WithStick { model, files: &files, brings: &[CAPSULE] };
            files.serve(&mut person, &mut system);
            assert_eq!(person.seen.contains("Waiting for the tunnel"), waits, "{}", person.seen);
            assert!(person.seen.contains(&format!("{IDENTITY}, {REPORT}")), "{}", person.seen);
            assert!(written(&files, REPORT).unwrap().contains("Verdict: passed"));
        }
    }

    #[test]
    fn a_stick_that_refuses_stops_neither_test_nor_registration() {
        let files = Files::new();
        let mount = "mount -o rw";
        let model =
            Model::default().refuse(mount, "write-protected\n").then(model(&new_box(), None));
        let (person, model) = play(&files, model, &["b", "", WORDS, "y", "q", "", "", "q"]);
        assert_eq!(person.seen.matches("can't be written: write-protected").count(), 3);
        assert!(person.seen.contains("sekisho serial=0123"), "{}", person.seen);
        assert!(person.seen.contains("Verdict: passed"), "{}", person.seen);
        assert!(model.has_run("sekisho self-test") && !person.seen.contains("Done."));
    }

    #[test]
    fn a_box_with_a_design_keeps_its_key() {
        let files = Files::new();
        let model = model(&status(3, "null"), Some(KEY));
        let (person, model) = play(&files, model, &["9", "b", "", WORDS, "y"]);
        assert!(person.seen.contains("keeps the key"), "{}", person.seen);
        assert!(person.seen.contains("users stay as they are"), "{}", person.seen);
        assert!(model.has_run("sekisho backup restore"));
        assert!(!model.has_run("sekisho identity"), "the platform knows its key");
        assert!(person.seen.contains("Waiting for the tunnel"), "{}", person.seen);
        assert!(!model.ran.iter().any(|line| line.contains("--with-")), "{:?}", model.ran);
    }

    #[test]
    fn a_backup_without_users_brings_none() {
        let files = Files::new();
        let earlier = r#"{"made_at":"2026-11-26T00:00:00Z","version":"0.1.0","serial":"0123",
            "organisation":"011002","site":"","profile":""}"#;
        let shown = Model::default().answer("sekisho backup show", &[earlier]);
        let (person, model) =
            play(&files, shown.then(model(&new_box(), None)), &["b", "", WORDS, "y"]);
        assert!(person.seen.contains("Users: not in it"), "{}", person.seen);
        assert!(model.has_run("sekisho backup restore"));
        assert!(!model.ran.iter().any(|line| line.contains("--with-users")), "{:?}", model.ran);
    }

    #[test]
    fn what_is_refused_is_said_and_changes_nothing() {
        let named = r#"{"kind":"refused","message":"m","problems":[{"code":"capsule-damaged","severity":"error",
            "file":"capsule","line":0,"column":0,"path":"","sentence":{"ja":"壊れています","en":"It is damaged."},
            "mend":{"ja":"別の控え","en":"Take another copy."}}]}"#;
        let conflict =
            r#"{"kind":"conflict","message":"another backup is being opened","way_out":"wait"}"#;
        for (output, said) in [
            ("not JSON: the daemon is gone", "the daemon is gone"),
            (named, "It is damaged.\n  Take another copy."),
            (conflict, "another backup is being opened\n  wait"),
        ] {
            let files = Files::new();
            let refusing = Model::default().refuse_as_program("sekisho backup show", output);
            let model = refusing.then(model(&new_box(), None));
            let (person, model) = play(&files, model, &["b", "", WORDS, "y"]);
            for said in [said, "Nothing was changed"] {
                assert!(person.seen.contains(said), "{said}: {}", person.seen);
            }
            assert!(!model.has_run("sekisho backup restore"));
        }
        let files = Files::new();
        let (_, model) = play(&files, model(&new_box(), Some(KEY)), &["b", "", WORDS, "n"]);
        assert!(!model.has_run("sekisho backup restore"));
        let model = Model::default()
            .refuse("sekisho backup restore", "the device couldn't do it\n")
            .then(self::model(&new_box(), Some(KEY)));
        let (person, model) = play(&Files::new(), model, &["b", "", WORDS, "y"]);
        assert!(person.seen.contains("It wasn't restored"), "{}", person.seen);
        assert!(!model.has_run("sekisho self-test"));
    }
}
