//! A browser, as far as it matters to the box: TLS with the device's own authority, connections that stay, one session.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use sekisho_control::{PAGE_AUTHORITY, PageAuthority};
use sekisho_lab::{Lab, Namespace, Page};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// How long the box may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The administrator's own password.
const PASSWORD: &str = "hashi wo wataru kaze";

/// Lets this thread, and those that it starts, be of another machine: they get the processor when the box doesn't want it.
pub(crate) fn elsewhere() -> anyhow::Result<()> {
    rustix::process::nice(19)?;
    Ok(())
}

/// A browser on the clerk's PC.
#[derive(Clone)]
pub(crate) struct Browser {
    host: Namespace,
    device: Ipv4Addr,
    config: Arc<ClientConfig>,
    /// The cookie and the token of the session, as fields of a request.
    session: String,
}

/// What a request brought.
pub(crate) struct Answer {
    pub(crate) status: u16,
    cookie: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Browser {
    /// One in which the device's authority is installed and the administrator is signed in.
    pub(crate) fn signed_in(lab: &Lab, from: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = lab.socket().display().to_string();
        let url = format!("http://sekishod{PAGE_AUTHORITY}");
        let told = lab.host("gateway").must(&["curl", "-sS", "--unix-socket", &socket, &url])?;
        let authority: PageAuthority = serde_json::from_str(&told).context(told)?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.ca.as_bytes())?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let device = lab.addresses().device_maintenance.context("there is no maintenance port")?;
        let mut browser = Self {
            host: lab.host("clerk").clone(),
            device: device.addr(),
            config: Arc::new(config),
            session: String::new(),
        };
        let first = Page::first_password()?;
        browser.enter(from, "/api/login", &json!({ "user": "admin", "password": first }))?;
        browser.enter(from, "/api/password", &json!({ "old": first, "new": PASSWORD }))?;
        Ok(browser)
    }

    fn enter(&mut self, from: Ipv4Addr, path: &str, body: &Value) -> anyhow::Result<()> {
        let answer = self.connect(from)?.ask(&self.post(path, body))?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(answer.status == 200, "{path}: {}: {text}", answer.status);
        let session: Value = serde_json::from_str(&text)?;
        let token = session["csrf"].as_str().context("a session without a token")?;
        let cookie = answer.cookie.context("a session without a cookie")?;
        self.session = format!("Cookie: {cookie}\r\nX-Sekisho-Token: {token}\r\n");
        Ok(())
    }

    /// A way to the box, with so much room for what comes; nothing has been said on it yet.
    pub(crate) fn reach(&self, from: Ipv4Addr, room: Option<usize>) -> io::Result<TcpStream> {
        let opened = self.host.inside(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            if let Some(room) = room {
                socket.set_recv_buffer_size(room)?;
            }
            socket.bind(&SocketAddr::from((from, 0)).into())?;
            let page = SocketAddr::from((self.device, sekisho_design::Page::PORT));
            socket.connect_timeout(&page.into(), PATIENCE)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
            socket.set_tcp_nodelay(true)?;
            Ok(TcpStream::from(socket))
        });
        opened.map_err(io::Error::other)?
    }

    /// The beginning of TLS on any way to the box.
    pub(crate) fn hand_shake(&self) -> io::Result<ClientConnection> {
        let name = ServerName::from(IpAddr::from(self.device));
        ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)
    }

    /// A connection that stays.
    pub(crate) fn connect(&self, from: Ipv4Addr) -> io::Result<Connection> {
        self.connect_with(from, None)
    }

    /// The same with so much room for what comes.
    pub(crate) fn connect_with(
        &self,
        from: Ipv4Addr,
        room: Option<usize>,
    ) -> io::Result<Connection> {
        let stream = StreamOwned::new(self.hand_shake()?, self.reach(from, room)?);
        Ok(Connection(BufReader::new(stream)))
    }

    /// A request as the page makes it.
    pub(crate) fn get(&self, path: &str) -> String {
        self.request("GET", path, "Accept-Encoding: br, gzip\r\n\r\n")
    }

    /// One of somebody who isn't signed in, and takes a file as it is.
    pub(crate) fn get_as_nobody(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.device)
    }

    /// The same with a body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> String {
        let body = body.to_string();
        let rest = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.request("POST", path, &rest)
    }

    fn request(&self, method: &str, path: &str, rest: &str) -> String {
        let (device, session) = (self.device, &self.session);
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {device}\r\nOrigin: https://{device}\r\n\
             Sec-Fetch-Site: same-origin\r\n{session}{rest}"
        )
    }
}

/// A connection that many requests take.
pub(crate) struct Connection(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Connection {
    /// Sends a request and waits for the whole answer.
    pub(crate) fn ask(&mut self, request: &str) -> anyhow::Result<Answer> {
        self.say(request.as_bytes())?;
        let head = self.head()?;
        let length = field(&head, "content-length").context("an answer of no length")?;
        let mut body = vec![0; length.parse()?];
        self.0.read_exact(&mut body)?;
        let cookie = field(&head, "set-cookie").and_then(|all| all.split(';').next());
        Ok(Answer { status: status(&head)?, cookie: cookie.map(str::to_owned), body })
    }

    /// Sends a request whose answer goes on: what follows its head are lines.
    pub(crate) fn listen(mut self, request: &str) -> anyhow::Result<impl BufRead> {
        self.say(request.as_bytes())?;
        let head = self.head()?;
        ensure!(status(&head)? == 200, "{head:?}");
        Ok(self.0)
    }

    /// Sends some bytes of something.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// What TLS goes over.
    pub(crate) fn socket(&self) -> &TcpStream {
        &self.0.get_ref().sock
    }

    fn head(&mut self) -> anyhow::Result<Vec<String>> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            ensure!(self.0.read_line(&mut line)? > 0, "the connection ended in {head:?}");
            match line.trim_end() {
                "" => return Ok(head),
                line => head.push(line.to_owned()),
            }
        }
    }
}

fn status(head: &[String]) -> anyhow::Result<u16> {
    let word = head.first().and_then(|line| line.split(' ').nth(1));
    word.and_then(|word| word.parse().ok()).with_context(|| format!("no answer: {head:?}"))
}

fn field<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = head.iter().filter_map(|line| line.split_once(':'));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
