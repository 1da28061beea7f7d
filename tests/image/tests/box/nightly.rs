//! The nightly backup, onto sticks as they come: good, protected, full, crowded, spoilt, hostile, and pulled out.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use sekisho_capsule::{Fault, Unlock};
use sekisho_image_tests::{
    Machine, Plugged, cut_off, ext4_stick, fat_stick, file_on, names_on, put_on, spoil,
};
use sekisho_lab::{Lab, PROFILE};
use serde_json::Value;

use crate::{
    bench::{self, COMMAND, Stage, apply_by_shell, file, fresh_file, from},
    page_updates::Clerk,
};

/// The pair of keys in the age library's own documentation.
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

/// What the timer starts.
const UNIT: &str = "sekisho-backup.service";
/// Backups that stay on a stick, as the manual says, and those that stay where there is no room.
const KEPT: usize = 14;
const FEWEST: usize = 3;
/// The most that a night may take on a stick with ten thousand files.
const CROWDED: Duration = Duration::from_mins(1);
/// For the kernel to give a stick up that is pulled out.
const GIVEN_UP: Duration = Duration::from_mins(3);
const PASSWORD: &str = "kawa no nagare wa taezu shite";

/// What the status says where a night has none, but for details.
const NO_STICK: &str = "USBメモリがありません";
const NO_FILE_SYSTEM: &str = "USBメモリの中身の形式を、装置が読めません";
const NO_ROOM: &str = "USBメモリに空きがありません";
const NOT_WRITTEN: &str = "USBメモリに書き込めません";

/// One box in service through many nights. Each that fails is told on the status, the console, the page and in the log, and hurts
/// nothing else; the next good one ends that.
pub(crate) fn a_night_writes_a_capsule_to_the_stick() -> anyhow::Result<()> {
    from(Stage::Service, |bench| {
        let site = with_recipient(&bench.lab)?;
        bench.rebuilt(|machine, lab| {
            let begun = Instant::now();
            let mut nights = Nights::begin(machine, lab, &site)?;
            let good = nights.good(&site)?;
            nights.none()?;
            nights.protected()?;
            nights.full(&good)?;
            nights.crowded()?;
            nights.spoilt()?;
            nights.hostile()?;
            nights.pulled()?;
            println!("all nights: {:.0} s", begun.elapsed().as_secs_f64());
            Ok(())
        })
    })
}

/// The site's files, with a recipient.
fn with_recipient(lab: &Lab) -> anyhow::Result<[PathBuf; 2]> {
    let folder = file("nightly-site");
    fs::create_dir_all(&folder)?;
    let [site, profile] = ["site.toml", PROFILE].map(|name| folder.join(name));
    let text = fs::read_to_string(lab.site().join("site.toml"))?;
    fs::write(&site, format!("{text}\n[backup]\nrecipient = \"{RECIPIENT}\"\n"))?;
    fs::copy(lab.site().join(PROFILE), &profile)?;
    Ok([site, profile])
}

/// The box, what its nightly backups are called, and who looks at the page.
struct Nights<'a> {
    machine: &'a mut Machine,
    lab: &'a Lab,
    clerk: Clerk<'a>,
    /// Before the day.
    stem: String,
    today: String,
}

impl<'a> Nights<'a> {
    /// Brings the design with the recipient in, by a stick that stays in.
    fn begin(machine: &'a mut Machine, lab: &'a Lab, site: &[PathBuf; 2]) -> anyhow::Result<Self> {
        machine.monitor.unplug("stick")?;
        let gone = "timeout 60 sh -c 'while [ -e /dev/disk/by-label/SITE ]; do sleep 1; done'";
        machine.shell.must(gone, 2 * COMMAND)?;
        let raw = fresh_file("nightly-good.raw")?;
        fat_stick(&raw, "SITE", 16)?;
        put_on(&raw, site)?;
        machine.monitor.plug("good", &raw, Plugged::Usual)?;
        wait_for_stick(machine, "SITE")?;
        apply_by_shell(&mut machine.shell)?;
        let told = machine.shell.must("sekisho identity --format json", COMMAND)?;
        let told: Value = serde_json::from_str(&told)?;
        let serial = told["serial"].as_str().context("no serial")?;
        let stem = format!("sekisho-nightly-011002-{serial}-");
        // Japan's day.
        let today = machine.shell.must("date -u -d '9 hours' +%Y%m%d", COMMAND)?;
        let initial = machine.shell.must("cat /var/lib/sekisho-box/initial-password", COMMAND)?;
        let mut clerk = Clerk::at(lab)?;
        clerk.sign_in(initial.trim())?;
        let words = format!(r#"{{"old":"{}","new":"{PASSWORD}"}}"#, initial.trim());
        clerk.signed_in(&clerk.post("password", &words)?)?;
        Ok(Self { machine, lab, clerk, stem, today })
    }

    fn name(&self, day: &str) -> String {
        format!("{}{day}.age", self.stem)
    }

    /// Two nights on a good stick, with two weeks of earlier ones between them; the capsule.
    fn good(&mut self, site: &[PathBuf; 2]) -> anyhow::Result<Vec<u8>> {
        let raw = file("nightly-good.raw");
        self.succeeds("good")?;
        self.machine.monitor.pull("good")?;
        let name = self.name(&self.today);
        let names = names_on(&raw)?;
        ensure!(names.contains(&name) && names.len() == 3, "{name} isn't alone: {names:?}");
        let first = file_on(&raw, &name)?;
        self.ensure_whole(&first, site)?;

        // That night becomes yesterday's, and two weeks lie before it; another box's is nobody's to remove.
        let theirs = "sekisho-nightly-011002-fedcba9876543210-20260101.age";
        put(&raw, &self.name("20261001"), &first)?;
        for day in 1..=KEPT {
            put(&raw, &self.name(&format!("202601{day:02}")), b"earlier")?;
        }
        put(&raw, theirs, b"theirs")?;
        put(&raw, &format!(".{}.new", self.name("20260115")), b"half")?;
        self.plug("again", &raw, "SITE", Plugged::Usual)?;
        self.succeeds("again")?;
        self.machine.monitor.pull("again")?;
        let names = names_on(&raw)?;
        let own: Vec<_> = names.iter().filter(|name| name.starts_with(&self.stem)).collect();
        ensure!(own.len() == KEPT, "{own:?}");
        ensure!(own[0].ends_with("20260103.age"), "the newest stay: {own:?}");
        ensure!(names.iter().any(|name| name == theirs) && names.len() == KEPT + 3, "{names:?}");
        ensure!(file_on(&raw, &self.name("20261001"))? == first, "the first night is lost");
        let second = file_on(&raw, &name)?;
        self.ensure_whole(&second, site)?;
        ensure!(second != first, "nothing was written in the second night");
        Ok(first)
    }

    fn none(&mut self) -> anyhow::Result<()> {
        self.fails("none", NO_STICK, &[])
    }

    /// What a switch on the stick protects is left as it is.
    fn protected(&mut self) -> anyhow::Result<()> {
        let raw = fresh_file("nightly-protected.raw")?;
        fat_stick(&raw, "PROTECTED", 16)?;
        put(&raw, &self.name("20260101"), b"earlier")?;
        let before = fs::read(&raw)?;
        self.plug("protected", &raw, "PROTECTED", Plugged::Protected)?;
        self.fails("protected", NOT_WRITTEN, &["PROTECTED", "Read-only file system"])?;
        self.machine.monitor.pull("protected")?;
        ensure!(fs::read(&raw)? == before, "a protected stick was written");
        Ok(())
    }

    /// Full of others' files, so that nothing is gained by removing earlier nights; then full of these.
    fn full(&mut self, capsule: &[u8]) -> anyhow::Result<()> {
        let raw = fresh_file("nightly-full.raw")?;
        fat_stick(&raw, "FULL", 16)?;
        for day in 1..=5 {
            put(&raw, &self.name(&format!("2026010{day}")), capsule)?;
        }
        let filled = fill(&raw)?;
        self.plug("full", &raw, "FULL", Plugged::Usual)?;
        self.fails("full", NO_ROOM, &["FULL"])?;
        self.machine.monitor.pull("full")?;
        ensure!(names_on(&raw)? == filled, "{:?}", names_on(&raw)?);
        for day in 1..=5 {
            let name = self.name(&format!("2026010{day}"));
            ensure!(file_on(&raw, &name)? == capsule, "{name} is damaged");
        }

        let raw = fresh_file("nightly-own.raw")?;
        fat_stick(&raw, "OWN", 16)?;
        for day in 1..=9 {
            put(&raw, &self.name(&format!("2026010{day}")), &vec![0; 30 << 10])?;
        }
        fill(&raw)?;
        self.plug("own", &raw, "OWN", Plugged::Usual)?;
        self.succeeds("own")?;
        self.machine.monitor.pull("own")?;
        let names = names_on(&raw)?;
        let own: Vec<_> = names.iter().filter(|name| name.starts_with(&self.stem)).collect();
        ensure!(own.len() > FEWEST && own.len() < 9, "{own:?}");
        ensure!(own.iter().any(|name| name.ends_with("20260109.age")), "{own:?}");
        ensure!(own.contains(&&self.name(&self.today)), "{own:?}");
        Ok(())
    }

    /// Ten thousand photos.
    fn crowded(&mut self) -> anyhow::Result<()> {
        let raw = fresh_file("nightly-crowded.raw")?;
        fat_stick(&raw, "CROWDED", 64)?;
        let folder = file("nightly-photos");
        fs::create_dir_all(&folder)?;
        let photos: Vec<_> =
            (0..10_000).map(|number| folder.join(format!("P{number:07}.JPG"))).collect();
        for photo in &photos {
            fs::write(photo, "")?;
        }
        let begun = Instant::now();
        photos.chunks(1000).try_for_each(|some| put_on(&raw, some))?;
        println!("ten thousand files were made in {:.0} s", begun.elapsed().as_secs_f64());
        fs::remove_dir_all(&folder)?;
        self.plug("crowded", &raw, "CROWDED", Plugged::Usual)?;
        let took = self.succeeds("crowded")?;
        ensure!(took <= CROWDED, "{took:?} for a stick with 10,000 files");
        self.machine.monitor.pull("crowded")?;
        let names = names_on(&raw)?;
        ensure!(
            names.len() == 10_001 && names.contains(&self.name(&self.today)),
            "{}",
            names.len()
        );
        Ok(())
    }

    /// Noise; a file system without its end; and a FAT whose tables are noise.
    fn spoilt(&mut self) -> anyhow::Result<()> {
        let noise = noise(8 << 20);
        let raw = fresh_file("nightly-noise.raw")?;
        fs::write(&raw, &noise)?;
        self.plug("noise", &raw, "", Plugged::Usual)?;
        self.fails("noise", NO_FILE_SYSTEM, &["/dev/sd"])?;
        self.machine.monitor.pull("noise")?;
        ensure!(fs::read(&raw)? == noise, "a stick that isn't ours to format was written");

        let raw = fresh_file("nightly-cut.raw")?;
        let folder = tempfile::tempdir()?;
        ext4_stick(&raw, "CUT", 32, folder.path())?;
        cut_off(&raw, 8 << 20)?;
        self.plug("cut", &raw, "CUT", Plugged::Usual)?;
        self.fails("cut", NOT_WRITTEN, &["CUT"])?;
        self.machine.monitor.pull("cut")?;

        let raw = fresh_file("nightly-tables.raw")?;
        fat_stick(&raw, "TABLES", 16)?;
        // All but the boot sector, up to where the files begin.
        spoil(&raw, 2048, &noise[..128 << 10])?;
        self.plug("tables", &raw, "", Plugged::Usual)?;
        let (code, took) = self.night("tables")?;
        ensure!(took <= CROWDED, "{took:?}");
        println!("FAT with noise for tables: {}", self.reading()?["sentence"]["en"]);
        ensure!(code == 0 || self.reading()?["alarm"] == true, "it failed, and nobody is told");
        self.machine.monitor.pull("tables")?;
        self.ensure_well(&[UNIT])
    }

    /// An ext4 stick whose maker knows how this night's file is called.
    fn hostile(&mut self) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let within = |name: &str| folder.path().join(name);
        let (name, aim) = (self.name(&self.today), "/run/aim");
        for link in [name.clone(), format!(".{name}.new")] {
            symlink(aim, within(&link))?;
        }
        symlink("/run", within(&self.name("20200101")))?;
        symlink("/etc/shadow", within(&format!(".{}.new", self.name("20200102"))))?;
        for name in ["-rf.age", "a\nb.age", "\u{1b}[2J.age", "$(reboot).age", "..age", "--help"] {
            fs::write(within(name), "theirs")?;
        }
        let raw = fresh_file("nightly-hostile.raw")?;
        ext4_stick(&raw, "HOSTILE", 16, folder.path())?;
        let count = fs::read_dir(folder.path())?.count();
        self.machine.shell.must(&format!("echo kept >{aim}"), COMMAND)?;
        self.plug("hostile", &raw, "HOSTILE", Plugged::Usual)?;
        self.succeeds("hostile")?;
        let look = format!(
            "mkdir -p /run/look && mount -o ro /dev/disk/by-label/HOSTILE /run/look && \
             cat {aim} && stat -c %F /run/look/{name} && \
             find /run/look -mindepth 1 -maxdepth 1 -printf x | wc -c && \
             head -c 21 /run/look/{name}; umount /run/look"
        );
        let said = self.machine.shell.must(&look, COMMAND)?;
        // The stick's own lost+found is one more, the link beside made way, and the other links stay.
        let expected = format!("kept\nregular file\n{count}\nage-encryption.org/v1");
        ensure!(said == expected, "{said} instead of {expected}");
        self.machine.monitor.pull("hostile")
    }

    /// Pulled out while it is written; the next night finds the same stick in its place.
    fn pulled(&mut self) -> anyhow::Result<()> {
        let raw = fresh_file("nightly-pulled.raw")?;
        fat_stick(&raw, "PULLED", 16)?;
        put(&raw, &self.name("20260101"), b"earlier")?;
        self.plug("pulled", &raw, "PULLED", Plugged::Slow)?;
        let mounted = format!(
            "systemctl start --no-block {UNIT}; timeout 60 sh -c 'until grep -q nightly \
             /proc/$(systemctl show -p MainPID --value {UNIT})/mounts; do :; done'; sleep 2; \
             systemctl is-active {UNIT}"
        );
        let (_, said) = self.machine.shell.run(&mounted, 2 * COMMAND)?;
        ensure!(said.ends_with("activating"), "it is over before the stick is pulled: {said}");
        let begun = Instant::now();
        self.machine.monitor.pull("pulled")?;
        let ended =
            format!("while [ $(systemctl is-active {UNIT}) = activating ]; do sleep 1; done");
        self.machine.shell.must(&ended, GIVEN_UP)?;
        println!("pulled: given up after {:.0} s", begun.elapsed().as_secs_f64());
        self.ensure_told(NOT_WRITTEN, &["PULLED"])?;
        self.ensure_well(&[UNIT])?;
        ensure!(file_on(&raw, &self.name("20260101"))? == b"earlier", "the earlier one is lost");

        self.plug("back", &raw, "PULLED", Plugged::Usual)?;
        self.succeeds("back")?;
        self.machine.monitor.pull("back")?;
        let names = names_on(&raw)?;
        ensure!(names == [self.name("20260101"), self.name(&self.today)], "{names:?}");
        let magic = file_on(&raw, &self.name(&self.today))?;
        ensure!(magic.starts_with(b"age-encryption.org/v1"), "half a capsule");
        bench::traffic(self.lab)
    }

    /// Plugs a stick in, and waits until the box has seen its label.
    fn plug(&mut self, name: &str, raw: &Path, label: &str, how: Plugged) -> anyhow::Result<()> {
        self.machine.monitor.plug(name, raw, how)?;
        wait_for_stick(self.machine, label)
    }

    /// A night as the timer begins it: how the unit ended, and the time that it took.
    fn night(&mut self, of: &str) -> anyhow::Result<(i32, Duration)> {
        let night = format!(
            "b=$(cut -d. -f1 /proc/uptime); systemctl start {UNIT} 2>/dev/null; c=$?; \
             echo took $(($(cut -d. -f1 /proc/uptime) - b)); ( exit $c )"
        );
        let (code, said) = self.machine.shell.run(&night, 4 * COMMAND)?;
        let seconds = said.rsplit("took ").next().and_then(|word| word.trim().parse().ok());
        let seconds = seconds.with_context(|| said.clone())?;
        println!("night '{of}': {seconds} s, code {code}");
        Ok((code, Duration::from_secs(seconds)))
    }

    /// A night that leaves a backup; nothing is failed after.
    fn succeeds(&mut self, of: &str) -> anyhow::Result<Duration> {
        let (code, took) = self.night(of)?;
        let log = self.log()?;
        ensure!(code == 0 && log.contains(&self.name(&self.today)), "{of}: {code}\n{log}");
        let reading = self.reading()?;
        ensure!(reading["alarm"] == false, "{of}: {reading}");
        self.ensure_well(&[])?;
        Ok(took)
    }

    /// A night without one, that is told with these words and details.
    fn fails(&mut self, of: &str, words: &str, details: &[&str]) -> anyhow::Result<()> {
        let (code, _) = self.night(of)?;
        ensure!(code != 0, "{of}: there is a backup all the same");
        self.ensure_told(words, details).with_context(|| of.to_owned())?;
        self.ensure_well(&[UNIT]).with_context(|| of.to_owned())
    }

    /// Where the manual says that a failure is seen: the status, the console, the page; and the log of the unit.
    fn ensure_told(&mut self, words: &str, details: &[&str]) -> anyhow::Result<()> {
        let reading = self.reading()?;
        let sentence = reading["sentence"]["ja"].as_str().unwrap_or_default().to_owned();
        println!("told: {sentence}");
        ensure!(reading["alarm"] == true && sentence.contains(words), "{reading}");
        ensure!(details.iter().all(|detail| sentence.contains(detail)), "{details:?}: {sentence}");
        let way_out = reading["way_out"]["ja"].as_str().context("no way out")?;
        let text = self.machine.shell.must("sekisho status --lang ja", COMMAND)?;
        ensure!(text.contains(words) && text.contains(way_out), "status: {text}");

        let console = &mut self.machine.console;
        console.send("")?;
        console.expect("E English", COMMAND)?;
        console.settle();
        console.send("1")?;
        console.expect(words, COMMAND)?;
        console.expect("E English", COMMAND)?;

        let page = self.clerk.get("status")?;
        let on_page = page.to_string();
        ensure!(on_page.contains(words), "page: {on_page}");
        let log = self.log()?;
        ensure!(log.contains("the night has no backup: "), "log: {log}");
        Ok(())
    }

    /// The alarm, or the day of the last backup.
    fn reading(&mut self) -> anyhow::Result<Value> {
        let status = bench::status(&mut self.machine.shell)?;
        let health = status["health"].as_array().context("no health")?;
        let found = health.iter().find(|reading| reading["of"] == "backup");
        found.cloned().with_context(|| format!("no reading: {status}"))
    }

    fn log(&mut self) -> anyhow::Result<String> {
        let last = format!(
            "journalctl -o cat --no-pager \
             _SYSTEMD_INVOCATION_ID=$(systemctl show -p InvocationID --value {UNIT})"
        );
        self.machine.shell.must(&last, COMMAND)
    }

    /// The box goes on: no other unit is failed, nothing of a stick stays mounted, and traffic passes.
    fn ensure_well(&mut self, failed: &[&str]) -> anyhow::Result<()> {
        let shell = &mut self.machine.shell;
        let said = shell.must("systemctl --failed --no-legend --plain", COMMAND)?;
        let units = said.lines().filter_map(|line| line.split_whitespace().next());
        let units: Vec<_> = units.collect();
        ensure!(units == failed, "failed units: {units:?}");
        let (_, mounts) = shell.run("grep -h nightly /proc/*/mounts 2>/dev/null", COMMAND)?;
        ensure!(mounts.is_empty(), "left mounted: {mounts}");
        bench::traffic(self.lab)
    }

    /// Only the recipient's key opens it; the design and the users are in it, the identity never.
    fn ensure_whole(&self, capsule: &[u8], [site, profile]: &[PathBuf; 2]) -> anyhow::Result<()> {
        let told = |fault: Fault| anyhow!("{}", fault.sentence().en);
        let key = Unlock::Key(IDENTITY.parse().map_err(told)?);
        let opened = sekisho_capsule::open(capsule, &key).map_err(told)?;
        ensure!(opened.site == fs::read_to_string(site)?, "another design: {}", opened.site);
        ensure!(opened.profile == fs::read_to_string(profile)?, "another profile");
        ensure!(opened.identity.is_none(), "the identity is in it");
        let users = opened.users().map_err(told)?.context("no users are in it")?;
        ensure!(users.iter().any(|user| user.name == "admin"), "{users:?}");
        ensure!(self.stem.contains(&opened.serial), "of {}", opened.serial);
        Ok(())
    }
}

/// Fills a stick, with halves of what there is room for; its names then.
fn fill(raw: &Path) -> anyhow::Result<Vec<String>> {
    for power in (9..24).rev() {
        let filler = file(&format!("FILLER{power}.BIN"));
        fs::File::create(&filler)?.set_len(1 << power)?;
        // One that doesn't go in is followed by one that is half as large.
        drop(put_on(raw, std::slice::from_ref(&filler)));
        fs::remove_file(&filler)?;
    }
    names_on(raw)
}

/// Waits until the box has seen a stick, by its label where it has one.
fn wait_for_stick(machine: &mut Machine, label: &str) -> anyhow::Result<()> {
    let seen = if label.is_empty() {
        "lsblk -no TRAN | grep -q usb".to_owned()
    } else {
        format!("[ -e /dev/disk/by-label/{label} ]")
    };
    let wait = format!("timeout 60 sh -c 'until {seen}; do sleep 1; done; udevadm settle'");
    machine.shell.must(&wait, 2 * COMMAND)?;
    Ok(())
}

/// Puts one file onto a stick.
fn put(raw: &Path, name: &str, contents: &[u8]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    fs::write(&path, contents)?;
    put_on(raw, &[path])
}

/// Bytes without any order, the same each time.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(size).collect()
}
