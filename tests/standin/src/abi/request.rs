//! Requests that the module answers.

use std::ffi::{c_int, c_void};

use serde_json::Value;

use super::reactor::{Next, Watcher};
use super::{Handle, Request, Response, Text, c_text};

/// `struct flux_match`.
#[repr(C)]
struct Match {
    typemask: c_int,
    matchtag: u32,
    topic_glob: Text,
}

type HandlerFn =
    extern "C" fn(*mut Handle, *mut Watcher, *const Request, *mut c_void);

impl Handle {
    /// What every module answers by itself, as far as anybody asks here.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        let topic = request.topic();
        match topic.rsplit_once('.').map_or("", |topic| topic.1) {
            "shutdown" => self.stopped = true,
            "debug" => {
                let payload = request.payload.to_bytes();
                let asked: Value =
                    serde_json::from_slice(payload).unwrap_or_default();
                let flags = self.debug_flags.get_or_insert_default();
                **flags |= asked["flags"].as_i64().unwrap_or(0) as c_int;
            }
            _ => {
                let text = format!("Unknown service method '{topic}'");
                return Err((libc::ENOSYS, c_text(&text)));
            }
        }
        Ok(c_text(""))
    }
}

/// It is asked nothing until it is started.
#[unsafe(no_mangle)]
extern "C" fn flux_msg_handler_create(
    h: &mut Handle,
    matching: Match,
    function: HandlerFn,
    arg: *mut c_void,
) -> Box<Watcher> {
    let mut handler = Watcher::new(h, Next::Handler);
    handler.topic = matching.topic_glob.get();
    (handler.function, handler.arg) = (function as *const c_void, arg);
    handler
}

/// Here all who ask are the owner.
#[unsafe(no_mangle)]
extern "C" fn flux_msg_handler_allow_rolemask(_: &Watcher, _mask: u32) {}

/// From now on it is asked.
#[unsafe(no_mangle)]
extern "C" fn flux_msg_handler_start(handler: &mut Watcher) {
    handler.active = true;
}

/// It is not asked again.
#[unsafe(no_mangle)]
extern "C" fn flux_msg_handler_destroy(handler: Option<Box<Watcher>>) {
    drop(handler);
}

/// The strings live as long as the message.
#[unsafe(no_mangle)]
extern "C" fn flux_request_decode(
    msg: &Request,
    topic: Option<&mut Text>,
    payload: Option<&mut Text>,
) -> c_int {
    for (place, text) in [(topic, &msg.topic), (payload, &msg.payload)] {
        if let Some(place) = place {
            *place = Text::of(text);
        }
    }
    0
}

/// To one who has left, an answer is no error.
#[unsafe(no_mangle)]
extern "C" fn flux_respond(_: &Handle, msg: &Request, payload: Text) -> c_int {
    msg.respond(Ok(payload.get()));
    0
}

/// The same with an error; without a text it has errno's.
#[unsafe(no_mangle)]
extern "C" fn flux_respond_error(
    _: &Handle,
    msg: &Request,
    errno: c_int,
    text: Text,
) -> c_int {
    msg.respond(Err((errno, text.get())));
    0
}
