//! Whether a request was meant for this page and comes from it.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};

use crate::{
    answer::{Refusal, RefusalKind},
    tls::Names,
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The value of `Host`, where it is a name or address of the certificate, or the address that the connection came to. A page of
/// somebody else whose name was made to point here (DNS rebinding) asks for that name, and gets nothing.
pub(super) fn host<'a>(
    headers: &'a HeaderMap,
    names: &Names,
    local: IpAddr,
) -> Result<&'a str, Refusal> {
    let text = only(headers, &header::HOST).ok_or_else(misdirected)?;
    let authority: Authority = text.parse().map_err(|_| misdirected())?;
    if text.contains('@') {
        return Err(misdirected());
    }
    let asked = authority.host().trim_start_matches('[').trim_end_matches(']');
    let known = match asked.parse::<IpAddr>() {
        Ok(address) => address == local || names.addresses.contains(&address),
        Err(_) => names.hosts.contains(&asked.trim_end_matches('.').to_lowercase()),
    };
    if known { Ok(text) } else { Err(misdirected()) }
}

/// Whether a request of the API comes from a page of this very host. Browsers say so with every change; programs have to as well.
pub(super) fn check(method: &Method, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let origin = headers.contains_key(header::ORIGIN).then(|| only(headers, &header::ORIGIN));
    let same = |origin: Option<&str>| {
        origin
            .and_then(|origin| origin.strip_prefix("https://"))
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    };
    let right = match (method.is_safe(), site, origin) {
        (_, _, Some(origin)) if !same(origin) => false,
        // None: somebody typed the address in, or it is no browser.
        (_, Some(b"same-origin"), _) | (true, Some(b"none") | None, _) => true,
        (_, Some(_), _) => false,
        (false, None, origin) => origin.is_some(),
    };
    if right {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        RefusalKind::CrossOrigin,
        "ほかのサイトからの要求は受け付けません。",
        "The request doesn't come from this page (Origin, Sec-Fetch-Site).",
    ))
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

fn misdirected() -> Refusal {
    Refusal::new(
        StatusCode::MISDIRECTED_REQUEST,
        RefusalKind::Host,
        "この装置のアドレスまたは証明書の名前で開いてください。",
        "The page answers to the device's own addresses and the names of its certificate only.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn only_its_own_names_are_answered() {
        let names = Names {
            addresses: [IpAddr::from([172, 29, 113, 1])].into(),
            hosts: ["sekisho".to_owned()].into(),
        };
        for good in ["172.29.113.1", "172.29.113.1:8443", "10.0.0.1", "Sekisho", "sekisho.:443"] {
            let found = headers(&[("host", good)]);
            assert_eq!(host(&found, &names, LOCAL).ok(), Some(good));
        }
        for bad in [
            "evil.example",
            "10.0.0.2",
            "sekisho.evil.example",
            "sekisho@evil.example",
            "sekisho/x",
            "",
            "[::1]",
        ] {
            let found = headers(&[("host", bad)]);
            let refusal = host(&found, &names, LOCAL).unwrap_err();
            assert_eq!(refusal.status, StatusCode::MISDIRECTED_REQUEST, "{bad}");
        }
        assert!(host(&headers(&[]), &names, LOCAL).is_err());
        assert!(
            host(&headers(&[("host", "sekisho"), ("host", "sekisho")]), &names, LOCAL).is_err()
        );
        let six: IpAddr = "fd00::1".parse().unwrap();
        assert!(host(&headers(&[("host", "[fd00::1]:443")]), &names, six).is_ok());
    }

    #[test]
    fn changes_come_from_the_page_itself() {
        let ask = |method: Method, pairs: &[(&'static str, &str)]| {
            check(&method, &headers(pairs), "sekisho:8443").is_ok()
        };
        let ours = ("origin", "https://sekisho:8443");
        for pairs in [
            &[ours][..],
            &[("sec-fetch-site", "same-origin")],
            &[ours, ("sec-fetch-site", "same-origin")],
        ] {
            assert!(ask(Method::POST, pairs) && ask(Method::GET, pairs), "{pairs:?}");
        }
        for pairs in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "http://sekisho:8443")],
            &[("origin", "null")],
            &[("origin", "https://sekisho")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[ours, ("sec-fetch-site", "cross-site")],
            &[ours, ours],
        ] {
            assert!(!ask(Method::POST, pairs) && !ask(Method::GET, pairs), "{pairs:?}");
        }
        for pairs in [&[][..], &[("sec-fetch-site", "none")]] {
            assert!(ask(Method::GET, pairs) && !ask(Method::DELETE, pairs), "{pairs:?}");
        }
    }
}
