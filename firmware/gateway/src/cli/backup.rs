//! `backup`: capsules made of what is in force, looked into, and restored.

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use sekisho_control::{
    Applied, BACKUP, Backup, BackupWish, File, Hidden, Key, OPEN_BACKUP, Opened, Proposal,
    TAKE_IDENTITY, Unlocking,
};
use sekisho_design::Language;
use serde::Serialize;

use super::{
    CommandError, change,
    client::{self, ClientError},
    read_up_to, show,
};

/// The largest file that is sent to be opened; larger ones are no capsules.
const LARGEST: usize = 5 << 20;

/// The largest file of a passphrase or a key.
const LARGEST_SECRET: usize = 1 << 14;

/// Backups of what is in force.
#[derive(Debug, Subcommand)]
pub(super) enum Backups {
    /// Write a backup of the design and the profile in force, encrypted in the age format
    ///
    /// Without a passphrase the device makes one of five words and shows it once: keep it on paper, apart from the file. With
    /// --recipient only the holder of that key opens the file, also with the program `age`.
    Make(Make),
    /// Show what a backup holds; nothing is changed
    Show(Sealed),
    /// Put the design and the profile of a backup in force, as a new generation
    ///
    /// On a device without a design, --with-identity takes over the tunnel's key and the page's authority first: the platform
    /// and the browsers take it for the old device, which must be off for good.
    Restore(Restore),
}

#[derive(Args, Debug)]
pub(super) struct Make {
    /// The file to write; it must not be there yet
    file: PathBuf,
    /// A file with the passphrase in its first line, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "recipient")]
    passphrase_file: Option<PathBuf>,
    /// The public key of whoever may open it: age1…
    #[arg(long, value_name = "KEY")]
    recipient: Option<String>,
    /// The tunnel's key and the page's authority go in: for the replacement of the device
    #[arg(long, conflicts_with = "recipient")]
    with_identity: bool,
}

/// A backup, and what opens it.
#[derive(Args, Debug)]
pub(super) struct Sealed {
    /// The backup
    file: PathBuf,
    /// A file with the passphrase in its first line, `-` for standard input; it is asked for otherwise
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    passphrase_file: Option<PathBuf>,
    /// The recipient's secret key, as age-keygen wrote it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Restore {
    #[command(flatten)]
    sealed: Sealed,
    /// Take over the identity in it; only on a device without a design
    #[arg(long)]
    with_identity: bool,
    #[command(flatten)]
    terms: change::Terms,
}

/// What `make` did.
#[derive(Serialize)]
struct Made<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<Hidden>,
}

/// What `restore` did.
#[derive(Serialize)]
struct Restored {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Key>,
    applied: Applied,
}

pub(super) async fn run(
    socket: &Path,
    backups: &Backups,
    json: bool,
    language: Language,
) -> Result<String, CommandError> {
    match backups {
        Backups::Make(asked) => {
            let passphrase = asked.passphrase_file.as_deref().map(first_line).transpose()?;
            let wish = BackupWish {
                passphrase,
                recipient: asked.recipient.clone(),
                with_identity: asked.with_identity,
                on_behalf: None,
            };
            let backup: Backup = client::post(socket, BACKUP, &wish).await?;
            write(&asked.file, &backup.capsule)?;
            let made = Made { file: &asked.file, passphrase: backup.passphrase };
            Ok(if json { show::json(&made) } else { written(&made, language) })
        }
        Backups::Show(sealed) => {
            let opened: Opened =
                client::post(socket, OPEN_BACKUP, &unlocking(sealed, language)?).await?;
            Ok(if json { show::json(&opened) } else { contents(&opened, language) })
        }
        Backups::Restore(Restore { sealed, with_identity, terms }) => {
            let unlocking = unlocking(sealed, language)?;
            let opened: Opened = client::post(socket, OPEN_BACKUP, &unlocking).await?;
            let identity: Option<Key> = if *with_identity {
                Some(client::post(socket, TAKE_IDENTITY, &unlocking).await?)
            } else {
                None
            };
            let name = sealed.file.to_string_lossy();
            let file = |part: &str, text| File { name: format!("{name}:{part}"), text };
            let proposal = Proposal {
                site: file("site.toml", opened.site),
                profile: Some(file("platform-profile.toml", opened.profile)),
            };
            let applied = change::send(socket, proposal, terms).await?;
            if json {
                return Ok(show::json(&Restored { identity, applied }));
            }
            let taken = identity.map(|key| language.pick(
                format!("装置の鍵を引き継ぎました（公開鍵 {}）。元の装置は、もうつながないでください。\n", key.public),
                format!("The identity is taken over (public key {}). Never connect the old device again.\n", key.public),
            ));
            Ok(taken.unwrap_or_default() + &show::applied(&applied, language))
        }
    }
}

fn unlocking(sealed: &Sealed, language: Language) -> Result<Unlocking, CommandError> {
    let capsule = BASE64_STANDARD.encode(read_up_to(&sealed.file, LARGEST)?);
    let (passphrase, key) = match (&sealed.passphrase_file, &sealed.key_file) {
        (None, Some(file)) => (None, Some(secret(file)?)),
        (Some(file), _) => (Some(first_line(file)?), None),
        (None, None) => (Some(asked(language)?), None),
    };
    Ok(Unlocking { capsule, passphrase, key, on_behalf: None })
}

fn write(file: &Path, capsule: &str) -> Result<(), CommandError> {
    let fault = |source| CommandError::NotWritten { path: file.to_owned(), source };
    let bytes =
        BASE64_STANDARD.decode(capsule).map_err(|fault| ClientError::Garbled(Box::new(fault)))?;
    let mut open = OpenOptions::new().write(true).create_new(true).open(file).map_err(fault)?;
    open.write_all(&bytes).and_then(|()| open.sync_all()).map_err(fault)
}

/// The first line of a file.
fn first_line(file: &Path) -> Result<Hidden, CommandError> {
    if file == Path::new("-") {
        return line_of(&mut io::stdin().lock());
    }
    let text = secret(file)?;
    Ok(Hidden::new(text.expose().lines().next().unwrap_or_default()))
}

fn secret(file: &Path) -> Result<Hidden, CommandError> {
    let bytes = read_up_to(file, LARGEST_SECRET)?;
    Ok(Hidden::new(String::from_utf8_lossy(&bytes)))
}

/// Asks for the passphrase without showing it; where nobody is there to ask, it is the first line of standard input.
fn asked(language: Language) -> Result<Hidden, CommandError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return line_of(&mut stdin.lock());
    }
    let prompt = language.pick("合言葉：", "Passphrase: ");
    let _ = write!(io::stderr(), "{prompt}");
    let terminal = |fault: rustix::io::Errno| CommandError::NoPassphrase(fault.into());
    let before = tcgetattr(&stdin).map_err(terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent).map_err(terminal)?;
    let line = line_of(&mut stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(terminal)?;
    let _ = writeln!(io::stderr());
    line
}

fn line_of(input: &mut impl io::BufRead) -> Result<Hidden, CommandError> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(CommandError::NoPassphrase)?;
    Ok(Hidden::new(line.trim_end_matches(['\r', '\n'])))
}

fn written(made: &Made<'_>, language: Language) -> String {
    let file = made.file.display();
    let wrote = language
        .pick(format!("バックアップを {file} に書きました。"), format!("Wrote the backup {file}."));
    let Some(passphrase) = &made.passphrase else { return wrote };
    let words = passphrase.expose();
    wrote
        + &language.pick(
            format!("\n合言葉：{words}\n今だけ表示されます。紙に写して、ファイルとは別にしまってください。"),
            format!("\nPassphrase: {words}\nIt is shown this once. Keep it on paper, apart from the file."),
        )
}

fn contents(opened: &Opened, language: Language) -> String {
    let Opened { made_at, version, serial, organisation, site, profile, public_key } = opened;
    let key = public_key.as_ref().map(ToString::to_string);
    let (site, profile) = (site.lines().count(), profile.lines().count());
    match language {
        Language::Japanese => format!(
            "作った日時: {made_at:.0}\n作った装置: {serial}（版 {version}）\n団体: {organisation}\n設計: {site}行\n接続情報: {profile}行\n装置の鍵: {}",
            key.map_or("入っていません".to_owned(), |key| format!(
                "入っています（公開鍵 {key}）"
            )),
        ),
        Language::English => format!(
            "Made: {made_at:.0}\nBy: {serial} (version {version})\nOrganisation: {organisation}\nSite design: {site} lines\nPlatform profile: {profile} lines\nIdentity: {}",
            key.map_or("not in it".to_owned(), |key| format!("in it (public key {key})")),
        ),
    }
}
