//! The machine: an SG-115-class box as far as QEMU has one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{
    console::{Console, Shell},
    monitor::Monitor,
};

/// Addresses of the four network cards, in the order of the ports.
pub const NICS: [&str; 4] =
    ["52:54:00:5e:4b:01", "52:54:00:5e:4b:02", "52:54:00:5e:4b:03", "52:54:00:5e:4b:04"];
/// How long QEMU may take until its monitor answers.
const READY: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(50);
const UEFI_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const UEFI_STATE: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// What starts the boot loader.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Firmware {
    /// `SeaBIOS`.
    Bios,
    /// OVMF.
    Uefi,
}

/// What becomes of writes when the power is cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cache {
    /// Nobody cuts it: flushes cost nothing.
    Careless,
    /// What the box hasn't flushed may be lost: QEMU keeps the map of new clusters in its memory until a flush.
    Flushed,
}

/// How a machine is built.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Logs and the firmware's state go here.
    pub folder: PathBuf,
    /// Names its logs.
    pub name: String,
    /// The disk, qcow2.
    pub disk: PathBuf,
    /// What becomes of writes.
    pub cache: Cache,
    /// A USB stick, qcow2; [`Monitor::unplug`] knows it as `stick`.
    pub stick: Option<PathBuf>,
    /// The stick is started and not the disk, as somebody chose in the firmware's menu.
    pub starts_stick: bool,
    /// A tap for each network card, in the order of the ports; a card without one has no cable.
    pub taps: Vec<String>,
    /// What starts the boot loader.
    pub firmware: Firmware,
    /// What the clock on the board says at power-on; the right time unless told otherwise.
    pub clock: Option<&'static str>,
    /// What the board's speaker plays is recorded here, as WAV.
    pub sound: Option<PathBuf>,
}

/// A machine. Dropping it cuts the power: the process is killed and flushes nothing.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    _sockets: TempDir,
    /// The monitor.
    pub monitor: Monitor,
    /// The first serial line: boot log and console.
    pub console: Console,
    /// The second one: root's shell.
    pub shell: Shell,
}

impl Machine {
    /// Builds a machine with the power off; [`Monitor::run`] switches it on.
    pub fn build(settings: &Settings) -> anyhow::Result<Self> {
        let Settings { folder, name, .. } = settings;
        // Not below the folder: paths of sockets have 108 bytes at most.
        let sockets = tempfile::tempdir()?;
        let log = folder.join(format!("{name}-qemu.log"));
        let mut command = Command::new("qemu-system-x86_64");
        command.args(arguments(settings, sockets.path())?);
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut qemu = command.spawn().context("start qemu-system-x86_64")?;
        match connect(&mut qemu, sockets.path(), name) {
            Ok((monitor, console, shell)) => {
                Ok(Self { qemu, _sockets: sockets, monitor, console, shell })
            }
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                Err(error.context(fs::read_to_string(&log).unwrap_or_default()))
            }
        }
    }

    /// Ends it in a way that leaves whole files; what the box itself has not written is lost all the same.
    pub fn off(&mut self) {
        if self.monitor.quit().is_ok() {
            let end = Instant::now() + READY;
            while matches!(self.qemu.try_wait(), Ok(None)) && Instant::now() < end {
                thread::sleep(GLANCE);
            }
        }
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn connect(
    qemu: &mut Child,
    sockets: &Path,
    name: &str,
) -> anyhow::Result<(Monitor, Console, Shell)> {
    let end = Instant::now() + READY;
    // The monitor's socket is the last that QEMU makes, and is there before QEMU listens on it.
    let monitor = loop {
        match Monitor::connect(&sockets.join("monitor")) {
            Ok(monitor) => break monitor,
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => thread::sleep(GLANCE),
        }
        if let Some(status) = qemu.try_wait()? {
            bail!("QEMU ended at once: {status}");
        }
    };
    let console = Console::connect(&sockets.join("ttyS0"), &format!("{name} ttyS0"))?;
    let shell = Console::connect(&sockets.join("ttyS1"), &format!("{name} ttyS1"))?;
    Ok((monitor, console, Shell::on(shell)))
}

fn arguments(settings: &Settings, sockets: &Path) -> anyhow::Result<Vec<String>> {
    let Settings { folder, name, .. } = settings;
    let mut words: Vec<String> = "-machine q35,accel=tcg -cpu Nehalem -m 2048 -smp 2 -S \
        -display none -no-user-config -nodefaults -action watchdog=reset -device i6300esb,addr=0x10 \
        -device qemu-xhci,id=usb,addr=0x11"
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    for line in ["ttyS0", "ttyS1"] {
        let (socket, log) = (sockets.join(line), folder.join(format!("{name}-{line}.log")));
        let (socket, log) = (socket.display(), log.display());
        add("-chardev", format!("socket,id={line},path={socket},server=on,wait=off,logfile={log}"));
        add("-serial", format!("chardev:{line}"));
    }
    let cache = match settings.cache {
        Cache::Careless => "unsafe",
        Cache::Flushed => "writeback",
    };
    let disk = settings.disk.display();
    add("-drive", format!("if=none,id=disk,format=qcow2,file={disk},cache={cache}"));
    let (disk, stick) = if settings.starts_stick { (1, 0) } else { (0, 1) };
    add("-device", format!("ide-hd,bus=ide.0,drive=disk,bootindex={disk}"));
    if let Some(file) = &settings.stick {
        add("-drive", format!("if=none,id=stick,format=qcow2,file={}", file.display()));
        let device = "usb-storage,bus=usb.0,id=stick,drive=stick,removable=on";
        add("-device", format!("{device},bootindex={stick}"));
    }
    // Each card behind a root port of its own: the firmware counts the buses in their order, so that the cards are
    // 0000:01:00.0 to 0000:04:00.0.
    for (index, address) in NICS.iter().enumerate() {
        let number = index + 1;
        let slot = number + 1;
        add("-device", format!("pcie-root-port,id=port{number},chassis={number},addr={slot:#x}"));
        let backend = match settings.taps.get(index) {
            Some(tap) => format!("tap,id=net{number},ifname={tap},script=no,downscript=no"),
            None => format!("hubport,id=net{number},hubid={number}"),
        };
        add("-netdev", backend);
        add(
            "-device",
            format!("e1000e,bus=port{number},netdev=net{number},mac={address},romfile="),
        );
    }
    if settings.firmware == Firmware::Uefi {
        let state = folder.join(format!("{name}-uefi.fd"));
        fs::copy(UEFI_STATE, &state).context(UEFI_STATE)?;
        add("-drive", format!("if=pflash,format=raw,unit=0,readonly=on,file={UEFI_CODE}"));
        add("-drive", format!("if=pflash,format=raw,unit=1,file={}", state.display()));
    }
    add("-rtc", format!("base={}", settings.clock.unwrap_or("utc")));
    if let Some(file) = &settings.sound {
        add("-audiodev", format!("wav,id=sound,path={}", file.display()));
        add("-machine", "pcspk-audiodev=sound".to_owned());
    }
    let monitor = sockets.join("monitor");
    add("-qmp", format!("unix:{},server=on,wait=off", monitor.display()));
    Ok(words)
}
