//! `sekisho export`: what other machines take from a design.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use sekisho_control::{ZONE_DATA, ZoneData};
use sekisho_design::{Lan, Language, check};
use sekisho_names::hosts::{self, Encoding, HostsError};

use super::{CommandError, LanName, Output, SignedFiles, client, rewrite, with_files};

#[derive(Debug, Subcommand)]
pub(super) enum Export {
    /// A hosts file for terminals, from the static entries of the design
    ///
    /// Aliases stand there with the addresses that they lead to. The same design makes the same file, but for its date.
    Hosts(Hosts),
}

#[derive(Args, Debug)]
pub(super) struct Hosts {
    /// The LAN whose terminals take it; without it, all of them, if they get the same addresses
    #[arg(long, value_enum)]
    lan: Option<LanName>,
    /// Take in what the platform's zones hold now: the device fetches them through the tunnel
    #[arg(long)]
    resolve: bool,
    /// How the file is written: utf-8 with LF, or cp932 with CRLF for old Windows
    #[arg(long, value_enum, default_value_t)]
    encoding: Written,
    /// Write it here, not to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    files: SignedFiles,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Written {
    /// UTF-8 without a byte order mark, lines end in LF
    #[default]
    #[value(name = "utf-8")]
    Utf8,
    /// CP932 with CRLF
    Cp932,
}

/// Makes the hosts file.
pub(super) async fn hosts(
    socket: &Path,
    arguments: &Hosts,
    language: Language,
) -> Result<Output, CommandError> {
    let SignedFiles { files, operator_key } = &arguments.files;
    let design = with_files(files, operator_key, check)?.design;
    let names = if arguments.resolve {
        client::get::<ZoneData>(socket, ZONE_DATA).await?.names
    } else {
        BTreeMap::new()
    };
    let encoding = match arguments.encoding {
        Written::Utf8 => Encoding::Utf8,
        Written::Cp932 => Encoding::Cp932,
    };
    let lan = arguments.lan.map(Lan::from);
    let file = hosts::file(&design, lan, &names, Timestamp::now(), encoding)?;
    let Some(path) = &arguments.output else { return Ok(Output::Exact(file)) };
    rewrite::write(path, &file)?;
    let path = path.display();
    Ok(language.pick(format!("{path} に書きました。"), format!("Written to {path}.")).into())
}

/// What to do where there is no file.
pub(super) fn way_out(fault: &HostsError) -> String {
    match fault {
        HostsError::NoNames => "write a table [names] with method = \"hosts\"".to_owned(),
        HostsError::NoLan(_) => "name a LAN of the design".to_owned(),
        HostsError::Differs(_) => {
            "make one file a LAN: --lan head-office, --lan education-board".to_owned()
        }
    }
}
