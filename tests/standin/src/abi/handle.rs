//! The handle, `flux_t`, and the functions that only look at it.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_double, c_int, c_void};
use std::sync::{Arc, mpsc};

use super::reactor::Watcher;
use super::{Inbox, Message, Request, Text, fail};
use crate::host::Host;
use crate::instance::no_service;

/// The type of every module's `mod_main`.
pub type ModMain =
    unsafe extern "C-unwind" fn(*mut Handle, c_int, *mut *mut c_char) -> c_int;

/// One load of a module, and its connection. It begins as in parts.c.
#[repr(C)]
pub struct Handle {
    pub(crate) mod_main: ModMain,
    pub(crate) argc: c_int,
    pub(crate) argv: *mut *mut c_char,
    pub(crate) thread_name: *const c_char,
    pub(crate) rc: c_int,
    pub(crate) errno: c_int,
    /// The inbox's.
    pub(crate) fd: c_int,
    /// What is next: a wait of so long, or a call with what.
    pub(crate) seconds: c_double,
    pub(crate) watcher: *mut Watcher,
    pub(crate) message: *const Request,

    pub(crate) name: CString,
    /// What the pointers above point to.
    pub(crate) strings: (CString, Vec<CString>, Vec<*mut c_char>),
    pub(crate) host: Arc<Host>,
    pub(crate) inbox: Arc<Inbox>,
    /// Ok when the reactor first runs, and an errno when all is over.
    pub(crate) progress: mpsc::Sender<Result<(), i32>>,
    pub(crate) entered: bool,

    pub(crate) stopped: bool,
    /// There once NAME.debug was used.
    pub(crate) debug_flags: Option<Box<c_int>>,
    /// Requests that came while a response was waited for.
    pub(crate) deferred: VecDeque<Request>,
    /// Timers, futures and handlers, the oldest first.
    pub(crate) watchers: Vec<*mut Watcher>,
    /// The request that a handler has been called with.
    pub(crate) current: Option<Box<Request>>,
    pub(crate) last_tag: u32,
}

impl Handle {
    /// Closes the inbox; who still waits for an answer gets none. Says what
    /// the module should have destroyed, if anything.
    pub fn close(&mut self) -> Option<String> {
        let left = self.inbox.close().into_iter();
        let left = left.filter_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Responses(..) => None,
        });
        for request in self.deferred.drain(..).chain(left) {
            request.reply.fail(no_service(&request.topic.to_string_lossy()));
        }
        let leaks: Vec<_> = self.each().map(|w| w.kind).collect();
        (!leaks.is_empty()).then(|| format!("{leaks:?}"))
    }
}

/// Null where there is no such thing.
#[unsafe(no_mangle)]
pub extern "C" fn flux_aux_get(h: &mut Handle, name: Text) -> *mut c_void {
    match (name.get().to_bytes(), &mut h.debug_flags) {
        (b"flux::name", _) => h.name.as_ptr().cast_mut().cast(),
        (b"flux::debug_flags", Some(flags)) => (&raw mut **flags).cast(),
        _ => {
            fail(libc::ENOENT);
            std::ptr::null_mut()
        }
    }
}

/// Null where there is no such attribute.
#[unsafe(no_mangle)]
pub extern "C" fn flux_attr_get(h: &Handle, name: Text) -> Text {
    match h.host.attributes.get(&*name.get().to_string_lossy()) {
        Some(value) => Text::of(value),
        None => {
            fail(libc::ENOENT);
            Text(std::ptr::null())
        }
    }
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

/// What parts.c makes of `flux_log`.
#[unsafe(no_mangle)]
pub extern "C" fn standin_log(h: &Handle, level: c_int, text: Text) {
    let (name, text) = (h.name.to_string_lossy(), text.get());
    h.host.log(&name, level, text.to_string_lossy().trim_end());
}
