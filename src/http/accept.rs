//! One listener: accept until told to close, and no more connections than
//! the server can afford.

use std::{convert::Infallible, io, pin::pin, sync::Arc, sync::mpsc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
};

use super::{Limits, Site, connection};

/// Dropped once the listener is closed, to tell who waits for that.
pub(super) type Closed = mpsc::Sender<Infallible>;

/// Sent as is, to who comes when there is no room.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 26\r\n\
    Retry-After: 10\r\n\
    Connection: close\r\n\
    \r\n\
    too many open connections\n";

/// What all listeners of a server share.
#[derive(Clone)]
pub(super) struct Acceptor {
    site: Arc<Site>,
    limits: Limits,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor")
            .field("limits", &self.limits)
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    pub(super) fn new(site: Arc<Site>, limits: Limits) -> Self {
        let room = Arc::new(Semaphore::new(limits.connections));
        Self { site, limits, room }
    }

    /// Accepts until `close` says so or its sender is gone.
    pub(super) async fn run(
        self,
        listener: TcpListener,
        close: oneshot::Receiver<Closed>,
    ) {
        let mut close = pin!(close);
        let mut accept = Box::pin(self.accept(listener));
        let closed = std::future::poll_fn(|cx| {
            // never ready: this is for its side effect
            let _ = accept.as_mut().poll(cx);
            close.as_mut().poll(cx)
        })
        .await;
        // in this order: the listener is in `accept`
        drop(accept);
        drop(closed);
    }

    async fn accept(self, listener: TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.admit(stream),
                Err(e) if is_of_the_client(&e) => (),
                Err(_) => {
                    // Out of descriptors or memory: let some be freed.
                    tokio::time::sleep(self.limits.accept_pause).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream) {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.site.counts().refused.inc();
            // One attempt each: a new socket's buffer has room, and what the
            // client has sent is read so that closing is not a reset.
            let _ = stream.try_write(FULL);
            let _ = stream.try_read(&mut [0; 4096]);
            return;
        };
        // small answers and the ends of large ones leave at once
        let _ = stream.set_nodelay(true);
        let site = Arc::clone(&self.site);
        tokio::spawn(connection::serve(stream, site, self.limits, permit));
    }
}

/// Whether a failed accept is about the one connection: it is gone, the next
/// one may be fine.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::FULL;

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        assert!(head.contains(&length), "{length}");
    }
}
