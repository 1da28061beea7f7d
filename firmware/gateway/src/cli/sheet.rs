//! `sekisho sheet`: papers that an office hands to others.

use clap::{Args, ValueEnum};
use sekisho_design::{Language, Sheet, check};
use sekisho_plan::ruleset::TUNNEL_HABITS;

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
        Kind::Firewall => Sheet::firewall(&design, &TUNNEL_HABITS, language),
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

#[cfg(test)]
mod tests {
    use sekisho_tunnel::Probing;

    use super::*;

    #[test]
    fn the_tunnel_probes_as_often_as_the_paper_says() {
        assert_eq!(TUNNEL_HABITS.probe_interval, Probing::default().interval);
    }
}
