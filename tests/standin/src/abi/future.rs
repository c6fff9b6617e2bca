//! Requests that the module makes, and the futures of their responses.

use std::collections::VecDeque;
use std::ffi::{CString, c_double, c_int, c_void};
use std::sync::Arc;
use std::time::Instant;

use super::handle::Owner;
use super::message::{Message, Reply, Request, Response};
use super::reactor::{Call, Kind, later, standin_wait};
use super::{Handle, Text, c_text, fail};

/// `FLUX_RPC_STREAMING`.
const STREAMING: c_int = 2;
/// A module's requests carry the instance owner's credentials.
const ROLE_OWNER: u32 = 1;

type Continuation = extern "C" fn(*mut Future, *mut c_void);
type Outcome = Result<Option<CString>, (i32, CString)>;

struct Then {
    function: Continuation,
    arg: *mut c_void,
    timeout: f64,
}

/// A response that is to come, or a stream of them.
pub struct Future {
    owner: Owner,
    tag: u32,
    result: Option<Outcome>,
    /// Responses that came before the last one was reset.
    queue: VecDeque<Outcome>,
    then: Option<Then>,
    deadline: Option<Instant>,
}

impl Handle {
    /// Hands a response to its future. One that comes too late is dropped.
    pub(super) fn fulfill(&mut self, tag: u32, response: Response) {
        let Some(future) = self.futures.get(&tag) else { return };
        let outcome = match response {
            Ok(payload) => Ok(payload.map(|payload| c_text(&payload))),
            Err((errno, text)) => Err((errno, c_text(&text))),
        };
        // SAFETY: what is listed is alive: destroying takes it off.
        let future = unsafe { &mut **future };
        if future.result.is_some() {
            future.queue.push_back(outcome);
        } else {
            future.result = Some(outcome);
            self.ready.push_back(tag);
        }
    }

    /// The next future that was fulfilled and has a continuation.
    pub(super) fn continuation(&mut self) -> Option<Call> {
        while let Some(tag) = self.ready.pop_front() {
            let Some(&future) = self.futures.get(&tag) else { continue };
            // SAFETY: what is listed is alive.
            let f = unsafe { &mut *future };
            if let (Some(then), true) = (&f.then, f.result.is_some()) {
                f.deadline = None;
                let mut call = Call::new(Kind::Continuation);
                call.function = then.function as *const c_void;
                call.object = future.cast();
                call.arg = then.arg;
                return Some(call);
            }
        }
        None
    }

    /// Fails the futures whose time is up.
    pub(super) fn time_out(&mut self, now: Instant) {
        for future in self.futures.values() {
            // SAFETY: what is listed is alive.
            let f = unsafe { &mut **future };
            if f.result.is_none() && f.deadline.is_some_and(|at| at <= now) {
                f.deadline = None;
                f.result = Some(Err((libc::ETIMEDOUT, CString::default())));
                self.ready.push_back(f.tag);
            }
        }
    }

    pub(super) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        // SAFETY: what is listed is alive.
        self.futures.values().filter_map(|f| unsafe { (**f).deadline })
    }
}

impl Future {
    /// Has the continuation called, if there is something for it.
    fn fulfilled(&self) {
        if self.result.is_some() {
            self.owner.with(|h| h.ready.push_back(self.tag));
        }
    }
}

/// The response will be an error where nobody answers.
#[unsafe(no_mangle)]
pub extern "C" fn flux_rpc(
    h: &mut Handle,
    topic: Text,
    payload: Text,
    _nodeid: u32,
    flags: c_int,
) -> Box<Future> {
    let tag = h.next_tag;
    h.next_tag += 1;
    h.counts.0 += 1;
    let mut future = Box::new(Future {
        owner: Owner::of(h),
        tag,
        result: None,
        queue: VecDeque::new(),
        then: None,
        deadline: None,
    });
    h.futures.insert(tag, &raw mut *future);
    h.broker.route(Request {
        topic: topic.get_or_empty(),
        payload: payload.get(),
        role: ROLE_OWNER,
        streaming: flags & STREAMING != 0,
        reply: Reply::Module(Arc::clone(&h.inbox), tag),
    });
    future
}

/// A negative timeout is none.
#[unsafe(no_mangle)]
pub extern "C" fn flux_future_then(
    f: &mut Future,
    timeout: c_double,
    function: Continuation,
    arg: *mut c_void,
) -> c_int {
    f.then = Some(Then { function, arg, timeout });
    f.deadline = later(Instant::now(), timeout);
    f.fulfilled();
    0
}

/// Waits, outside of the reactor: other responses are taken in meanwhile,
/// requests wait until it runs.
///
/// # Safety
/// `f` must be alive. It is not a reference because it changes meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flux_future_wait_for(
    f: *const Future,
    timeout: c_double,
) -> c_int {
    let until = later(Instant::now(), timeout);
    // SAFETY: the contract.
    while unsafe { &*f }.result.is_none() {
        let left = until.map_or(-1.0, |until| {
            until.saturating_duration_since(Instant::now()).as_secs_f64()
        });
        if left == 0.0 {
            return fail(libc::ETIMEDOUT);
        }
        // SAFETY: the contract.
        let fd = unsafe { &*f }.owner.with(|h| {
            while let Some(message) = h.inbox.pop() {
                match message {
                    Message::Response(tag, response) => {
                        h.fulfill(tag, response);
                    }
                    message => h.deferred.push_back(message),
                }
            }
            h.inbox.fd()
        });
        // SAFETY: the contract.
        if unsafe { &*f }.result.is_none() {
            standin_wait(fd, left);
        }
    }
    0
}

/// The payload lives until the future is reset or destroyed.
#[unsafe(no_mangle)]
pub extern "C" fn flux_rpc_get(
    f: &mut Future,
    payload: Option<&mut Text>,
) -> c_int {
    // SAFETY: it is alive.
    if unsafe { flux_future_wait_for(f, -1.0) } < 0 {
        return -1;
    }
    match (&f.result, payload) {
        (Some(Ok(text)), Some(payload)) => {
            *payload = Text::of(text.as_ref());
            0
        }
        (Some(Err((errno, _))), _) => fail(*errno),
        _ => 0,
    }
}

/// Null where there is no error.
#[unsafe(no_mangle)]
pub extern "C" fn flux_future_error_string(f: Option<&Future>) -> Text {
    match f.and_then(|f| f.result.as_ref()) {
        Some(Err((_, text))) if !text.is_empty() => Text::of(Some(text)),
        // SAFETY: it takes any number.
        Some(Err((errno, _))) => Text(unsafe { libc::strerror(*errno) }),
        _ => Text::of(None),
    }
}

/// Makes room for the next response of a stream.
#[unsafe(no_mangle)]
pub extern "C" fn flux_future_reset(f: Option<&mut Future>) {
    let Some(f) = f else { return };
    f.result = f.queue.pop_front();
    if let Some(then) = &f.then {
        f.deadline = later(Instant::now(), then.timeout);
    }
    f.fulfilled();
}

/// What comes for it from now on is dropped.
#[unsafe(no_mangle)]
pub extern "C" fn flux_future_destroy(f: Option<Box<Future>>) {
    if let Some(f) = f {
        f.owner.with(|h| h.futures.remove(&f.tag));
    }
}
