//! What no page of somebody else, and no program by mistake, gets through with.

use hyper::{
    Method,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn another_name_is_another_page() {
    let stage = Stage::new().await;
    let client = stage.signed_in("viewer").await;
    for (host, status) in
        [("sekisho", 200), ("127.0.0.1", 200), ("evil.example", 421), ("10.0.0.1", 421)]
    {
        let mut request = client.request(&Method::GET, "/api/session", None);
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
        request.headers_mut().remove(header::ORIGIN);
        let answer = client.send(request).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.body);
    }
}

#[tokio::test]
async fn another_origin_gets_nothing() {
    let stage = Stage::new().await;
    let client = stage.signed_in("administrator").await;
    let changes = [
        (&[][..], Some(("origin", "https://evil.example"))),
        (&[], Some(("sec-fetch-site", "cross-site"))),
        (&["origin"], Some(("sec-fetch-site", "same-site"))),
        (&["origin", "sec-fetch-site"], None),
    ];
    for (without, with) in changes {
        let body = json!({ "name": "hana", "role": "viewer" });
        let mut request = client.request(&Method::POST, "/api/users", Some(&body));
        for name in without {
            request.headers_mut().remove(*name);
        }
        if let Some((name, value)) = with {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let answer = client.send(request).await;
        assert_eq!((answer.status, answer.kind()), (403, "cross-origin"), "{without:?} {with:?}");
    }
    assert!(stage.app.users.find("hana").is_none());
}

#[tokio::test]
async fn bodies_are_json_of_a_bounded_size() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let body = json!({ "name": "hana", "role": "viewer" });
    let mut request = client.request(&Method::POST, "/api/users", Some(&body));
    let kind = HeaderValue::from_static("text/plain");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(client.send(request).await.status, 415);
    let large = json!({ "name": "x".repeat(1 << 20), "role": "viewer" });
    assert_eq!(client.post("/api/users", large).await.status, 413);
    let large = json!({ "user": "x".repeat(16 << 10), "password": "" });
    assert_eq!(stage.client().post("/api/login", large).await.status, 413);
    for bad in [json!([]), json!({ "name": "hana" }), json!({ "name": "hana", "role": "king" })] {
        let answer = client.post("/api/users", bad).await;
        assert_eq!(answer.kind(), "malformed");
    }
}

#[tokio::test]
async fn answers_carry_the_rules_of_the_page() {
    let stage = Stage::new().await;
    let client = stage.client();
    for (path, status) in
        [("/", 200), ("/none.js", 404), ("/api/session", 401), ("/api/none", 404), ("/api/", 404)]
    {
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
    let wrong = client.request(&Method::PUT, "/api/users", Some(&json!({})));
    assert_eq!(client.send(wrong).await.status, 405);
}

#[tokio::test]
async fn a_trail_that_cant_be_written_stops_changes_only() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("administrator").await;
    let trail = stage.folder.path().join("audit");
    let aside = stage.folder.path().join("aside");
    std::fs::rename(&trail, &aside).unwrap();
    std::fs::write(&trail, "in the way").unwrap();
    let body = json!({ "name": "hana", "role": "viewer" });
    let answer = client.post("/api/users", body.clone()).await;
    assert_eq!((answer.status, answer.kind()), (503, "audit-trail"));
    assert!(stage.app.users.find("hana").is_none());
    assert_eq!(client.get("/api/users").await.status, 200);
    stage.signed_in("viewer").await;
    std::fs::remove_file(&trail).unwrap();
    std::fs::rename(&aside, &trail).unwrap();
    assert_eq!(client.post("/api/users", body).await.status, 200);
    assert_eq!(client.get("/api/audit/verify").await.body["intact"], true);
}
