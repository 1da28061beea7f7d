//! `sekisho-console`: the box's serial console.

#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use sekisho_console::{Box_, Console, End, Line, Places};
use sekisho_design::Language;

/// The serial console of a Sekisho gateway: first steps, rescue menu, and a prompt for its commands.
///
/// It speaks with whoever is at standard input, line by line, and needs no more of the terminal than that it shows UTF-8.
/// The menu asks for no password, since who is at the serial line has the box before him; the prompt does. It runs as root,
/// because it restarts and resets the box. Ctrl-C leads back to the menu from everywhere.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    /// The language that it begins with; E and J change it
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// The folder below which the box's files are
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Lang {
    /// 日本語
    #[default]
    Ja,
    /// English
    En,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  the line was dropped, or the box goes down
  2  wrong usage";

fn main() -> ExitCode {
    let Arguments { lang, root } = Arguments::parse();
    let language = match lang {
        Lang::Ja => Language::Japanese,
        Lang::En => Language::English,
    };
    let places = Places::below(&root);
    let (mut line, mut system) = (Line::open(), Box_);
    let end = Console::new(&mut line, &mut system, &places, language).serve();
    if end == End::Down {
        // The menu would come back while the box goes down.
        std::thread::sleep(std::time::Duration::from_mins(2));
    }
    ExitCode::SUCCESS
}
