//! What a certificate says of itself (RFC 5280).

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use ring::digest;
use x509_cert::{
    der::Decode as _,
    ext::pkix::{SubjectAltName, name::GeneralName},
    name::Name,
    time::Time,
};

use crate::probe::Certificate;

/// More names than a report can show.
const NAMES: usize = 100;

/// Reads one; `None` where it is none.
pub fn read_certificate(der: &[u8]) -> Option<Certificate> {
    let read = x509_cert::Certificate::from_der(der).ok()?;
    let read = read.tbs_certificate();
    let names = read.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.map(|(_, SubjectAltName(names))| names).unwrap_or_default();
    Some(Certificate {
        subject: who(read.subject()),
        names: names.iter().filter_map(name).take(NAMES).collect(),
        issuer: who(read.issuer()),
        from: moment(read.validity().not_before)?,
        until: moment(read.validity().not_after)?,
        fingerprint: fingerprint(der),
    })
}

/// The common name, or else all of it.
fn who(name: &Name) -> String {
    let common = name.common_name().ok().flatten();
    common.map_or_else(|| name.to_string(), |common| common.value().into_owned())
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let four = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).to_string());
            let six = || <[u8; 16]>::try_from(bytes).map(|six| Ipv6Addr::from(six).to_string());
            four.or_else(|_| six()).ok()
        }
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

fn moment(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}

/// As a design's authorities are shown: the first eight bytes of the SHA-256.
fn fingerprint(der: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, der);
    let bytes: Vec<_> = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
