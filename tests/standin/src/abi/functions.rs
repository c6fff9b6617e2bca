//! The functions. Where C passes pointers they take references: what Rust
//! asks of those is what libflux asks of its callers. A `Box` goes to C in a
//! function that creates and comes back in the one that destroys.

use std::ffi::{c_double, c_int, c_void};
use std::ptr;
use std::time::Instant;

use super::handle::Handle;
use super::reactor::{Next, Watcher, later};
use super::{Request, Text};

/// `FLUX_ROLE_OWNER`.
const OWNER: u32 = 1;

/// A function of the module's, which parts.c calls.
type Callback = *const c_void;

/// `struct flux_match`.
#[repr(C)]
struct Match {
    typemask: c_int,
    matchtag: u32,
    topic_glob: Text,
}

/// Sets errno, and is the C value for failure.
fn fail(errno: i32) -> c_int {
    // SAFETY: a valid pointer to this thread's own errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Defines functions that C knows by their names.
macro_rules! exports {
    ($($(#[$doc:meta])*
    fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? $body:block
    )*) => {$(
        $(#[$doc])*
        #[unsafe(no_mangle)]
        extern "C" fn $name($($arg: $type),*) $(-> $result)? $body
    )*};
}

// handle
exports! {
    /// There is no other instance.
    fn flux_open(_uri: Text, _flags: c_int) -> *mut Handle {
        fail(libc::ENOSYS);
        ptr::null_mut()
    }

    /// Nothing was opened.
    fn flux_close(_h: *mut Handle) {}

    /// Null where there is no such thing.
    fn flux_aux_get(h: &mut Handle, name: Text) -> *mut c_void {
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
    fn flux_attr_get(h: &Handle, name: Text) -> Text {
        let value = h.host.attributes.get(&*name.get().to_string_lossy());
        if value.is_none() {
            fail(libc::ENOENT);
        }
        value.map_or(Text::NULL, |value| Text::of(value))
    }

    /// There is one rank.
    fn flux_get_rank(_h: &Handle, rank: &mut u32) -> c_int {
        *rank = 0;
        0
    }

    /// The handle is its own reactor.
    fn flux_get_reactor(h: *mut Handle) -> *mut Handle {
        h
    }

    /// What parts.c makes of `flux_log`.
    fn standin_log(h: &Handle, level: c_int, text: Text) {
        let (name, text) = (h.name.to_string_lossy(), text.get());
        h.host.log(&name, level, text.to_string_lossy().trim_end());
    }
}

// timers
exports! {
    /// It does nothing until it is started.
    fn flux_timer_watcher_create(
        h: &mut Handle, after: c_double, repeat: c_double,
        function: Callback, arg: *mut c_void
    ) -> Box<Watcher> {
        let mut timer = Watcher::new(h, Next::Timer, function, arg);
        (timer.after, timer.repeat) = (after, repeat);
        timer
    }

    fn flux_watcher_start(timer: Option<&mut Watcher>) {
        if let Some(timer) = timer {
            timer.start();
        }
    }

    fn flux_watcher_destroy(timer: Option<Box<Watcher>>) {
        drop(timer);
    }
}

// requests that the module makes
exports! {
    /// The response will be an error where nobody answers.
    fn flux_rpc(
        h: &mut Handle, topic: Text, payload: Text, _nodeid: u32, _flags: c_int
    ) -> Box<Watcher> {
        h.last_tag += 1;
        let null = ptr::null_mut();
        let mut future = Watcher::new(h, Next::Future, null, null);
        future.tag = h.last_tag;
        let reply = h.queue.reply(future.tag);
        h.host.route(Request::new(topic.get(), payload.get(), reply));
        future
    }

    /// A negative timeout is none. In Flux another one gives the tag free
    /// while the answer is still to come.
    fn flux_future_then(
        f: &mut Watcher, timeout: c_double, function: Callback, arg: *mut c_void
    ) -> c_int {
        if timeout >= 0.0 {
            f.problem("takes late answers for those of other requests");
        }
        (f.function, f.arg) = (function, arg);
        f.start();
        0
    }

    /// Waits, outside of the reactor: what comes meanwhile waits as well.
    fn flux_future_wait_for(f: *const Watcher, timeout: c_double) -> c_int {
        match Watcher::wait(f, later(Instant::now(), timeout)) {
            true => 0,
            false => fail(libc::ETIMEDOUT),
        }
    }

    /// The payload lives until the future is reset or destroyed.
    fn flux_rpc_get(f: *const Watcher, payload: Option<&mut Text>) -> c_int {
        Watcher::wait(f, None);
        // SAFETY: it is alive until it is destroyed.
        let f = unsafe { &*f };
        match (&f.responses[0], payload) {
            (Ok(text), Some(payload)) => *payload = Text::of(text),
            (Err((errno, _)), _) => return fail(*errno),
            _ => {}
        }
        0
    }

    /// Null where there is no error.
    fn flux_future_error_string(f: Option<&Watcher>) -> Text {
        match f.and_then(|f| f.responses.front()) {
            Some(Err((_, text))) if !text.is_empty() => Text::of(text),
            // SAFETY: it takes any number.
            Some(Err((errno, _))) => Text(unsafe { libc::strerror(*errno) }),
            _ => Text::NULL,
        }
    }

    /// Makes room for the next response of a stream.
    fn flux_future_reset(f: Option<&mut Watcher>) {
        if let Some(f) = f {
            f.responses.pop_front();
            f.start();
        }
    }

    /// What comes for it from now on is dropped.
    fn flux_future_destroy(f: Option<Box<Watcher>>) {
        drop(f);
    }
}

// requests that the module answers
exports! {
    /// It is asked nothing until it is started.
    fn flux_msg_handler_create(
        h: &mut Handle, matching: Match, function: Callback, arg: *mut c_void
    ) -> Box<Watcher> {
        let mut handler = Watcher::new(h, Next::Handler, function, arg);
        handler.topic = matching.topic_glob.get();
        handler
    }

    /// Here all who ask are the owner.
    fn flux_msg_handler_allow_rolemask(_handler: &Watcher, _mask: u32) {}

    fn flux_msg_handler_start(handler: &mut Watcher) {
        handler.start();
    }

    fn flux_msg_handler_destroy(handler: Option<Box<Watcher>>) {
        drop(handler);
    }

    /// What the sender may do: all, see above.
    fn flux_msg_get_rolemask(_msg: &Request, mask: &mut u32) -> c_int {
        *mask = OWNER;
        0
    }

    /// That is who runs this.
    fn flux_msg_get_userid(_msg: &Request, userid: &mut u32) -> c_int {
        // SAFETY: it takes nothing and cannot fail.
        *userid = unsafe { libc::getuid() };
        0
    }

    /// The strings live as long as the message.
    fn flux_request_decode(
        msg: &Request, topic: Option<&mut Text>, payload: Option<&mut Text>
    ) -> c_int {
        for (place, text) in [(topic, &msg.topic), (payload, &msg.payload)] {
            if let Some(place) = place {
                *place = Text::of(text);
            }
        }
        0
    }

    /// To one who has left, an answer is no error.
    fn flux_respond(_h: &Handle, msg: &Request, payload: Text) -> c_int {
        msg.respond(Ok(payload.get()));
        0
    }

    /// The same with an error; without a text it has errno's.
    fn flux_respond_error(
        _h: &Handle, msg: &Request, errno: c_int, text: Text
    ) -> c_int {
        msg.respond(Err((errno, text.get())));
        0
    }
}
