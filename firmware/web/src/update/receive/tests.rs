use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc::UnboundedSender;

use super::*;
use crate::update::Bounds;

const NAME: &str = "sekisho-sg115-0.2.0.raucb";

fn uploads(bounds: Bounds) -> (tempfile::TempDir, Arc<Uploads>) {
    let folder = tempfile::tempdir().unwrap();
    let uploads = Uploads { bounds, ..Uploads::open(folder.path()) };
    (folder, Arc::new(uploads))
}

/// A body whose pieces come when they are told; an error ends it.
fn body() -> (UnboundedSender<Result<Bytes, io::Error>>, Body) {
    let (tell, told) = mpsc::unbounded_channel();
    let pieces = stream::unfold(told, |mut told| async { Some((told.recv().await?, told)) });
    (tell, Body::from_stream(pieces.boxed()))
}

fn names(uploads: &Uploads) -> Vec<String> {
    let Ok(all) = fs::read_dir(&uploads.folder) else { return Vec::new() };
    all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn send(uploads: &Uploads, name: &str, bytes: Vec<u8>) -> Result<Bundle, Refusal> {
    uploads.receive(name, Some(bytes.len() as u64), Body::from(bytes), || true).await
}

fn bundle(bytes: usize) -> Vec<u8> {
    let mut bundle = MAGIC.to_vec();
    bundle.resize(bytes, 0x5a);
    bundle
}

#[tokio::test]
async fn a_file_is_kept_whole_and_the_next_takes_its_place() {
    let (_folder, uploads) = uploads(Bounds::default());
    let sent = send(&uploads, NAME, bundle(3_000_000)).await.unwrap();
    assert_eq!((&*sent.name, sent.bytes), (NAME, 3_000_000));
    let kept = fs::read(uploads.folder.join(WHOLE)).unwrap();
    assert_eq!(kept, bundle(3_000_000));
    let digest = ring::digest::digest(&SHA256, &kept);
    assert_eq!(sent.sha256, HEXLOWER.encode(digest.as_ref()));
    assert_eq!(uploads.sent(), Some(sent.clone()));
    let next = send(&uploads, "next.raucb", bundle(5)).await.unwrap();
    assert_ne!(next.sha256, sent.sha256);
    assert_eq!((names(&uploads), uploads.sent()), (vec![WHOLE.to_owned()], Some(next)));
}

#[tokio::test]
async fn pieces_may_be_of_any_size() {
    let (_folder, uploads) = uploads(Bounds::default());
    let (tell, body) = body();
    for byte in bundle(9) {
        tell.send(Ok(vec![byte].into())).unwrap();
    }
    drop(tell);
    assert_eq!(uploads.receive(NAME, Some(9), body, || true).await.unwrap().bytes, 9);
}

#[tokio::test]
async fn what_is_no_update_is_refused_and_leaves_nothing() {
    let (_folder, uploads) = uploads(Bounds { largest: 100, ..Bounds::default() });
    let longest = format!("{}.raucb", "x".repeat(200));
    for (name, bytes, kind, status) in [
        ("design.toml", bundle(9), RefusalKind::NoUpdate, 422),
        ("", bundle(9), RefusalKind::NoUpdate, 422),
        ("a\n.raucb", bundle(9), RefusalKind::NoUpdate, 422),
        (&*longest, bundle(9), RefusalKind::NoUpdate, 422),
        (NAME, b"PK..garbage".to_vec(), RefusalKind::NoUpdate, 422),
        (NAME, bundle(101), RefusalKind::TooLarge, 413),
    ] {
        let refusal = send(&uploads, name, bytes).await.unwrap_err();
        assert_eq!((refusal.kind, refusal.status.as_u16()), (kind, status), "{name}");
        assert!(refusal.both.is_some());
        assert!(names(&uploads).is_empty() && uploads.sent().is_none(), "{name}");
    }
    let refusal = uploads.receive(NAME, None, Body::from(bundle(9)), || true).await.unwrap_err();
    assert_eq!(refusal.status, StatusCode::LENGTH_REQUIRED);
}

#[tokio::test]
async fn a_file_that_is_cut_off_leaves_nothing() {
    let (_folder, uploads) = uploads(Bounds::default());
    for (told, wanted) in [(None, 400), (Some(io::ErrorKind::ConnectionReset), 400)] {
        let (tell, body) = body();
        tell.send(Ok(bundle(9).into())).unwrap();
        if let Some(kind) = told {
            tell.send(Err(kind.into())).unwrap();
        }
        drop(tell);
        let refusal = uploads.receive(NAME, Some(10), body, || true).await.unwrap_err();
        assert_eq!(refusal.status.as_u16(), wanted);
        assert!(names(&uploads).is_empty() && uploads.sent().is_none());
    }
    send(&uploads, NAME, bundle(9)).await.unwrap();
}

#[tokio::test]
async fn whoever_stops_sending_is_sent_away() {
    let silence = Duration::from_millis(50);
    for bounds in
        [Bounds { silence, ..Bounds::default() }, Bounds { whole: silence, ..Bounds::default() }]
    {
        let (_folder, uploads) = uploads(bounds);
        let (tell, body) = body();
        tell.send(Ok(bundle(9).into())).unwrap();
        let late = tokio::spawn(async move {
            tokio::time::sleep(5 * silence).await;
            drop(tell);
        });
        let refusal = uploads.receive(NAME, Some(10), body, || true).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::REQUEST_TIMEOUT);
        assert!(names(&uploads).is_empty());
        late.await.unwrap();
    }
}

#[tokio::test]
async fn the_disk_keeps_room_for_the_daemon() {
    let (folder, roomy) = uploads(Bounds::default());
    let free = files::room(folder.path()).unwrap();
    // All that is free is spare.
    let (_folder, uploads) = uploads(Bounds { spare: free, ..Bounds::default() });
    let refusal = send(&uploads, NAME, bundle(1 << 20)).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.status.as_u16()), (RefusalKind::NoRoom, 507));
    assert!(names(&uploads).is_empty());
    drop(roomy);
}

#[test]
fn a_disk_that_fills_up_meanwhile_is_named() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (pieces, coming) = mpsc::channel(1);
    pieces.blocking_send(bundle(9).into()).unwrap();
    drop(pieces);
    let Err(why) = write(full, coming) else { panic!("it is written") };
    assert_eq!(unwritten(why).kind, RefusalKind::NoRoom);
}

#[tokio::test]
async fn one_is_sent_at_a_time() {
    let (_folder, uploads) = uploads(Bounds::default());
    let (tell, body) = body();
    tell.send(Ok(bundle(9).into())).unwrap();
    let first = {
        let uploads = Arc::clone(&uploads);
        tokio::spawn(async move { uploads.receive(NAME, Some(9), body, || true).await })
    };
    while uploads.one.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let refusal = send(&uploads, NAME, bundle(9)).await.unwrap_err();
    assert_eq!((refusal.kind, refusal.status.as_u16()), (RefusalKind::Busy, 503));
    drop(tell);
    first.await.unwrap().unwrap();
    send(&uploads, NAME, bundle(9)).await.unwrap();
}

#[tokio::test]
async fn who_is_signed_out_meanwhile_sends_no_more() {
    let (_folder, uploads) = uploads(Bounds::default());
    let stands = AtomicBool::new(true);
    let (tell, body) = body();
    tell.send(Ok(bundle(9).into())).unwrap();
    let receiving = uploads.receive(NAME, Some(12), body, || stands.load(Ordering::Relaxed));
    let signing_out = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stands.store(false, Ordering::Relaxed);
        tell.send(Ok("end".into())).unwrap();
        drop(tell);
    };
    let (received, ()) = tokio::join!(receiving, signing_out);
    assert_eq!(received.unwrap_err().kind, RefusalKind::NoSession);
    assert!(names(&uploads).is_empty());
}

#[tokio::test]
async fn nothing_outlives_the_page() {
    let (folder, uploads) = uploads(Bounds::default());
    send(&uploads, NAME, bundle(9)).await.unwrap();
    fs::write(uploads.folder.join(PART), "half").unwrap();
    let uploads = Uploads::open(folder.path());
    assert!(names(&uploads).is_empty() && uploads.sent().is_none());
}

#[tokio::test]
async fn a_file_whose_sender_is_dropped_goes() {
    let (_folder, uploads) = uploads(Bounds::default());
    let (tell, body) = body();
    tell.send(Ok(bundle(9).into())).unwrap();
    let receiving = uploads.receive(NAME, Some(10), body, || true);
    assert!(timeout(Duration::from_millis(50), receiving).await.is_err());
    assert!(names(&uploads).is_empty());
    drop(tell);
    send(&uploads, NAME, bundle(9)).await.unwrap();
}
