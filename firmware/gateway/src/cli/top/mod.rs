//! `sekisho top`: which rows and hosts send and get how much, once or as long as somebody looks.

mod look;
mod page;
mod screen;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use sekisho_control::{TRAFFIC, Traffic};
use sekisho_design::Language;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use self::{
    look::Look,
    page::{Room, page},
    screen::Screen,
};
use super::{CommandError, Format, client, show};

#[derive(Args, Debug)]
pub(super) struct Top {
    /// Print what was counted since the machine's start, once; so it is also where nobody looks at a terminal
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "S", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// What comes first
    #[arg(long, value_enum, default_value_t)]
    sort: By,
    /// Hosts only
    #[arg(long, conflicts_with = "rows")]
    hosts: bool,
    /// Rows only
    #[arg(long)]
    rows: bool,
}

/// What lines are sorted by, most first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(super) enum By {
    /// Bytes, both ways
    #[default]
    Bytes,
    /// Packets, both ways
    Packets,
    /// Connections opened; rows only
    Connections,
    /// Packets refused
    Refusals,
}

/// Which tables to show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shown {
    rows: bool,
    hosts: bool,
    by: By,
}

impl Top {
    /// What makes no sense together, beyond what a single option can say.
    pub(super) fn misuse(&self) -> Option<&'static str> {
        let nothing = self.hosts && self.sort == By::Connections;
        nothing.then_some("connections are counted by row; hosts can't be sorted by them")
    }

    fn shown(&self) -> Shown {
        Shown { rows: !self.hosts, hosts: !self.rows, by: self.sort }
    }
}

/// Shows the traffic: what to print at the end.
pub(super) async fn run(
    socket: &Path,
    top: &Top,
    format: Format,
    language: Language,
) -> Result<String, CommandError> {
    let traffic: Traffic = client::get(socket, TRAFFIC).await?;
    if format == Format::Json {
        return Ok(show::json(&traffic));
    }
    if top.once || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let look = Look { at: Duration::ZERO, traffic };
        return Ok(page(&look, None, top.shown(), Room::Endless, language).join("\n"));
    }
    watch(socket, top, traffic, language).await.map(|()| String::new())
}

/// Shows it until a key or a signal ends it. A daemon that doesn't answer for a while is no end.
async fn watch(
    socket: &Path,
    top: &Top,
    first: Traffic,
    language: Language,
) -> Result<(), CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Terminal)?;
    let began = Instant::now();
    let (mut before, mut now) = (None, Look { at: Duration::ZERO, traffic: first });
    let mut fault = None;
    let mut screen = Screen::open().map_err(CommandError::Terminal)?;
    loop {
        let room = screen.room();
        let mut lines = vec![title(top.interval, fault.as_ref(), language)];
        lines.extend(page(&now, before.as_ref(), top.shown(), room.without(1), language));
        screen.draw(&lines, room).map_err(CommandError::Terminal)?;
        let next = async {
            sleep(Duration::from_secs(top.interval)).await;
            client::get(socket, TRAFFIC).await
        };
        let answer = tokio::select! {
            answer = next => answer,
            () = screen.ended() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        fault = match answer {
            Ok(traffic) => {
                let later = Look { at: began.elapsed(), traffic };
                before = Some(std::mem::replace(&mut now, later));
                None
            }
            Err(fault) => Some(fault),
        };
    }
}

fn title(interval: u64, fault: Option<&client::ClientError>, language: Language) -> String {
    match fault {
        Some(fault) => format!("sekisho top  {}: {fault}", language.pick("異常", "FAULT")),
        None => language.pick(
            format!("sekisho top  {interval} 秒ごと、q で終わります"),
            format!("sekisho top  every {interval} s, q ends it"),
        ),
    }
}
