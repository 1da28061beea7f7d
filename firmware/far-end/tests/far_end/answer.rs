//! The answering services on kernel sockets, over loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use sekisho_far_end::{
    answer::{Answerer, Ports},
    dns::Zones,
    pages::pattern,
    talk::Service,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

const LIMIT: Duration = Duration::from_secs(20);
const ANY: Ports = Ports { echo: 0, discard: 0, http: 0, dns: 0 };

struct Served {
    at: Vec<(Service, SocketAddr)>,
    resolver: SocketAddr,
}

async fn serve() -> Served {
    let mut zones = Zones::default();
    let mut text = "$ORIGIN platform.example.\n@ 60 IN SOA ns h 1 2 3 4 5\n".to_owned();
    for i in 0..100 {
        text.extend(["web 60 IN A 100.72.1.", &i.to_string(), "\n"]);
    }
    zones.add(&text, Path::new("zone")).unwrap();
    let answerer = Answerer::bind(&[Ipv4Addr::LOCALHOST], ANY, zones).await.unwrap();
    let at = Service::ALL.map(|service| (service, answerer.addresses(service)[0])).to_vec();
    let resolver = answerer.resolvers()[0];
    tokio::spawn(answerer.run());
    Served { at, resolver }
}

impl Served {
    async fn connect(&self, service: Service) -> TcpStream {
        let (_, at) = self.at.iter().find(|(of, _)| *of == service).unwrap();
        TcpStream::connect(at).await.unwrap()
    }

    /// Sends, closes, and reads to the end.
    async fn converse(&self, service: Service, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(service).await;
        let mut answer = Vec::new();
        timeout(LIMIT, async {
            stream.write_all(request).await.unwrap();
            stream.shutdown().await.unwrap();
            stream.read_to_end(&mut answer).await.unwrap();
        })
        .await
        .unwrap();
        answer
    }
}

fn question() -> Vec<u8> {
    let mut question = Message::query();
    let name = Name::from_ascii("web.platform.example.").unwrap();
    question.add_query(Query::query(name, RecordType::A));
    question.to_vec().unwrap()
}

#[tokio::test]
async fn echo_carries_a_large_transfer() {
    const LENGTH: usize = 64 << 20;
    let served = serve().await;
    let (mut read, mut write) = served.connect(Service::Echo).await.into_split();
    let writer = tokio::spawn(async move {
        let mut piece = vec![0; 1 << 16];
        for offset in (0..LENGTH).step_by(piece.len()) {
            pattern(offset as u64, &mut piece);
            write.write_all(&piece).await.unwrap();
        }
        write.shutdown().await.unwrap();
    });
    let mut got = 0;
    let (mut piece, mut expected) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = timeout(LIMIT, read.read(&mut piece)).await.unwrap().unwrap();
        if count == 0 {
            break;
        }
        pattern(got as u64, &mut expected[..count]);
        assert!(piece[..count] == expected[..count]);
        got += count;
    }
    assert_eq!(got, LENGTH);
    writer.await.unwrap();
}

#[tokio::test]
async fn discard_is_silent_and_closes_with_its_client() {
    let served = serve().await;
    assert!(served.converse(Service::Discard, &vec![7; 1 << 20]).await.is_empty());
}

#[tokio::test]
async fn http_tells_the_source_and_gives_the_pattern() {
    let served = serve().await;
    let mut stream = served.connect(Service::Http).await;
    let own = stream.local_addr().unwrap();
    stream.write_all(b"GET /json HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(
        answer.contains(&format!(r#""source":"127.0.0.1","source_port":{}"#, own.port())),
        "{answer}"
    );

    let answer = served.converse(Service::Http, b"GET /bytes/3000001 HTTP/1.1\r\n\r\n").await;
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut expected = vec![0; 3_000_001];
    pattern(0, &mut expected);
    assert!(answer[start..] == expected);

    let garbage = served.converse(Service::Http, &[0xff; 100]).await;
    assert!(garbage.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test]
async fn dns_is_cut_over_udp_and_whole_over_tcp() {
    let served = serve().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(b"garbage", served.resolver).await.unwrap();
    socket.send_to(&question(), served.resolver).await.unwrap();
    let mut bytes = [0; 4096];
    let (length, _) = timeout(LIMIT, socket.recv_from(&mut bytes)).await.unwrap().unwrap();
    let answer = Message::from_vec(&bytes[..length]).unwrap();
    assert!(answer.metadata.truncation && length <= 512);

    let question = question();
    let mut framed = u16::try_from(question.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(&question);
    let answer = served.converse(Service::Dns, &framed).await;
    assert_eq!(Message::from_vec(&answer[2..]).unwrap().answers.len(), 100);
}

#[tokio::test]
async fn many_clients_at_once() {
    let served = serve().await;
    let mut streams = Vec::new();
    for i in 0..200_u32 {
        let mut stream = served.connect(Service::Echo).await;
        stream.write_all(&i.to_be_bytes()).await.unwrap();
        streams.push(stream);
    }
    for (i, mut stream) in (0_u32..).zip(streams) {
        assert_eq!(timeout(LIMIT, stream.read_u32()).await.unwrap().unwrap(), i);
    }
}

#[tokio::test]
async fn what_is_in_the_way_is_named() {
    let every = Answerer::bind(&[Ipv4Addr::UNSPECIFIED], ANY, Zones::default()).await;
    assert!(every.unwrap_err().to_string().contains("name every address by itself"));
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let ports = Ports { http: port, ..ANY };
    let error = Answerer::bind(&[Ipv4Addr::LOCALHOST], ports, Zones::default()).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains(&format!("TCP 127.0.0.1:{port}")) && text.contains("--http-port"),
        "{text}"
    );
}
