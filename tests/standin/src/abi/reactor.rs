//! What is next: timers, then continuations, then one message. parts.c makes
//! the call.

use std::collections::VecDeque;
use std::ffi::{CString, c_double, c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use super::inbox::Taken;
use super::{Handle, Response, fail};

unsafe extern "C" {
    /// Waits until the descriptor is readable or that many seconds passed.
    /// A cancellation point, so not one to call with cancellation on.
    pub(crate) safe fn standin_wait(fd: c_int, seconds: c_double);
}

/// What is next, as in parts.c; and what a [`Watcher`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub enum Next {
    /// No call but a wait.
    Wait,
    /// The call of a timer.
    Timer,
    /// That of a continuation.
    Future,
    /// That of a message handler.
    Handler,
    /// The end.
    Stop,
}

/// What the reactor watches, and whom it calls: `flux_watcher_t` (a timer),
/// `flux_future_t` and `flux_msg_handler_t`.
#[repr(C)]
pub struct Watcher {
    /// Null until it is to be called.
    pub(super) function: *const c_void,
    pub(super) arg: *mut c_void,

    h: *mut Handle,
    pub(super) kind: Next,
    /// When a timer runs, or a future fails that has no response by then.
    pub(super) due: Option<Instant>,
    /// Seconds from the start until then, and between runs.
    pub(super) after: f64,
    repeat: f64,
    /// What a handler answers, and whether it does yet.
    pub(super) topic: CString,
    pub(super) started: bool,
    /// What a future's responses are known by, and those that came; the first
    /// is the one it shows.
    pub(super) tag: u32,
    pub(super) responses: VecDeque<Response>,
    /// The continuation was called with it.
    pub(super) called: bool,
}

impl Watcher {
    pub(super) fn new(h: &mut Handle, kind: Next) -> Box<Self> {
        let mut watcher = Box::new(Self {
            h,
            kind,
            function: ptr::null(),
            arg: ptr::null_mut(),
            due: None,
            after: -1.0,
            repeat: 0.0,
            topic: CString::default(),
            started: false,
            tag: 0,
            responses: VecDeque::new(),
            called: false,
        });
        h.watchers.push(&raw mut *watcher);
        watcher
    }

    /// Its handle, used and not kept.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Handle) -> R) -> R {
        // SAFETY: a handle is closed after all that is made from it, is used
        // on one thread, and none of these functions calls another module's.
        f(unsafe { &mut *self.h })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let this: *mut Self = self;
        self.with(|h| h.watchers.retain(|other| *other != this));
    }
}

/// The moment that many seconds after another; None is never.
pub(super) fn later(from: Instant, seconds: f64) -> Option<Instant> {
    from.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

impl Handle {
    /// What there is, the oldest first. Each is used and not kept.
    pub(super) fn each(
        &self,
    ) -> impl DoubleEndedIterator<Item = &mut Watcher> + '_ {
        // SAFETY: what is listed is alive, for its drop takes it off; and C
        // has no references.
        self.watchers.iter().map(|watcher| unsafe { &mut **watcher })
    }

    fn next(&mut self) -> Next {
        if !std::mem::replace(&mut self.entered, true) {
            let _ = self.progress.send(Ok(()));
        }
        self.current = None;
        while !std::mem::take(&mut self.stopped) {
            let now = Instant::now();
            let due = self.timer(now).or_else(|| self.future(now));
            if let Some(watcher) = due {
                let kind = watcher.kind;
                self.watcher = watcher;
                return kind;
            }
            let first = self.deferred.pop_front().map(Taken::Request);
            match first.or_else(|| self.inbox.pop()) {
                Some(Taken::Response(tag, response)) => {
                    self.fulfill(tag, response);
                }
                Some(Taken::Request(request)) => {
                    if self.request(request) {
                        return Next::Handler;
                    }
                }
                None => {
                    self.seconds = self.until_due(now);
                    return Next::Wait;
                }
            }
        }
        Next::Stop
    }

    /// The timer that has been due for the longest.
    fn timer(&self, now: Instant) -> Option<&mut Watcher> {
        let timers = self.each().filter(|w| w.kind == Next::Timer);
        let due = timers.filter(|w| w.due.is_some_and(|at| at <= now));
        let timer = due.min_by_key(|w| w.due)?;
        // one that is late does not run twice in a row to make up for it
        let again = timer.due.and_then(|at| later(at, timer.repeat));
        timer.due = again.filter(|_| timer.repeat > 0.0).map(|at| at.max(now));
        Some(timer)
    }

    /// For how long nothing is due; -1 is for ever.
    fn until_due(&self, now: Instant) -> f64 {
        // a future that has a response has no time limit
        let open = self.each().filter(|w| w.responses.is_empty());
        open.filter_map(|w| w.due).min().map_or(-1.0, |next| {
            // poll(2) rounds down, and this would be called for nothing
            next.saturating_duration_since(now).as_secs_f64() + 1e-6
        })
    }
}

/// What parts.c asks.
#[unsafe(no_mangle)]
pub extern "C" fn standin_next(h: &mut Handle) -> Next {
    h.next()
}

type TimerFn = extern "C" fn(*mut Handle, *mut Watcher, c_int, *mut c_void);

/// It does nothing until it is started.
#[unsafe(no_mangle)]
pub extern "C" fn flux_timer_watcher_create(
    h: &mut Handle,
    after: c_double,
    repeat: c_double,
    function: TimerFn,
    arg: *mut c_void,
) -> Option<Box<Watcher>> {
    if after < 0.0 || repeat < 0.0 {
        fail(libc::EINVAL);
        return None;
    }
    let mut timer = Watcher::new(h, Next::Timer);
    (timer.after, timer.repeat) = (after, repeat);
    (timer.function, timer.arg) = (function as *const c_void, arg);
    Some(timer)
}

/// From now on it counts.
#[unsafe(no_mangle)]
pub extern "C" fn flux_watcher_start(timer: Option<&mut Watcher>) {
    if let Some(timer) = timer {
        timer.due = later(Instant::now(), timer.after);
    }
}

/// It is not called again.
#[unsafe(no_mangle)]
pub extern "C" fn flux_watcher_destroy(timer: Option<Box<Watcher>>) {
    drop(timer);
}
