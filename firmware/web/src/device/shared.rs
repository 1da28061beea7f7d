//! One question that many ask: browsers with the page open, and whoever reloads it.

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{Answer, Daemon, Fault};

/// How long an answer is good for: half of what lies between two words of the page's stream.
const GOOD_FOR: Duration = Duration::from_millis(500);

/// A question by its path, and what was said to it last. Whoever asks while it is on its way waits for that answer, so that
/// the daemon has it once in half a second, however many ask. After a change by the page nothing counts that was asked before
/// the change's end.
#[derive(Debug)]
pub struct Shared {
    path: &'static str,
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    asked: Instant,
    changes: u64,
    answer: Answer,
}

impl Shared {
    /// One that nobody has asked yet.
    pub fn new(path: &'static str) -> Self {
        Self { path, kept: Mutex::default() }
    }

    /// What the daemon says, or has said a moment ago.
    ///
    /// # Errors
    /// [`Fault`] where there is no answer. The next who asks tries again.
    pub async fn get(&self, daemon: &Daemon) -> Result<Answer, Fault> {
        let patient = timeout_at(Instant::now() + daemon.patience, self.kept.lock()).await;
        let Ok(mut kept) = patient else { return Err(Fault::Busy) };
        let (asked, changes) = (Instant::now(), daemon.changes());
        if let Some(kept) = kept.as_ref()
            && kept.changes == changes
            && asked.duration_since(kept.asked) < GOOD_FOR
        {
            return Ok(kept.answer.clone());
        }
        let answer = daemon.get(self.path).await?;
        *kept = Some(Kept { asked, changes, answer: answer.clone() });
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::join_all;
    use tempfile::TempDir;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
        sync::Semaphore,
        time::sleep,
    };

    use super::*;

    /// A daemon that says how many questions came before, each when there is leave for it.
    struct Played {
        daemon: Daemon,
        asked: Arc<AtomicUsize>,
        leave: Arc<Semaphore>,
        folder: TempDir,
    }

    impl Played {
        fn new(leave: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let daemon = Daemon::new(&folder.path().join("control.sock"));
            let leave = Arc::new(Semaphore::new(leave));
            Self { daemon, asked: Arc::default(), leave, folder }
        }

        fn listen(&self) {
            let listener = UnixListener::bind(self.folder.path().join("control.sock")).unwrap();
            let (asked, leave) = (Arc::clone(&self.asked), Arc::clone(&self.leave));
            tokio::spawn(async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let (number, leave) = (asked.fetch_add(1, Ordering::SeqCst), leave.clone());
                    tokio::spawn(async move {
                        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                        leave.acquire().await.unwrap().forget();
                        let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}");
                        stream.write_all(text.as_bytes()).await.unwrap();
                    });
                }
            });
        }

        async fn until_asked(&self, times: usize) {
            while self.asked.load(Ordering::SeqCst) < times {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    const MANY: usize = 1000;

    async fn said(shared: &Shared, daemon: &Daemon) -> String {
        String::from_utf8(shared.get(daemon).await.unwrap().body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_asks_once() {
        let (played, shared) = (Played::new(MANY), Shared::new("/v1/status"));
        played.listen();
        let all = join_all((0..200).map(|_| said(&shared, &played.daemon))).await;
        assert!(all.iter().all(|said| said == "0"), "{all:?}");
        sleep(GOOD_FOR).await;
        assert_eq!(said(&shared, &played.daemon).await, "1");
        assert_eq!(said(&Shared::new("/v1/health"), &played.daemon).await, "2", "another question");
    }

    #[tokio::test]
    async fn nothing_from_before_a_change_is_said_after_it() {
        let (played, shared) = (Played::new(MANY), Shared::new("/v1/status"));
        played.listen();
        assert_eq!(said(&shared, &played.daemon).await, "0");
        played.daemon.post("/v1/apply", "{}").await.unwrap();
        assert_eq!(said(&shared, &played.daemon).await, "2");
    }

    /// The change begins while the question is on its way, and ends after it.
    #[tokio::test]
    async fn what_is_said_during_a_change_counts_for_who_asked_then() {
        let (played, shared) = (Played::new(0), Arc::new(Shared::new("/v1/status")));
        played.listen();
        let (one, daemon) = (Arc::clone(&shared), played.daemon.clone());
        let first = tokio::spawn(async move { said(&one, &daemon).await });
        played.until_asked(1).await;
        let daemon = played.daemon.clone();
        let change = tokio::spawn(async move { daemon.post("/v1/apply", "{}").await });
        played.until_asked(2).await;
        played.leave.add_permits(MANY);
        assert_eq!(first.await.unwrap(), "0");
        change.await.unwrap().unwrap();
        assert_eq!(said(&shared, &played.daemon).await, "2");
    }

    #[tokio::test]
    async fn whoever_hangs_up_takes_nobody_along() {
        let (played, shared) = (Played::new(0), Shared::new("/v1/status"));
        played.listen();
        tokio::select! {
            _ = said(&shared, &played.daemon) => panic!("there was no leave"),
            () = played.until_asked(1) => {}
        }
        played.leave.add_permits(MANY);
        assert_eq!(said(&shared, &played.daemon).await, "1");
    }

    #[tokio::test]
    async fn no_answer_is_kept_of_a_daemon_that_is_away() {
        let (played, shared) = (Played::new(MANY), Shared::new("/v1/status"));
        let fault = shared.get(&played.daemon).await.unwrap_err();
        assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
        played.listen();
        assert_eq!(said(&shared, &played.daemon).await, "0");
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_for_another_s_answer() {
        let (played, shared) = (Played::new(0), Shared::new("/v1/status"));
        played.listen();
        let daemon = played.daemon.clone().patience(Duration::from_millis(200));
        let (first, second) = tokio::join!(shared.get(&played.daemon), async {
            played.until_asked(1).await;
            let waited = shared.get(&daemon).await;
            played.leave.add_permits(MANY);
            waited
        });
        assert!(first.is_ok());
        assert!(matches!(second, Err(Fault::Busy)), "{second:?}");
    }
}
