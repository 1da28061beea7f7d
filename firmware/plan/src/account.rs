//! Accounts: the number that conntrack keeps with a connection, so that packets are counted for the rows that admitted it.
//!
//! A number follows from the rows' names alone. So counts and running connections keep their account while the design
//! changes around them.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_design::{Class, Design, Name};

/// Whose traffic it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Account {
    /// The server or the terminals.
    pub row: Name,
    /// The policy that admitted it; `None` where the row did by itself.
    pub policy: Option<Name>,
    /// Its traffic class.
    pub class: Class,
}

/// All accounts of a design.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accounts {
    by_number: BTreeMap<u32, Account>,
    numbers: BTreeMap<(Name, Option<Name>), u32>,
}

impl Accounts {
    /// Those of a design: each row by itself, and each row by each policy about it.
    pub fn of(design: &Design) -> Self {
        let classes: BTreeMap<_, _> = rows(design).collect();
        let own = classes.iter().map(|(row, class)| ((*row).clone(), None, *class));
        let by_policies = design.policies.iter().flat_map(|policy| {
            let rows: BTreeSet<_> =
                design.office_hosts(policy).into_iter().map(|hosts| hosts.row).collect();
            let class = |row| policy.class.or_else(|| classes.get(row).copied());
            rows.into_iter()
                .map(|row| (row.clone(), Some(policy.name.clone()), class(row).unwrap_or_default()))
                .collect::<Vec<_>>()
        });
        let all: BTreeSet<_> = own.chain(by_policies).collect();
        let mut accounts = Self::default();
        for (row, policy, class) in all {
            let mut number = number(&row, policy.as_ref());
            while number == 0 || accounts.by_number.contains_key(&number) {
                number = (number + 1) & LARGEST;
            }
            accounts.numbers.insert((row.clone(), policy.clone()), number);
            accounts.by_number.insert(number, Account { row, policy, class });
        }
        accounts
    }

    /// The number of an account; 0, which is nobody's, where the design has no such account.
    pub fn number(&self, row: &Name, policy: Option<&Name>) -> u32 {
        self.numbers.get(&(row.clone(), policy.cloned())).copied().unwrap_or_default()
    }

    /// Whose a number is.
    pub fn get(&self, number: u32) -> Option<&Account> {
        self.by_number.get(&number)
    }

    /// All, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Account)> {
        self.by_number.iter().map(|(number, account)| (*number, account))
    }
}

/// A mark has 32 bits; the highest stays free.
const LARGEST: u32 = u32::MAX >> 1;

fn rows(design: &Design) -> impl Iterator<Item = (&Name, Class)> {
    let servers = design.servers.iter().map(|row| (&row.name, row.class));
    servers.chain(design.terminals.iter().map(|row| (&row.name, row.class)))
}

/// FNV-1a, which is the same in every release. Of 1,000 accounts two share a number once in 4,000 designs; the later one
/// then takes the next.
fn number(row: &Name, policy: Option<&Name>) -> u32 {
    let text = [row.as_str(), policy.map_or("", Name::as_str)].join("/");
    text.bytes()
        .fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
        & LARGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_follows_from_names_alone() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(number(&name("juki"), None), number(&name("juki"), None));
        assert_ne!(number(&name("juki"), None), number(&name("atena"), None));
        assert_ne!(number(&name("juki"), None), number(&name("juki"), Some(&name("batch"))));
        // What conntrack of a running box holds must mean the same after an update.
        assert_eq!(number(&name("juki"), None), 0x1151_0D1D);
    }
}
