//! The cookie that holds a session's secret (RFC 6265bis): `__Host-` ties it to this one host, TLS and all paths.

use axum::http::{HeaderMap, HeaderValue, header};

/// Its name.
pub(crate) const NAME: &str = "__Host-sekisho";

/// Longer ones aren't ours.
const LONGEST: usize = 128;

/// The secret that a request carries. Two of them are none: somebody has put one beside ours.
pub(crate) fn read(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            if name != NAME {
                continue;
            }
            if found.is_some() || value.len() > LONGEST {
                return None;
            }
            found = Some(value);
        }
    }
    found
}

/// The header that hands it out.
pub(crate) fn set(secret: &str) -> HeaderValue {
    with(&format!("{NAME}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict"))
}

/// The header that takes it back.
pub(crate) fn clear() -> HeaderValue {
    with(&format!("{NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"))
}

fn with(text: &str) -> HeaderValue {
    // A secret is hexadecimal; anything else would hand out nothing rather than break the answer.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn exactly_one_counts() {
        assert_eq!(read(&headers(&["a=b; __Host-sekisho=12"])), Some("12"));
        assert_eq!(read(&headers(&["a=b", "__Host-sekisho=12"])), Some("12"));
        for none in [
            &[][..],
            &["__Host-sekisho"],
            &["sekisho=12"],
            &["__Host-sekisho=12; __Host-sekisho=13"],
            &["__Host-sekisho=12", "__Host-sekisho=12"],
        ] {
            assert_eq!(read(&headers(none)), None, "{none:?}");
        }
    }

    #[test]
    fn it_is_handed_out_and_taken_back() {
        let set = set("00ff");
        assert_eq!(set, "__Host-sekisho=00ff; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert!(clear().to_str().unwrap().ends_with("Max-Age=0"));
    }
}
