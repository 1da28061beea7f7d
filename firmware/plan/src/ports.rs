//! Which port of the box has which name.
//!
//! A design names ports by what stands on the box beside them. The kernel numbers links as it happens to find them, so names
//! follow the slot that a port sits in, and its hardware address where it sits in another slot than before.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use sekisho_design::{Both, Language, MalformedName, PortName};
use serde::{Deserialize, Serialize};

/// Where a port sits, as udev says it in `ID_PATH`: `pci-0000:01:00.0`. 1 to 255 visible characters of ASCII.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot(String);

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

/// A port as it is found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// The kernel's name of the link.
    pub link: PortName,
    /// Where it sits.
    pub slot: Slot,
    /// The address that it was made with; none where the driver makes one up at each start.
    pub mac: Option<Mac>,
}

/// By what a port is known.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Place {
    /// Where it sits.
    pub slot: Slot,
    /// The address that it was made with, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

/// The slots of a board, by the names that stand on the box.
pub type Board = BTreeMap<PortName, Slot>;

/// An assignment that is kept from one start to the next.
pub type Kept = BTreeMap<PortName, Place>;

/// Names for the ports that were found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assignment {
    /// The name of each port, by the kernel's name of its link.
    pub names: BTreeMap<PortName, PortName>,
    /// What somebody may want to know about them.
    pub remarks: Vec<Remark>,
}

/// What is otherwise than it was kept, or than the board has it. None of this keeps a box from working.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Remark {
    /// No port was found in a slot, nor elsewhere.
    Missing {
        /// The name that stays free.
        name: PortName,
        /// Where the port is looked for.
        slot: Slot,
    },
    /// A port that neither the board nor the kept assignment knows.
    Additional {
        /// The name that it got.
        name: PortName,
        /// Where it sits.
        slot: Slot,
    },
    /// A port was known again by its address, in another slot.
    Moved {
        /// Its name.
        name: PortName,
        /// Where it sat.
        from: Slot,
        /// Where it sits.
        to: Slot,
    },
    /// In a slot sits another card than before.
    Replaced {
        /// Its name.
        name: PortName,
        /// Where it sits.
        slot: Slot,
        /// The address of the one before.
        before: Mac,
        /// Its own.
        now: Mac,
    },
    /// The board's slots are all empty: this is another box.
    OtherBoard,
    /// No port of the kept assignment is here: it was kept on another box.
    OtherBox,
    /// There is no port at all.
    NoPorts,
}

/// Names the ports: those that are kept by their slot, then by their address, then those of the board that nothing is kept for;
/// all others in the order of their slots, `port` with the next number that is free. The names of ports that are missing stay
/// free for them, unless all of them are.
pub fn assign(found: &[Found], board: &Board, kept: &Kept) -> Assignment {
    let mut ports: Vec<&Found> = found.iter().collect();
    ports.sort_by_key(|port| (&port.slot, port.mac, &port.link));
    let mut work = Work { left: ports, names: BTreeMap::new(), remarks: Vec::new() };
    if found.is_empty() {
        work.remarks.push(Remark::NoPorts);
    }
    let known = kept.values().any(|place| found.iter().any(|port| port.is_at(place)));
    if !known && !kept.is_empty() && !found.is_empty() {
        work.remarks.push(Remark::OtherBox);
    }
    let kept = if known { kept } else { &Kept::new() };
    let ours = board.values().any(|slot| found.iter().any(|port| port.slot == *slot));
    if !known && !ours && !board.is_empty() && !found.is_empty() {
        work.remarks.push(Remark::OtherBoard);
    }
    let board = if ours { board } else { &Board::new() };

    work.by_slot(kept);
    work.by_address(kept);
    work.by_board(board, kept);
    let empty = |slot: &Slot| found.iter().all(|port| port.slot != *slot);
    let others = board.iter().filter(|(name, slot)| !kept.contains_key(*name) && empty(slot));
    let slots = kept.iter().map(|(name, place)| (name, &place.slot));
    for (name, slot) in slots.chain(others) {
        if !work.names.values().any(|given| given == name) {
            work.remarks.push(Remark::Missing { name: name.clone(), slot: slot.clone() });
        }
    }
    work.number(known || ours);
    work.remarks.sort();
    Assignment { names: work.names, remarks: work.remarks }
}

/// What is kept when somebody says which port has which name. Ports that nothing was said about keep their names as far as
/// these are free; ports that aren't there now keep theirs, too.
pub fn choose(
    found: &[Found],
    board: &Board,
    kept: &Kept,
    chosen: &BTreeMap<PortName, &Found>,
) -> Kept {
    let taken = |place: &Place| chosen.values().any(|port| port.is_at(place));
    let stay = kept.iter().filter(|(name, place)| !chosen.contains_key(*name) && !taken(place));
    let mut wanted: Kept = stay.map(|(name, place)| (name.clone(), place.clone())).collect();
    wanted.extend(chosen.iter().map(|(name, port)| (name.clone(), port.place())));
    let names = assign(found, board, &wanted).names;
    wanted.extend(keep(found, &names));
    wanted
}

/// What to keep of an assignment.
pub fn keep(found: &[Found], names: &BTreeMap<PortName, PortName>) -> Kept {
    found.iter().filter_map(|port| Some((names.get(&port.link)?.clone(), port.place()))).collect()
}

/// The renamings that give every link its name, in their order: no link ever gets a name that another one has. Where names
/// change places, links step aside first. `links` has the names of all links of the box.
pub fn renames(
    names: &BTreeMap<PortName, PortName>,
    links: &BTreeSet<PortName>,
) -> Vec<(PortName, PortName)> {
    let moving: Vec<_> = names.iter().filter(|(link, name)| link != name).collect();
    let mut free = (1_u32..)
        .map(|number| format!("aside{number}").parse().expect("a name that the kernel takes"))
        .filter(|name: &PortName| {
            !links.contains(name) && moving.iter().all(|(_, wanted)| *wanted != name)
        });
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (link, name) in &moving {
        let in_the_way = moving.iter().any(|(_, wanted)| wanted == link);
        let from = if in_the_way { free.next() } else { None };
        if let Some(aside) = &from {
            first.push(((*link).clone(), aside.clone()));
        }
        then.push((from.unwrap_or_else(|| (*link).clone()), (*name).clone()));
    }
    first.extend(then);
    first
}

struct Work<'a> {
    /// Ports without a name, in the order of their slots.
    left: Vec<&'a Found>,
    names: BTreeMap<PortName, PortName>,
    remarks: Vec<Remark>,
}

impl<'a> Work<'a> {
    fn take(&mut self, name: &PortName, is: impl Fn(&Found) -> bool) -> Option<&'a Found> {
        if self.names.values().any(|given| given == name) {
            return None;
        }
        let at = self.left.iter().position(|port| is(port))?;
        let port = self.left.remove(at);
        self.names.insert(port.link.clone(), name.clone());
        Some(port)
    }

    fn by_slot(&mut self, kept: &Kept) {
        for (name, place) in kept {
            let Some(port) = self.take(name, |port| port.slot == place.slot) else { continue };
            if let (Some(before), Some(now)) = (place.mac, port.mac)
                && before != now
            {
                let (name, slot) = (name.clone(), port.slot.clone());
                self.remarks.push(Remark::Replaced { name, slot, before, now });
            }
        }
    }

    fn by_address(&mut self, kept: &Kept) {
        for (name, place) in kept {
            let same = |port: &Found| place.mac.is_some() && port.mac == place.mac;
            if let Some(port) = self.take(name, same) {
                let (from, to) = (place.slot.clone(), port.slot.clone());
                self.remarks.push(Remark::Moved { name: name.clone(), from, to });
            }
        }
    }

    fn by_board(&mut self, board: &Board, kept: &Kept) {
        for (name, slot) in board.iter().filter(|(name, _)| !kept.contains_key(*name)) {
            self.take(name, |port| port.slot == *slot);
        }
    }

    /// Names all that are left.
    fn number(&mut self, told: bool) {
        let mut used: BTreeSet<PortName> = self.names.values().cloned().collect();
        used.extend(self.remarks.iter().filter_map(|remark| match remark {
            Remark::Missing { name, .. } => Some(name.clone()),
            Remark::Additional { .. }
            | Remark::Moved { .. }
            | Remark::Replaced { .. }
            | Remark::OtherBoard
            | Remark::OtherBox
            | Remark::NoPorts => None,
        }));
        let numbered = (1_u32..)
            .map(|number| format!("port{number}").parse().expect("a name that the kernel takes"));
        let mut free = numbered.filter(|name: &PortName| !used.contains(name));
        for port in std::mem::take(&mut self.left) {
            let Some(name) = free.next() else { return };
            if told {
                let (name, slot) = (name.clone(), port.slot.clone());
                self.remarks.push(Remark::Additional { name, slot });
            }
            self.names.insert(port.link.clone(), name);
        }
    }
}

impl Found {
    /// By what it is known again.
    pub fn place(&self) -> Place {
        Place { slot: self.slot.clone(), mac: self.mac }
    }

    fn is_at(&self, place: &Place) -> bool {
        self.slot == place.slot || (self.mac.is_some() && self.mac == place.mac)
    }
}

impl Assignment {
    /// Whether every port that was expected is there.
    pub fn is_whole(&self) -> bool {
        self.remarks.iter().all(|remark| match remark {
            Remark::Missing { .. } | Remark::OtherBoard | Remark::OtherBox | Remark::NoPorts => {
                false
            }
            Remark::Additional { .. } | Remark::Moved { .. } | Remark::Replaced { .. } => true,
        })
    }
}

impl Remark {
    /// The remark as a sentence in both languages.
    pub fn sentences(&self) -> Both {
        Both { ja: self.sentence(Language::Japanese), en: self.sentence(Language::English) }
    }

    /// The remark as a sentence.
    pub fn sentence(&self, language: Language) -> String {
        match self {
            Self::Missing { name, slot } => language.pick(
                format!("{name} が見つかりません（{slot}）。"),
                format!("{name} is missing ({slot})."),
            ),
            Self::Additional { name, slot } => language.pick(
                format!("ポートが一つ増えています。{name} としました（{slot}）。"),
                format!("an additional port is called {name} ({slot})."),
            ),
            Self::Moved { name, from, to } => language.pick(
                format!("{name} の場所が {from} から {to} に変わりました。"),
                format!("{name} has moved from {from} to {to}."),
            ),
            Self::Replaced { name, slot, before, now } => language.pick(
                format!("{name}（{slot}）は前と違う部品です（MAC {before} → {now}）。"),
                format!("{name} ({slot}) is another card than before (MAC {before}, now {now})."),
            ),
            Self::OtherBoard => language
                .pick(
                    "この機種として知られている場所にポートがありません。場所の順に番号を付けました。",
                    "none of the slots of this board has a port; ports are numbered in the order of their slots.",
                )
                .to_owned(),
            Self::OtherBox => language
                .pick(
                    "記録されたポートの割り当ては別の装置のものです。使いません。",
                    "the kept assignment of ports is another box's and isn't used.",
                )
                .to_owned(),
            Self::NoPorts => {
                language.pick("ポートがありません。", "there is no port at all.").to_owned()
            }
        }
    }
}

impl Slot {
    /// The slot as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slot {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if valid { Ok(Self(text.to_owned())) } else { Err(MalformedName(text.to_owned())) }
    }
}

impl FromStr for Mac {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let malformed = || MalformedName(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let whole = |part: &&str| part.len() == 2 && !part.starts_with('+');
            let part = parts.next().filter(whole).ok_or_else(malformed)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| malformed())?;
        }
        if parts.next().is_none() { Ok(Self(bytes)) } else { Err(malformed()) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|byte| format!("{byte:02x}")).join(":"))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = MalformedName;

            fn try_from(text: String) -> Result<Self, MalformedName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

text!(Slot);
text!(Mac);

#[cfg(test)]
mod tests;
