//! Wakes the packet loop from other threads.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
};

/// Makes the packet loop look around.
#[derive(Clone, Debug)]
pub struct Waker(Arc<UnixStream>);

/// The packet loop's end.
#[derive(Debug)]
pub struct Wakeup(UnixStream);

impl Waker {
    /// Both ends.
    pub fn pair() -> io::Result<(Self, Wakeup)> {
        let (waker, wakeup) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        wakeup.set_nonblocking(true)?;
        Ok((Self(Arc::new(waker)), Wakeup(wakeup)))
    }

    /// Wakes the loop.
    pub fn wake(&self) {
        // Full means that the loop is to wake already; closed, that it has ended.
        let _ = (&*self.0).write(&[0]);
    }
}

impl Wakeup {
    /// Forgets the wakings so far; to be called before looking at what they were about.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while (&self.0).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}

impl AsFd for Wakeup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
