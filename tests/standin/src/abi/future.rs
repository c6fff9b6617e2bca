//! Requests that the module makes, and the futures of their responses.

use std::cell::Cell;
use std::ffi::{c_double, c_int, c_void};
use std::time::Instant;

use super::reactor::{Next, Watcher, later, standin_wait};
use super::{Handle, Reply, Request, Text, fail};

/// `FLUX_RPC_STREAMING`.
const STREAMING: c_int = 2;

type Continuation = extern "C" fn(*mut Watcher, *mut c_void);

/// The response will be an error where nobody answers.
#[unsafe(no_mangle)]
extern "C" fn flux_rpc(
    h: &mut Handle,
    topic: Text,
    payload: Text,
    _nodeid: u32,
    flags: c_int,
) -> Box<Watcher> {
    h.last_tag += 1;
    let mut future = Watcher::new(h, Next::Future);
    future.tag = h.last_tag;
    let reply = Reply { inbox: h.inbox.clone(), tag: future.tag };
    h.host.route(Request {
        topic: topic.get(),
        payload: payload.get(),
        streaming: flags & STREAMING != 0,
        reply: Cell::new(Some(reply)),
    });
    future
}

/// A negative timeout is none.
#[unsafe(no_mangle)]
extern "C" fn flux_future_then(
    f: &mut Watcher,
    timeout: c_double,
    function: Continuation,
    arg: *mut c_void,
) -> c_int {
    (f.function, f.arg) = (function as *const c_void, arg);
    (f.after, f.due) = (timeout, later(Instant::now(), timeout));
    f.active = true;
    0
}

/// Waits, outside of the reactor: other responses are taken in meanwhile,
/// requests wait until it runs.
///
/// # Safety
/// `f` must be alive. It is not a reference because it changes meanwhile.
#[unsafe(no_mangle)]
unsafe extern "C" fn flux_future_wait_for(
    f: *const Watcher,
    timeout: c_double,
) -> c_int {
    let until = later(Instant::now(), timeout);
    // SAFETY: the contract, here and below.
    while unsafe { &*f }.responses.is_empty() {
        let left = until.map_or(-1.0, |until| {
            until.saturating_duration_since(Instant::now()).as_secs_f64()
        });
        if left == 0.0 {
            return fail(libc::ETIMEDOUT);
        }
        // SAFETY: see above.
        unsafe { &*f }.with(|h| {
            if !h.take_in() {
                standin_wait(h.inbox.fd, left);
            }
        });
    }
    0
}

/// The payload lives until the future is reset or destroyed.
#[unsafe(no_mangle)]
extern "C" fn flux_rpc_get(
    f: &mut Watcher,
    payload: Option<&mut Text>,
) -> c_int {
    // SAFETY: it is alive.
    unsafe { flux_future_wait_for(f, -1.0) };
    match (&f.responses[0], payload) {
        (Ok(text), Some(payload)) => *payload = Text::of(text),
        (Err((errno, _)), _) => return fail(*errno),
        _ => {}
    }
    0
}

/// Null where there is no error.
#[unsafe(no_mangle)]
extern "C" fn flux_future_error_string(f: Option<&Watcher>) -> Text {
    match f.and_then(|f| f.responses.front()) {
        Some(Err((_, text))) if !text.is_empty() => Text::of(text),
        // SAFETY: it takes any number.
        Some(Err((errno, _))) => Text(unsafe { libc::strerror(*errno) }),
        _ => Text(std::ptr::null()),
    }
}

/// Makes room for the next response of a stream.
#[unsafe(no_mangle)]
extern "C" fn flux_future_reset(f: Option<&mut Watcher>) {
    let Some(f) = f else { return };
    f.responses.pop_front();
    f.due = later(Instant::now(), f.after);
    f.active = !f.function.is_null();
}

/// What comes for it from now on is dropped.
#[unsafe(no_mangle)]
extern "C" fn flux_future_destroy(f: Option<Box<Watcher>>) {
    drop(f);
}
