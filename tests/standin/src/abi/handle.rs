//! The handle, `flux_t`, and the functions that only look at it.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{CString, c_int, c_void};
use std::sync::Arc;

use super::future::Future;
use super::message::{Inbox, Message, Request};
use super::reactor::Timer;
use super::request::{Handler, Incoming};
use super::{Text, c_text, fail, no_service};

/// What a handle needs of the host; called on the module's thread.
pub trait Broker: Send + Sync {
    /// Sees to it that the request is answered, and never waits.
    fn route(&self, request: Request);
    /// A line for the log.
    fn log(&self, name: &str, level: i32, text: &str);
    /// The attributes of the broker.
    fn attributes(&self) -> &BTreeMap<String, String>;
}

/// One module's connection. Used by its thread only.
pub struct Handle {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) name: CString,
    attributes: BTreeMap<String, CString>,
    pub(super) debug_flags: Option<Box<c_int>>,

    /// Called when the reactor runs for the first time.
    pub(super) entered: Option<Box<dyn FnOnce() + Send>>,
    pub(super) stopped: bool,
    /// What came while a request was waited for.
    pub(super) deferred: VecDeque<Message>,
    pub(super) timers: Vec<*mut Timer>,
    pub(super) handlers: Vec<*mut Handler>,
    /// The request that a handler has been called with.
    pub(super) current: Option<Box<Incoming>>,
    pub(super) futures: BTreeMap<u32, *mut Future>,
    /// Fulfilled, and not yet continued.
    pub(super) ready: VecDeque<u32>,
    pub(super) next_tag: u32,
    /// Requests made, requests taken: for the default `stats-get`.
    pub(super) counts: (u64, u64),
}

impl Handle {
    /// Opens a handle for the module `name`.
    pub fn new(
        broker: Arc<dyn Broker>,
        inbox: Arc<Inbox>,
        name: &str,
        entered: impl FnOnce() + Send + 'static,
    ) -> Self {
        let attributes = broker
            .attributes()
            .iter()
            .map(|(key, value)| (key.clone(), c_text(value)))
            .collect();
        Self {
            broker,
            inbox,
            name: c_text(name),
            attributes,
            debug_flags: None,
            entered: Some(Box::new(entered)),
            stopped: false,
            deferred: VecDeque::new(),
            timers: Vec::new(),
            handlers: Vec::new(),
            current: None,
            futures: BTreeMap::new(),
            ready: VecDeque::new(),
            next_tag: 1,
            counts: (0, 0),
        }
    }

    /// Whether the reactor has run.
    pub fn was_entered(&self) -> bool {
        self.entered.is_none()
    }

    /// What the module should have destroyed, if anything.
    pub fn leaks(&self) -> Option<String> {
        let counts = [
            (self.futures.len(), "futures"),
            (self.timers.len(), "timers"),
            (self.handlers.len(), "message handlers"),
        ];
        let leaks: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (!leaks.is_empty()).then(|| leaks.join(", "))
    }

    /// Closes the inbox; who still waits for an answer gets none.
    pub fn close(&mut self) {
        self.current = None;
        let left = self.deferred.drain(..).chain(self.inbox.close());
        for message in left {
            if let Message::Request(request) = message {
                request.reply.send(Err(no_service(&request.topic)));
            }
        }
    }
}

/// The handle that something was made from.
pub(super) struct Owner(*mut Handle);

impl Owner {
    pub(super) fn of(handle: &mut Handle) -> Self {
        Self(handle)
    }

    /// Uses it, and does not keep it.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Handle) -> R) -> R {
        // SAFETY: a handle is closed after all that is made from it, is used
        // on one thread, and none of these functions calls another module's.
        f(unsafe { &mut *self.0 })
    }
}

/// Null where there is no such thing.
#[unsafe(no_mangle)]
pub extern "C" fn flux_aux_get(h: &mut Handle, name: Text) -> *mut c_void {
    match (&*name.get_or_empty(), &mut h.debug_flags) {
        ("flux::name", _) => h.name.as_ptr().cast_mut().cast(),
        // there once NAME.debug was used
        ("flux::debug_flags", Some(flags)) => (&raw mut **flags).cast(),
        _ => {
            fail(libc::ENOENT);
            std::ptr::null_mut()
        }
    }
}

/// Null where there is no such attribute.
#[unsafe(no_mangle)]
pub extern "C" fn flux_attr_get(h: &Handle, name: Text) -> Text {
    let value = h.attributes.get(&*name.get_or_empty());
    if value.is_none() {
        fail(libc::ENOENT);
    }
    Text::of(value)
}

/// There is one rank.
#[unsafe(no_mangle)]
pub extern "C" fn flux_get_rank(_: &Handle, rank: &mut u32) -> c_int {
    *rank = 0;
    0
}

/// The handle is its own reactor.
#[unsafe(no_mangle)]
pub extern "C" fn flux_get_reactor(h: *mut Handle) -> *mut Handle {
    h
}

/// What log.c makes of `flux_log`.
#[unsafe(no_mangle)]
pub extern "C" fn standin_log(h: &Handle, level: c_int, text: Text) {
    let name = h.name.to_string_lossy();
    h.broker.log(&name, level, text.get_or_empty().trim_end());
}
