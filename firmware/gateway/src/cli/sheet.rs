//! `sekisho sheet`: papers that an office hands to others.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sekisho_design::{Language, Sheet, TunnelHabits, check};
use sekisho_plan::ruleset::TUNNEL_PORT;
use sekisho_tunnel::Probing;

use super::{CommandError, Format, SignedFiles, show, with_files};

#[derive(Args, Debug)]
pub(super) struct SheetOf {
    /// Which sheet
    #[arg(value_enum)]
    kind: Kind,
    #[command(flatten)]
    files: SignedFiles,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// アドレス変換設計書: which address becomes which
    Translation,
    /// 通信フロー一覧: every flow, one row a direction
    Flows,
    /// ファイアウォール設定依頼書: what other firewalls must let through
    Firewall,
}

/// The longest pause that `sekisho-tunnel` makes between two rounds of handshakes.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// Makes a sheet from a design that keeps every rule.
pub(super) fn run(
    sheet: &SheetOf,
    format: Format,
    language: Language,
) -> Result<String, CommandError> {
    let design = with_files(&sheet.files.files, &sheet.files.operator_key, check)?.design;
    let sheet = match sheet.kind {
        Kind::Translation => Sheet::translation(&design, language),
        Kind::Flows => Sheet::flows(&design, language),
        Kind::Firewall => {
            let habits = TunnelHabits {
                port: TUNNEL_PORT,
                probe_interval: Probing::default().interval,
                longest_silence: LONGEST_SILENCE,
            };
            Sheet::firewall(&design, &habits, language)
        }
    };
    Ok(shown(&sheet, format))
}

pub(super) fn shown(sheet: &Sheet, format: Format) -> String {
    match format {
        Format::Text => sheet.text(),
        Format::Json => show::json(sheet),
        Format::Csv => sheet.csv(),
        Format::Html => sheet.html(),
    }
}
