//! `sekisho-lab`: a shell, a script or the demo inside the lab.

#![forbid(unsafe_code)]

mod demo;

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use nix::sys::signal::{SigSet, Signal};
use sekisho_lab::{Extent, Impairment, Lab, Link, MEANINGS, enter, enter_with_door, sample};

/// An office, the device, LGWAN and the platform on this machine, gone when the command ends
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Watch an office reach the platform through the device
    Demo {
        /// Ask nothing at the end
        #[arg(long)]
        check: bool,
    },
    /// Open a shell in the lab
    Shell(Where),
    /// Run a script in the lab and give back its exit code
    Run {
        #[command(flatten)]
        place: Where,
        /// The script, relative to the current folder
        script: PathBuf,
        /// Its arguments
        #[arg(trailing_var_arg = true)]
        arguments: Vec<String>,
    },
    /// List the environment variables that a script finds
    Env,
    /// Inside the lab: put a bad line between the device and LGWAN until Ctrl-C
    Link(Impairment),
}

#[derive(clap::Args)]
struct Where {
    /// The site: a folder with site.toml and platform-profile.toml
    #[arg(long)]
    site: Option<PathBuf>,
    /// Start the daemon, but apply nothing
    #[arg(long)]
    bare: bool,
    /// Start the local page too
    #[arg(long)]
    page: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        What::Demo { check } => {
            let door = enter_with_door();
            demo::play().and_then(|passed| {
                if !check && demo::is_watched() {
                    return demo::look_around(door?);
                }
                Ok(ExitCode::from(u8::from(!passed)))
            })
        }
        What::Shell(place) => {
            enter();
            shell(&place)
        }
        What::Run { place, script, arguments } => {
            enter();
            run(&place, &script, &arguments)
        }
        What::Env => {
            for (name, meaning) in MEANINGS {
                println!("{name:28} {meaning}");
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Link(impairment) => link(impairment),
    };
    result.unwrap_or_else(|error| {
        eprintln!("sekisho-lab: {error:#}");
        ExitCode::FAILURE
    })
}

fn shell(place: &Where) -> anyhow::Result<ExitCode> {
    shell_in(&up(place)?)
}

fn shell_in(lab: &Lab) -> anyhow::Result<ExitCode> {
    println!(
        "The lab is up. Hosts: {}\n\
         Try: ip netns exec terminal curl http://$LAB_PLATFORM_WEB/\n\
         sekisho status, and sekisho-lab env for all variables. Leave with exit; everything goes with you.",
        sekisho_lab::HOSTS.join(" ")
    );
    let start = lab.logs().join("bashrc");
    fs::write(&start, "[ -r ~/.bashrc ] && . ~/.bashrc\nPS1='(lab) \\w \\$ '\n")?;
    give_code(lab.command("bash")?.arg("--rcfile").arg(start))
}

fn run(place: &Where, script: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let script = script.canonicalize().with_context(|| script.display().to_string())?;
    let lab = up(place)?;
    let executable = script.metadata()?.permissions().mode() & 0o111 != 0;
    let mut command = lab.command(if executable { script.as_os_str() } else { "bash".as_ref() })?;
    if !executable {
        command.arg(&script);
    }
    give_code(command.args(arguments))
}

fn up(place: &Where) -> anyhow::Result<Lab> {
    let site = place.site.clone().unwrap_or_else(|| sample(demo::FIRST_SITE));
    let mut lab = Lab::up(&site, if place.bare { Extent::Daemon } else { Extent::Applied })?;
    if place.page {
        lab.start_page(None)?;
    }
    Ok(lab)
}

fn give_code(command: &mut Command) -> anyhow::Result<ExitCode> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

fn link(impairment: Impairment) -> anyhow::Result<ExitCode> {
    // Blocked before the line's thread starts, so that it inherits the mask and this thread alone takes the
    // signal.
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    signals.thread_block()?;
    let link = Link::insert(impairment).context("this works inside `sekisho-lab shell`")?;
    println!("{impairment:?}; Ctrl-C ends it");
    signals.wait()?;
    let [up, down] = link.remove()?;
    println!("from the device: {up:?}\nto the device:   {down:?}");
    Ok(ExitCode::SUCCESS)
}
