//! A browser, as far as it matters: TLS with the device's CA, one cookie, the session's token.

use std::{net::SocketAddr, sync::Arc};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderMap},
};
use hyper_util::rt::TokioIo;
use sekisho_web::tls::provider;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::ServerName,
        version::TLS13,
    },
};

use crate::stage::PATIENCE;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_default()
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    pub(crate) cookie: Option<String>,
    pub(crate) token: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, ca: CertificateDer<'static>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(ca).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address, config: Arc::new(config), cookie: None, token: None }
    }

    pub(crate) async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("sekisho").unwrap();
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }

    pub(crate) async fn sender(&self) -> SendRequest<Full<Bytes>> {
        let stream = timeout(PATIENCE, self.connect()).await.unwrap().unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// A request as the page makes it.
    pub(crate) fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Full<Bytes>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "sekisho")
            .header(header::ORIGIN, "https://sekisho")
            .header("sec-fetch-site", "same-origin");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("__Host-sekisho={cookie}"));
        }
        if let Some(token) = &self.token {
            request = request.header("x-sekisho-token", token);
        }
        request.body(Full::new(Bytes::from(body))).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let exchange = async {
            let answer = self.sender().await.send_request(request).await.unwrap();
            let (parts, body) = answer.into_parts();
            let kind = parts.headers.get(header::CONTENT_TYPE);
            // Events go on for ever.
            if kind.is_some_and(|kind| kind == "text/event-stream") {
                return (parts, Bytes::new());
            }
            (parts, body.collect().await.unwrap().to_bytes())
        };
        let (parts, body) = timeout(PATIENCE, exchange).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(&Method::GET, path, None)).await
    }

    /// Posts, and takes over the session that comes back.
    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        let answer = self.send(self.request(&Method::POST, path, Some(&body))).await;
        if let Some(set) = answer.headers.get(header::SET_COOKIE) {
            let set = set.to_str().unwrap().strip_prefix("__Host-sekisho=").unwrap();
            self.cookie = set.split(';').next().map(str::to_owned);
            self.token = answer.body["csrf"].as_str().map(str::to_owned);
        }
        answer
    }

    pub(crate) async fn sign_in(
        &mut self,
        user: &str,
        password: &str,
        code: Option<&str>,
    ) -> Answer {
        let mut body = json!({ "user": user, "password": password });
        if let Some(code) = code {
            body["code"] = code.into();
        }
        self.post("/api/login", body).await
    }
}
