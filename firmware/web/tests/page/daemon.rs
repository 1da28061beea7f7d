//! A control socket that answers what the page itself asks, how the device is and a certificate, and what a test tells it to.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
    routing::{get, post},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateSigningRequestDer, pem::PemObject as _,
};
use x509_cert::{der::Decode as _, request::CertReq};

/// What it has and what it says.
pub(crate) struct Daemon {
    ca: Mutex<Authority>,
    pub(crate) generation: AtomicU64,
    pub(crate) synchronised: Mutex<bool>,
    pub(crate) signed: AtomicU64,
    said: Mutex<HashMap<String, (u16, Value)>>,
    asked: Mutex<Vec<(String, Value)>>,
}

impl Daemon {
    /// Listens at a socket.
    pub(crate) fn start(socket: &Path) -> Arc<Self> {
        let daemon = Arc::new(Self {
            ca: Mutex::new(Authority::make()),
            generation: AtomicU64::new(1),
            synchronised: Mutex::new(true),
            signed: AtomicU64::new(0),
            said: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/v1/status", get(status))
            .route("/v1/page/certificate", post(certificate))
            .route("/v1/page/ca", get(authority))
            .fallback(told)
            .with_state(Arc::clone(&daemon));
        let listener = UnixListener::bind(socket).unwrap();
        tokio::spawn(serve(listener, router));
        daemon
    }

    /// Its CA.
    pub(crate) fn ca_der(&self) -> CertificateDer<'static> {
        self.ca.lock().unwrap().der.clone()
    }

    pub(crate) fn ca_pem(&self) -> String {
        pem_of(&self.ca_der())
    }

    /// Takes another's CA over.
    pub(crate) fn take_another_ca(&self) {
        *self.ca.lock().unwrap() = Authority::make();
    }

    /// From now on the answer to a request, which is called by its method and its path with the query.
    pub(crate) fn say(&self, request: &str, status: u16, body: Value) {
        self.said.lock().unwrap().insert(request.to_owned(), (status, body));
    }

    /// The bodies of such requests that came.
    pub(crate) fn asked(&self, request: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let of = asked.iter().filter(|(what, _)| what == request);
        of.map(|(_, body)| body.clone()).collect()
    }
}

/// What a test told.
async fn told(
    State(daemon): State<Arc<Daemon>>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let request = format!("{method} {uri}");
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    daemon.asked.lock().unwrap().push((request.clone(), body));
    let failure = json!({ "kind": "malformed", "message": "there is no such resource" });
    let said = daemon.said.lock().unwrap().get(&request).cloned();
    let (status, body) = said.unwrap_or((400, failure));
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

async fn serve(listener: UnixListener, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        let stream = hyper_util::rt::TokioIo::new(stream);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
    }
}

async fn status(State(daemon): State<Arc<Daemon>>) -> Json<Value> {
    Json(json!({
        "version": "0.1.0",
        "phase": { "name": "in-force" },
        "generation": daemon.generation.load(Ordering::SeqCst),
        "site": null,
        "tunnel": null,
        "refused": {},
        "last_refusals": [],
        "time": {
            "synchronised": *daemon.synchronised.lock().unwrap(),
            "ever": false,
            "for_s": 1,
            "servers": [],
            "sentence": { "ja": "", "en": "" },
        },
    }))
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

impl Authority {
    fn make() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: Issuer::new(params, key), der }
    }
}

async fn authority(State(daemon): State<Arc<Daemon>>) -> Json<Value> {
    Json(json!({ "ca": daemon.ca_pem(), "fingerprint": "ab01ff" }))
}

struct Asked(Vec<u8>);

impl PublicKeyData for Asked {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

async fn certificate(State(daemon): State<Arc<Daemon>>, Json(asked): Json<Value>) -> Json<Value> {
    let pem = asked["csr"].as_str().unwrap();
    let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap();
    let request = CertReq::from_der(&der).unwrap();
    let key = Asked(request.info.public_key.subject_public_key.raw_bytes().to_vec());
    let generation = daemon.generation.load(Ordering::SeqCst);
    let names = vec!["sekisho".to_owned(), format!("generation-{generation}")];
    let leaf = CertificateParams::new(names).unwrap();
    let ca = daemon.ca.lock().unwrap();
    let leaf = leaf.signed_by(&key, &ca.issuer).unwrap();
    daemon.signed.fetch_add(1, Ordering::SeqCst);
    let chain = [leaf.der(), &ca.der].map(|der| pem_of(der)).concat();
    Json(json!({ "chain": chain, "ca": pem_of(&ca.der) }))
}

fn pem_of(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
