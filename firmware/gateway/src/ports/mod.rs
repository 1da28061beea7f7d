//! The program `sekisho-ports`: names of the box's ports.
//!
//! It runs as root before anything uses the network, and for the console's wizard. What is otherwise than expected is a remark,
//! never a failure: a box with other ports starts all the same.

mod files;
mod show;
mod work;

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
};

use clap::{Parser, Subcommand};
use sekisho_control::{Failure, FailureKind};
use sekisho_design::{Both, Duplex, Language, PortName};
use sekisho_host::HostError;
use sekisho_plan::ports::{Mac, Slot};
use serde::Serialize;

use self::work::Places;
use crate::cli::{Lang, language_of_environment};

/// Name the ports of this box by the slots that they sit in.
///
/// A design names ports as they are labelled on the box: port1, port2 and so on. The kernel numbers them as it finds them.
/// 'assign' gives each port its name at every start, by what is kept of the start before: by its slot first, then by its
/// hardware address. Where nothing is kept, the slots of the board count. All other ports are called portN, with the next
/// free numbers, in the order of their slots; never in the kernel's order.
#[derive(Debug, Parser)]
#[command(name = "sekisho-ports", version, after_help = EXIT_CODES, after_long_help = LONG_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The slots of the board, in TOML
    #[arg(long, global = true, value_name = "FILE", default_value = "/usr/lib/sekisho/board.toml")]
    board: PathBuf,
    /// The assignment that is kept from one start to the next, in TOML
    #[arg(long, global = true, value_name = "FILE")]
    #[arg(default_value = "/var/lib/sekisho-box/ports.toml")]
    kept: PathBuf,
    /// Folder of ports.json, which says to everybody what was found and done
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/sekisho-box")]
    run: PathBuf,
    /// Where the kernel describes its devices
    #[arg(long, global = true, value_name = "DIR", default_value = "/sys")]
    sys: PathBuf,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    /// Language of sentences; Japanese where the locale of the environment is
    #[arg(long, global = true, value_enum)]
    lang: Option<Lang>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give every port its name, as at the start of the box
    ///
    /// Waits until the ports that are expected are there, renames links, and writes ports.json. Where no assignment is kept
    /// yet, this one is, so that a later start finds each port again in another slot. The exit code is 0 whatever ports the
    /// box has; what is otherwise than expected is said.
    Assign {
        /// How long to wait for ports that are expected but not there
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        #[arg(value_parser = clap::value_parser!(u64).range(0..=600))]
        wait: u64,
    },
    /// Show the ports: name, slot, hardware address, driver, carrier and speed
    List,
    /// Let the lamp of a port blink, so that somebody finds it
    ///
    /// Returns when it is over. Not every driver can; the exit code is 4 then.
    Blink {
        /// Name or slot of the port
        #[arg(value_name = "NAME")]
        port: String,
        /// How long
        #[arg(long, value_name = "N", default_value_t = 10)]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=60))]
        seconds: u64,
    },
    /// Say which port has which name, keep it, and rename at once
    ///
    /// Ports that nothing is said about keep their names as far as these are free; where one isn't, its port gets the next
    /// free number. So 'set port1=port2' makes two ports change places.
    Set {
        /// A name, and the name that its port has now, or its slot
        #[arg(value_name = "NAME=PORT", required = true)]
        wishes: Vec<Wish>,
    },
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// Sentences and tables for people
    #[default]
    Text,
    /// One JSON value for programs
    Json,
}

/// A name, and the port that is to have it.
#[derive(Clone, Debug)]
struct Wish {
    name: PortName,
    port: String,
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, port) = text.split_once('=').ok_or("write NAME=PORT")?;
        let name =
            name.parse().map_err(|error: sekisho_design::MalformedName| error.to_string())?;
        Ok(Self { name, port: port.to_owned() })
    }
}

/// The ports of a box, as `list` and `ports.json` have them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PortList {
    /// In the order of their slots.
    pub ports: Vec<ListedPort>,
    /// What is otherwise than expected.
    pub remarks: Vec<Both>,
}

/// A port. What isn't known is null.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ListedPort {
    /// The name that its link has.
    pub name: PortName,
    /// Where it sits.
    pub slot: Slot,
    /// The address that it was made with.
    pub mac: Option<Mac>,
    /// Its driver.
    pub driver: Option<String>,
    /// Whether somebody is at the other end of its cable; unknown while the link is down.
    pub carrier: Option<bool>,
    /// Mb/s, while there is a carrier.
    pub speed: Option<u32>,
    /// While there is a carrier.
    pub duplex: Option<Duplex>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  2  wrong usage, or a file that can't be read or written
  4  the box couldn't do it";

const LONG_HELP: &str = "\
Files:
  /usr/lib/sekisho/board.toml      slots of the board
  /var/lib/sekisho-box/ports.toml  what is kept, in the same form, with addresses
  /run/sekisho-box/ports.json      what was found and done, as of 'list --format json'

  [[port]]
  name = \"port1\"
  slot = \"pci-0000:01:00.0\"
  mac = \"02:00:00:00:00:01\"

A slot is what udev calls ID_PATH: pci-0000:01:00.0, or pci-0000:00:14.0-usb-0:1:1.0 of
a USB adapter. Further ports of one device end in -port1, -port2.

Names of ports that are missing stay free for them. A port in a slot that is kept has the
slot's name, even where another card sits in it. On a disk that came from another box the
ports of that box are kept; where none of them is here, they don't count.

Exit codes:
  0  done
  2  wrong usage, or a file that can't be read or written
  4  the box couldn't do it

Examples:
  sekisho-ports list                       which cable is plugged in where
  sekisho-ports blink port2 --seconds 5    look which one blinks
  sekisho-ports set port1=port3            the one that was port3 is the uplink's now";

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
enum PortsError {
    #[error(transparent)]
    File(#[from] files::FileError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("there is no port '{0}'")]
    NoSuchPort(String),
    #[error("'{0}' is to be the name of two ports")]
    NameTwice(PortName),
    #[error("the port '{0}' is to have two names")]
    PortTwice(String),
    #[error("'{0}' is the name of a link that is no port")]
    Foreign(PortName),
    #[error("can't start: {0}")]
    Runtime(#[source] io::Error),
}

impl PortsError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Host(HostError::File { .. } | HostError::TooLarge { .. })
            | Self::File(_)
            | Self::NoSuchPort(_)
            | Self::NameTwice(_)
            | Self::PortTwice(_)
            | Self::Foreign(_) => 2,
            Self::Host(_) | Self::Runtime(_) => 4,
        }
    }

    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Host(error) | Self::File(files::FileError::Host(error)) => error.way_out(),
            Self::NoSuchPort(_) => Some("`sekisho-ports list` has their names and slots."),
            Self::File(files::FileError::Form { .. })
            | Self::NameTwice(_)
            | Self::PortTwice(_)
            | Self::Foreign(_)
            | Self::Runtime(_) => None,
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let language = arguments.lang.map_or_else(language_of_environment, Language::from);
    let outcome = run(&arguments);
    let (text, code) = match (outcome, arguments.format) {
        (Ok(list), Format::Json) => (show::json(&list), ExitCode::SUCCESS),
        (Ok(list), Format::Text) => {
            (list.map(|list| show::list(&list, language)).unwrap_or_default(), ExitCode::SUCCESS)
        }
        (Err(error), format) => {
            let code = ExitCode::from(error.exit_code());
            let kind =
                if error.exit_code() == 2 { FailureKind::Malformed } else { FailureKind::Device };
            let (message, way_out) = (error.to_string(), error.way_out());
            if format == Format::Text {
                let way_out = way_out.map(|words| format!("\n  {words}")).unwrap_or_default();
                eprintln!("sekisho-ports: {message}{way_out}");
                return code;
            }
            let way_out = way_out.map(str::to_owned);
            (
                show::json(&Failure { kind, message, way_out, both: None, problems: Vec::new() }),
                code,
            )
        }
    };
    // Whoever reads may have gone away.
    let _ = io::stdout().write_all(text.as_bytes());
    code
}

/// The ports after a command that shows them.
fn run(arguments: &Arguments) -> Result<Option<PortList>, PortsError> {
    let Arguments { board, kept, run, sys, .. } = arguments;
    let places = Places { board, kept, run, sys };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(PortsError::Runtime)?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Assign { wait } => work::assign(&places, *wait).await.map(Some),
            Command::List => work::list(&places).await.map(Some),
            Command::Blink { port, seconds } => {
                work::blink(&places, port, *seconds).await.map(|()| None)
            }
            Command::Set { wishes } => work::set(&places, wishes).await.map(Some),
        }
    })
}
