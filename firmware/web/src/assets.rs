//! The page's files: built into the program from `web-ui/dist`, or read from a folder.
//!
//! What lies under `assets/` has its version in its path and is kept by browsers for good; everything else is asked for anew. A file
//! that has a `.br` or `.gz` beside it is sent compressed to who takes that.

use std::{borrow::Cow, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{Html, IntoResponse as _, Response},
    routing::any,
};
use rust_embed::RustEmbed;
use sekisho_host::files;
use tokio::task::spawn_blocking;

/// The largest file, in bytes.
const LARGEST: u64 = 8 << 20;

#[derive(RustEmbed)]
#[folder = "../../web-ui/dist"]
#[allow_missing = true]
struct Built;

/// Where the files are.
#[derive(Clone, Debug)]
pub enum Assets {
    /// In the program.
    Built,
    /// In a folder, for who works on them.
    Folder(Arc<PathBuf>),
}

/// Shown where the page isn't built.
const PLACEHOLDER: &str = "<!doctype html><html lang=\"ja\"><meta charset=\"utf-8\"><title>Sekisho</title>\
<p>画面が組み込まれていません。<code>web-ui</code>で<code>npm ci &amp;&amp; npm run build</code>を実行し、\
<code>sekisho-web</code>を作り直してください。</p>\
<p lang=\"en\">The page isn't built in. Run <code>npm ci &amp;&amp; npm run build</code> in <code>web-ui</code> and build \
<code>sekisho-web</code> again, or name its folder with <code>--assets</code>.</p></html>";

impl Assets {
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(any(serve)).with_state(self)
    }

    async fn read(&self, path: String) -> Option<Cow<'static, [u8]>> {
        match self {
            Self::Built => Built::get(&path).map(|file| file.data),
            Self::Folder(folder) => {
                let path = folder.join(path);
                let read = spawn_blocking(move || files::read(&path, LARGEST));
                read.await.ok()?.ok().map(Cow::Owned)
            }
        }
    }
}

async fn serve(
    State(assets): State<Assets>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    // Files of a build have such names only, and none leads out of the folder.
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    if !path.split('/').all(plain) {
        return StatusCode::NOT_FOUND.into_response();
    }
    for (encoding, ending) in [("br", ".br"), ("gzip", ".gz")] {
        if takes(&headers, encoding)
            && let Some(bytes) = assets.read(format!("{path}{ending}")).await
        {
            return answer(path, bytes, Some(encoding));
        }
    }
    match assets.read(path.to_owned()).await {
        Some(bytes) => answer(path, bytes, None),
        None if path == "index.html" => Html(PLACEHOLDER).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(path: &str, bytes: Cow<'static, [u8]>, encoding: Option<&'static str>) -> Response {
    // What is in the program goes out from there: a slow reader costs no copy.
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let keep = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else if path == "index.html" {
        "no-store"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// Whether an encoding is among those that the browser takes; `q=0` is no.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok()).any(
        |line| {
            line.split(',').any(|part| {
                let mut words = part.split(';').map(str::trim);
                words.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding))
                    && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            })
        },
    )
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn ask(assets: &Assets, path: &str, encodings: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, encodings.parse().unwrap());
        let response =
            serve(State(assets.clone()), Method::GET, path.parse().unwrap(), headers).await;
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, 1 << 20).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn files_are_served_with_their_age() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("index.html", "page");
        put("assets/1-ab/app.js", "script");
        put("assets/1-ab/app.js.br", "small");
        put("assets/1-ab/app.js.gz", "smaller");
        put(".secret", "none");
        let assets = Assets::Folder(Arc::new(folder.path().to_owned()));

        let (status, headers, body) = ask(&assets, "/", "").await;
        assert_eq!((status, body.as_slice()), (StatusCode::OK, b"page".as_slice()));
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        let script = "/assets/1-ab/app.js";
        let (_, headers, body) = ask(&assets, script, "gzip, br").await;
        assert_eq!(
            (headers[header::CONTENT_ENCODING].as_bytes(), body.as_slice()),
            (&b"br"[..], &b"small"[..])
        );
        assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let (_, _, body) = ask(&assets, script, "br;q=0, gzip").await;
        assert_eq!(body, b"smaller");
        let (_, headers, body) = ask(&assets, script, "identity").await;
        assert!(!headers.contains_key(header::CONTENT_ENCODING) && body == b"script");
        for bad in
            ["/none.js", "/.secret", "/assets/../.secret", "//etc/passwd", "/a%2f..", "/assets"]
        {
            assert_eq!(ask(&assets, bad, "").await.0, StatusCode::NOT_FOUND, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_page_that_isnt_built_says_how() {
        let assets = Assets::Folder(Arc::new(PathBuf::from("/nonexistent")));
        let (status, _, body) = ask(&assets, "/", "br").await;
        assert_eq!(status, StatusCode::OK);
        assert!(String::from_utf8(body).unwrap().contains("npm run build"));
    }
}
