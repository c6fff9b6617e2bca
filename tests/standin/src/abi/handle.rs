//! The handle, `flux_t`, and the functions that only look at it.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_double, c_int, c_void};
use std::ptr;
use std::sync::{Arc, mpsc};

use super::reactor::Watcher;
use super::{Inbox, Request, Text, c_text, fail};
use crate::host::Host;

/// The type of every module's `mod_main`.
pub type ModMain =
    unsafe extern "C-unwind" fn(*mut Handle, c_int, *mut *mut c_char) -> c_int;

/// One load of a module, and its connection. It begins as in parts.c.
#[repr(C)]
pub struct Handle {
    mod_main: ModMain,
    argc: c_int,
    argv: *mut *mut c_char,
    thread_name: *const c_char,
    pub rc: c_int,
    pub errno: c_int,
    fd: c_int,
    /// What is next: a wait of so long, or a call with what.
    pub(super) seconds: c_double,
    pub(super) watcher: *mut Watcher,
    pub(super) message: *const Request,

    pub name: CString,
    /// What `argv` points to.
    args: (Vec<CString>, Vec<*mut c_char>),
    pub host: Arc<Host>,
    pub inbox: Arc<Inbox>,
    /// Ok when the reactor first runs, and an errno when all is over.
    pub progress: mpsc::Sender<Result<(), i32>>,
    pub entered: bool,

    pub(super) stopped: bool,
    /// There once NAME.debug was used.
    pub(super) debug_flags: Option<Box<c_int>>,
    /// Requests that wait for their turn, and the one a handler has now.
    pub(super) requests: VecDeque<Request>,
    pub(super) current: Option<Box<Request>>,
    /// Timers, futures and handlers, the oldest first.
    pub(super) watchers: Vec<*mut Watcher>,
    pub(super) last_tag: u32,
}

impl Handle {
    pub fn new(
        host: &Arc<Host>,
        name: &str,
        args: &[&str],
        mod_main: ModMain,
        progress: mpsc::Sender<Result<(), i32>>,
    ) -> Box<Self> {
        // joined and split again, as the broker does since 0.84
        let args = args.join(" ");
        let args: Vec<_> = args.split_whitespace().map(c_text).collect();
        let argv = args.iter().map(|arg| arg.as_ptr().cast_mut());
        let mut argv: Vec<_> = argv.chain([ptr::null_mut()]).collect();
        let (name, inbox) = (c_text(name), Inbox::new());
        Box::new(Self {
            mod_main,
            argc: args.len() as c_int,
            argv: argv.as_mut_ptr(),
            thread_name: name.as_ptr(),
            rc: 0,
            errno: 0,
            fd: inbox.fd,
            seconds: -1.0,
            watcher: ptr::null_mut(),
            message: ptr::null(),
            name,
            args: (args, argv),
            host: host.clone(),
            inbox,
            progress,
            entered: false,
            stopped: false,
            debug_flags: None,
            requests: VecDeque::new(),
            current: None,
            watchers: Vec::new(),
            last_tag: 0,
        })
    }
}

/// Null where there is no such thing.
#[unsafe(no_mangle)]
extern "C" fn flux_aux_get(h: &mut Handle, name: Text) -> *mut c_void {
    match (name.get().to_bytes(), &mut h.debug_flags) {
        (b"flux::name", _) => h.name.as_ptr().cast_mut().cast(),
        (b"flux::debug_flags", Some(flags)) => (&raw mut **flags).cast(),
        _ => {
            fail(libc::ENOENT);
            ptr::null_mut()
        }
    }
}

/// Null where there is no such attribute.
#[unsafe(no_mangle)]
extern "C" fn flux_attr_get(h: &Handle, name: Text) -> Text {
    match h.host.attributes.get(&*name.get().to_string_lossy()) {
        Some(value) => Text::of(value),
        None => {
            fail(libc::ENOENT);
            Text(ptr::null())
        }
    }
}

/// There is one rank.
#[unsafe(no_mangle)]
extern "C" fn flux_get_rank(_: &Handle, rank: &mut u32) -> c_int {
    *rank = 0;
    0
}

/// The handle is its own reactor.
#[unsafe(no_mangle)]
extern "C" fn flux_get_reactor(h: *mut Handle) -> *mut Handle {
    h
}

/// What parts.c makes of `flux_log`.
#[unsafe(no_mangle)]
extern "C" fn standin_log(h: &Handle, level: c_int, text: Text) {
    let (name, text) = (h.name.to_string_lossy(), text.get());
    h.host.log(&name, level, text.to_string_lossy().trim_end());
}
