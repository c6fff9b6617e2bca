//! What is next: timers, then continuations, then one message. reactor.c
//! makes the call.

use std::ffi::{c_double, c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use super::handle::Owner;
use super::message::Message;
use super::{Handle, fail};

unsafe extern "C" {
    /// Waits until the descriptor is readable or that many seconds passed.
    /// A cancellation point, so not one to call with cancellation on.
    pub(super) safe fn standin_wait(fd: c_int, seconds: c_double);
}

/// The kinds of [`Call`], as in reactor.c.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) enum Kind {
    Wait,
    Timer,
    Continuation,
    Request,
    Stop,
}

/// What reactor.c shall do.
#[repr(C)]
pub struct Call {
    pub(super) kind: Kind,
    pub(super) fd: c_int,
    pub(super) seconds: c_double,
    pub(super) function: *const c_void,
    pub(super) object: *mut c_void,
    pub(super) message: *const c_void,
    pub(super) arg: *mut c_void,
}

impl Call {
    /// A call of this kind with nothing in it.
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            fd: -1,
            seconds: -1.0,
            function: ptr::null(),
            object: ptr::null_mut(),
            message: ptr::null(),
            arg: ptr::null_mut(),
        }
    }
}

type TimerFn = extern "C" fn(*mut Handle, *mut Timer, c_int, *mut c_void);

/// A timer, the only kind of `flux_watcher_t` that is needed.
pub struct Timer {
    owner: Owner,
    after: f64,
    repeat: f64,
    /// None before it is started, and after a timer that does not repeat.
    due: Option<Instant>,
    function: TimerFn,
    arg: *mut c_void,
}

/// The moment that many seconds after another; None is never.
pub(super) fn later(from: Instant, seconds: f64) -> Option<Instant> {
    from.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

impl Handle {
    fn next(&mut self) -> Call {
        if let Some(entered) = self.entered.take() {
            entered();
        }
        self.current = None;
        loop {
            if std::mem::take(&mut self.stopped) {
                return Call::new(Kind::Stop);
            }
            let now = Instant::now();
            if let Some(call) = self.timer(now) {
                return call;
            }
            self.time_out(now);
            if let Some(call) = self.continuation() {
                return call;
            }
            match self.deferred.pop_front().or_else(|| self.inbox.pop()) {
                Some(Message::Response(tag, response)) => {
                    self.fulfill(tag, response);
                }
                Some(Message::Request(request)) => {
                    if let Some(call) = self.request(request) {
                        return call;
                    }
                }
                // the inbox turns these into responses
                Some(Message::Backlog(..)) => {}
                None => return self.wait(now),
            }
        }
    }

    /// The timer that has been due for the longest.
    fn timer(&mut self, now: Instant) -> Option<Call> {
        // SAFETY: what is listed is alive: destroying takes it off.
        let due = |timer: &*mut Timer| unsafe { (**timer).due };
        let timer = self.timers.iter().copied().min_by_key(|timer| {
            let due = due(timer);
            (due.is_none(), due)
        })?;
        let at = due(&timer).filter(|at| *at <= now)?;
        // SAFETY: as above.
        let t = unsafe { &mut *timer };
        let again = (t.repeat > 0.0).then(|| later(at, t.repeat)).flatten();
        // one that is late does not run twice in a row to make up for it
        t.due = again.map(|at| at.max(now));
        let mut call = Call::new(Kind::Timer);
        call.function = t.function as *const c_void;
        call.object = timer.cast();
        call.arg = t.arg;
        Some(call)
    }

    fn wait(&self, now: Instant) -> Call {
        // SAFETY: what is listed is alive.
        let timers = self.timers.iter().filter_map(|t| unsafe { (**t).due });
        let next = timers.chain(self.deadlines()).min();
        let mut call = Call::new(Kind::Wait);
        call.fd = self.inbox.fd();
        if let Some(next) = next {
            let wait = next.saturating_duration_since(now);
            // poll(2) rounds down, and this would be called for nothing
            call.seconds = wait.as_secs_f64() + 1e-6;
        }
        call
    }
}

/// What reactor.c asks.
#[unsafe(no_mangle)]
pub extern "C" fn standin_next(h: &mut Handle, call: &mut Call) {
    *call = h.next();
}

/// It does nothing until it is started.
#[unsafe(no_mangle)]
pub extern "C" fn flux_timer_watcher_create(
    h: &mut Handle,
    after: c_double,
    repeat: c_double,
    function: TimerFn,
    arg: *mut c_void,
) -> Option<Box<Timer>> {
    if after < 0.0 || repeat < 0.0 {
        fail(libc::EINVAL);
        return None;
    }
    let owner = Owner::of(h);
    let mut timer =
        Box::new(Timer { owner, after, repeat, due: None, function, arg });
    h.timers.push(&raw mut *timer);
    Some(timer)
}

/// From now on it counts.
#[unsafe(no_mangle)]
pub extern "C" fn flux_watcher_start(timer: Option<&mut Timer>) {
    if let Some(timer) = timer {
        timer.due = later(Instant::now(), timer.after);
    }
}

/// It is not called again.
#[unsafe(no_mangle)]
pub extern "C" fn flux_watcher_destroy(timer: Option<Box<Timer>>) {
    if let Some(timer) = timer {
        let this = |other: &*mut Timer| ptr::eq(*other, &raw const *timer);
        timer.owner.with(|h| h.timers.retain(|other| !this(other)));
    }
}
