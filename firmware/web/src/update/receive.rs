//! A file on its way from the browser to the disk. A few pieces of it are in memory, never the whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::StatusCode,
};
use data_encoding::HEXLOWER;
use http_body_util::BodyExt as _;
use ring::digest::{Context, SHA256};
use sekisho_host::files;
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Duration, Instant, timeout, timeout_at},
};
use tracing::warn;

use super::{Bundle, PART, Uploads, WHOLE};
use crate::answer::{Refusal, RefusalKind};

/// The end of an update's name.
const SUFFIX: &str = ".raucb";
/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 120;
/// The first bytes of an update: squashfs.
const MAGIC: &[u8] = b"hsqs";
/// Pieces that wait for the disk; each is a buffer of the connection.
const PIECES: usize = 8;
/// How long the rest of a file that was refused is read and thrown away: a browser reads the reason once it has sent all.
const REST: Duration = Duration::from_secs(15);

impl Uploads {
    /// Takes a file of so many bytes. `stands` says from piece to piece whether its sender may still send it.
    pub(super) async fn receive(
        &self,
        name: &str,
        bytes: Option<u64>,
        mut body: Body,
        stands: impl Fn() -> bool,
    ) -> Result<Bundle, Refusal> {
        let taken = self.take(name, bytes, &mut body, stands).await;
        if taken.is_err() && !body.is_end_stream() {
            let rest = async { while let Some(Ok(_)) = body.frame().await {} };
            // Whoever still sends then, sends in vain.
            drop(timeout(REST, rest).await);
        }
        taken
    }

    async fn take(
        &self,
        name: &str,
        bytes: Option<u64>,
        body: &mut Body,
        stands: impl Fn() -> bool,
    ) -> Result<Bundle, Refusal> {
        let fits = name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        if !fits || !name.ends_with(SUFFIX) {
            return Err(no_update());
        }
        let bytes = bytes.ok_or_else(|| Refusal {
            status: StatusCode::LENGTH_REQUIRED,
            ..Refusal::malformed("the request has to say how long the file is")
        })?;
        if bytes > self.bounds.largest {
            return Err(too_large(self.bounds.largest));
        }
        let _one = self.one.clone().try_acquire_owned().map_err(|_| busy())?;
        let device = |fault: io::Error| Refusal::device("an update can't be kept", &fault);
        self.make_room(bytes)?;
        let part = Part(self.folder.join(PART));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part.0);
        let file = file.map_err(device)?;
        let (pieces, coming) = mpsc::channel(PIECES);
        let writer = spawn_blocking(move || write(file, coming));
        let came = self.forward(body, pieces, stands).await;
        // The disk's reason comes first: where it refuses, nothing more is forwarded.
        let written = writer.await.map_err(|fault| device(fault.into()))?;
        let (written, sha256) = written.map_err(unwritten)?;
        came?;
        if written != bytes {
            return Err(broken_off());
        }
        fs::rename(&part.0, self.folder.join(WHOLE)).map_err(device)?;
        let bundle = Bundle { name: name.to_owned(), bytes, sha256 };
        self.set(Some(bundle.clone()));
        Ok(bundle)
    }

    /// Root makes a copy of it, so there has to be room for two.
    fn make_room(&self, bytes: u64) -> Result<(), Refusal> {
        let device = |fault: io::Error| Refusal::device("there is no place for an update", &fault);
        fs::create_dir_all(&self.folder).map_err(device)?;
        self.clear().map_err(device)?;
        let free = files::room(&self.folder)
            .map_err(|fault| Refusal::device("the disk's room isn't known", &fault))?;
        if free < 2 * bytes + self.bounds.spare {
            return Err(no_room());
        }
        Ok(())
    }

    async fn forward(
        &self,
        body: &mut Body,
        pieces: mpsc::Sender<Bytes>,
        stands: impl Fn() -> bool,
    ) -> Result<(), Refusal> {
        let end = Instant::now() + self.bounds.whole;
        loop {
            let until = end.min(Instant::now() + self.bounds.silence);
            let Ok(frame) = timeout_at(until, body.frame()).await else { return Err(too_slow()) };
            let piece = match frame {
                Some(Ok(frame)) => frame.into_data(),
                ended => {
                    // There is no rest of it to be read.
                    *body = Body::empty();
                    return if ended.is_none() { Ok(()) } else { Err(broken_off()) };
                }
            };
            if !stands() {
                return Err(Refusal::no_session());
            }
            // What isn't data is an end with nothing to say.
            if let Ok(piece) = piece
                && pieces.send(piece).await.is_err()
            {
                return Ok(());
            }
        }
    }
}

/// A file that isn't whole; it goes where it stays so.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    if let Err(fault) = fs::remove_file(path)
        && fault.kind() != io::ErrorKind::NotFound
    {
        warn!(%fault, "a file that didn't come whole can't be removed");
    }
}

/// Why a file isn't on the disk.
enum Unwritten {
    NoUpdate,
    Disk(io::Error),
}

/// Writes what comes; how much it was, and its SHA-256.
fn write(mut file: File, mut coming: mpsc::Receiver<Bytes>) -> Result<(u64, String), Unwritten> {
    let (mut bytes, mut digest, mut head) = (0, Context::new(&SHA256), Vec::new());
    while let Some(piece) = coming.blocking_recv() {
        if head.len() < MAGIC.len() {
            head.extend(piece.iter().take(MAGIC.len() - head.len()));
            if !MAGIC.starts_with(&head) {
                return Err(Unwritten::NoUpdate);
            }
        }
        digest.update(&piece);
        file.write_all(&piece).map_err(Unwritten::Disk)?;
        bytes += piece.len() as u64;
    }
    Ok((bytes, HEXLOWER.encode(digest.finish().as_ref())))
}

fn unwritten(why: Unwritten) -> Refusal {
    match why {
        Unwritten::NoUpdate => no_update(),
        Unwritten::Disk(fault) if fault.kind() == io::ErrorKind::StorageFull => no_room(),
        Unwritten::Disk(fault) => Refusal::device("an update can't be written", &fault),
    }
}

fn no_update() -> Refusal {
    Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::NoUpdate,
        "装置の更新ファイルではありません。配布元から受け取った、.raucb で終わるファイルを選んでください。",
        "The file is no update of the firmware. Choose the maker's file, whose name ends in .raucb.",
    )
}

fn too_large(largest: u64) -> Refusal {
    let megabytes = largest >> 20;
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        RefusalKind::TooLarge,
        &format!(
            "ファイルが大きすぎます（{megabytes} MB まで）。この機種の更新ファイルを選んでください。"
        ),
        &format!(
            "The file is larger than {megabytes} MB. Choose the update that was made for this box."
        ),
    )
}

pub(super) fn busy() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::Busy,
        "更新ファイルを、ほかの画面から送っているところです。終わってから、もう一度行ってください。",
        "An update is being sent from elsewhere. Try again once that has ended.",
    )
    .retry_after(30)
}

fn no_room() -> Refusal {
    Refusal::new(
        StatusCode::INSUFFICIENT_STORAGE,
        RefusalKind::NoRoom,
        "ディスクの空きが足りません。通信記録（flow-log）の日数か大きさを減らすか、USBメモリから更新してください。",
        "The disk has no room for it. Let the design keep fewer days or bytes of flows (`flow-log`), or update from a USB stick.",
    )
}

fn too_slow() -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_TIMEOUT,
        RefusalKind::Malformed,
        "ファイルの送信が途中で止まりました。もう一度送ってください。",
        "The file stopped coming. Send it again.",
    )
}

fn broken_off() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        RefusalKind::Malformed,
        "ファイルの送信が途中で切れました。もう一度送ってください。",
        "The file didn't come whole. Send it again.",
    )
}

#[cfg(test)]
mod tests;
