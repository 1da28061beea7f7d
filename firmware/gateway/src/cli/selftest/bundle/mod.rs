//! `sekisho support-bundle`: one file for whoever is asked for help, with nothing secret in it (R29).

mod enquiry;
mod redact;

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use clap::Args;
use flate2::{Compression, write::GzEncoder};
use jiff::{Timestamp, tz};
use sekisho_control::{
    FirstCause, GENERATIONS, HEALTH, Health, KEY, Key, NAMES, REFUSALS, SELF_TEST, STATUS,
    SelfTestReport, Status, Stored, TRAFFIC,
};
use sekisho_host::files;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, process::Command};

use self::{enquiry::Facts, redact::redact};
use super::{ClientError, CommandError, Format, NoTest, Output, Wanted, client, show};

pub(super) const LONG_HELP: &str = "\
The bundle is a .tar.gz that only its owner can read. In it:
  enquiry.txt       問合せ票, filled in as far as the device knows; fill in the rest by hand
  manifest.json     what is in the bundle, what isn't, and why
  key.json          the device's public key
  report.json       the report of the last 'sekisho self-test'
  design/           site design and platform profile in force
  status.json health.json traffic.json names.json refusals.json history.json
  sekishod.log      the daemon's last 2,000 lines, at most 1 MiB of them

Private keys, passwords, tokens and whatever looks like a key are replaced by [removed] in every file. Addresses and the \
organisation's name stay: nothing could be found without them. What can't be had, where the daemon doesn't answer for \
instance, is named in the manifest; the bundle is made all the same.

問い合わせに添える一つのファイルを作ります。鍵とパスワードは除いてあります。中の enquiry.txt（問合せ票）に、
団体名、版、日時、装置が見つけた原因が入っています。症状を書き足して送ってください。";

/// The log in the bundle.
const LOG: &str = "sekishod.log";

/// The last lines of the log that are asked for, and the most of them that is packed, in bytes.
const LOG_LINES: &str = "2000";
const LARGEST_LOG: usize = 1 << 20;

/// What is read of a log before secrets are removed and it is cut, in bytes.
const MOST_READ: u64 = 8 << 20;

/// How long the log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(20);

/// How many refused packets are packed: all that the device remembers.
const MOST_REFUSALS: usize = 1000;

/// Only its owner reads it: it says how the office's network is made.
const MODE: u32 = 0o600;

#[derive(Args, Debug)]
pub(in crate::cli) struct Wish {
    /// Write it here; without it, to sekisho-support-ORGANISATION-TIME.tar.gz in this folder
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What was packed, and what wasn't.
#[derive(Serialize)]
struct Manifest {
    made: Timestamp,
    files: Vec<Packed>,
    absent: Vec<Absent>,
}

#[derive(Serialize)]
struct Packed {
    name: String,
    bytes: usize,
}

#[derive(Serialize)]
struct Absent {
    name: String,
    why: String,
}

/// What there is, before secrets are removed.
#[derive(Default)]
struct Gathered {
    files: Vec<(String, String)>,
    absent: Vec<(String, String)>,
    /// Public keys that stay.
    known: BTreeSet<String>,
    status: Option<Status>,
    first_cause: Option<FirstCause>,
    /// Why the daemon isn't asked any more: each question would be waited for.
    gone: Option<String>,
}

/// Makes the bundle.
pub(super) async fn run(
    socket: &Path,
    wish: &Wish,
    wanted: Wanted,
) -> Result<Output, CommandError> {
    let mut gathered = gather(socket).await;
    match log().await {
        Ok(text) => gathered.files.push((LOG.to_owned(), text)),
        Err(why) => gathered.absent.push((LOG.to_owned(), why)),
    }
    let now = Timestamp::now();
    let name = name(gathered.status.as_ref(), now);
    let (files, manifest) = cleaned(&gathered, now);
    let packed = pack(&name, &files, now).map_err(NoTest::CantPack)?;
    let path = wish.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    files::write(&path, &packed, MODE)?;
    let (count, path) = (files.len(), path.display());
    Ok(Output::Lines(match wanted.format {
        Format::Json => {
            show::json(&serde_json::json!({ "path": path.to_string(), "manifest": manifest }))
        }
        Format::Text | Format::Csv | Format::Html => {
            let mut text = wanted.language.pick(
                format!(
                    "{path} に {count} 個のファイルを入れました。鍵とパスワードは除いてあります。\n\
                         中の enquiry.txt（問合せ票）に症状を書き足して送ってください。"
                ),
                format!(
                    "{count} files are in {path}; keys and passwords are removed.\n\
                         Fill in the symptom in its enquiry.txt and send it."
                ),
            );
            for Absent { name, why } in &manifest.absent {
                let why = super::words::plain(why).replace('\n', " ");
                text += &wanted.language.pick(
                    format!("\n  {name} はありません：{why}"),
                    format!("\n  no {name}: {why}"),
                );
            }
            text
        }
    }))
}

/// Asks the daemon for all that it knows. What it doesn't say is absent, and no reason to stop.
async fn gather(socket: &Path) -> Gathered {
    let mut gathered = Gathered::default();
    gathered.status = gathered.ask::<Status>(socket, "status.json", STATUS).await;
    let report = gathered.ask::<SelfTestReport>(socket, "report.json", SELF_TEST).await;
    let health = gathered.ask::<Health>(socket, "health.json", HEALTH).await;
    // What is now comes before what a test found earlier.
    gathered.first_cause = health
        .and_then(|health| health.first_cause)
        .or_else(|| report.and_then(|report| report.first_cause));
    gathered.ask::<Value>(socket, "traffic.json", TRAFFIC).await;
    gathered.ask::<Value>(socket, "names.json", NAMES).await;
    let refusals = format!("{REFUSALS}?last={MOST_REFUSALS}");
    gathered.ask::<Value>(socket, "refusals.json", &refusals).await;
    gathered.ask::<Value>(socket, "history.json", GENERATIONS).await;
    if let Some(Key { public }) = gathered.ask(socket, "key.json", KEY).await {
        gathered.known.insert(public.to_string());
    }
    gathered.design(socket).await;
    gathered
}

impl Gathered {
    /// Takes one answer in, as it is; its parsed form where it can be understood.
    async fn ask<T: DeserializeOwned>(
        &mut self,
        socket: &Path,
        name: &str,
        path: &str,
    ) -> Option<T> {
        match self.get::<Value>(socket, path).await {
            Ok(value) => {
                self.files.push((name.to_owned(), value.to_string()));
                serde_json::from_value(value).ok()
            }
            Err(why) => {
                self.absent.push((name.to_owned(), why));
                None
            }
        }
    }

    async fn get<T: DeserializeOwned>(&mut self, socket: &Path, path: &str) -> Result<T, String> {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        client::get(socket, path).await.map_err(|fault| {
            let why = fault.to_string();
            if matches!(fault, ClientError::Unreachable { .. } | ClientError::Silent) {
                self.gone = Some(why.clone());
            }
            why
        })
    }

    /// The files of the generation in force.
    async fn design(&mut self, socket: &Path) {
        const NAMES: [&str; 2] = ["design/site.toml", "design/platform-profile.toml"];
        let generation = self.status.as_ref().map(|status| status.generation);
        let stored = match generation {
            None => Err("the daemon doesn't say which generation is in force".to_owned()),
            Some(0) => Err("no design is in force".to_owned()),
            Some(generation) => {
                self.get::<Stored>(socket, &format!("{GENERATIONS}/{generation}")).await
            }
        };
        match stored {
            Ok(Stored { site, profile, .. }) => {
                self.known.extend(public_keys(&profile));
                self.files.extend(NAMES.map(str::to_owned).into_iter().zip([site, profile]));
            }
            Err(why) => self.absent.extend(NAMES.map(|name| (name.to_owned(), why.clone()))),
        }
    }
}

/// The public keys of a design's file.
fn public_keys(text: &str) -> BTreeSet<String> {
    fn collect(value: &toml::Value, keys: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    match value.as_str() {
                        Some(key) if name == "public-key" => drop(keys.insert(key.to_owned())),
                        _ => collect(value, keys),
                    }
                }
            }
            toml::Value::Array(values) => values.iter().for_each(|value| collect(value, keys)),
            toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => {}
        }
    }
    let mut keys = BTreeSet::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        collect(&toml::Value::Table(table), &mut keys);
    }
    keys
}

/// The daemon's log, or why there is none.
async fn log() -> Result<String, String> {
    let read = async {
        let mut child = Command::new("journalctl")
            .args(["-u", "sekishod", "-n", LOG_LINES, "-o", "short-iso", "--no-pager"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut bytes = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MOST_READ).read_to_end(&mut bytes).await?;
        }
        Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    match tokio::time::timeout(LOG_PATIENCE, read).await {
        Err(_) => Err(format!("journalctl took longer than {} s", LOG_PATIENCE.as_secs())),
        Ok(Err(fault)) => Err(format!("can't run journalctl: {fault}")),
        Ok(Ok(text)) if ["", "-- No entries --"].contains(&text.trim()) => {
            Err("the journal has no lines".to_owned())
        }
        Ok(Ok(text)) => Ok(text),
    }
}

/// The files without secrets, with the form and the list of them.
fn cleaned(gathered: &Gathered, now: Timestamp) -> (Vec<(String, String)>, Manifest) {
    let known = &gathered.known;
    let mut files: Vec<_> = gathered
        .files
        .iter()
        .map(|(name, text)| {
            // Cut only now: the begin of a block that is cut off would leave the rest of it unknown.
            let text = redact(text, known);
            let text = if name == LOG { end_of(&text, LARGEST_LOG) } else { &text };
            (name.clone(), text.to_owned())
        })
        .collect();
    files.sort();
    let absent: Vec<_> =
        gathered.absent.iter().map(|(name, why)| (name.clone(), redact(why, known))).collect();
    let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    let facts = Facts {
        at: now,
        status: gathered.status.as_ref(),
        first_cause: gathered.first_cause.as_ref(),
        files: &names,
        absent: &absent,
    };
    files.push(("enquiry.txt".to_owned(), redact(&enquiry::form(&facts), known)));
    let manifest = Manifest {
        made: now,
        files: files
            .iter()
            .map(|(name, text)| Packed { name: name.clone(), bytes: text.len() })
            .collect(),
        absent: absent.into_iter().map(|(name, why)| Absent { name, why }).collect(),
    };
    files.push(("manifest.json".to_owned(), show::json(&manifest) + "\n"));
    (files, manifest)
}

/// The last whole lines of a text that take at most so many bytes.
fn end_of(text: &str, most: usize) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(most));
    if from == 0 || text[..from].ends_with('\n') {
        return &text[from..];
    }
    text[from..].split_once('\n').map_or("", |(_, lines)| lines)
}

/// What the bundle and the folder in it are called.
fn name(status: Option<&Status>, now: Timestamp) -> String {
    let site = status.and_then(|status| status.site.as_ref());
    let organisation =
        site.map_or_else(|| "unknown".to_owned(), |site| site.organisation.to_string());
    let time = now.to_zoned(tz::offset(9).to_time_zone()).strftime("%Y%m%d-%H%M%S");
    format!("sekisho-support-{organisation}-{time}")
}

fn pack(folder: &str, files: &[(String, String)], now: Timestamp) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(MODE);
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        archive.append_data(&mut header, format!("{folder}/{name}"), text.as_bytes())?;
    }
    let mut bytes = archive.into_inner()?.finish()?;
    bytes.flush()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
