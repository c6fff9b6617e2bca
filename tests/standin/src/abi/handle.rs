//! The handle, `flux_t`: one load of a module, and its connection.

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_double, c_int};
use std::ptr;
use std::sync::{Arc, mpsc};

use serde_json::Value;

use super::reactor::Watcher;
use super::{Queue, Request, Response, c_text};
use crate::host::Host;

/// The type of every module's `mod_main`.
pub type ModMain =
    unsafe extern "C-unwind" fn(*mut Handle, c_int, *mut *mut c_char) -> c_int;

/// It begins as in parts.c.
#[repr(C)]
pub struct Handle {
    mod_main: ModMain,
    argc: c_int,
    argv: *mut *mut c_char,
    pub rc: c_int,
    pub errno: c_int,
    fd: c_int,
    /// What is next: a wait of so long, or a call with what.
    pub(super) seconds: c_double,
    pub(super) watcher: *mut Watcher,
    pub(super) current: Option<Box<Request>>,

    pub name: CString,
    /// What `argv` points to.
    args: (Vec<CString>, Vec<*mut c_char>),
    pub host: Arc<Host>,
    pub queue: Queue,
    /// Taken when the reactor first runs, and 0 is sent; else an errno is,
    /// when all is over.
    pub progress: Option<mpsc::Sender<i32>>,
    pub(super) stopped: bool,
    /// There once NAME.debug was used.
    pub(super) debug_flags: Option<Box<c_int>>,
    /// Those that wait for their turn.
    pub(super) requests: VecDeque<Request>,
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
        progress: mpsc::Sender<i32>,
    ) -> Box<Self> {
        // joined and split again, as the broker does since 0.84
        let args = args.join(" ");
        let args: Vec<_> = args.split_whitespace().map(c_text).collect();
        let argv = args.iter().map(|arg| arg.as_ptr().cast_mut());
        let mut argv: Vec<_> = argv.chain([ptr::null_mut()]).collect();
        let queue = Queue::new();
        Box::new(Self {
            mod_main,
            argc: args.len() as c_int,
            argv: argv.as_mut_ptr(),
            rc: 0,
            errno: 0,
            fd: queue.fd(),
            seconds: -1.0,
            watcher: ptr::null_mut(),
            current: None,
            name: c_text(name),
            args: (args, argv),
            host: host.clone(),
            queue,
            progress: Some(progress),
            stopped: false,
            debug_flags: None,
            requests: VecDeque::new(),
            watchers: Vec::new(),
            last_tag: 0,
        })
    }

    /// What every module answers by itself, as far as anybody asks here.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let topic = request.topic();
        if topic.ends_with(".shutdown") {
            self.stopped = true;
        } else if topic.ends_with(".debug") {
            let payload = request.payload.to_bytes();
            let asked: Value =
                serde_json::from_slice(payload).unwrap_or_default();
            let flags = self.debug_flags.get_or_insert_default();
            **flags |= asked["flags"].as_i64().unwrap_or(0) as c_int;
        } else {
            let text = format!("Unknown service method '{topic}'");
            return Err((libc::ENOSYS, c_text(&text)));
        }
        Ok(CString::default())
    }
}
