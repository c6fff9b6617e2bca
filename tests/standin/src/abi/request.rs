//! Requests that the module answers.

use std::ffi::{c_int, c_void};

use serde_json::Value;

use super::reactor::{Next, Watcher};
use super::{Handle, Request, Response, Text, c_text};

/// `struct flux_match`.
#[repr(C)]
pub struct Match {
    typemask: c_int,
    matchtag: u32,
    topic_glob: Text,
}

type HandlerFn =
    extern "C" fn(*mut Handle, *mut Watcher, *const Request, *mut c_void);

impl Handle {
    /// Answers a request, or says that its handler is to be called.
    pub(super) fn request(&mut self, request: Request) -> bool {
        // the last registered is asked first
        let handler = self.each().rev().find(|w| {
            w.kind == Next::Handler && w.started && w.topic == request.topic
        });
        let Some(handler) = handler else {
            let response = self.answer(&request);
            request.reply.send(response);
            return false;
        };
        self.watcher = handler;
        self.message = &**self.current.insert(Box::new(request));
        true
    }

    /// What every module answers by itself, as far as anybody asks here.
    fn answer(&mut self, request: &Request) -> Response {
        let topic = request.topic.to_string_lossy();
        match topic.rsplit_once('.').map_or("", |topic| topic.1) {
            "shutdown" => self.stopped = true,
            "debug" => {
                let asked: Value =
                    serde_json::from_slice(request.payload.to_bytes())
                        .unwrap_or_default();
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
pub extern "C" fn flux_msg_handler_create(
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
pub extern "C" fn flux_msg_handler_allow_rolemask(_: &Watcher, _mask: u32) {}

/// From now on it is asked.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_start(handler: &mut Watcher) {
    handler.started = true;
}

/// It is not asked again.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_destroy(handler: Option<Box<Watcher>>) {
    drop(handler);
}

/// What the sender may do: all, see above.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_get_rolemask(_: &Request, mask: &mut u32) -> c_int {
    const OWNER: u32 = 1;
    *mask = OWNER;
    0
}

/// The strings live as long as the message.
#[unsafe(no_mangle)]
pub extern "C" fn flux_request_decode(
    msg: &Request,
    topic: Option<&mut Text>,
    payload: Option<&mut Text>,
) -> c_int {
    if let Some(topic) = topic {
        *topic = Text::of(&msg.topic);
    }
    if let Some(payload) = payload {
        *payload = Text::of(&msg.payload);
    }
    0
}

/// To one who has left, an answer is no error.
#[unsafe(no_mangle)]
pub extern "C" fn flux_respond(
    _: &Handle,
    msg: &Request,
    payload: Text,
) -> c_int {
    msg.reply.send(Ok(payload.get()));
    0
}

/// The same with an error; without a text it has errno's.
#[unsafe(no_mangle)]
pub extern "C" fn flux_respond_error(
    _: &Handle,
    msg: &Request,
    errno: c_int,
    text: Text,
) -> c_int {
    msg.reply.send(Err((errno, text.get())));
    0
}
