//! The lab with a machine in the device's place, and how far it has come.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail, ensure};
use sekisho_image_tests::{
    Cache, Console, Firmware, Machine, Settings, Shell, image, overlay, stick,
};
use sekisho_lab::{Capture, Extent, Lab, PLATFORM_WEB, PROFILE, Recording, sample};
use serde_json::Value;

use crate::chatter::Chatter;

/// Folder of disks and logs; the logs stay for whoever reads a failure.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
const SITE: &str = "1-office";
/// Up to the console's first screen, under emulation on a busy machine.
pub(crate) const BOOT: Duration = Duration::from_mins(6);
/// Up to a centre that carries, once a design is in force.
pub(crate) const CARRIER: Duration = Duration::from_mins(2);
/// For commands in the box.
pub(crate) const COMMAND: Duration = Duration::from_mins(1);
/// What the console's first screen begins with.
pub(crate) const FIRST_SCREEN: &str = "Sekisho 関所";

/// How far the shared machine has come. Each has a snapshot of its name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Stage {
    /// Booted, closed, no design.
    Closed,
    /// The site's design is in force and a centre carries.
    Service,
}

impl Stage {
    pub(crate) fn snapshot(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Service => "service",
        }
    }
}

/// The shared machine with its lab.
pub(crate) struct Bench {
    // Dropped in this order: the machine goes before the taps.
    pub(crate) machine: Machine,
    pub(crate) lab: Lab,
    pub(crate) taps: BTreeMap<&'static str, &'static str>,
    /// What every port carried from power-on to the first screen, by port.
    pub(crate) from_power_on: BTreeMap<&'static str, Recording>,
    pub(crate) key: String,
    settings: Settings,
    reached: Stage,
    /// The machine has just been booted or saved, so that the snapshot is what it is.
    fresh: bool,
}

static BENCH: Mutex<Option<Result<Bench, String>>> = Mutex::new(None);

/// Plays a test on the shared machine, from the snapshot of a stage on.
pub(crate) fn from(
    stage: Stage,
    test: impl FnOnce(&mut Bench) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut bench = BENCH.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = bench.get_or_insert_with(|| Bench::boot().map_err(|error| format!("{error:#}")));
    let bench = bench.as_mut().map_err(|error| anyhow!("the box didn't come up: {error}"))?;
    bench.go_to(stage)?;
    bench.fresh = false;
    test(bench)
}

/// Ends the shared machine, so that its memory is free for another.
pub(crate) fn clear() {
    *BENCH.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// A file beside the tests' logs.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// What all machines here have in common.
pub(crate) fn settings(name: &str, disk: &Path) -> Settings {
    Settings {
        folder: PathBuf::from(FOLDER),
        name: name.to_owned(),
        disk: disk.to_owned(),
        cache: Cache::Careless,
        stick: None,
        starts_stick: false,
        taps: Vec::new(),
        firmware: Firmware::Bios,
        clock: None,
        sound: None,
    }
}

impl Bench {
    fn boot() -> anyhow::Result<Self> {
        let lab = Lab::up(&sample(SITE), Extent::Servers)?;
        let (disk, site_stick) = (file("box.qcow2"), file("stick.qcow2"));
        // A copy, because the machine's disk is opened again and again, and the image may be built anew meanwhile.
        let (image, copy) = (image()?, fresh_file("image.img")?);
        fs::copy(&image, &copy).with_context(|| image.display().to_string())?;
        overlay(&copy, &disk)?;
        stick(&site_files(lab.site()), &site_stick)?;
        let taps = lab.taps()?;
        let mut settings = settings("box", &disk);
        settings.taps = taps.values().map(|tap| (*tap).to_owned()).collect();
        settings.stick = Some(site_stick);
        let mut machine = Machine::build(&settings)?;
        let captures = record(&lab, &taps)?;
        let chatter = Chatter::towards_the_box(&lab)?;
        let start = Instant::now();
        machine.monitor.run()?;
        machine.console.expect(FIRST_SCREEN, BOOT)?;
        println!("first screen {:.0} s after power-on", start.elapsed().as_secs_f64());
        machine.shell.wait(BOOT)?;
        // A while more, with all services up.
        thread::sleep(Duration::from_secs(5));
        let sent = chatter.stop();
        ensure!(sent > 0, "nobody spoke to the box, so its silence shows nothing");
        let from_power_on = stop(captures)?;
        let key = key(&mut machine.shell)?;
        let mut bench = Self {
            machine,
            settings,
            lab,
            taps,
            from_power_on,
            key,
            reached: Stage::Closed,
            fresh: true,
        };
        bench.save(Stage::Closed)?;
        Ok(bench)
    }

    fn go_to(&mut self, stage: Stage) -> anyhow::Result<()> {
        if stage > self.reached {
            self.load(self.reached)?;
            self.lab.admit(&self.key)?;
            apply_by_shell(&mut self.machine.shell)?;
            wait_for_carrier(&mut self.machine.shell, CARRIER)?;
            self.save(stage)?;
        }
        if self.fresh && self.reached == stage {
            return Ok(());
        }
        self.load(stage)?;
        if stage == Stage::Service {
            // The box goes back in time; far ends that have heard its later self would take it for a replay.
            self.lab.admit(&self.key)?;
            wait_for_carrier(&mut self.machine.shell, CARRIER)?;
        }
        Ok(())
    }

    /// Saves the machine under the name of a stage, with everything on its disk.
    fn save(&mut self, stage: Stage) -> anyhow::Result<()> {
        self.machine.shell.must("sync", COMMAND)?;
        self.machine.monitor.save(stage.snapshot())?;
        self.reached = stage;
        self.fresh = true;
        Ok(())
    }

    /// Goes back to a snapshot; far ends aren't started again here.
    pub(crate) fn load(&mut self, stage: Stage) -> anyhow::Result<()> {
        if !(self.fresh && self.reached == stage) {
            self.machine.monitor.load(stage.snapshot())?;
        }
        self.machine.console.skip();
        self.machine.shell.wait(COMMAND)?;
        // The emulated time stamp counter leaps by the time that the snapshot has lain there, so the first process may take
        // the daemon for one that hangs, and start it again.
        thread::sleep(Duration::from_secs(3));
        let answers =
            "for i in $(seq 30); do sekisho key >/dev/null 2>&1 && exit; sleep 1; done; false";
        self.machine.shell.must(&format!("({answers})"), COMMAND)?;
        Ok(())
    }

    /// Has a test plug things in and pull things out of the shared machine, so that no snapshot fits it any more; it is built anew
    /// after, and stands still until the next test loads one.
    pub(crate) fn rebuilt<T>(
        &mut self,
        test: impl FnOnce(&mut Machine, &mut Lab) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let result = test(&mut self.machine, &mut self.lab);
        self.machine.off();
        self.machine = Machine::build(&self.settings)?;
        result
    }

    /// Puts another machine on the wires in the shared one's place, switched off still, and the shared one back after; that
    /// stands still until the next test loads a snapshot.
    pub(crate) fn with_machine<T>(
        &mut self,
        settings: &Settings,
        test: impl FnOnce(&mut Machine, &mut Lab) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.machine.off();
        let settings = Settings { taps: self.settings.taps.clone(), ..settings.clone() };
        let result = Machine::build(&settings);
        let result = result.and_then(|mut other| test(&mut other, &mut self.lab));
        self.machine = Machine::build(&self.settings)?;
        result
    }

    /// The same with a machine that is switched on.
    pub(crate) fn replaced<T>(
        &mut self,
        settings: &Settings,
        test: impl FnOnce(&mut Machine, &mut Lab) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with_machine(settings, |machine, lab| {
            machine.monitor.run()?;
            test(machine, lab)
        })
    }

    /// The terminal asks the platform's web server, and the platform the server juki; both have to be seen with the
    /// addresses of the design.
    pub(crate) fn traffic(&self) -> anyhow::Result<()> {
        traffic(&self.lab)
    }
}

/// See [`Bench::traffic`].
pub(crate) fn traffic(lab: &Lab) -> anyhow::Result<()> {
    let (terminal, juki) = (lab.addresses().host("terminal")?, lab.addresses().host("juki")?);
    for (host, global) in [("terminal", terminal.global), ("juki", juki.global)] {
        let seen = source_seen(lab, host, PLATFORM_WEB, 80)?;
        ensure!(seen == global.to_string(), "the platform saw {seen} instead of {global}");
    }
    // The design allows https only, and a plain server answers there in the lab.
    let seen = source_seen(lab, "platform", juki.global, 443)?;
    ensure!(seen == PLATFORM_WEB.to_string(), "juki saw {seen} instead of {PLATFORM_WEB}");
    Ok(())
}

/// Waits until the terminal reaches the platform.
pub(crate) fn wait_for_traffic(lab: &Lab, limit: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    let url = format!("http://{PLATFORM_WEB}/source");
    loop {
        let said = lab.host("terminal").run(&["curl", "-sS", "--max-time", "1", &url])?;
        if said.status.success() {
            return Ok(());
        }
        ensure!(Instant::now() < end, "nothing passes after {limit:?}: {said:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn source_seen(lab: &Lab, from: &str, to: Ipv4Addr, port: u16) -> anyhow::Result<String> {
    let (url, web) = (format!("http://{to}:{port}/source"), PLATFORM_WEB.to_string());
    let mut words = vec!["curl", "-sS", "--max-time", "20", &url];
    if from == "platform" {
        words.extend(["--interface", &web]);
    }
    Ok(lab.host(from).within(30).must(&words)?.trim().to_owned())
}

pub(crate) fn site_files(site: &Path) -> Vec<PathBuf> {
    ["site.toml", PROFILE].map(|name| site.join(name)).to_vec()
}

/// Records every port.
pub(crate) fn record(
    lab: &Lab,
    taps: &BTreeMap<&'static str, &'static str>,
) -> anyhow::Result<BTreeMap<&'static str, Capture>> {
    taps.iter().map(|(port, tap)| Ok((*port, lab.capture_tap(tap)?))).collect()
}

pub(crate) fn stop(
    captures: BTreeMap<&'static str, Capture>,
) -> anyhow::Result<BTreeMap<&'static str, Recording>> {
    captures.into_iter().map(|(port, capture)| Ok((port, capture.stop()?))).collect()
}

/// The public key of the box, which the operator lets in.
pub(crate) fn key(shell: &mut Shell) -> anyhow::Result<String> {
    let said = shell.must("sekisho key", COMMAND)?;
    Ok(said.lines().last().context("no key")?.trim().to_owned())
}

/// Puts the site on the stick in force by root's shell, for tests that aren't about the wizard.
pub(crate) fn apply_by_shell(shell: &mut Shell) -> anyhow::Result<()> {
    let apply = format!(
        "mkdir -p /run/stick && mount -o ro /dev/disk/by-label/SITE /run/stick && \
         sekisho apply --site /run/stick/site.toml --profile /run/stick/{PROFILE}"
    );
    shell.must(&apply, 2 * COMMAND)?;
    shell.must("umount /run/stick", COMMAND)?;
    Ok(())
}

/// How the box is, by its own account.
pub(crate) fn status(shell: &mut Shell) -> anyhow::Result<Value> {
    let said = shell.must("sekisho --format json status", COMMAND)?;
    serde_json::from_str(&said).with_context(|| said.clone())
}

/// Waits until a centre carries.
pub(crate) fn wait_for_carrier(shell: &mut Shell, limit: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    loop {
        let said = status(shell);
        let carrier = said.as_ref().map(|status| status["tunnel"]["carrier"].clone());
        match carrier {
            Ok(Value::String(_)) => return Ok(()),
            _ if Instant::now() < end => thread::sleep(Duration::from_secs(1)),
            _ => bail!("no centre carries after {limit:?}: {said:?}"),
        }
    }
}

/// Goes through the first steps as the manual says, word by word, until the tunnel is up.
pub(crate) fn wizard(console: &mut Console) -> anyhow::Result<()> {
    follow(console, "installation.ja.md", "")
}

/// Answers the questions of a manual, beginning with the menu's, until the screen says what it has to say at the end.
pub(crate) fn follow(console: &mut Console, name: &str, passphrase: &str) -> anyhow::Result<()> {
    let rows = rows(name)?;
    let usual = |row: &&Row| !ASIDE.contains(&row.chapter.as_str());
    play(console, rows.iter().filter(usual), passphrase)
}

/// The same up to the last answer, then what a chapter says that stands beside the usual course, up to this question, which waits
/// for its answer then.
pub(crate) fn follow_aside(
    console: &mut Console,
    name: &str,
    chapter: &str,
    passphrase: &str,
    until: &str,
) -> anyhow::Result<()> {
    let rows = rows(name)?;
    let answered = rows.iter().filter(|row| !ASIDE.contains(&row.chapter.as_str()));
    let answered = answered.filter(|row| row.answer.is_some());
    let aside = rows.iter().filter(|row| row.chapter == chapter);
    let aside = aside.take_while(|row| row.question != until);
    play(console, answered.chain(aside), passphrase)?;
    console.expect(until, 3 * COMMAND)
}

/// Answers the question that such a chapter has come to, and goes on to its end.
pub(crate) fn go_on_aside(
    console: &mut Console,
    name: &str,
    chapter: &str,
    from: &str,
) -> anyhow::Result<()> {
    let rows = rows(name)?;
    let rest = rows.iter().filter(|row| row.chapter == chapter);
    let mut rest = rest.skip_while(|row| row.question != from);
    let asked = rest.next().with_context(|| format!("{name} doesn't say '{from}'"))?;
    console.send(asked.answer.as_deref().unwrap_or_default())?;
    rest.try_for_each(|row| answer(console, row, ""))
}

/// Chapters of manuals that not everybody goes through.
const ASIDE: [&str; 2] = ["うまくいかないとき", WITHOUT_KEY];
pub(crate) const WITHOUT_KEY: &str = "装置の鍵の入っていない控えのとき";

/// A row of a manual's tables that begins with words of the screen.
struct Row {
    chapter: String,
    question: String,
    /// What is typed; none where the screen just says so.
    answer: Option<String>,
}

fn play<'a>(
    console: &mut Console,
    rows: impl Iterator<Item = &'a Row>,
    passphrase: &str,
) -> anyhow::Result<()> {
    // The menu comes again.
    console.send("")?;
    let mut played = 0;
    for row in rows {
        answer(console, row, passphrase)?;
        played += 1;
    }
    ensure!(played > 3, "the manual's table of questions can't be found");
    Ok(())
}

fn answer(console: &mut Console, row: &Row, passphrase: &str) -> anyhow::Result<()> {
    console.expect(&row.question, 3 * COMMAND)?;
    if let Some(answer) = &row.answer {
        console.settle();
        console.send(if answer == "控えの合言葉" { passphrase } else { answer })?;
    }
    Ok(())
}

fn rows(name: &str) -> anyhow::Result<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual").join(name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut chapter = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut chapter);
        }
        rows.extend(row(&chapter, line));
    }
    Ok(rows)
}

fn row(chapter: &str, line: &str) -> Option<Row> {
    let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
    let question = cells.next()?.strip_suffix('`')?.to_owned();
    let answer = cells.next().map(|answer| match answer.trim_matches('`') {
        "Enter" => String::new(),
        answer => answer.to_owned(),
    });
    Some(Row { chapter: chapter.to_owned(), question, answer })
}

/// A name for a copy of a disk that is away when the test begins.
pub(crate) fn fresh_file(name: &str) -> anyhow::Result<PathBuf> {
    let path = file(name);
    match fs::remove_file(&path) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path),
        Err(error) => Err(error.into()),
    }
}
