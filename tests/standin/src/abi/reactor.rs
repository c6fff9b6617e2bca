//! What is next: timers, then continuations, then one message. parts.c makes
//! the call.

use std::collections::VecDeque;
use std::ffi::{CString, c_double, c_int, c_void};
use std::mem::take;
use std::time::{Duration, Instant};

use super::{Handle, Message, Response};

unsafe extern "C" {
    /// Waits until the descriptor is readable or that many seconds passed.
    /// A cancellation point, so not one to call with cancellation on.
    pub(super) safe fn standin_wait(fd: c_int, seconds: c_double);
}

/// What is next, as in parts.c, the most urgent first; and what a [`Watcher`]
/// is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub enum Next {
    Wait,
    Timer,
    Future,
    Handler,
    Stop,
}

/// What the reactor watches, and whom it calls: `flux_watcher_t` (a timer),
/// `flux_future_t` and `flux_msg_handler_t`. It begins as in parts.c.
#[repr(C)]
pub struct Watcher {
    pub(super) function: *const c_void,
    pub(super) arg: *mut c_void,

    h: *mut Handle,
    kind: Next,
    /// Whether it is to be called at all.
    active: bool,
    /// When a timer runs.
    due: Option<Instant>,
    /// Seconds from the start until then, and between runs.
    pub(super) after: f64,
    pub(super) repeat: f64,
    /// What a handler answers.
    pub(super) topic: CString,
    /// What a future's responses are known by, and those that came; the first
    /// is the one it shows.
    pub(super) tag: u32,
    pub(super) responses: VecDeque<Response>,
}

impl Watcher {
    pub(super) fn new(
        h: &mut Handle,
        kind: Next,
        function: *const c_void,
        arg: *mut c_void,
    ) -> Box<Self> {
        let mut watcher = Box::new(Self {
            function,
            arg,
            h,
            kind,
            active: false,
            due: None,
            after: -1.0,
            repeat: 0.0,
            topic: CString::default(),
            tag: 0,
            responses: VecDeque::new(),
        });
        h.watchers.push(&raw mut *watcher);
        watcher
    }

    /// Its handle, used and not kept.
    fn with<R>(&self, f: impl FnOnce(&mut Handle) -> R) -> R {
        // SAFETY: a handle is closed after all that is made from it, is used
        // on one thread, and none of these functions calls another module's.
        f(unsafe { &mut *self.h })
    }

    /// The module did what in Flux would go wrong.
    pub(super) fn problem(&self, what: &str) {
        self.with(|h| {
            let name = h.name.to_string_lossy();
            h.host.problem(&format!("{name} {what}"));
        });
    }

    /// From now on it is called, if there is whom to call.
    pub(super) fn start(&mut self) {
        self.due = later(Instant::now(), self.after);
        self.active = !self.function.is_null();
    }

    fn is_ready(&self, now: Instant, request: Option<&CString>) -> bool {
        let asked = self.kind == Next::Handler && request == Some(&self.topic);
        let answered = asked || !self.responses.is_empty();
        self.active && (answered || self.due.is_some_and(|due| due <= now))
    }

    /// What changes with the call.
    fn called(&mut self, now: Instant) {
        if self.kind == Next::Timer {
            let again = self.due.and_then(|due| later(due, self.repeat));
            // one that is late does not run twice in a row to make up for it
            self.due = again.map(|due| due.max(now));
            self.active = self.repeat > 0.0;
        } else if self.kind == Next::Future {
            self.active = false;
        }
    }

    /// Waits until a future has a response, or not so long. It takes a
    /// pointer: behind a reference nobody else could put the response there.
    pub(super) fn wait(this: *const Self, until: Option<Instant>) -> bool {
        // SAFETY: it is alive; read anew since taking in writes to it.
        while unsafe { &*this }.responses.is_empty() {
            let left = until.map_or(-1.0, |until| {
                until.saturating_duration_since(Instant::now()).as_secs_f64()
            });
            if left == 0.0 {
                return false;
            }
            // SAFETY: see above.
            unsafe { &*this }.with(|h| {
                let message = h.queue.wait(left);
                h.take_in(message)
            });
        }
        true
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
    fn each(&self) -> impl Iterator<Item = &mut Watcher> + '_ {
        // SAFETY: what is listed is alive, for its drop takes it off; and C
        // has no references.
        self.watchers.iter().map(|watcher| unsafe { &mut **watcher })
    }

    /// What the module should have destroyed.
    pub fn leaks(&self) -> Vec<Next> {
        self.each().map(|watcher| watcher.kind).collect()
    }

    /// Takes a message in, if there is one: a response goes to its future
    /// (one that comes too late is dropped), a request waits for its turn.
    fn take_in(&mut self, message: Option<Message>) -> bool {
        match message {
            Some(Message::Response(tag, response)) => {
                if let Some(f) = self.each().find(|w| w.tag == tag) {
                    f.responses.push_back(response);
                }
            }
            Some(Message::Request(request)) => self.requests.push_back(request),
            None => return false,
        }
        true
    }

    fn next(&mut self) -> Next {
        if let Some(progress) = self.progress.take() {
            let _ = progress.send(0);
        }
        self.current = None;
        while !take(&mut self.stopped) {
            let now = Instant::now();
            let request = self.requests.front().map(|request| &request.topic);
            let ready = self.each().filter(|w| w.is_ready(now, request));
            // timers as they fell due, the others by age
            let due = |w: &Watcher| w.due.filter(|_| w.kind == Next::Timer);
            if let Some(watcher) = ready.min_by_key(|w| (w.kind, due(w))) {
                watcher.called(now);
                let kind = watcher.kind;
                self.watcher = watcher;
                if kind == Next::Handler {
                    self.current = self.requests.pop_front().map(Box::new);
                }
                return kind;
            }
            if let Some(request) = self.requests.pop_front() {
                let response = self.answer(&request);
                request.respond(response);
                continue;
            }
            let message = self.queue.pop();
            if !self.take_in(message) {
                self.seconds = self.until_due(now);
                return Next::Wait;
            }
        }
        Next::Stop
    }

    /// For how long nothing is due; -1 is for ever.
    fn until_due(&self, now: Instant) -> f64 {
        let due = self.each().filter(|w| w.active).filter_map(|w| w.due);
        due.min().map_or(-1.0, |next| {
            // poll(2) rounds down, and this would be called for nothing
            next.saturating_duration_since(now).as_secs_f64() + 1e-6
        })
    }
}

/// What parts.c asks.
#[unsafe(no_mangle)]
extern "C" fn standin_next(h: &mut Handle) -> Next {
    h.next()
}
