//! First steps (R65): which cable is in which port, then profile and design from a stick.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use crate::{
    Echo,
    console::{CHANGE, Console, LOOK, Left, is_new},
    restore,
    stick::{self, Brought},
};

/// The roles in the order of the labels on the box, with the name that designs give their ports.
const ROLES: [(&str, &str, &str); 4] = [
    ("port1", "LGWAN", "LGWAN"),
    ("port2", "首長部局業務系LAN", "head-office LAN"),
    ("port3", "教育委員会業務系LAN", "education-board LAN"),
    ("port4", "保守用PC", "maintenance PC"),
];

/// How long a lamp blinks at a time, how long a cable is waited for, and how often is looked.
const BLINK_S: &str = "3";
const CABLE: Duration = Duration::from_mins(2);
const EACH: Duration = Duration::from_secs(1);

/// Time to confirm a first design in, and how long its tunnel is waited for.
const CONFIRM_WITHIN: &str = "300s";
const TUNNEL: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize)]
struct Ports {
    ports: Vec<Port>,
}

#[derive(Clone, Debug, Deserialize)]
struct Port {
    name: String,
    slot: String,
    carrier: Option<bool>,
}

pub(crate) fn lead(console: &mut Console<'_>) -> Result<(), Left> {
    if console.status().as_ref().is_some_and(is_new) {
        console.say(
            "初期設定：(1) ポート、(2) USBメモリの接続情報と設計。Ctrl-C で中止します。",
            "First steps: (1) ports, (2) profile and design from a USB stick. Ctrl-C leaves them.",
        );
        name_ports(console)?;
    } else {
        console.say(
            "この装置には設計があります。ポートの割り当ては変えずに、USBメモリの設計を読み込みます。",
            "This box has a design. Its ports keep their names; the stick's design is read.",
        );
    }
    bring(console)
}

/// Lets the person say by cables which port is which.
fn name_ports(console: &mut Console<'_>) -> Result<(), Left> {
    let ports = list(console);
    if ports.is_empty() {
        console.say(
            "ポートが見つかりません。この装置では通信できません。",
            "No port was found. This box can't carry traffic.",
        );
        return Ok(());
    }
    if ports.len() != ROLES.len() {
        let count = ports.len();
        console.say(
            &format!("ポートは{count}個です（通常は4個）。"),
            &format!("This box has {count} ports; four are usual."),
        );
    }
    console.tell("sekisho-ports", &["list"], LOOK);
    let answer = console.ask(
        "この割り当てでよければ Enter、ケーブルで決め直すなら c：",
        "Enter keeps these names, c finds them by cables: ",
        Echo::Shown,
    )?;
    if !answer.eq_ignore_ascii_case("c") {
        return Ok(());
    }
    // A port that is down doesn't see its cable. It has no address, and the closed rules stand.
    for port in &ports {
        let _ = console.run("ip", &["link", "set", &port.name, "up"], LOOK);
    }
    let mut chosen: BTreeMap<&str, String> = BTreeMap::new();
    for (name, ja, en) in ROLES {
        let taken: Vec<&String> = chosen.values().collect();
        let free: Vec<Port> =
            list(console).into_iter().filter(|port| !taken.contains(&&port.slot)).collect();
        if free.is_empty() {
            break;
        }
        if let Some(slot) = find(console, &free, name, ja, en)? {
            chosen.insert(name, slot);
        }
    }
    let wishes: Vec<String> = chosen.iter().map(|(name, slot)| format!("{name}={slot}")).collect();
    for wish in &wishes {
        console.show(&format!("  {wish}\n"));
    }
    if wishes.is_empty() || !console.agreed()? {
        return Ok(());
    }
    let mut words = vec!["set"];
    words.extend(wishes.iter().map(String::as_str));
    console.tell("sekisho-ports", &words, CHANGE);
    let _ = console.run("systemctl", &["restart", "sekisho-first-contact.service"], LOOK);
    Ok(())
}

/// Finds the port that a cable is in: the one that blinks, or the one that a cable was just put into.
fn find(
    console: &mut Console<'_>,
    free: &[Port],
    name: &str,
    ja: &str,
    en: &str,
) -> Result<Option<String>, Left> {
    if let Some(port) = free.iter().find(|port| port.name == name).or(free.first()) {
        let blinks =
            console.run("sekisho-ports", &["blink", &port.slot, "--seconds", BLINK_S], LOOK);
        if blinks.done() {
            let answer = console.ask(
                &format!("{ja}のケーブルを、いま点滅したポートに挿して Enter（別のポートなら o、使わないなら s）："),
                &format!("Plug the cable of the {en} into the port that blinked, then Enter (o: another port, s: none): "),
                Echo::Shown,
            )?;
            match answer.to_ascii_lowercase().as_str() {
                "o" => {}
                "s" => return Ok(None),
                _ => return Ok(Some(port.slot.clone())),
            }
        }
    }
    let answer = console.ask(
        &format!("{ja}のケーブルを抜いて Enter（使わないなら s）："),
        &format!("Take the cable of the {en} out, then Enter (s: there is none): "),
        Echo::Shown,
    )?;
    if answer.eq_ignore_ascii_case("s") {
        return Ok(None);
    }
    let before: Vec<String> = carriers(&list(console));
    console.say(
        &format!("{ja}のケーブルを、使うポートに挿してください。"),
        &format!("Now plug the cable of the {en} into the port that it is for."),
    );
    let mut waited = Duration::ZERO;
    while waited < CABLE {
        console.system.wait(EACH);
        waited += EACH;
        let now = carriers(&list(console));
        let new = now
            .iter()
            .find(|slot| !before.contains(slot) && free.iter().any(|port| port.slot == **slot));
        if let Some(slot) = new {
            console.say(&format!("見つかりました：{slot}"), &format!("Found: {slot}"));
            return Ok(Some(slot.clone()));
        }
    }
    console.say(
        "ケーブルが見つかりません。いまの割り当てのままにします。",
        "No cable was seen. This port keeps its name.",
    );
    Ok(None)
}

fn list(console: &mut Console<'_>) -> Vec<Port> {
    let outcome = console.run("sekisho-ports", &["list", "--format", "json"], LOOK);
    serde_json::from_str::<Ports>(&outcome.output).map(|list| list.ports).unwrap_or_default()
}

/// Slots of the ports that see a cable.
fn carriers(ports: &[Port]) -> Vec<String> {
    let lit = ports.iter().filter(|port| port.carrier == Some(true));
    lit.map(|port| port.slot.clone()).collect()
}

/// Brings profile and design in.
fn bring(console: &mut Console<'_>) -> Result<(), Left> {
    let brought = loop {
        let answer = console.ask(
            "接続情報（platform-profile.toml）と設計（*.toml）のUSBメモリを挿して Enter（控えから戻すなら b、中止は q）：",
            "Put in the stick with platform-profile.toml and the design (*.toml), then Enter (b restores a backup, q leaves): ",
            Echo::Shown,
        )?;
        if answer.eq_ignore_ascii_case("q") {
            return Ok(());
        }
        if answer.eq_ignore_ascii_case("b") {
            return restore::lead(console);
        }
        match stick::fetch(console) {
            Ok(brought) => break brought,
            Err(reason) => console
                .say(&format!("読み込めません：{reason}"), &format!("It can't be read: {reason}")),
        }
    };
    console.say("USBメモリは抜いてかまいません。", "The stick may be taken out.");
    // The operator has issued the profile again, and the design stays.
    let reissue = brought.sites.is_empty() && brought.has_profile && has_design(console);
    let site = if reissue { None } else { choose(console, &brought)? };
    let mut files = match &site {
        Some(site) => vec!["--site", site.as_str()],
        None if reissue => vec!["--site-in-force"],
        None => return Ok(()),
    };
    if brought.has_profile {
        files.extend(["--profile", stick::PROFILE]);
    }
    if brought.has_profile && !reissue {
        let mut words = vec!["check"];
        words.extend(&files);
        words.extend(["--lang", console.language_code()]);
        let checked = console.run("sekisho", &words, CHANGE);
        console.show(&checked.said());
        if !checked.done() {
            console.say(
                "設計に問題があります。直してから、もう一度 9 を選んでください。何も変えていません。",
                "The design breaks rules. Mend it, then choose 9 again. Nothing was changed.",
            );
            return Ok(());
        }
    }
    let mut words = vec!["plan"];
    words.extend(&files);
    if reissue {
        console.say(
            "USBメモリには接続情報だけがあります。今の設計のまま、接続情報を入れ替えます。",
            "The stick has a profile alone: it takes the place of the one in force, and the design stays.",
        );
    }
    console.tell("sekisho", &words, CHANGE);
    console.say("この設計を適用します。", "This design will be put in force.");
    if !console.agreed()? {
        return Ok(());
    }
    let mut words = vec!["apply"];
    words.extend(&files);
    words.extend(["--confirm-within", CONFIRM_WITHIN, "--lang", console.language_code()]);
    let applied = console.run("sekisho", &words, CHANGE);
    console.show(&applied.said());
    if applied.code.is_none() {
        // Nobody knows how far it came.
        console.tell("sekisho", &["rollback"], CHANGE);
    }
    if !applied.done() {
        console.say(
            "適用できませんでした。元のままです。",
            "It wasn't put in force. All is as before.",
        );
        return Ok(());
    }
    if reissue {
        await_tunnel(console);
    }
    console.say(
        "適用しました。この設計を残しますか。答えがなければ5分で元に戻ります。",
        "It is in force. Keep it? Without an answer it is taken back after five minutes.",
    );
    if console.agreed()? {
        console.tell("sekisho", &["confirm"], CHANGE);
        if !reissue {
            show_key(console);
            await_tunnel(console);
        }
    } else {
        console.tell("sekisho", &["rollback"], CHANGE);
    }
    Ok(())
}

fn has_design(console: &mut Console<'_>) -> bool {
    console.status().is_some_and(|status| !is_new(&status))
}

/// Which of the designs that were brought.
fn choose(console: &mut Console<'_>, brought: &Brought) -> Result<Option<String>, Left> {
    if brought.sites.is_empty() {
        console.say(
            "設計のファイル（*.toml）がありません。",
            "There is no design (*.toml) beside the profile.",
        );
        return Ok(None);
    }
    console.pick(&brought.sites)
}

fn show_key(console: &mut Console<'_>) {
    let key = console.run("sekisho", &["key"], LOOK);
    if key.done() {
        let key = key.output.trim();
        console.say(
            &format!("この装置の公開鍵です。機構に登録してください：\n  {key}"),
            &format!("This is the box's public key. The operator registers it:\n  {key}"),
        );
    }
}

/// Says when the tunnel is up; a centre that doesn't know the key yet never answers, so it isn't waited for long.
pub(crate) fn await_tunnel(console: &mut Console<'_>) {
    console.say("トンネルを待っています。", "Waiting for the tunnel.");
    let mut waited = Duration::ZERO;
    while waited < TUNNEL {
        let tunnel = console.status().and_then(|status| status.tunnel);
        if let Some(carrier) = tunnel.and_then(|tunnel| tunnel.carrier) {
            console.say(
                &format!("\nトンネルがつながりました（{carrier}）。"),
                &format!("\nThe tunnel is up ({carrier})."),
            );
            return;
        }
        console.show(".");
        console.system.wait(2 * EACH);
        waited += 2 * EACH;
    }
    console.say(
        "\nまだつながりません。公開鍵の登録と LGWAN のケーブルを確かめ、1 で状態を見てください。",
        "\nIt isn't up yet. See that the key is registered and LGWAN's cable is in; 1 shows the status.",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        End,
        script::{Files, Model, Person, WithStick, new_box, status},
    };

    /// Four ports, of which these have a cable.
    fn ports(lit: &[usize]) -> String {
        let port = |number: usize| {
            let carrier = lit.contains(&number);
            format!(
                r#"{{"name":"port{number}","slot":"pci-{number}","mac":null,"driver":"x","carrier":{carrier}}}"#
            )
        };
        let ports: Vec<String> = (1..=4).map(port).collect();
        format!(r#"{{"ports":[{}],"remarks":[]}}"#, ports.join(","))
    }

    const STICK: &str = r#"{"blockdevices":[{"path":"/dev/sdb","fstype":"vfat","tran":"usb"}]}"#;
    const NO_STICK: &str = r#"{"blockdevices":[]}"#;

    fn play(model: Model, brings: &[&str], lines: &[&str]) -> (String, Model) {
        let files = Files::new();
        let mut person = Person::typing(lines);
        let mut system = WithStick { model, files: &files, brings };
        let console = Console::new(
            &mut person,
            &mut system,
            &files.places,
            sekisho_design::Language::English,
        );
        assert_eq!(console.serve(), End::Closed);
        (person.seen, system.model)
    }

    fn first_boot() -> Model {
        Model::default()
            .answer("sekisho-ports list --format json", &[&ports(&[])])
            .answer("sekisho-ports list", &["port1 …\n"])
            .answer("lsblk", &[NO_STICK, STICK])
            .answer("mount", &[""])
            .answer("umount", &[""])
            .answer("sekisho check", &["accepted\n"])
            .answer("sekisho plan", &["a first design\n"])
            .answer("sekisho apply", &["in force\n"])
            .answer("sekisho confirm", &["kept\n"])
            .answer("sekisho rollback", &["taken back\n"])
            .answer("sekisho key", &["KEY=\n"])
    }

    const FILES: [&str; 2] = [stick::PROFILE, "site.toml"];

    #[test]
    fn a_first_boot_leads_from_the_stick_to_a_kept_design() {
        let model = first_boot().answer("sekisho status", &[&new_box()]);
        // No stick at first; then one.
        let (seen, model) = play(model, &FILES, &["9", "", "", "", "y", "y"]);
        for said in
            ["no USB stick", "a first design", "in force", "kept", "KEY=", "It isn't up yet"]
        {
            assert!(seen.contains(said), "{said}: {seen}");
        }
        assert!(model.has_run(
            "sekisho apply --site site.toml --profile platform-profile.toml --confirm-within 300s"
        ));
        assert!(model.has_run("umount") && !model.has_run("sekisho-ports set"));
        assert!(model.waited >= TUNNEL, "{:?}", model.waited);
    }

    #[test]
    fn a_design_that_is_not_kept_is_taken_back_at_once() {
        let model = first_boot().answer("sekisho status", &[&new_box()]);
        let (seen, model) = play(model, &FILES, &["9", "", "", "", "y", "n"]);
        assert!(model.has_run("sekisho rollback") && !model.has_run("sekisho confirm"), "{seen}");
    }

    #[test]
    fn what_breaks_rules_or_fails_changes_nothing() {
        let check = Model::default().refuse("sekisho check", "ADDR-03 …\n");
        let apply = Model::default().refuse("sekisho apply", "the device couldn't do it\n");
        for (refusing, said) in [(check, "Mend it"), (apply, "All is as before")] {
            let model = refusing.answer("sekisho status", &[&new_box()]).then(first_boot());
            let (seen, model) = play(model, &FILES, &["9", "", "", "", "y", "y"]);
            assert!(seen.contains(said), "{said}: {seen}");
            assert!(!model.has_run("sekisho confirm") && !model.has_run("sekisho rollback"));
        }
    }

    #[test]
    fn an_apply_without_an_end_is_taken_back() {
        let model = Model::default()
            .answer("sekisho status", &[&new_box()])
            .hang("sekisho apply")
            .then(first_boot());
        let (seen, model) = play(model, &FILES, &["9", "", "", "", "y"]);
        assert!(model.has_run("sekisho rollback") && !model.has_run("sekisho confirm"), "{seen}");
    }

    #[test]
    fn one_of_several_designs_is_chosen_and_without_a_profile_the_one_in_force_counts() {
        let model = first_boot().answer("sekisho status", &[&status(2, "null")]);
        let (seen, model) = play(model, &["a.toml", "b.toml"], &["9", "", "", "2", "n"]);
        assert!(seen.contains("Its ports keep their names"), "{seen}");
        assert!(model.has_run("sekisho plan --site b.toml --lang en"), "{:?}", model.ran);
        let model = first_boot().answer("sekisho status", &[&status(2, "null")]);
        let (seen, model) = play(model, &["a.toml", "b.toml"], &["9", "", "", "3"]);
        assert!(seen.contains("no such number") && !model.has_run("sekisho plan"), "{seen}");
    }

    #[test]
    fn a_profile_alone_takes_the_place_of_the_one_in_force() {
        let with_tunnel = status(2, "null").replace(
            r#""tunnel":null"#,
            r#""tunnel":{"carrier":"east","cut_off":false,"centres":[]}"#,
        );
        for (kept, last) in [("y", "sekisho confirm"), ("n", "sekisho rollback")] {
            let model = first_boot().answer("sekisho status", &[&with_tunnel]);
            let (seen, model) = play(model, &[stick::PROFILE], &["9", "", "", "y", kept]);
            let files = "--site-in-force --profile platform-profile.toml";
            assert!(
                model.has_run(&format!("sekisho apply {files} --confirm-within 300s")),
                "{seen}"
            );
            assert!(!model.has_run("sekisho check") && model.has_run(last), "{:?}", model.ran);
            let [up, keep] = ["The tunnel is up (east)", "Keep it?"].map(|said| seen.find(said));
            assert!(up.is_some() && up < keep, "{seen}");
        }
        let model = first_boot().answer("sekisho status", &[&new_box()]);
        let (seen, model) = play(model, &[stick::PROFILE], &["9", "", "", "", "y"]);
        assert!(seen.contains("There is no design") && !model.has_run("sekisho apply"), "{seen}");
    }

    #[test]
    fn ports_are_found_by_lamp_or_by_cable() {
        let model = Model::default()
            .answer("sekisho status", &[&new_box()])
            // Before; in the loop for each role, and what cables show: the second role's cable goes into port 4.
            .answer(
                "sekisho-ports list --format json",
                &[&ports(&[]), &ports(&[]), &ports(&[]), &ports(&[]), &ports(&[4]), &ports(&[4])],
            )
            .answer("sekisho-ports blink pci-1", &[""])
            .then(first_boot());
        let lines = ["9", "c", "", "", "s", "s", "y", "q"];
        let (seen, model) = play(model, &FILES, &lines);
        assert!(
            model.has_run("sekisho-ports set port1=pci-1 port2=pci-4 --lang en"),
            "{:?}\n{seen}",
            model.ran
        );
        assert!(model.has_run("ip link set port3 up"));
        assert!(model.has_run("systemctl restart sekisho-first-contact.service"));
    }

    #[test]
    fn a_cable_that_never_comes_is_not_waited_for_for_ever() {
        let model = first_boot().answer("sekisho status", &[&new_box()]);
        let (seen, model) = play(model, &FILES, &["9", "c", "", "s", "s", "s", "q"]);
        assert!(seen.contains("No cable was seen") && model.waited == CABLE, "{seen}");
        assert!(!model.has_run("sekisho-ports set"));
    }

    #[test]
    fn a_box_without_ports_still_takes_a_design() {
        let model = Model::default()
            .answer("sekisho status", &[&new_box()])
            .answer("sekisho-ports list --format json", &[r#"{"ports":[],"remarks":[]}"#])
            .then(first_boot());
        let (seen, _) = play(model, &FILES, &["9", "", "", "n"]);
        assert!(seen.contains("No port was found") && seen.contains("a first design"), "{seen}");
    }
}
