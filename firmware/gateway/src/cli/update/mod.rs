//! `sekisho update`: new firmware, tried before it stays (R70).
//!
//! ```text
//! install ─> checks ─> RAUC writes the other slot ─> restart ─> begin ─> daemon ─> settle ─┬─> kept
//!                                                      │  state kept          as good as   │
//!                                                      └──< three tries <──┐  before?      └─> slot given up, restart
//!                                                                          └── begin, in the old slot: state put back
//! ```
//! It works as root on the box itself: the daemon has no right to write slots, and should have none.

mod bundle;
mod rauc;
mod record;
mod rollout;
mod settle;
mod state;
mod take;
mod told;
mod wished;
mod words;

use std::{
    env,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use clap::{Args, Subcommand};
use sekisho_control::{HEALTH, Health, KEY, Key, LARGEST_BUNDLE, ReleaseKind};
use sekisho_design::{Language, PublicKey};
use sekisho_host::{
    HostError,
    files::{self, Lock},
    slots::{BootMemory, Slot},
    sticks::Mounted,
};
use semver::Version;
use serde::{Deserialize, Serialize};

use self::{
    bundle::{Box_, BundleError, Token},
    record::{Before, End, Last, Trial},
    rollout::Followed,
    settle::Settled,
};
use super::{Format, Output, client, selftest::Wanted, show};
use crate::notices;

/// What `sekisho update` does.
#[derive(Debug, Subcommand)]
pub(super) enum Update {
    /// Install new firmware into the slot that isn't running; the next start tries it
    ///
    /// The bundle has to be signed by the maker, made for this box, and no older than what the running firmware goes back to;
    /// with the operator's token it may be. The new firmware stays once the device is as well as it was before; otherwise the
    /// box restarts with the old one, whose design is as it was. Progress goes to standard error.
    Install(Install),
    /// Show which firmware runs, what is on trial, and how the last update ended
    Status,
    /// As the daemon wishes: install what was sent to the page, and tell how far it is
    Wished,
    /// Show what this box is to the operator's server for roll-outs: address, target and token, which the operator registers
    Rollout,
    /// As RAUC installs, before it writes: let the bundle into the slot, or don't
    Admit,
    /// As RAUC installs, after it has written: put the firmware on trial
    Written,
    /// As the operator's roll-out ends: restart with what was written, if anything was
    RolledOut,
    /// As the box starts, before the daemon: keep the state for the old firmware, or put it back
    Begin,
    /// As the box starts, after the daemon: let the firmware stay once the device is well, or go back
    Settle {
        /// How long new firmware has until the device is as well as before
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        limit: u64,
    },
}

/// New firmware.
#[derive(Args, Debug)]
pub(super) struct Install {
    /// The bundle, a file that ends in .raucb
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// FILE, and the token where there is one, are names of files in the top folder of a USB stick
    #[arg(long)]
    stick: bool,
    /// The operator's token, where the version is older than the firmware allows
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Restart the box at once
    #[arg(long)]
    restart: bool,
}

/// Why an update isn't done.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpdateError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("can't read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("this machine has no slots for firmware")]
    NoSlots,
    #[error("version {0} is on trial; whether it stays isn't settled yet")]
    OnTrial(String),
    #[error("{} can't be understood: {reason}", path.display())]
    Image { path: PathBuf, reason: String },
    #[error("can't run rauc: {0}")]
    Rauc(#[source] io::Error),
    #[error("the update isn't taken: {0}")]
    NotTaken(String),
    #[error("the update was not installed: {0}")]
    NotInstalled(String),
    #[error(transparent)]
    Client(#[from] client::ClientError),
    #[error("the box can't be restarted: {0}")]
    Restart(String),
    #[error("{} is no ordinary file of at most {LARGEST_BUNDLE} bytes", .0.display())]
    Odd(PathBuf),
    #[error(
        "the disk has no room for a copy of the update: it needs {needed} bytes and has {free}"
    )]
    NoRoom { needed: u64, free: u64 },
    #[error("the daemon's wish can't be understood: {0}")]
    Wish(String),
}

impl UpdateError {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Bundle(_) | Self::NotTaken(_) => 1,
            Self::Read { .. } | Self::Odd(_) | Self::Wish(_) => 2,
            Self::Client(_) => 3,
            Self::OnTrial(_) => 6,
            Self::Host(_)
            | Self::NoSlots
            | Self::Image { .. }
            | Self::Rauc(_)
            | Self::NotInstalled(_)
            | Self::NoRoom { .. }
            | Self::Restart(_) => 4,
        }
    }

    pub(super) fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Bundle(fault) => Some(fault.way_out()),
            Self::Host(HostError::File { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Some("Run it as root, on the box itself.")
            }
            Self::Host(fault) => fault.way_out(),
            Self::NoSlots => Some("Run it on a box that starts from Sekisho's image."),
            Self::OnTrial(_) => Some("Wait until `sekisho update status` says how it ended."),
            Self::NotInstalled(_) => {
                Some("The firmware that runs is as it was. Copy the file again, and try once more.")
            }
            Self::Restart(_) => Some("Switch the box off and on."),
            Self::Client(_) => Some("See that sekishod runs, or name its socket: --socket PATH"),
            Self::Odd(_) => Some("Send the update to the page again."),
            Self::NoRoom { .. } => Some(
                "Let the design keep fewer days or bytes of flows (`flow-log`), or use a USB stick.",
            ),
            Self::NotTaken(_) => {
                Some("See `sekisho update status`; an update that is right is taken by hand, too.")
            }
            Self::Read { .. } | Self::Image { .. } | Self::Rauc(_) | Self::Wish(_) => None,
        }
    }
}

/// Where everything is on a box.
#[derive(Clone, Debug)]
struct Places {
    /// What is kept of updates.
    kept: PathBuf,
    /// The daemon's state.
    state: PathBuf,
    boot_memory: PathBuf,
    command_line: PathBuf,
    /// What the image says of itself, and of its board.
    image: PathBuf,
    operator_key: PathBuf,
    /// Where root's services tell what they have found.
    found: PathBuf,
    /// The daemon's wish, and what was sent to the page.
    wish: PathBuf,
    sent: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            kept: "/var/lib/sekisho-box".into(),
            state: "/var/lib/sekisho".into(),
            boot_memory: "/boot/state/grub/grubenv".into(),
            command_line: "/proc/cmdline".into(),
            image: "/usr/lib/sekisho".into(),
            operator_key: "/etc/sekisho/operator.pub".into(),
            found: notices::FOUND.into(),
            wish: Path::new("/run/sekisho").join(notices::WISH),
            sent: "/var/lib/sekisho-web/update/bundle.raucb".into(),
        }
    }
}

/// Where a stick's file system is looked into.
const STICK: &str = "/run/sekisho-box/stick";

/// Who installs has it; below [`Places::kept`].
const LOCK: &str = "update.lock";

/// More than any of the small files here has.
const LARGEST: u64 = 1 << 16;

impl Places {
    fn running(&self) -> Result<Slot, UpdateError> {
        let line = files::read(&self.command_line, LARGEST)?;
        Slot::of_command_line(&String::from_utf8_lossy(&line)).ok_or(UpdateError::NoSlots)
    }

    fn release(&self) -> Result<Release, UpdateError> {
        toml_file(&self.image.join("release.toml"))
    }

    fn board(&self) -> Result<Board, UpdateError> {
        toml_file(&self.image.join("board.toml"))
    }

    fn operator(&self) -> Result<PublicKey, UpdateError> {
        let text = text(&self.operator_key)?;
        text.trim().parse().map_err(|error: sekisho_design::MalformedKey| UpdateError::Image {
            path: self.operator_key.clone(),
            reason: error.to_string(),
        })
    }
}

#[derive(Deserialize)]
struct Release {
    version: Version,
    floor: Version,
    kind: ReleaseKind,
}

#[derive(Deserialize)]
struct Board {
    name: String,
}

fn text(path: &Path) -> Result<String, UpdateError> {
    Ok(String::from_utf8_lossy(&files::read(path, LARGEST)?).into_owned())
}

fn toml_file<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, UpdateError> {
    toml::from_str(&text(path)?).map_err(|error| UpdateError::Image {
        path: path.to_owned(),
        reason: error.message().to_owned(),
    })
}

/// What was installed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Installed {
    version: Version,
    from: Version,
    slot: Slot,
    restarts: bool,
}

/// What `sekisho update status` knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown {
    version: Version,
    slot: Slot,
    floor: Version,
    trial: Option<Trial>,
    last: Option<Last>,
}

pub(super) async fn run(
    socket: &Path,
    update: &Update,
    Wanted { format, language, .. }: Wanted,
) -> Result<Output, UpdateError> {
    let places = Places::default();
    let json = format == Format::Json;
    let marks = Path::new(rollout::MARKS);
    let text = match update {
        Update::Install(wish) => {
            installed(&places, install(&places, socket, wish).await, json, language)?
        }
        Update::Wished => {
            installed(&places, wished::install(&places, socket).await, json, language)?
        }
        Update::Status => {
            let shown = status(&places)?;
            if json { show::json(&shown) } else { status_text(&shown, language) }
        }
        Update::Begin => {
            let begun = settle::begin(&places);
            told::slots(&places);
            match begun? {
                Some(reason) => format!("back to the firmware before the update: {reason}"),
                None => return Ok(Output::Exact(Vec::new())),
            }
        }
        Update::Rollout => {
            let followed = rollout::followed(Path::new(rollout::CONFIGURATION))?;
            if json { show::json(&followed) } else { rollout_text(followed.as_ref(), language) }
        }
        Update::Admit => {
            rollout::admit(&places, socket, marks, verified()?.as_deref()).await?;
            return Ok(Output::Exact(Vec::new()));
        }
        Update::Written => {
            rollout::written(&places, socket, marks, verified()?.as_deref()).await?;
            told::slots(&places);
            return Ok(Output::Exact(Vec::new()));
        }
        Update::RolledOut => {
            if rollout::ended(&places, marks)? {
                restart()?;
            }
            return Ok(Output::Exact(Vec::new()));
        }
        Update::Settle { limit } => {
            let settled = settle::settle(&places, socket, Duration::from_secs(*limit)).await;
            told::slots(&places);
            match settled? {
                Settled::Good => return Ok(Output::Exact(Vec::new())),
                Settled::Kept(version) => format!("the update to {version} stays"),
                Settled::GoesBack(reason) => {
                    // Said before: the restart ends this program, too.
                    let _ = writeln!(
                        io::stdout(),
                        "the update doesn't stay, and the box restarts: {reason}"
                    );
                    restart()?;
                    return Ok(Output::Exact(Vec::new()));
                }
            }
        }
    };
    Ok(Output::Lines(text))
}

/// The version of the bundle that RAUC has verified and mounted for its handlers.
fn verified() -> Result<Option<String>, UpdateError> {
    env::var_os(rollout::BUNDLE).map_or(Ok(None), |bundle| rollout::version(Path::new(&bundle)))
}

/// Tells what the slots hold now, restarts the box where that was wished, and says so.
fn installed(
    places: &Places,
    installed: Result<Installed, UpdateError>,
    json: bool,
    language: Language,
) -> Result<String, UpdateError> {
    told::slots(places);
    let installed = installed?;
    if installed.restarts {
        restart()?;
    }
    let Installed { version, slot, restarts, .. } = &installed;
    Ok(match (json, language, restarts) {
        (true, ..) => show::json(&installed),
        (_, Language::Japanese, true) => {
            format!("{version} をスロット {slot} に書き込みました。装置を再起動します。")
        }
        (_, Language::English, true) => {
            format!("{version} is in slot {slot}. The box restarts now.")
        }
        (_, Language::Japanese, false) => {
            format!("{version} をスロット {slot} に書き込みました。次の起動で試します。")
        }
        (_, Language::English, false) => {
            format!("{version} is in slot {slot}. The next start tries it.")
        }
    })
}

async fn install(places: &Places, socket: &Path, wish: &Install) -> Result<Installed, UpdateError> {
    let (_stick, folder) = if wish.stick {
        let name = wish.bundle.to_string_lossy();
        (Some(Mounted::with(&name, Path::new(STICK))?), STICK)
    } else {
        (None, "")
    };
    let path = Path::new(folder).join(&wish.bundle);
    let token = wish.token.as_deref().map(|token| Path::new(folder).join(token));
    let token = token.as_deref().map(read_token).transpose()?;
    let tell = |progress: &str| eprintln!("{progress}");
    let installed = put_into_slot(places, socket, &path, token.as_deref(), tell).await?;
    Ok(Installed { restarts: wish.restart, ..installed })
}

/// Looks at a bundle and has it written into the other slot; the next start tries it.
async fn put_into_slot(
    places: &Places,
    socket: &Path,
    path: &Path,
    token: Option<&str>,
    tell: impl FnMut(&str),
) -> Result<Installed, UpdateError> {
    let running = places.running()?;
    let _lock = Lock::take(&places.kept.join(LOCK))?;
    if let Some(trial) = Trial::read(&places.kept)?.filter(|trial| trial.slot == running) {
        return Err(UpdateError::OnTrial(trial.version));
    }
    let slot = running.other();
    let (release, board) = (places.release()?, places.board()?);
    let room = size(slot.device())?;
    look(path, room)?;
    let bundle = rauc::info(path)?;
    let token = token.map(|text| Ok::<_, UpdateError>(Token::read(text, &places.operator()?)?));
    let token = token.transpose()?;
    let device = match &token {
        Some(_) => Some(client::get::<Key>(socket, KEY).await?.public),
        None => None,
    };
    let it = Box_ { compatible: format!("sekisho-{}", board.name), floor: release.floor, room };
    bundle::judge(path, &bundle, &it, token.as_ref(), device.as_ref())?;
    put_on_trial(places, socket, slot, &bundle.version).await?;
    let path = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
    if let Err(fault) = rauc::install(&path, tell) {
        Trial::forget(&places.kept)?;
        return Err(fault);
    }
    BootMemory::mend(&places.boot_memory)?;
    let (version, from) = (bundle.version, release.version);
    Ok(Installed { version, from, slot, restarts: false })
}

/// Takes down what is to be tried, and how the device was before.
async fn put_on_trial(
    places: &Places,
    socket: &Path,
    slot: Slot,
    version: &impl ToString,
) -> Result<(), UpdateError> {
    // The page's or the console's last look; a daemon that can't say is no reason against new firmware.
    let before = client::get::<Health>(socket, HEALTH).await.ok();
    let trial = Trial {
        version: version.to_string(),
        from: places.release()?.version.to_string(),
        slot,
        before: before.as_ref().map(Before::from),
        given_up: None,
        given_up_ja: None,
    };
    Ok(trial.write(&places.kept)?)
}

fn unreadable(path: &Path, source: io::Error) -> UpdateError {
    UpdateError::Read { path: path.to_owned(), source }
}

/// Bytes of a file or disk.
fn size(path: &Path) -> Result<u64, UpdateError> {
    let size = File::open(path).and_then(|mut file| file.seek(SeekFrom::End(0)));
    size.map_err(|source| HostError::File { tried: "open", path: path.to_owned(), source }.into())
}

fn look(path: &Path, room: u64) -> Result<(), UpdateError> {
    let beginning = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut bytes)?;
        Ok((bytes, fs::metadata(path)?.len()))
    };
    let (beginning, bytes) = beginning().map_err(|source| unreadable(path, source))?;
    Ok(bundle::look(path, &beginning, bytes, room)?)
}

fn read_token(path: &Path) -> Result<String, UpdateError> {
    let bytes = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = bytes.map_err(|source| unreadable(path, source))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn restart() -> Result<(), UpdateError> {
    // By its target: `systemctl reboot` asks for a login manager, which the box hasn't, once there is a bus.
    let words = ["--no-block", "--job-mode=replace-irreversibly", "start", "reboot.target"];
    let output = Command::new("systemctl").args(words).output();
    let output = output.map_err(|error| UpdateError::Restart(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(UpdateError::Restart(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn status(places: &Places) -> Result<Shown, UpdateError> {
    let Release { version, floor, .. } = places.release()?;
    Ok(Shown {
        version,
        slot: places.running()?,
        floor,
        trial: Trial::read(&places.kept)?,
        last: Last::read(&places.kept)?,
    })
}

fn status_text(shown: &Shown, language: Language) -> String {
    let Shown { version, slot, floor, trial, last } = shown;
    let mut lines = vec![match language {
        Language::Japanese => {
            format!("動作中：{version}（スロット {slot}）。戻せる最も古い版：{floor}")
        }
        Language::English => {
            format!("Running: {version} in slot {slot}. Goes back to {floor} at most.")
        }
    }];
    if let Some(Trial { version, slot: at, .. }) = trial {
        lines.push(match (language, at == slot) {
            (Language::Japanese, true) => format!(
                "試行中：{version}。装置が更新前と同じ状態になれば、この版のままになります。"
            ),
            (Language::English, true) => {
                format!("On trial: {version}. It stays once the device is as well as before.")
            }
            (Language::Japanese, false) => {
                format!("書き込み済み：{version}（スロット {at}）。次の起動で試します。")
            }
            (Language::English, false) => {
                format!("Installed: {version} in slot {at}. The next start tries it.")
            }
        });
    }
    if let Some(Last { version, from, end }) = last {
        lines.push(match (language, end) {
            (Language::Japanese, End::Kept) => {
                format!("前回の更新：{from} から {version} に更新しました。")
            }
            (Language::English, End::Kept) => format!("Last update: from {from} to {version}."),
            (Language::Japanese, End::WentBack { reason, reason_ja }) => {
                let reason = reason_ja.as_ref().unwrap_or(reason);
                format!("前回の更新：{version} を取りやめ、{from} に戻りました。理由：{reason}")
            }
            (Language::English, End::WentBack { reason, .. }) => {
                format!("Last update: {version} didn't stay; back to {from}: {reason}")
            }
        });
    }
    lines.join("\n")
}

fn rollout_text(followed: Option<&Followed>, language: Language) -> String {
    match (followed, language) {
        (Some(Followed { server, tenant, target, token }), Language::Japanese) => format!(
            "一斉更新のサーバ：{server}（テナント {tenant}）\nターゲット：{target}\nセキュリティトークン：{token}"
        ),
        (Some(Followed { server, tenant, target, token }), Language::English) => format!(
            "Server for roll-outs: {server}, tenant {tenant}\nTarget: {target}\nSecurity token: {token}"
        ),
        (None, Language::Japanese) => {
            "一斉更新は受け入れていません（設計の [rollout]）。".to_owned()
        }
        (None, Language::English) => {
            "No roll-outs are followed ([rollout] of the design).".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_how_an_update_ended() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        let end = End::went_back(record::both("no tunnel", Some("トンネルがありません")));
        let mut shown = Shown {
            version: version("0.1.0"),
            slot: Slot::A,
            floor: version("0.1.0"),
            trial: None,
            last: Some(Last { version: "0.2.0".to_owned(), from: "0.1.0".to_owned(), end }),
        };
        let text = status_text(&shown, Language::English);
        assert!(text.contains("0.2.0 didn't stay; back to 0.1.0: no tunnel"), "{text}");
        let text = status_text(&shown, Language::Japanese);
        assert!(text.contains("0.1.0 に戻りました。理由：トンネルがありません"), "{text}");
        shown.trial = Some(Trial {
            version: "0.3.0".to_owned(),
            from: "0.1.0".to_owned(),
            slot: Slot::B,
            before: None,
            given_up: None,
            given_up_ja: None,
        });
        assert!(status_text(&shown, Language::English).contains("The next start tries it."));
    }

    #[test]
    fn a_machine_without_slots_is_none_to_update() {
        let folder = tempfile::tempdir().unwrap();
        let command_line = folder.path().join("cmdline");
        fs::write(&command_line, "root=/dev/sda1 quiet").unwrap();
        let places = Places { command_line, ..Places::default() };
        let error = places.running().unwrap_err();
        assert!(matches!(error, UpdateError::NoSlots) && error.way_out().is_some());
    }
}
