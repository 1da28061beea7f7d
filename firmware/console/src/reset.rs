//! Factory reset: what is about to be erased is written down for the person, then the next start erases it.

use std::fs;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use sekisho_host::files;

use crate::{
    Echo,
    console::{Console, LOOK, Left, read_line},
};

/// What has to be typed.
const WORD: &str = "ERASE";

/// What the start of the box looks for.
const ASKED: &str = "factory-reset";

pub(crate) fn ask(console: &mut Console<'_>) -> Result<(), Left> {
    console.say(
        "工場出荷状態に戻します。鍵・利用者・設計・記録・ポートの割り当てをすべて消去します。\n\
         トンネルの鍵は作り直され、機構への登録も改めて必要です。元には戻せません。",
        "The box goes back to how it left the factory. Keys, users, designs, logs and the ports' names are \
         erased.\nThe tunnel gets a new key, which the operator has to register. There is no way back.",
    );
    if !console.agreed()? {
        return Ok(());
    }
    let answer = console.ask(
        &format!("消去するには {WORD} と入力してください："),
        &format!("Type {WORD} to erase: "),
        Echo::Shown,
    )?;
    if answer != WORD {
        console.say("何も変えていません。", "Nothing was changed.");
        return Ok(());
    }
    let record = record(console);
    let asked = console.places.boot.join(ASKED);
    // The boot partition isn't erased: what lies there says nothing of the box.
    if let Err(fault) = files::write(&asked, b"asked for\n", 0o600) {
        console.say(
            &format!("消去を予約できません（{fault}）。何も消していません。"),
            &format!("The reset can't be asked for ({fault}). Nothing was erased."),
        );
        return Ok(());
    }
    console.show(&record);
    console.say(
        "上の記録を保存してください。再起動して消去します。終わるまで電源を切らないでください。",
        "Keep the record above. The box restarts and erases. Leave the power on until it is done.",
    );
    let outcome = console.go_down();
    if outcome.is_ok() {
        // It stays up; nobody should find it erased at some later start without being told.
        let _ = fs::remove_file(&asked);
        console.say("消去の予約を取り消しました。", "The reset was taken back.");
    }
    outcome
}

/// What is erased, when, and of which box; in one form, whatever language.
fn record(console: &mut Console<'_>) -> String {
    let status = console.status();
    let key = console.run("sekisho", &["key"], LOOK);
    let key = if key.done() { key.output.trim().to_owned() } else { "unknown".to_owned() };
    let (version, generation, site) = status.map_or_else(
        || ("unknown".to_owned(), "unknown".to_owned(), "unknown".to_owned()),
        |status| {
            let site = status.site.map_or_else(
                || "none".to_owned(),
                |site| format!("{} ({})", site.name, site.organisation),
            );
            (status.version, status.generation.to_string(), site)
        },
    );
    let id = read_line(std::path::Path::new("/etc/machine-id")).unwrap_or_default();
    let body = format!(
        "Sekisho: record of erasure / 消去記録\n\
         time / 時刻: {}\n\
         machine / 装置: {id}\n\
         version / 版: {version}\n\
         site / 団体: {site}\n\
         generation / 世代: {generation}\n\
         public key / 公開鍵: {key}\n\
         erased / 消去対象: tunnel key, users, designs, logs, port names / 鍵・利用者・設計・記録・ポート割り当て\n",
        Timestamp::now(),
    );
    let sum = digest(&SHA256, body.as_bytes());
    let sum = sum.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("\n{body}SHA-256: {sum}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        End,
        script::{Files, Model, Person, status},
    };

    fn model() -> Model {
        Model::default()
            .answer("sekisho status", &[&status(7, "null")])
            .answer("sekisho key", &["esfCpGUPcRrmYpu/wK8Gl7D8RmPbtfno8XJVriBr/R0=\n"])
    }

    #[test]
    fn a_reset_prints_its_record_and_asks_the_next_start() {
        let files = Files::new();
        let (mut person, mut model) =
            (Person::typing(&["7", "y", WORD]), model().answer("systemctl reboot", &[""]));
        assert_eq!(files.serve(&mut person, &mut model), End::Down);
        let record = &person.seen[person.seen.find("Sekisho: record of erasure").unwrap()..];
        for said in ["generation / 世代: 7", "esfCpGUPcRrmYpu", "SHA-256: "] {
            assert!(record.contains(said), "{said}: {record}");
        }
        let (body, rest) = record.split_once("SHA-256: ").unwrap();
        let right = digest(&SHA256, body.as_bytes());
        let right =
            right.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        assert_eq!(rest.split_whitespace().next(), Some(right.as_str()));
        let asked = fs::read_to_string(files.places.boot.join(ASKED)).unwrap();
        assert_eq!(asked, "asked for\n", "nothing of the box outlives its reset");
    }

    #[test]
    fn nothing_is_asked_for_without_both_answers() {
        for answers in [&["7", "n"][..], &["7", "y", "erase"], &["7", "y", ""], &["7"]] {
            let files = Files::new();
            let mut model = model().answer("systemctl reboot", &[""]);
            assert_eq!(files.serve(&mut Person::typing(answers), &mut model), End::Closed);
            assert!(!files.places.boot.join(ASKED).exists() && !model.has_run("systemctl"));
        }
    }

    #[test]
    fn a_box_that_stays_up_is_not_erased_later() {
        let files = Files::new();
        let mut person = Person::typing(&["7", "y", WORD]);
        assert_eq!(files.serve(&mut person, &mut model()), End::Closed);
        assert!(!files.places.boot.join(ASKED).exists());
        assert!(person.seen.contains("The reset was taken back"), "{}", person.seen);
    }

    #[test]
    fn a_boot_partition_that_refuses_is_said() {
        let files = Files::new();
        fs::remove_dir_all(&files.places.boot).unwrap();
        let (mut person, mut model) =
            (Person::typing(&["7", "y", WORD]), model().answer("systemctl reboot", &[""]));
        assert_eq!(files.serve(&mut person, &mut model), End::Closed);
        assert!(person.seen.contains("Nothing was erased"), "{}", person.seen);
        assert!(!model.has_run("systemctl"));
    }
}
