//! Hosts files for terminals (R17, method c): pure.

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use jiff::{Timestamp, tz::TimeZone};
use sekisho_design::{Design, DnsName, Lan, NameTarget};

/// How a hosts file is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// UTF-8 without a byte order mark, lines end in LF.
    Utf8,
    /// CP932 with CRLF, for old Windows.
    Cp932,
}

/// Why there is no file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostsError {
    /// The design names nothing.
    #[error("the design has no table [names]")]
    NoNames,
    /// The design has no such LAN.
    #[error("the design has no {0}")]
    NoLan(Lan),
    /// One file can't serve LANs that get different addresses.
    #[error("'{0}' isn't the same on both LANs")]
    Differs(DnsName),
}

/// The hosts file of a LAN, or of all where they agree: static entries, aliases by their addresses, and the platform's
/// names as far as they are known. A name that is both is what the static entry says.
///
/// The same design and names make the same file, but for the date in its head.
///
/// # Errors
/// [`HostsError`].
pub fn file(
    design: &Design,
    lan: Option<Lan>,
    platform: &BTreeMap<DnsName, Vec<Ipv4Addr>>,
    dated: Timestamp,
    encoding: Encoding,
) -> Result<Vec<u8>, HostsError> {
    let lans = match lan {
        Some(lan) if !design.lans.contains_key(&lan) => return Err(HostsError::NoLan(lan)),
        Some(lan) => vec![lan],
        None => design.lans.keys().copied().collect(),
    };
    let mut tables = lans.iter().map(|lan| table(design, *lan, platform));
    let table = tables.next().unwrap_or(Err(HostsError::NoNames))?;
    for other in tables {
        let other = other?;
        let differs =
            table.keys().chain(other.keys()).find(|name| table.get(*name) != other.get(*name));
        if let Some(name) = differs {
            return Err(HostsError::Differs(name.clone()));
        }
    }
    let mut text = head(design, &lans, dated);
    for (name, addresses) in &table {
        for address in addresses {
            let _ = writeln!(text, "{address}\t{name}");
        }
    }
    Ok(match encoding {
        Encoding::Utf8 => text.into_bytes(),
        Encoding::Cp932 => {
            encoding_rs::SHIFT_JIS.encode(&text.replace('\n', "\r\n")).0.into_owned()
        }
    })
}

fn table(
    design: &Design,
    lan: Lan,
    platform: &BTreeMap<DnsName, Vec<Ipv4Addr>>,
) -> Result<BTreeMap<DnsName, Vec<Ipv4Addr>>, HostsError> {
    let names = design.names.as_ref().ok_or(HostsError::NoNames)?;
    let own: BTreeMap<_, _> = design
        .servers
        .iter()
        .filter(|row| row.lan == lan && names.rewrite_own)
        .map(|row| (row.global.get(), row.private.get()))
        .collect();
    let mut table = platform.clone();
    for entry in names.entries.iter().filter(|entry| entry.lans.contains(&lan)) {
        let mut addresses = names.stands_for(lan, &entry.name).to_vec();
        if let (true, NameTarget::Alias(alias)) = (addresses.is_empty(), &entry.target) {
            addresses = platform.get(alias).cloned().unwrap_or_default();
        }
        // An alias that leads to a name nobody knows can't be written down.
        table.remove(&entry.name);
        if !addresses.is_empty() {
            table.insert(entry.name.clone(), addresses);
        }
    }
    for addresses in table.values_mut() {
        for address in addresses.iter_mut() {
            *address = own.get(address).copied().unwrap_or(*address);
        }
        addresses.sort_unstable();
        addresses.dedup();
    }
    Ok(table)
}

fn head(design: &Design, lans: &[Lan], dated: Timestamp) -> String {
    let date = dated.to_zoned(TimeZone::fixed(jiff::tz::offset(9))).strftime("%Y-%m-%d %H:%M");
    let lan = |lan: &Lan| match lan {
        Lan::HeadOffice => "首長部局業務系LAN",
        Lan::EducationBoard => "教育委員会業務系LAN",
    };
    let lans: Vec<_> = lans.iter().map(lan).collect();
    // A name may hold what ends a comment, or steers a terminal.
    let site: String = design.site.name.chars().filter(|c| !c.is_control()).collect();
    format!("# {site} {} hosts\n# {date} (JST)\n127.0.0.1\tlocalhost\n", lans.join("・"))
}

#[cfg(test)]
mod tests;
