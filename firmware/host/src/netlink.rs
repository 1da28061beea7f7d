//! The connection to netlink, opened anew when it has ended.
//!
//! The library's task ends with the first message that the kernel doesn't take, for want of memory for example, and all that
//! was asked ends: a list that isn't whole looks like one that is, and a request that never left like one that was granted.
//! So after each look and each step the connection is asked whether it still stands. The next one finds another
//! connection, so that one refusal isn't all refusals.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use rtnetlink::Handle;
use tokio::task::JoinHandle;

use crate::HostError;

#[derive(Debug)]
pub(crate) struct Netlink(Mutex<Connection>);

#[derive(Debug)]
struct Connection {
    handle: Handle,
    task: JoinHandle<()>,
}

impl Netlink {
    pub(crate) fn connect() -> Result<Self, HostError> {
        Ok(Self(Mutex::new(Connection::open()?)))
    }

    /// A handle for one look or one step.
    pub(crate) fn handle(&self) -> Result<Handle, HostError> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.task.is_finished() {
            *connection = Connection::open()?;
        }
        Ok(connection.handle.clone())
    }

    /// Fails where the connection has ended since the handle was given: what came over it may lack something.
    pub(crate) fn stands(&self) -> Result<(), HostError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.task.is_finished() {
            return Ok(());
        }
        let source = io::Error::from(io::ErrorKind::ConnectionAborted);
        Err(HostError::Netlink { tried: "speak with the kernel's network".to_owned(), source })
    }
}

impl Connection {
    fn open() -> Result<Self, HostError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(|source| {
            HostError::Netlink { tried: "open a netlink socket".to_owned(), source }
        })?;
        Ok(Self { handle, task: tokio::spawn(connection) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link;

    #[tokio::test]
    async fn a_connection_that_ended_is_opened_anew() {
        let netlink = Netlink::connect().unwrap();
        let before = netlink.handle().unwrap();
        netlink.0.lock().unwrap().task.abort();
        tokio::task::yield_now().await;
        assert!(link::list(&before).await.is_err(), "it went on");
        assert!(netlink.stands().is_err());
        assert!(!link::list(&netlink.handle().unwrap()).await.unwrap().is_empty());
        assert!(netlink.stands().is_ok());
    }
}
