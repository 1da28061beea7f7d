//! Changes of the device: `apply`, `confirm`, `rollback`, `history`, `restore`.

use std::{net::Ipv4Addr, num::ParseIntError, path::Path};

use clap::Args;
use sekisho_control::{
    APPLY, Applied, Apply, CONFIRM, Confirmation, Decision, File, GENERATIONS, Generation, PLAN,
    Plan, Proof, Proposal, ROLL_BACK, STATUS, Settled, Status, Stored, Token,
};

use super::{
    CommandError, ProposedFiles,
    client::{self, ClientError},
    text_file,
};

/// How a change is made, whatever it brings.
#[derive(Args, Debug)]
pub(super) struct Terms {
    /// Take the change back unless `sekisho confirm` comes within this time: 120s, 5m
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    confirm_within: Option<u32>,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The generation that the change was written for, 0 for none; refused where another one is in force
    #[arg(long, value_name = "N")]
    seen: Option<u64>,
    /// The device's address that the user's request arrived at; for programs that ask for somebody who came over a network
    #[arg(long, value_name = "ADDR")]
    came_by: Option<Ipv4Addr>,
}

/// A decision about the change that awaits confirmation.
#[derive(Args, Debug)]
pub(super) struct Which {
    /// Its generation; without it, whichever awaits confirmation
    #[arg(value_name = "N")]
    generation: Option<u64>,
}

/// A confirmation, with what it may have to show.
#[derive(Args, Debug)]
pub(super) struct Confirm {
    #[command(flatten)]
    which: Which,
    /// The token that the change was answered with, where it touches the way that its user came by; root needs none
    #[arg(long, value_name = "TOKEN", requires = "at")]
    token: Option<String>,
    /// The device's address that the token was shown at
    #[arg(long, value_name = "ADDR", requires = "token")]
    at: Option<Ipv4Addr>,
}

/// An earlier generation to go back to.
#[derive(Args, Debug)]
pub(super) struct Earlier {
    /// Its number, as `sekisho history` shows it
    #[arg(value_name = "N")]
    generation: u64,
    #[command(flatten)]
    terms: Terms,
}

pub(super) async fn apply(
    socket: &Path,
    files: &ProposedFiles,
    terms: &Terms,
) -> Result<Applied, CommandError> {
    Ok(send(socket, proposal(socket, files).await?, terms).await?)
}

/// What applying would change.
pub(super) async fn plan(socket: &Path, files: &ProposedFiles) -> Result<Plan, CommandError> {
    let proposal = proposal(socket, files).await?;
    Ok(client::post(socket, PLAN, &proposal).await?)
}

async fn proposal(socket: &Path, files: &ProposedFiles) -> Result<Proposal, CommandError> {
    let site = if files.site_in_force {
        let number = client::get::<Status>(socket, STATUS).await?.generation;
        let text = stored(socket, number).await?.site;
        File { name: "site.toml".to_owned(), text }
    } else {
        text_file(&files.site)?
    };
    let profile = files.profile.as_deref().map(text_file).transpose()?;
    Ok(Proposal { site, profile })
}

/// An earlier site design becomes a new generation; the platform profile stays the one in force, which is the operator's
/// and never goes back.
pub(super) async fn restore(socket: &Path, earlier: &Earlier) -> Result<Applied, CommandError> {
    let Earlier { generation, terms } = earlier;
    let stored = stored(socket, *generation).await?;
    let name = format!("generation {generation}");
    let site = File { name: name.clone(), text: stored.site };
    let proposal = Proposal { site, profile: None };
    let reason = terms.reason.clone().unwrap_or(name);
    let terms = Terms { reason: Some(reason), ..*terms };
    Ok(send(socket, proposal, &terms).await?)
}

pub(super) async fn send(
    socket: &Path,
    proposal: Proposal,
    terms: &Terms,
) -> Result<Applied, ClientError> {
    let seen = match terms.seen {
        Some(seen) => seen,
        None => client::get::<Status>(socket, STATUS).await?.generation,
    };
    let Terms { confirm_within: confirm_within_s, came_by, .. } = *terms;
    let reason = terms.reason.clone();
    let (answer_first, on_behalf) = (false, None);
    let apply =
        Apply { proposal, seen, confirm_within_s, reason, came_by, answer_first, on_behalf };
    client::post(socket, APPLY, &apply).await
}

pub(super) async fn confirm(socket: &Path, confirm: &Confirm) -> Result<Settled, ClientError> {
    let Confirm { which, token, at } = confirm;
    let Decision { generation, on_behalf } = decision(socket, which).await?;
    let shown = token.as_deref().zip(*at);
    let shown = shown.map(|(token, at)| Proof { token: Token::shown(token), at });
    client::post(socket, CONFIRM, &Confirmation { generation, shown, on_behalf }).await
}

pub(super) async fn roll_back(socket: &Path, which: &Which) -> Result<Settled, ClientError> {
    client::post(socket, ROLL_BACK, &decision(socket, which).await?).await
}

/// What awaits confirmation now, where nobody says which. No generation has the number 0, so that the daemon itself says
/// that nothing does.
async fn decision(socket: &Path, which: &Which) -> Result<Decision, ClientError> {
    let generation = if let Some(generation) = which.generation {
        generation
    } else {
        let status: Status = client::get(socket, STATUS).await?;
        status.awaiting.map_or(0, |awaiting| awaiting.generation)
    };
    Ok(Decision { generation, on_behalf: None })
}

pub(super) async fn history(socket: &Path) -> Result<Vec<Generation>, ClientError> {
    client::get(socket, GENERATIONS).await
}

/// One generation with its files.
pub(super) async fn stored(socket: &Path, generation: u64) -> Result<Stored, ClientError> {
    client::get(socket, &format!("{GENERATIONS}/{generation}")).await
}

/// Reads `90`, `90s` or `5m`. Whether somebody can confirm within that time is the daemon's matter.
fn seconds(text: &str) -> Result<u32, String> {
    let (number, factor) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let wrong = |_: ParseIntError| "give seconds or minutes: 120s, 5m".to_owned();
    let number: u32 = number.parse().map_err(wrong)?;
    number.checked_mul(factor).ok_or_else(|| "that is longer than anybody waits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, wanted) in [("90", 90), ("120s", 120), ("5m", 300), ("0s", 0)] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for text in ["", "s", "m", "1h", "-5s", "1.5m", "99999999m", "5 m"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
