//! `backup`: capsules made of what is in force, looked into, and restored.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use sekisho_capsule::LARGEST;
use sekisho_control::{
    Applied, BACKUP, BACKUP_USERS, Backup, BackupUsers, BackupWish, File, Hidden, Key, OPEN_BACKUP,
    Opened, Proposal, TAKE_IDENTITY, Unlocking,
};
use sekisho_design::Language;
use sekisho_host::files;
use serde::Serialize;

use super::{
    CommandError, change,
    client::{self, ClientError},
    nightly, read_up_to, show,
};

/// The page's file of users, and the one that it takes in that one's place, in its folder.
const USERS: &str = "users.json";
const NEW_USERS: &str = "users-to-take.json";

/// The largest file of users, in bytes, as the page has it.
const LARGEST_USERS: u64 = 1 << 20;

/// The largest file of a passphrase or a key.
const LARGEST_SECRET: usize = 1 << 14;

/// Backups of what is in force.
#[derive(Debug, Subcommand)]
pub(super) enum Backups {
    /// Write a backup of the design and the profile in force, encrypted in the age format
    ///
    /// The page's users go in where it is run as root. Without a passphrase the device makes one of five words and shows it once: keep it on paper, apart from the file. With
    /// --recipient only the holder of that key opens the file, also with the program `age`.
    Make(Make),
    /// Show what a backup holds; nothing is changed
    Show(Sealed),
    /// Put the design and the profile of a backup in force, as a new generation
    ///
    /// With --with-users the page's users become those of the backup, whoever they were.
    /// On a device without a design, --with-identity takes over the tunnel's key and the page's authority first: the platform
    /// and the browsers take it for the old device, which must be off for good.
    Restore(Restore),
    /// Leave the night's backup on a USB stick, sealed for the recipient that the design names
    ///
    /// Without a recipient nothing is written. The identity never goes in. The box runs it each night, as root; 14 backups of
    /// this box stay on the stick, and `sekisho status` says where a night failed.
    Nightly(Page),
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
    #[command(flatten)]
    page: Page,
}

/// Where the page has its users.
#[derive(Args, Debug)]
pub(super) struct Page {
    /// The page's own folder, which root alone may look into
    #[arg(long = "page-state", env = "SEKISHO_PAGE_STATE", value_name = "DIR")]
    #[arg(default_value = "/var/lib/sekisho-web")]
    state: PathBuf,
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
    /// The page takes over the users in it, in place of those that it has
    #[arg(long)]
    with_users: bool,
    #[command(flatten)]
    page: Page,
    #[command(flatten)]
    terms: change::Terms,
}

/// What `make` did.
#[derive(Serialize)]
struct Made<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<Hidden>,
    /// Whether the page's users are in it.
    with_users: bool,
}

/// What `restore` did.
#[derive(Serialize)]
struct Restored {
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Key>,
    applied: Applied,
    /// Whether the page takes over the users.
    with_users: bool,
}

impl Page {
    /// The users, as the page's file has them; none where it has none yet.
    pub(super) fn users(&self) -> Result<Option<Hidden>, CommandError> {
        let path = self.state.join(USERS);
        match path.try_exists() {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(source) => return Err(CommandError::NoUsers { path, source }),
        }
        let bytes = files::read_secret(&path, LARGEST_USERS)?;
        Ok(Some(Hidden::new(String::from_utf8_lossy(&bytes))))
    }

    /// Makes the page's folder where it has never started; it is the page's own once it does.
    fn make(&self) -> Result<(), CommandError> {
        let fault = |source| CommandError::NoUsers { path: self.state.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&self.state).map_err(fault)
    }

    /// Gives the page users to take; it looks for them every few seconds, and when it starts.
    fn give(&self, users: &BackupUsers) -> Result<(), CommandError> {
        Ok(files::hand_over(&self.state.join(NEW_USERS), users.file.expose().as_bytes())?)
    }
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
            let users = asked.page.users()?;
            let with_users = users.is_some();
            let wish = BackupWish {
                passphrase,
                recipient: asked.recipient.clone(),
                with_identity: asked.with_identity,
                users,
                on_behalf: None,
            };
            let backup: Backup = client::post(socket, BACKUP, &wish).await?;
            write(&asked.file, &backup.capsule)?;
            let made = Made { file: &asked.file, passphrase: backup.passphrase, with_users };
            Ok(if json { show::json(&made) } else { written(&made, language) })
        }
        Backups::Nightly(page) => nightly::run(socket, page, json, language).await,
        Backups::Show(sealed) => {
            let opened: Opened =
                client::post(socket, OPEN_BACKUP, &unlocking(sealed, language)?).await?;
            Ok(if json { show::json(&opened) } else { opened.text(language) })
        }
        Backups::Restore(Restore { sealed, with_identity, with_users, page, terms }) => {
            let unlocking = unlocking(sealed, language)?;
            let opened: Opened = client::post(socket, OPEN_BACKUP, &unlocking).await?;
            // Whatever can't be had is found out before anything changes.
            let users: Option<BackupUsers> = if *with_users {
                page.make()?;
                Some(client::post(socket, BACKUP_USERS, &unlocking).await?)
            } else {
                None
            };
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
            users.as_ref().map(|users| page.give(users)).transpose()?;
            if json {
                let with_users = users.is_some();
                return Ok(show::json(&Restored { identity, applied, with_users }));
            }
            let taken = identity.map(|key| language.pick(
                format!("装置の鍵を引き継ぎました（公開鍵 {}）。元の装置は、もうつながないでください。\n", key.public),
                format!("The identity is taken over (public key {}). Never connect the old device again.\n", key.public),
            ));
            let users = users.map(|_| language.pick(
                "画面の利用者は、控えのものに数秒で入れ替わります。ログインには控えを作ったときのパスワードを使います。\n",
                "The page's users become those of the backup within seconds; they sign in with the passwords that they had then.\n",
            ));
            Ok(taken.unwrap_or_default()
                + users.unwrap_or_default()
                + &show::applied(&applied, language))
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
    let users = if made.with_users {
        ""
    } else {
        language.pick("\n画面の利用者は入っていません。", "\nThe page's users aren't in it.")
    };
    let wrote = wrote + users;
    let Some(passphrase) = &made.passphrase else { return wrote };
    let words = passphrase.expose();
    wrote
        + &language.pick(
            format!("\n合言葉：{words}\n今だけ表示されます。紙に写して、ファイルとは別にしまってください。"),
            format!("\nPassphrase: {words}\nIt is shown this once. Keep it on paper, apart from the file."),
        )
}
