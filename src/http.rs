//! The metrics thread: an HTTP server that knows a registry and nothing of
//! Flux.
//!
//! One thread, one current-thread runtime, one task per listener and per
//! connection. What the broker must be able to rely on: nothing here blocks
//! or outlives [`Server::stop`], whatever clients do; memory and descriptors
//! are bounded by [`Limits`]; nothing is global, so two servers may live in
//! one process and the library can be unloaded. The thread never logs, it
//! counts ([`Counts`]).

mod accept;
pub mod access;
mod address;
mod autoscale;
mod bind;
mod coding;
mod connection;
mod counts;
mod deadline;
mod filed;
mod kubernetes;
mod limits;
mod negotiation;
mod numbers;
mod page;
mod pages;
mod rendering;
mod room;
mod routes;
mod rules;
mod site;
mod socket;
mod stream;
#[cfg(test)]
mod testing;
mod unix;
mod view;

use std::{
    convert::Infallible,
    fmt, io,
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use accept::Acceptor;
use access::Term;
use rules::Rules;

pub use access::Access;
pub use address::{Address, Peer};
pub use bind::bind;
pub use counts::Counts;
pub use limits::Limits;
pub use site::{About, Ready, Site};
pub use unix::{Ownership, SocketFile, bind_unix};
pub use view::View;

/// What reads texts that anyone can send, for those who try them (`fuzz/`).
#[doc(hidden)]
pub mod texts {
    pub use super::coding::Coding;
    pub use super::kubernetes::selector::Selector;
    pub use super::negotiation::{coding, format};
}

/// How long [`Server::close`] waits for the thread, which may be in the
/// middle of a rendering.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the thread that checks passwords waits for another one.
const PASSWORD_THREAD: Duration = Duration::from_secs(2);

/// A running server.
///
/// Dropping it tells the thread to end but does not wait; only
/// [`stop`](Self::stop) makes it safe to unload the library.
#[derive(Debug)]
pub struct Server {
    // first, as it is to be dropped first
    listeners: Vec<Listener>,
    thread: JoinHandle<()>,
    /// Disconnected by the thread as its last act.
    ended: mpsc::Receiver<Infallible>,
    /// Dropping it is the order to stop.
    stop: oneshot::Sender<Infallible>,
    runtime: Handle,
    acceptor: Acceptor,
}

#[derive(Debug)]
struct Listener {
    address: Address,
    /// That of a Unix socket, which goes with the listener.
    file: Option<SocketFile>,
    close: oneshot::Sender<accept::Closed>,
    /// Of its connections.
    term: Term,
}

/// A bound socket, and where it is.
#[derive(Debug)]
pub enum Bound {
    /// What [`bind`] makes.
    Tcp(TcpListener),
    /// What [`bind_unix`] makes; in the order in which they are to be dropped.
    Unix(SocketFile, UnixListener),
}

impl Server {
    /// Starts the thread, named `name` (15 bytes at most are visible). It
    /// serves nothing until it is given a listener.
    ///
    /// To be called with all signals blocked: the new thread inherits the
    /// mask, and must take neither the broker's signals nor a SIGPIPE.
    pub fn start(
        site: Arc<Site>,
        limits: Limits,
        name: &str,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // For passwords: see access/password.rs. It is joined when the
            // runtime is dropped.
            .max_blocking_threads(1)
            .thread_name(name)
            .thread_keep_alive(PASSWORD_THREAD)
            .build()?;
        let handle = runtime.handle().clone();
        let rules = Rules::new(limits, Arc::default());
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let thread =
            thread::Builder::new().name(name.into()).spawn(move || {
                // Returns when the sender is dropped: nothing is ever sent.
                let _ = runtime.block_on(stopped);
                // Drops every task, and with it every socket.
                drop(runtime);
                drop(end);
            })?;
        Ok(Self {
            thread,
            ended,
            stop,
            runtime: handle,
            acceptor: Acceptor::new(site, rules),
            listeners: Vec::new(),
        })
    }

    /// Changes the rules: who may read, and how much a client can take.
    pub fn set_rules(&self, limits: Limits, access: Arc<Access>) {
        self.acceptor.rules().set(limits, access);
    }

    /// Serves on a bound listener, beside those it has, and returns its
    /// address.
    pub fn listen(&mut self, bound: Bound) -> io::Result<Address> {
        // tokio refuses blocking ones
        let (listener, address, file) = match bound {
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                let _context = self.runtime.enter();
                let listener = tokio::net::TcpListener::from_std(listener)?;
                (stream::Listener::Tcp(listener), address.into(), None)
            }
            Bound::Unix(file, listener) => {
                listener.set_nonblocking(true)?;
                let address = Address::Unix(file.path().into());
                let _context = self.runtime.enter();
                let listener = tokio::net::UnixListener::from_std(listener)?;
                (stream::Listener::Unix(listener), address, Some(file))
            }
        };
        let (close, closed) = oneshot::channel();
        let term = Term::default();
        let acceptor = self.acceptor.clone();
        self.runtime.spawn(acceptor.run(listener, closed, term.clone()));
        let held = Listener { address: address.clone(), file, close, term };
        self.listeners.push(held);
        Ok(address)
    }

    /// The file of the Unix socket at `address`.
    pub fn socket_file(&self, address: &Address) -> Option<&SocketFile> {
        let listener = self.listeners.iter().find(|l| l.address == *address)?;
        listener.file.as_ref()
    }

    /// Has connections to Unix sockets end at their next request: whose they
    /// are is not known, and new modes or owners may not allow them.
    pub fn end_unix_connections(&self) {
        let unix = self.listeners.iter().filter(|l| l.file.is_some());
        unix.for_each(|listener| listener.term.end());
    }

    /// Closes the listeners on `addresses`, as [`listen`](Self::listen)
    /// returned them. What they are answering is still sent; connections that
    /// they accepted end at their next request, for rules that come after may
    /// be meant for others.
    ///
    /// True when the addresses are free. Waits for the thread, at most a
    /// second in all, and is false when that was not enough: the listeners
    /// then close as soon as the thread comes to them.
    pub fn close(&mut self, addresses: &[Address]) -> bool {
        let (done, wait) = mpsc::channel();
        let (gone, stay): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.listeners)
                .into_iter()
                .partition(|l| addresses.contains(&l.address));
        self.listeners = stay;
        for listener in gone {
            let Listener { close, file, term, .. } = listener;
            term.end();
            // first: nobody is to find a file that nobody listens on
            drop(file);
            // otherwise the task is gone, and the listener with it
            let _ = close.send(done.clone());
        }
        drop(done);
        disconnected(&wait, CLOSE_TIMEOUT)
    }

    /// Where it listens now.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> + '_ {
        self.listeners.iter().map(|l| &l.address)
    }

    /// Ends the thread and every connection, and waits until it is gone.
    ///
    /// Only a collector that does not return can make it take longer than a
    /// moment. When the timeout passes, the library has to stay in memory
    /// for as long as the process lives.
    pub fn stop(self, timeout: Duration) -> Result<(), StillRunning> {
        let Self { thread, ended, stop, listeners, .. } = self;
        // every file while its listener is open
        for listener in listeners {
            drop(listener.file);
        }
        drop(stop);
        if !disconnected(&ended, timeout) {
            return Err(StillRunning { thread });
        }
        // Past its last act; a panic there cannot be, and would change
        // nothing.
        let _ = thread.join();
        Ok(())
    }
}

/// Waits until the other side, which never sends anything, is dropped.
fn disconnected(wait: &mpsc::Receiver<Infallible>, timeout: Duration) -> bool {
    wait.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Disconnected)
}

/// The thread did not end in time: pin the library.
#[derive(Debug)]
pub struct StillRunning {
    /// The thread, for who wants to wait on.
    pub thread: JoinHandle<()>,
}

impl fmt::Display for StillRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the http thread did not end in time")
    }
}

impl std::error::Error for StillRunning {}
