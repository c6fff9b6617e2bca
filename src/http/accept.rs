//! One listener: accept until told to close, and no more connections than
//! the server can afford.

use std::{
    convert::Infallible,
    io,
    pin::pin,
    sync::{Arc, mpsc},
};

use tokio::sync::oneshot;

use super::{
    Peer, Site,
    access::{Term, Visit},
    connection,
    room::{Full, Room},
    rules::Rules,
    stream::{Listener, Stream},
};

/// Dropped once the listener is closed, to tell who waits for that.
pub(super) type Closed = mpsc::Sender<Infallible>;

/// What all listeners of a server share.
#[derive(Clone)]
pub(super) struct Acceptor {
    site: Arc<Site>,
    rules: Rules,
    room: Room,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor")
            .field("limits", &self.rules.limits())
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    pub(super) fn new(site: Arc<Site>, rules: Rules) -> Self {
        Self { site, rules, room: Room::default() }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Accepts until `close` says so or its sender is gone; connections last
    /// as long as their `term`.
    pub(super) async fn run(
        self,
        listener: Listener,
        close: oneshot::Receiver<Closed>,
        term: Term,
    ) {
        let mut close = pin!(close);
        let mut accept = Box::pin(self.accept(listener, term));
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

    async fn accept(self, listener: Listener, term: Term) -> Infallible {
        loop {
            match listener.accept(self.site.filed()).await {
                Ok((stream, peer)) => self.admit(stream, peer, term.current()),
                Err(e) if is_of_the_client(&e) => (),
                Err(_) => {
                    // Out of descriptors or memory: let some be freed.
                    let pause = self.rules.limits().accept_pause;
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    fn admit(&self, stream: Stream, peer: Peer, term: Term) {
        let counts = self.site.counts();
        if !self.rules.access().admits(peer) {
            counts.denied.inc();
            return;
        }
        let limits = self.rules.limits();
        match self.room.enter(peer, &limits) {
            Ok(place) => {
                let (site, rules) = (self.site.clone(), self.rules.clone());
                let visit = Visit { peer, tls: None, term };
                tokio::spawn(connection::serve(
                    stream, visit, site, rules, limits, place,
                ));
            }
            Err(full) => {
                counts.refused.inc();
                stream.farewell(refusal(&full).as_bytes());
            }
        }
    }
}

/// Sent as is, to who comes when there is no room. (One that expects TLS
/// takes it for an error, which it is.)
fn refusal(full: &Full) -> String {
    let text = match full {
        Full::All => "too many open connections\n",
        Full::Address => "too many open connections from your address\n",
    };
    format!(
        "HTTP/1.1 503 Service Unavailable\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n\
         Retry-After: 10\r\n\
         Connection: close\r\n\
         \r\n\
         {text}",
        text.len()
    )
}

/// Whether a failed accept is about the one connection: it is gone, the next
/// one may be fine.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
