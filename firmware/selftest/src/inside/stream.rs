//! A TCP connection of the stack, as tokio's traits want it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use sekisho_tunnel::TapFlow;
use smoltcp::socket::tcp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stack::Shared;

/// A connection. Dropping it closes it, with a reset where it wasn't shut down before.
pub(super) struct Stream {
    shared: Arc<Shared>,
    flow: TapFlow,
}

impl Stream {
    pub(super) fn new(shared: Arc<Shared>, flow: TapFlow) -> Self {
        Self { shared, flow }
    }

    /// Bytes that were written and that the host has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.shared.with_socket(self.flow, |socket, _| socket.send_queue()).unwrap_or(0)
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.shared.with_socket(self.flow, |socket, wakers| {
            match socket.recv_slice(buffer.initialize_unfilled()) {
                Ok(0) if buffer.remaining() > 0 => {
                    wakers.read = Some(context.waker().clone());
                    Poll::Pending
                }
                Ok(count) => {
                    buffer.advance(count);
                    // What was read makes room that the host wants to know of.
                    self.shared.stir();
                    Poll::Ready(Ok(()))
                }
                Err(tcp::RecvError::Finished) => Poll::Ready(Ok(())),
                Err(tcp::RecvError::InvalidState) => Poll::Ready(Err(reset())),
            }
        });
        read.unwrap_or_else(|| Poll::Ready(Err(reset())))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written =
            self.shared.with_socket(self.flow, |socket, wakers| match socket.send_slice(bytes) {
                Ok(0) if !bytes.is_empty() => {
                    wakers.write = Some(context.waker().clone());
                    Poll::Pending
                }
                Ok(count) => {
                    self.shared.stir();
                    Poll::Ready(Ok(count))
                }
                Err(tcp::SendError::InvalidState) => Poll::Ready(Err(reset())),
            });
        written.unwrap_or_else(|| Poll::Ready(Err(reset())))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with_socket(self.flow, |socket, _| socket.close());
        self.shared.stir();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.hang_up(self.flow);
    }
}
