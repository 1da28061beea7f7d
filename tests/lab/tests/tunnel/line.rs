//! A line that loses, delays, reorders and duplicates.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use anyhow::ensure;
use sekisho_lab::{Impairment, PLATFORM_WEB};

use crate::traffic::{SECOND, Transfer, ensure_reaches, lab};

/// TCP echo (RFC 862).
const ECHO: u16 = 7;

pub(crate) fn a_bad_line_delivers_every_byte() -> anyhow::Result<()> {
    let lab = lab()?;
    let bad = Impairment {
        delay: Duration::from_millis(2),
        loss: 0.01,
        reorder: 0.01,
        duplicate: 0.01,
        ..Impairment::default()
    };
    let link = lab.impair(bad)?;
    let transfer = Transfer::start(&lab, 20, "1G")?;
    let sent = pattern(3_000_000);
    let returned = lab.host("terminal").inside(|| echo(&sent))??;
    ensure!(returned == sent, "{} of {} bytes, or wrong ones", returned.len(), sent.len());
    transfer.finish()?;
    let counts = link.remove()?;
    for direction in counts {
        let faults = [direction.lost, direction.reordered, direction.duplicated];
        ensure!(faults.iter().all(|count| *count > 10), "the line was good: {direction:?}");
    }
    ensure_reaches(&lab)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..251).cycle().take(length).collect()
}

/// Sends the bytes to the platform's echo service and returns what comes back.
fn echo(sent: &[u8]) -> std::io::Result<Vec<u8>> {
    let end = SocketAddr::from((PLATFORM_WEB, ECHO));
    let mut stream = TcpStream::connect_timeout(&end, 5 * SECOND)?;
    stream.set_read_timeout(Some(10 * SECOND))?;
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let sender = scope.spawn(move || writer.write_all(sent));
        let mut returned = vec![0; sent.len()];
        stream.read_exact(&mut returned)?;
        sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(returned)
    })
}
