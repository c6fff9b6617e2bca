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
mod autoscale;
mod bind;
mod coding;
mod connection;
mod counts;
mod deadline;
mod kubernetes;
mod limits;
mod negotiation;
mod numbers;
mod page;
mod rendering;
mod routes;
mod site;
mod socket;
mod view;

use std::{
    convert::Infallible,
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

use accept::Acceptor;

pub use bind::bind;
pub use counts::Counts;
pub use limits::Limits;
pub use site::{About, Ready, Site};
pub use view::View;

/// How long [`Server::close`] waits for the thread, which may be in the
/// middle of a rendering.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A running server.
///
/// Dropping it tells the thread to end but does not wait; only
/// [`stop`](Self::stop) makes it safe to unload the library.
#[derive(Debug)]
pub struct Server {
    thread: JoinHandle<()>,
    /// Disconnected by the thread as its last act.
    ended: mpsc::Receiver<Infallible>,
    /// Dropping it is the order to stop.
    stop: oneshot::Sender<Infallible>,
    runtime: Handle,
    acceptor: Acceptor,
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    close: oneshot::Sender<accept::Closed>,
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
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build()?;
        let handle = runtime.handle().clone();
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
            acceptor: Acceptor::new(site, limits),
            listeners: Vec::new(),
        })
    }

    /// Serves on a bound listener, beside those it has, and returns its
    /// address.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<SocketAddr> {
        // tokio refuses a blocking one
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let _context = self.runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (close, closed) = oneshot::channel();
        self.runtime.spawn(self.acceptor.clone().run(listener, closed));
        self.listeners.push(Listener { address, close });
        Ok(address)
    }

    /// Closes the listener on `address`, as [`listen`](Self::listen) returned
    /// it; connections it accepted go on.
    ///
    /// True when there was one and its address is free again. Waits for the
    /// thread, at most a second, and is false when that was not enough: the
    /// listener then closes as soon as the thread comes to it.
    pub fn close(&mut self, address: SocketAddr) -> bool {
        let Some(at) = self.listeners.iter().position(|l| l.address == address)
        else {
            return false;
        };
        let (done, wait) = mpsc::channel();
        match self.listeners.swap_remove(at).close.send(done) {
            Ok(()) => disconnected(&wait, CLOSE_TIMEOUT),
            // the task is gone, and the listener with it
            Err(_) => true,
        }
    }

    /// Where it listens now.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners.iter().map(|l| l.address)
    }

    /// Ends the thread and every connection, and waits until it is gone.
    ///
    /// Only a collector that does not return can make it take longer than a
    /// moment. When the timeout passes, the library has to stay in memory
    /// for as long as the process lives.
    pub fn stop(self, timeout: Duration) -> Result<(), StillRunning> {
        let Self { thread, ended, stop, .. } = self;
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
