//! Whether firmware on trial stays: what is begun before the daemon, and decided once it has had its time.

use std::{path::Path, time::Duration};

use sekisho_control::{HEALTH, Health, Level, STATUS, Status};
use sekisho_design::Both;
use sekisho_host::slots::{BootMemory, Slot, SlotState, TRIES};
use tokio::time::{Instant, sleep};

use super::{
    Places, UpdateError,
    record::{self, Before, End, Trial},
    state,
};
use crate::cli::client::{self, ClientError};

/// Between two looks at the device's health.
const BETWEEN: Duration = Duration::from_secs(5);

/// How long the daemon has to answer where nothing is on trial.
const ANSWERS: Duration = Duration::from_mins(2);

/// How a start is settled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Settled {
    /// The slot is good, and nothing was on trial.
    Good,
    /// This version stays.
    Kept(String),
    /// The box has to start again, with the version before.
    GoesBack(String),
}

/// Before the daemon's start: mends the boot loader's memory, keeps the state for the old firmware where the new one is on trial,
/// and puts it back where the old one has come back. Why, in that case.
pub(super) fn begin(places: &Places) -> Result<Option<String>, UpdateError> {
    BootMemory::mend(&places.boot_memory)?;
    let running = places.running()?;
    let Some(trial) = Trial::read(&places.kept)? else { return Ok(None) };
    if trial.slot == running {
        state::keep(&places.state)?;
        return Ok(None);
    }
    let mut memory = BootMemory::read(&places.boot_memory)?;
    let tried = memory.slot(trial.slot);
    if tried.good && tried.tries == 0 {
        // It is there, and its turn is with a later start.
        return Ok(None);
    }
    state::put_back(&places.state)?;
    memory.set(trial.slot, SlotState { good: false, tries: 0 });
    memory.write()?;
    let given_up = trial.given_up.as_deref();
    let given_up = given_up.map(|reason| record::both(reason, trial.given_up_ja.as_deref()));
    let reason = given_up.unwrap_or_else(|| why_not_up(tried));
    trial.end(&places.kept, End::went_back(reason.clone()))?;
    Ok(Some(reason.en))
}

fn why_not_up(SlotState { good, tries }: SlotState) -> Both {
    if tries >= TRIES {
        both(
            format!("{TRIES}回続けて起動しませんでした"),
            format!("it didn't come up in {TRIES} starts"),
        )
    } else if good {
        both(
            format!("{tries}回試したあと、もう一方のスロットで起動しました"),
            format!("another slot was started after {tries} tries"),
        )
    } else {
        both("書き込みが途中で切れました", "its installation was cut off")
    }
}

fn both(ja: impl Into<String>, en: impl Into<String>) -> Both {
    Both { ja: ja.into(), en: en.into() }
}

/// Waits until the device is as good as before the update, at most that long, and marks the slot; otherwise gives the slot up.
pub(super) async fn settle(
    places: &Places,
    socket: &Path,
    limit: Duration,
) -> Result<Settled, UpdateError> {
    let running = places.running()?;
    let Some(mut trial) = Trial::read(&places.kept)?.filter(|trial| trial.slot == running) else {
        answers(socket, ANSWERS).await?;
        mark(places, running, SlotState { good: true, tries: 0 })?;
        return Ok(Settled::Good);
    };
    match as_good_as_before(socket, trial.before.as_ref(), limit).await {
        Ok(()) => {
            mark(places, running, SlotState { good: true, tries: 0 })?;
            state::let_go(&places.state)?;
            let version = trial.version.clone();
            trial.end(&places.kept, End::Kept)?;
            Ok(Settled::Kept(version))
        }
        Err(reason) => {
            trial.given_up = Some(reason.en.clone());
            trial.given_up_ja = Some(reason.ja);
            trial.write(&places.kept)?;
            mark(places, running, SlotState { good: false, tries: 0 })?;
            Ok(Settled::GoesBack(reason.en))
        }
    }
}

fn mark(places: &Places, slot: Slot, wanted: SlotState) -> Result<(), UpdateError> {
    let mut memory = BootMemory::read(&places.boot_memory)?;
    if memory.slot(slot) != wanted {
        memory.set(slot, wanted);
        memory.write()?;
    }
    Ok(())
}

async fn answers(socket: &Path, limit: Duration) -> Result<Status, ClientError> {
    let end = Instant::now() + limit;
    loop {
        match client::get(socket, STATUS).await {
            Err(_) if Instant::now() < end => sleep(BETWEEN).await,
            answer => return answer,
        }
    }
}

/// Two looks of the device at itself, one after the other, have to be as good.
async fn as_good_as_before(
    socket: &Path,
    before: Option<&Before>,
    limit: Duration,
) -> Result<(), Both> {
    let end = Instant::now() + limit;
    let mut good = None;
    loop {
        let seen = client::get::<Health>(socket, HEALTH).await.map_err(|error| {
            both("装置の中心プログラム（sekishod）が応答しませんでした", error.to_string())
        });
        let reason = match seen
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|now| compare(before, now).map(|()| now))
        {
            Ok(now) if good.is_some_and(|first| first != now.at) => return Ok(()),
            Ok(now) => {
                good = good.or(Some(now.at));
                both("正常な状態が続きませんでした", "the device wasn't well for long enough")
            }
            Err(reason) => {
                good = None;
                reason
            }
        };
        if Instant::now() >= end {
            return Err(reason);
        }
        sleep(BETWEEN).await;
    }
}

/// Whether the device is as good as before; why not.
fn compare(before: Option<&Before>, now: &Health) -> Result<(), Both> {
    // Where nothing was known, a daemon that answers is as good.
    let Some(before) = before else { return Ok(()) };
    let after = Before::from(now);
    if let Some(new) = after.failed.difference(&before.failed).next() {
        let found = now.troubles.iter().find(|outcome| outcome.check.id == *new);
        return Err(found.map_or_else(
            || both(new, new),
            |it| {
                let (title, result) = (&it.check.title, &it.result);
                both(format!("{}：{}", title.ja, result.ja), format!("{}: {}", title.en, result.en))
            },
        ));
    }
    if after.level > before.level {
        let ([now_ja, now], [then_ja, then]) = (words(after.level), words(before.level));
        return Err(both(
            format!("装置の状態は「{now_ja}」です。更新前は「{then_ja}」でした"),
            format!("the device is {now}; it was {then}"),
        ));
    }
    Ok(())
}

fn words(level: Level) -> [&'static str; 2] {
    match level {
        Level::Ok => ["正常", "ok"],
        Level::Degraded => ["一部に異常", "degraded"],
        Level::Down => ["停止", "down"],
    }
}

#[cfg(test)]
mod tests;
