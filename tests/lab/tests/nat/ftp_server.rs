//! An FTP server: vsftpd, as every Linux office has it, in a host of the lab.

use std::{
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_lab::{Lab, Process, wait_until};

/// Where an FTP server takes commands.
pub(crate) const CONTROL: u16 = 21;
/// The file that every server here has.
pub(crate) const FILE: &str = "ledger.csv";

/// A running server; it ends with the value.
#[derive(Debug)]
pub(crate) struct FtpServer {
    process: Process,
    file: PathBuf,
}

impl FtpServer {
    /// Starts one in a host, at this address of it; the ports of passive mode are these. It gives its one file to everybody.
    pub(crate) fn start(
        lab: &Lab,
        host: &str,
        address: Ipv4Addr,
        passive: RangeInclusive<u16>,
    ) -> anyhow::Result<Self> {
        let folder = lab.logs().join(format!("ftp-{address}"));
        fs::create_dir_all(&folder)?;
        let file = folder.join(FILE);
        fs::write(&file, content())?;
        let settings = lab.logs().join(format!("vsftpd-{address}.conf"));
        fs::write(&settings, configuration(address, &passive, &folder.to_string_lossy()))?;
        let label = format!("vsftpd-{address}");
        let process = lab.host(host).spawn(&label, &["vsftpd", &settings.to_string_lossy()])?;
        let mut server = Self { process, file };
        let end = SocketAddr::from((address, CONTROL));
        let greets = || {
            let mut greeting = [0; 3];
            let stream = lab.host(host).inside(|| TcpStream::connect(end)).ok()?.ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            (&stream).read_exact(&mut greeting).ok()?;
            Some(greeting == *b"220")
        };
        wait_until(Duration::from_secs(20), || {
            !server.process.is_running() || greets() == Some(true)
        });
        ensure!(greets() == Some(true), "no greeting from {end}\n{}", server.process.output());
        Ok(server)
    }

    /// Ends it, so that the address is free again.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        fs::remove_file(&self.file).context("the server's file")?;
        self.process.kill()?;
        Ok(())
    }
}

/// 100 KB in which every place differs from its neighbours.
pub(crate) fn content() -> Vec<u8> {
    (0..=250).cycle().take(100_000).collect()
}

/// In the lab there may be no other user than root, and so none to change to: the server runs as who started it, with no
/// process of its own for what needs rights, and shuts itself into nothing.
fn configuration(address: Ipv4Addr, passive: &RangeInclusive<u16>, folder: &str) -> String {
    let (first, last) = (passive.start(), passive.end());
    format!(
        "listen=YES\nlisten_address={address}\nlisten_port={CONTROL}\nbackground=NO\n\
         run_as_launching_user=YES\nftp_username=root\nnopriv_user=root\n\
         seccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\n\
         anonymous_enable=YES\nno_anon_password=YES\nlocal_enable=NO\nanon_root={folder}\n\
         pasv_min_port={first}\npasv_max_port={last}\nconnect_from_port_20=YES\n\
         connect_timeout=2\naccept_timeout=5\nxferlog_enable=NO\n"
    )
}
