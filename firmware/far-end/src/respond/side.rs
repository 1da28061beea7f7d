//! The responder's second thread: dial-back and announcements, which may take their time. It ends with its
//! [`Side`], and a command that still runs then is killed.

use std::{
    net::SocketAddr,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    process::Command,
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::Waker;
use crate::{
    check::{self, Asked, Checks},
    dial_back::{self, Dialler},
};

/// How long the command of an announcement may run.
const COMMAND_LIMIT: Duration = Duration::from_secs(10);

pub(super) struct Side {
    dial_back: Option<SocketAddr>,
    check: Option<SocketAddr>,
    announcements: mpsc::Sender<()>,
    announced: Arc<AtomicBool>,
    waker: Waker,
    /// Dropped, it ends the thread.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where connection checks are asked for.
enum Desk {
    /// At a socket of the kernel.
    Kernel(Arc<Checks>, TcpListener),
    /// At the answering machine.
    Machine(Arc<Checks>, mpsc::Receiver<Asked>),
}

impl Desk {
    fn open(
        (checks, asked): (Arc<Checks>, Option<mpsc::Receiver<Asked>>),
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        if let Some(asked) = asked {
            return Ok(Self::Machine(checks, asked));
        }
        let end = checks.end();
        let listener = runtime.block_on(TcpListener::bind(end)).with_context(|| {
            format!("listen on TCP {end} for --check-port (is --address this host's, and the port free?)")
        })?;
        Ok(Self::Kernel(checks, listener))
    }
}

impl Side {
    pub(super) fn start(
        listen: Option<SocketAddr>,
        dialler: Dialler,
        checks: Option<(Arc<Checks>, Option<mpsc::Receiver<Asked>>)>,
        command: Option<String>,
        waker: Waker,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start the second thread")?;
        let listener = match listen {
            None => None,
            Some(address) => Some(runtime.block_on(dial_back::bind(address)).with_context(|| {
                format!("listen on TCP {address} for --dial-back (is the address this host's, and free?)")
            })?),
        };
        let desk = checks.map(|checks| Desk::open(checks, &runtime)).transpose()?;
        let check = match &desk {
            Some(Desk::Kernel(_, listener)) => Some(listener.local_addr()?),
            Some(Desk::Machine(..)) | None => None,
        };
        let dial_back = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        // One that runs and one that waits: more would announce the same.
        let (announcements, orders) = mpsc::channel(1);
        let announced = Arc::new(AtomicBool::new(false));
        let (end, ended) = oneshot::channel();
        let tell = {
            let (announced, waker) = (Arc::clone(&announced), waker.clone());
            move || {
                announced.store(true, Ordering::Release);
                waker.wake();
            }
        };
        let woken = waker.clone();
        let work = async move {
            let serving = async {
                match listener {
                    Some(listener) => dial_back::serve(listener, dialler).await,
                    None => std::future::pending().await,
                }
            };
            let checking = async {
                match desk {
                    Some(Desk::Kernel(checks, listener)) => check::serve(listener, checks).await,
                    Some(Desk::Machine(checks, asked)) => {
                        check::serve_machine(asked, checks, woken).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = serving => {}
                () = checking => {}
                () = announce(orders, command, tell) => {}
                _ = ended => {}
            }
        };
        let thread = std::thread::Builder::new()
            .name("side".to_owned())
            .spawn(move || run(&runtime, work))
            .context("start the second thread")?;
        Ok(Self {
            dial_back,
            check,
            announcements,
            announced,
            waker,
            end: Some(end),
            thread: Some(thread),
        })
    }

    pub(super) fn dial_back_address(&self) -> Option<SocketAddr> {
        self.dial_back
    }

    pub(super) fn check_address(&self) -> Option<SocketAddr> {
        self.check
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Has the command run, without waiting for it. One that is waiting to be run does for this one, too.
    pub(super) fn announce(&self) {
        let _ = self.announcements.try_send(());
    }

    /// Whether an announcement was carried out since the last time that this was asked.
    pub(super) fn take_announced(&self) -> bool {
        self.announced.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has panicked only if the runtime did; the responder is over either way.
            let _ = thread.join();
        }
    }
}

fn run(runtime: &Runtime, work: impl Future<Output = ()>) {
    runtime.block_on(work);
}

async fn announce(mut orders: mpsc::Receiver<()>, command: Option<String>, tell: impl Fn()) {
    while let Some(()) = orders.recv().await {
        if let Some(command) = &command {
            run_command(command).await;
        }
        tell();
    }
}

async fn run_command(command: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).kill_on_drop(true);
    match timeout(COMMAND_LIMIT, shell.status()).await {
        Ok(Ok(status)) if status.success() => {
            tracing::info!(command, "this centre carries the traffic");
        }
        Ok(Ok(status)) => tracing::warn!(command, %status, "the command of --on-carrier failed"),
        Ok(Err(error)) => {
            tracing::warn!(command, %error, "the command of --on-carrier can't be started");
        }
        Err(_) => {
            tracing::warn!(command, "the command of --on-carrier took over 10 s and was killed");
        }
    }
}
