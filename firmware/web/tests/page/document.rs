//! The API's document.

use std::{env, fs};

use sekisho_web::openapi;

use crate::stage::Stage;

/// The page's types are made from it (`npm run types`).
const FILE: &str = "../../web-ui/openapi.json";

#[test]
fn the_pages_types_come_from_this_document() {
    if env::var_os("BLESS").is_some() {
        fs::write(FILE, openapi::text()).unwrap();
    }
    let kept = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        kept == openapi::text(),
        "web-ui/openapi.json is another API's; run this test with BLESS=1, and npm run types in web-ui"
    );
}

#[tokio::test]
async fn who_is_signed_in_gets_it() {
    let stage = Stage::new().await;
    let answer = stage.signed_in("viewer").await.get("/api/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, openapi::document());
}
