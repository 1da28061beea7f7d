//! Tools of the design, and the draft.

use std::fs;

use hyper::Method;
use serde_json::{Value, json};

use crate::{client::Client, stage::Stage};

fn file(name: &str) -> String {
    fs::read_to_string(format!("../../config-samples/{name}")).unwrap()
}

async fn put(client: &Client, body: &Value) -> (u16, Value) {
    let request = client.request(&Method::PUT, "/api/design/draft", Some(body));
    let answer = client.send(request).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn every_sample_is_the_same_after_its_tree() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("viewer").await;
    let mut seen = 0;
    for sample in fs::read_dir("../../config-samples").unwrap() {
        let Ok(text) = fs::read_to_string(sample.unwrap().path().join("site.toml")) else {
            continue;
        };
        let tree = client.post("/api/design/parse", json!({ "text": text })).await.body;
        let printed = client.post("/api/design/print", tree.clone()).await;
        assert_eq!(printed.status, 200, "{}", printed.body);
        let again = client.post("/api/design/parse", printed.body).await.body;
        assert_eq!(again, tree);
        seen += 1;
    }
    assert!(seen > 5, "{seen} samples");
}

#[tokio::test]
async fn problems_and_the_ledger_come_while_somebody_types() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("viewer").await;
    let (site, profile) = (file("1-office/site.toml"), file("1-office/platform-profile.toml"));
    let good = json!({ "site": site, "profile": profile });
    let answer = client.post("/api/design/check", good.clone()).await;
    assert_eq!((answer.status, &answer.body["problems"]), (200, &json!([])));
    assert_eq!(answer.body["ledger"]["totals"]["server"], 2);
    let bad = site.replace("100.64.10.11", "100.64.99.11");
    let answer = client.post("/api/design/check", json!({ "site": bad, "profile": profile })).await;
    let problem = &answer.body["problems"][0];
    assert_eq!((answer.status, &problem["severity"]), (200, &json!("error")), "{}", answer.body);
    assert_eq!(problem["path"], "server[0].global");
    assert_eq!(answer.body["ledger"]["totals"]["to_apply"], 1, "the ledger says what to apply for");

    let compared = json!({ "from": good, "to": { "site": site.replace("juki", "juki2"), "profile": profile } });
    let differences = client.post("/api/design/compare", compared).await.body;
    assert!(!differences["differences"].as_array().unwrap().is_empty(), "{differences}");
    for form in ["translation", "flows", "firewall", "ledger"] {
        let wish = json!({ "site": site, "profile": profile, "form": form, "language": "ja" });
        let sheet = client.post("/api/design/sheet", wish).await.body;
        assert!(sheet["html"].as_str().unwrap().contains("011002"), "{form}");
    }
}

#[tokio::test]
async fn the_profile_in_force_counts_where_none_is_given() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("viewer").await;
    let site = file("1-office/site.toml");
    stage.daemon.say("GET /v1/generations", 200, json!([]));
    let answer = client.post("/api/design/check", json!({ "site": site })).await;
    let problems = answer.body["problems"].as_array().unwrap();
    assert!(problems.iter().any(|one| one["file"] == "platform-profile.toml"), "{problems:?}");
    let generation = |number: u64, outcome: &str| {
        json!({ "number": number, "author": { "uid": 0 }, "at": "2026-04-01T00:00:00Z", "outcome": outcome,
                "site_sha256": "", "profile_sha256": "" })
    };
    let all = json!([generation(3, "rolled-back"), generation(2, "committed")]);
    stage.daemon.say("GET /v1/generations", 200, all);
    let profile = file("1-office/platform-profile.toml");
    let stored =
        json!({ "generation": generation(2, "committed"), "site": site, "profile": profile });
    stage.daemon.say("GET /v1/generations/2", 200, stored);
    let answer = client.post("/api/design/check", json!({ "site": site })).await;
    assert_eq!(answer.body["problems"], json!([]));
}

#[tokio::test]
async fn what_is_no_design_is_refused_with_its_place() {
    let stage = Stage::new().await;
    let mut client = stage.signed_in("viewer").await;
    let answer = client.post("/api/design/parse", json!({ "text": "schema = \n" })).await;
    assert_eq!((answer.status, answer.kind()), (422, "refused"));
    assert_eq!(answer.body["problems"][0]["line"], 1);
    for tree in [json!(7), json!({ "schema": null })] {
        let answer = client.post("/api/design/print", json!({ "tree": tree })).await;
        assert_eq!((answer.status, answer.kind()), (400, "malformed"), "{tree}");
    }
    let mut administrator = stage.signed_in("administrator").await;
    let site = file("1-office/site.toml");
    let import =
        |table: &str| json!({ "site": site, "table": { "base64": table }, "kind": "rows" });
    let answer = administrator.post("/api/design/import", import("not base64")).await;
    assert_eq!(answer.kind(), "malformed");
    let answer = administrator.post("/api/design/import", import("YSxiCjEsMgo=")).await;
    assert_eq!((answer.status, answer.kind()), (422, "refused"), "{}", answer.body);
}

#[tokio::test]
async fn one_edits_and_the_draft_stays_on_the_box() {
    let stage = Stage::new().await;
    let hana = stage.signed_in("administrator").await;
    let taro = stage.signed_in("engineer").await;
    let empty = hana.get("/api/design/draft").await.body;
    assert_eq!(empty, json!({ "lock": null, "draft": null }));
    let draft = json!({ "site": "schema = 1\n", "generation": 3 });
    let (status, told) = put(&hana, &draft).await;
    assert_eq!((status, &told["lock"]["mine"]), (200, &json!(true)), "{told}");
    let told_at = told["draft"]["at"].clone();
    let seen = taro.get("/api/design/draft").await.body;
    assert_eq!((&seen["lock"]["mine"], &seen["draft"]["site"]), (&json!(false), &draft["site"]));
    assert_eq!(put(&taro, &draft).await.0, 409);

    // Another window of the same session has not seen what this one kept.
    let (status, told) = put(&hana, &draft).await;
    assert_eq!((status, &told["kind"]), (409, &json!("changed")), "{told}");
    let after = |at: &Value| json!({ "site": "schema = 1\n#\n", "generation": 3, "after": at });
    let (status, second) = put(&hana, &after(&told_at)).await;
    assert_eq!((status, &second["draft"]["site"]), (200, &json!("schema = 1\n#\n")), "{second}");
    assert_eq!(put(&hana, &after(&told_at)).await.0, 409);
    let over = json!({ "site": "schema = 1\n", "generation": 3, "take_over": true });
    assert_eq!(put(&hana, &over).await.0, 200, "who has seen it may write over it");

    let over = json!({ "site": "", "generation": 3, "take_over": true });
    assert_eq!(put(&taro, &over).await.0, 403, "only an administrator takes over");
    let gone = taro.send(taro.request(&Method::DELETE, "/api/design/draft", None)).await;
    assert_eq!(gone.status, 409);
    let other = stage.signed_in("administrator").await;
    assert_eq!(put(&other, &over).await.0, 200);
    assert_eq!(put(&hana, &draft).await.0, 409, "whoever lost it is told");
    let gone = other.send(other.request(&Method::DELETE, "/api/design/draft", None)).await;
    assert_eq!(gone.status, 204);
    assert_eq!(hana.get("/api/design/draft").await.body, empty);
}
