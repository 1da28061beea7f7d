use super::*;

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn checks(pool: &[&str], reports: Option<&Path>) -> Checks {
    let config = Config {
        port: 0,
        pool: pool.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        reports: reports.map(Path::to_owned),
    };
    Checks::new(config, LOCAL, LOCAL, Dialler::Kernel(Some(LOCAL)))
}

async fn ask(checks: Checks, request: &str) -> String {
    let listener = TcpListener::bind(checks.end()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Arc::new(checks)));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    server.abort();
    answer
}

fn post(body: &str) -> String {
    format!("POST /connection-check HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn half(answer: &str) -> FarHalf {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn each_call_is_made_and_told_in_order_and_the_half_is_kept() {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let open = listener.local_addr().unwrap();
    let closed = TcpListener::bind((LOCAL, 0)).await.unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let body = format!(
        r#"{{"test-number":"2026-0142","calls":[{{"to":"{open}","declared":true}},{{"to":"{closed}","declared":false}}]}}"#
    );
    let answer = ask(checks(&["127.0.0.0/8"], Some(folder.path())), &post(&body)).await;
    let half = half(&answer);
    assert_eq!((half.test_number.to_string(), half.from), ("2026-0142".to_owned(), LOCAL));
    let told: Vec<_> =
        half.calls.iter().map(|call| (call.to.port(), call.declared, call.outcome)).collect();
    let wanted =
        [(open.port(), true, CallOutcome::Connected), (closed.port(), false, CallOutcome::Refused)];
    assert_eq!(told, wanted);
    let kept = fs::read(folder.path().join("2026-0142.json")).unwrap();
    assert_eq!(serde_json::from_slice::<FarHalf>(&kept).unwrap(), half);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_check_without_a_number_gets_one_and_a_lost_folder_loses_no_answer() {
    let gone = Path::new("/nowhere/at/all");
    let answer = ask(checks(&[], Some(gone)), &post(r#"{"calls":[]}"#)).await;
    let half = half(&answer);
    let number = half.test_number.to_string();
    assert_eq!(number, format!("F-{}", half.at.as_second()));
    assert_eq!(half.calls, []);
}

#[tokio::test]
async fn as_many_calls_as_are_allowed_end_in_their_time() {
    let call = r#"{"to":"127.0.0.1:9","declared":true}"#;
    let calls = |count| format!(r#"{{"calls":[{}]}}"#, vec![call; count].join(","));
    let answer = ask(checks(&[], None), &post(&calls(MAX_CALLS))).await;
    assert_eq!(half(&answer).calls.len(), MAX_CALLS);
    let answer = ask(checks(&[], None), &post(&calls(MAX_CALLS + 1))).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("64 calls"), "{answer}");
}

#[tokio::test]
async fn nobody_but_the_device_may_ask() {
    let config = Config { port: 0, pool: Vec::new(), reports: None };
    let device = Ipv4Addr::new(100, 64, 10, 1);
    let checks = Checks::new(config, LOCAL, device, Dialler::Kernel(None));
    let answer = ask(checks, &post(r#"{"calls":[]}"#)).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn bad_requests_are_answered() {
    let call = |to: &str| post(&format!(r#"{{"calls":[{{"to":"{to}","declared":true}}]}}"#));
    let long = "9".repeat(33);
    let table = [
        ("GET /connection-check HTTP/1.0\r\n\r\n".to_owned(), "405"),
        ("POST /dial-back HTTP/1.0\r\n\r\n".to_owned(), "404"),
        (post(""), "400"),
        (post("{}"), "400"),
        (post(r#"{"calls":[{"to":"100.64.10.11:443"}]}"#), "400"),
        (post(r#"{"calls":[],"more":1}"#), "400"),
        (post(r#"{"calls":[],"test-number":"../x"}"#), "400"),
        (post(r#"{"calls":[],"test-number":""}"#), "400"),
        (post(&format!(r#"{{"calls":[],"test-number":"{long}"}}"#)), "400"),
        (call("somewhere"), "400"),
        (call("[::1]:80"), "400"),
        (call("100.64.10.11:0"), "400"),
        (call("100.64.11.11:443"), "400"),
        (call("127.0.0.1:22"), "400"),
        ("\u{1}\r\n\r\n".to_owned(), "400"),
        ("POST /connection-check HTTP/1.1\r\nContent-Length: 8193\r\n\r\n".to_owned(), "413"),
    ];
    for (request, status) in table {
        let answer = ask(checks(&["100.64.10.0/24"], None), &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
}
