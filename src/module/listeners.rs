//! The addresses the endpoint listens on, and those it would like to.
//!
//! Sockets are bound here, on the module's thread, where a failure can be
//! logged, and then handed to the HTTP thread.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::flux::{Error, Level, Result, Scope};
use crate::http::{Server, bind};

/// How often an address that was taken is tried again.
const RETRY: f64 = 5.0;

/// Clones are the same listeners.
#[derive(Clone)]
pub struct Listeners(Rc<Inner>);

struct Inner {
    scope: Scope,
    /// Gone once it was stopped.
    server: RefCell<Option<Server>>,
    all: RefCell<Vec<Listener>>,
}

struct Listener {
    /// As it is in the settings: port 0 is any.
    wanted: SocketAddr,
    state: std::result::Result<SocketAddr, Error>,
}

impl Listeners {
    /// No listeners yet; `server` is what sockets are handed to.
    pub fn new(scope: Scope, server: Server) -> Self {
        let server = RefCell::new(Some(server));
        let all = RefCell::new(Vec::new());
        Self(Rc::new(Inner { scope, server, all }))
    }

    /// Ends the server with its thread. False if the thread goes on: then
    /// the library must stay mapped.
    pub fn stop(&self, timeout: Duration) -> bool {
        let server = self.0.server.borrow_mut().take();
        server.is_none_or(|server| server.stop(timeout).is_ok())
    }

    /// Listens on all `addresses`. One that is taken is an error if
    /// `strict`; otherwise it is logged once and tried again on a timer.
    pub fn open(&self, addresses: &[SocketAddr], strict: bool) -> Result<()> {
        for wanted in addresses {
            let state = self.listen(*wanted);
            if let Err(error) = &state {
                if strict {
                    return Err(error.clone());
                }
                self.log(Level::Error, &format!("{error}; trying again"));
            }
            self.0.all.borrow_mut().push(Listener { wanted: *wanted, state });
        }
        let again = self.clone();
        self.0.scope.every(RETRY, move || again.retry())
    }

    /// Listens on `addresses` and on no others, or, if one of the new ones
    /// is taken, changes nothing. Connections and the sockets of addresses
    /// that stay are not touched.
    pub fn replace(&self, addresses: &[SocketAddr]) -> Result<()> {
        let known = |wanted: &SocketAddr| {
            self.0.all.borrow().iter().any(|l| l.wanted == *wanted)
        };
        let mut sockets = Vec::new();
        for wanted in addresses.iter().filter(|wanted| !known(wanted)) {
            let socket = bind(*wanted)
                .map_err(|e| failed(*wanted, e).context("prometheus.listen"))?;
            sockets.push((*wanted, socket));
        }
        let mut all = self.0.all.borrow_mut();
        all.retain(|listener| {
            let keep = addresses.contains(&listener.wanted);
            if let (false, Ok(address)) = (keep, &listener.state) {
                if let Some(server) = &mut *self.0.server.borrow_mut() {
                    server.close(*address);
                }
                self.log(Level::Info, &format!("closed {address}"));
            }
            keep
        });
        for (wanted, socket) in sockets {
            let state = self.hand_over(wanted, socket);
            all.push(Listener { wanted, state });
        }
        Ok(())
    }

    /// For `stats-get`.
    pub fn stats(&self) -> Value {
        let all = self.0.all.borrow();
        all.iter()
            .map(|listener| match &listener.state {
                Ok(address) => json!({
                    "address": address.to_string(), "state": "listening",
                }),
                Err(error) => json!({
                    "address": listener.wanted.to_string(),
                    "state": "retrying",
                    "error": error.text,
                }),
            })
            .collect()
    }

    fn retry(&self) {
        for listener in self.0.all.borrow_mut().iter_mut() {
            if listener.state.is_err() {
                listener.state = self.listen(listener.wanted);
            }
        }
    }

    fn listen(
        &self,
        wanted: SocketAddr,
    ) -> std::result::Result<SocketAddr, Error> {
        let socket = bind(wanted).map_err(|e| failed(wanted, e))?;
        self.hand_over(wanted, socket)
    }

    fn hand_over(
        &self,
        wanted: SocketAddr,
        socket: TcpListener,
    ) -> std::result::Result<SocketAddr, Error> {
        let mut server = self.0.server.borrow_mut();
        let Some(server) = &mut *server else {
            return Err(Error::new(libc::ESHUTDOWN, "server was stopped"));
        };
        let address = server.listen(socket).map_err(|e| failed(wanted, e))?;
        self.log(Level::Info, &format!("listening on {address}"));
        Ok(address)
    }

    fn log(&self, level: Level, line: &str) {
        self.0.scope.handle().log(level, line);
    }
}

fn failed(wanted: SocketAddr, error: std::io::Error) -> Error {
    Error::from(error).context(format_args!("listen on {wanted}"))
}
