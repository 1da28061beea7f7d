//! What `sekisho-ports` does.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use sekisho_design::{Both, PortName};
use sekisho_host::{
    HostError,
    ports::{Links, Listed, Port, read},
};
use sekisho_plan::{
    TUNNEL,
    ports::{Board, Found, Kept, Remark, assign as give, choose, keep, renames},
};
use tokio::time::sleep;

use super::{ListedPort, PortList, PortsError, Wish, files};

/// Where everything is.
pub(super) struct Places<'a> {
    pub(super) board: &'a Path,
    pub(super) kept: &'a Path,
    pub(super) run: &'a Path,
    pub(super) sys: &'a Path,
}

/// Between two looks at a box whose ports aren't all there.
const PAUSE: Duration = Duration::from_millis(100);

/// What the files say. One that can't be read is a remark.
struct Known {
    board: Board,
    kept: Kept,
    /// Nothing is kept yet, so that this start may.
    fresh: bool,
    remarks: Vec<Both>,
}

pub(super) async fn assign(places: &Places<'_>, wait: u64) -> Result<PortList, PortsError> {
    let Known { board, kept, fresh, mut remarks } = known(places);
    let links = Links::connect()?;
    let until = Instant::now() + Duration::from_secs(wait);
    let (ports, listed, assignment) = loop {
        let (ports, listed) = look(&links, places.sys).await?;
        let assignment = give(&found(&ports), &board, &kept);
        if assignment.is_whole() || Instant::now() >= until {
            break (ports, listed, assignment);
        }
        sleep(PAUSE).await;
    };
    remarks.extend(assignment.remarks.iter().map(Remark::sentences));
    let kept = keep(&found(&ports), &assignment.names);
    let (ports, failed) = rename(&links, &assignment.names, &listed, ports).await;
    let (ja, en) = ("名前を付けられないポートがあります", "a port keeps another name");
    remarks.extend(failed.iter().map(|error| both(ja, en, error)));
    if fresh
        && !kept.is_empty()
        && let Err(error) = files::keep(places.kept, &kept)
    {
        let (ja, en) = ("ポートの割り当てを記録できません", "the assignment isn't kept");
        remarks.push(both(ja, en, &error));
    }
    let mut list = PortList { ports, remarks };
    if let Err(error) = files::tell(places.run, &list) {
        list.remarks.push(both("結果を書けません", "the outcome isn't written", &error));
    }
    Ok(list)
}

pub(super) async fn list(places: &Places<'_>) -> Result<PortList, PortsError> {
    let Known { board, kept, mut remarks, .. } = known(places);
    let (ports, _) = look(&Links::connect()?, places.sys).await?;
    let assignment = give(&found(&ports), &board, &kept);
    remarks.extend(assignment.remarks.iter().map(Remark::sentences));
    Ok(PortList { ports: ports.into_iter().map(describe).collect(), remarks })
}

pub(super) async fn blink(places: &Places<'_>, port: &str, seconds: u64) -> Result<(), PortsError> {
    let links = Links::connect()?;
    let (ports, _) = look(&links, places.sys).await?;
    let found = found(&ports);
    let port = which(&found, port)?;
    Ok(links.blink(&port.link, Duration::from_secs(seconds))?)
}

/// Keeps first and renames then: where the renaming gets stuck, the next start goes on with it.
pub(super) async fn set(places: &Places<'_>, wishes: &[Wish]) -> Result<PortList, PortsError> {
    let Known { board, kept, remarks, .. } = known(places);
    let links = Links::connect()?;
    let (ports, listed) = look(&links, places.sys).await?;
    let found = found(&ports);
    let mut chosen: BTreeMap<PortName, &Found> = BTreeMap::new();
    for Wish { name, port } in wishes {
        let is_port = found.iter().any(|port| port.link == *name);
        if name.as_str() == TUNNEL || (listed.names.contains(name) && !is_port) {
            return Err(PortsError::Foreign(name.clone()));
        }
        let found = which(&found, port)?;
        if chosen.values().any(|other| other.link == found.link) {
            return Err(PortsError::PortTwice(port.clone()));
        }
        if chosen.insert(name.clone(), found).is_some() {
            return Err(PortsError::NameTwice(name.clone()));
        }
    }
    let kept = choose(&found, &board, &kept, &chosen);
    files::keep(places.kept, &kept)?;
    let assignment = give(&found, &board, &kept);
    let (ports, failed) = rename(&links, &assignment.names, &listed, ports).await;
    if let Some(error) = failed.into_iter().next() {
        return Err(error.into());
    }
    let mut list = PortList { ports, remarks };
    list.remarks.extend(assignment.remarks.iter().map(Remark::sentences));
    files::tell(places.run, &list)?;
    Ok(list)
}

fn known(places: &Places<'_>) -> Known {
    let mut remarks = Vec::new();
    let board = files::board(places.board).unwrap_or_else(|error| {
        let (ja, en) = ("機種の情報が読めません", "the board's slots are unknown");
        remarks.push(both(ja, en, &error));
        Board::new()
    });
    let kept = files::kept(places.kept);
    let fresh = matches!(kept, Ok(None));
    let kept = kept.unwrap_or_else(|error| {
        let (ja, en) =
            ("記録されたポートの割り当てが読めません", "the kept assignment doesn't count");
        remarks.push(both(ja, en, &error));
        None
    });
    Known { board, kept: kept.unwrap_or_default(), fresh, remarks }
}

async fn look(links: &Links, sys: &Path) -> Result<(Vec<Port>, Listed), HostError> {
    let listed = links.list().await?;
    Ok((read(sys, &listed.addresses)?, listed))
}

/// Gives every link its name, and goes on where one can't be renamed. What is left of `ports` under the names that they have
/// then, and what went wrong.
async fn rename(
    links: &Links,
    names: &BTreeMap<PortName, PortName>,
    listed: &Listed,
    mut ports: Vec<Port>,
) -> (Vec<ListedPort>, Vec<HostError>) {
    let mut failed = Vec::new();
    for (from, to) in renames(names, &listed.names) {
        match links.rename(&from, &to).await {
            Ok(()) => ports
                .iter_mut()
                .filter(|port| port.found.link == from)
                .for_each(|port| port.found.link = to.clone()),
            Err(error) => failed.push(error),
        }
    }
    (ports.into_iter().map(describe).collect(), failed)
}

fn found(ports: &[Port]) -> Vec<Found> {
    ports.iter().map(|port| port.found.clone()).collect()
}

/// The port that is meant by a name or a slot.
fn which<'a>(found: &'a [Found], port: &str) -> Result<&'a Found, PortsError> {
    let named = found.iter().find(|found| found.link.as_str() == port);
    let port_there = named.or_else(|| found.iter().find(|found| found.slot.as_str() == port));
    port_there.ok_or_else(|| PortsError::NoSuchPort(port.to_owned()))
}

fn describe(port: Port) -> ListedPort {
    let Port { found: Found { link, slot, mac }, driver, carrier, speed, duplex } = port;
    ListedPort { name: link, slot, mac, driver, carrier, speed, duplex }
}

fn both(ja: &str, en: &str, error: &impl ToString) -> Both {
    let error = error.to_string();
    Both { ja: format!("{ja}（{error}）。"), en: format!("{en}: {error}.") }
}
