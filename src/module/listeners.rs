//! The addresses the endpoint listens on, and those it would like to.
//!
//! Sockets are bound here, on the module's thread, where a failure can be
//! logged, and then handed to the HTTP thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::LISTEN;
use crate::flux::{Error, Level, Result, Scope};
use crate::http::{
    Access, Address, Bound, Limits, Ownership, Server, bind, bind_unix,
};

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
    /// Of Unix sockets.
    ownership: Cell<Ownership>,
    /// Why there are no addresses, if there are none.
    why_none: RefCell<Option<String>>,
}

struct Listener {
    /// As it is in the settings: port 0 is any.
    wanted: Address,
    state: std::result::Result<Address, Error>,
}

impl Listeners {
    /// No listeners yet; `server` is what sockets are handed to.
    pub fn new(scope: Scope, server: Server) -> Self {
        Self(Rc::new(Inner {
            scope,
            server: RefCell::new(Some(server)),
            all: RefCell::default(),
            ownership: Cell::default(),
            why_none: RefCell::default(),
        }))
    }

    /// Ends the server with its thread. False if the thread goes on: then
    /// the library must stay mapped.
    pub fn stop(&self, timeout: Duration) -> bool {
        let server = self.0.server.borrow_mut().take();
        server.is_none_or(|server| server.stop(timeout).is_ok())
    }

    /// Listens on all `addresses`. One that is taken is an error if
    /// `strict`; otherwise it is logged once and tried again on a timer.
    pub fn open(
        &self,
        addresses: &[Address],
        ownership: Ownership,
        strict: bool,
    ) -> Result<()> {
        self.0.ownership.set(ownership);
        for wanted in addresses {
            let state = self.listen(wanted);
            if let Err(error) = &state {
                if strict {
                    return Err(error.clone());
                }
                // Flux shows errors on the terminal of who starts an instance,
                // who did not choose this address
                let level = match *wanted == LISTEN {
                    true => Level::Warning,
                    false => Level::Error,
                };
                self.log(level, &format!("{error}; trying again"));
            }
            let wanted = wanted.clone();
            self.0.all.borrow_mut().push(Listener { wanted, state });
        }
        let again = self.clone();
        self.0.scope.every(RETRY, move || again.retry())
    }

    /// Listens on `addresses` and on no others, or, if one of the new ones
    /// is taken, changes nothing. Connections and the sockets of addresses
    /// that stay are not touched, but their mode and owner are.
    ///
    /// `rules` puts those for the new addresses into force: when the old ones
    /// are closed, for they may be looser, and before the new ones are
    /// served, for they may be stricter.
    pub fn replace(
        &self,
        addresses: &[Address],
        ownership: Ownership,
        rules: impl FnOnce(),
    ) -> Result<()> {
        let known = |wanted: &Address| {
            self.0.all.borrow().iter().any(|l| l.wanted == *wanted)
        };
        let mut sockets = Vec::new();
        for wanted in addresses.iter().filter(|wanted| !known(wanted)) {
            let bound = bind_any(wanted, ownership).map_err(|error| {
                self.blame(wanted, error).context("prometheus.listen")
            })?;
            sockets.push((wanted.clone(), bound));
        }
        // the last thing that can fail
        if ownership != self.0.ownership.get() {
            self.set_ownership(addresses, ownership)?;
        }
        self.0.ownership.set(ownership);
        self.close_all_but(addresses);
        rules();
        for (wanted, bound) in sockets {
            let state = self.hand_over(&wanted, bound);
            self.0.all.borrow_mut().push(Listener { wanted, state });
        }
        Ok(())
    }

    /// Adds to an error that it is an address of ours that is in the way, if
    /// it is: it would be closed only after.
    fn blame(&self, wanted: &Address, mut error: Error) -> Error {
        let all = self.0.all.borrow();
        let mut ours = all.iter().filter_map(|l| l.state.as_ref().ok());
        let own = ours.find(|own| {
            error.errno == libc::EADDRINUSE && excludes(own, wanted)
        });
        if let Some(own) = own {
            // short, for Flux cuts off what is beyond 160 characters
            let text =
                format!(", by our own {own}: flux modprobe remove, then load");
            error.text.push_str(&text);
        }
        error
    }

    fn close_all_but(&self, addresses: &[Address]) {
        let (stay, gone): (Vec<_>, Vec<_>) = self
            .0
            .all
            .take()
            .into_iter()
            .partition(|l| addresses.contains(&l.wanted));
        self.0.all.replace(stay);
        let open: Vec<_> =
            gone.into_iter().filter_map(|l| l.state.ok()).collect();
        let server = &mut *self.0.server.borrow_mut();
        let closed = server.as_mut().is_none_or(|it| it.close(&open));
        let what = if closed { "closed" } else { "closing" };
        for address in open {
            self.log(Level::Info, &format!("{what} {address}"));
        }
    }

    /// Who may read, and what clients may take, from now on.
    pub fn set_rules(&self, limits: Limits, access: Arc<Access>) {
        if let Some(server) = &*self.0.server.borrow() {
            server.set_rules(limits, access);
        }
    }

    /// Whether one listens, or tries to, that other machines can reach.
    pub fn is_public(&self) -> bool {
        self.0.all.borrow().iter().any(|listener| match &listener.wanted {
            Address::Tcp(address) => !address.ip().is_loopback(),
            Address::Unix(_) => false,
        })
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

    /// Why there are no addresses, if there are none; logged when it changes.
    pub fn explain(&self, why: Option<String>) {
        if let Some(why) = &why
            && self.0.why_none.borrow().as_ref() != Some(why)
        {
            self.log(Level::Info, &format!("not listening: {why}"));
        }
        self.0.why_none.replace(why);
    }

    /// The same, for `stats-get`.
    pub fn why_none(&self) -> Option<String> {
        self.0.why_none.borrow().clone()
    }

    /// Changes the sockets of `addresses`, all of them or none, and ends the
    /// connections of who may not connect to them any more.
    fn set_ownership(
        &self,
        addresses: &[Address],
        ownership: Ownership,
    ) -> Result<()> {
        let server = self.0.server.borrow();
        let Some(server) = &*server else { return Ok(()) };
        let mut changed = Vec::new();
        for file in addresses.iter().filter_map(|a| server.socket_file(a)) {
            match file.set_ownership(ownership) {
                Ok(old) => changed.push((file, old)),
                Err(error) => {
                    for (file, old) in changed {
                        // what worked before works again, or nothing does
                        let _ = file.set_ownership(old);
                    }
                    let path = file.path().display();
                    return Err(Error::from(error)
                        .context(path)
                        .context("prometheus.socket-owner"));
                }
            }
        }
        server.end_unix_connections();
        Ok(())
    }

    fn retry(&self) {
        for listener in self.0.all.borrow_mut().iter_mut() {
            if listener.state.is_err() {
                listener.state = self.listen(&listener.wanted);
            }
        }
    }

    fn listen(&self, wanted: &Address) -> std::result::Result<Address, Error> {
        let bound = bind_any(wanted, self.0.ownership.get())?;
        self.hand_over(wanted, bound)
    }

    fn hand_over(
        &self,
        wanted: &Address,
        bound: Bound,
    ) -> std::result::Result<Address, Error> {
        let mut server = self.0.server.borrow_mut();
        let Some(server) = &mut *server else {
            return Err(Error::new(libc::ESHUTDOWN, "server was stopped"));
        };
        let address = server.listen(bound).map_err(|e| failed(wanted, e))?;
        self.log(Level::Info, &format!("listening on {address}"));
        Ok(address)
    }

    fn log(&self, level: Level, line: &str) {
        self.0.scope.handle().log(level, line);
    }
}

fn bind_any(wanted: &Address, ownership: Ownership) -> Result<Bound> {
    match wanted {
        Address::Tcp(address) => bind(*address).map(Bound::Tcp),
        Address::Unix(path) => bind_unix(path, ownership)
            .map(|(listener, file)| Bound::Unix(file, listener)),
    }
    .map_err(|error| failed(wanted, error))
}

/// Whether both cannot be listened on.
fn excludes(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port() && (any || one.ip() == other.ip())
        }
        _ => one == other,
    }
}

fn failed(wanted: &Address, error: std::io::Error) -> Error {
    Error::from(error).context(format_args!("listen on {wanted}"))
}
