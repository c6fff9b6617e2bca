//! Requests that the module answers.

use std::ffi::{CString, c_int, c_void};
use std::ptr;

use super::handle::Owner;
use super::message::Request;
use super::reactor::{Call, Kind};
use super::{Handle, Text, c_text, methods};

pub(super) const ROLE_OWNER: u32 = 1;

/// `struct flux_match`.
#[repr(C)]
pub struct Match {
    typemask: c_int,
    matchtag: u32,
    topic_glob: Text,
}

type HandlerFn =
    extern "C" fn(*mut Handle, *mut Handler, *const Incoming, *mut c_void);

/// `flux_msg_handler_t`. Topics are compared, globs are not understood.
pub struct Handler {
    owner: Owner,
    topic: String,
    rolemask: u32,
    started: bool,
    function: HandlerFn,
    arg: *mut c_void,
}

/// `flux_msg_t`: a request, for the time of its handler's call.
pub struct Incoming {
    request: Request,
    topic: CString,
    payload: Option<CString>,
}

impl Handle {
    /// The call that answers a request, or None if it has been answered.
    pub(super) fn request(&mut self, request: Request) -> Option<Call> {
        self.counts.1 += 1;
        // the last registered is asked first
        let handler = self.handlers.iter().rev().copied().find(|handler| {
            // SAFETY: what is listed is alive: destroying takes it off.
            let handler = unsafe { &**handler };
            handler.started && handler.topic == request.topic
        });
        let Some(handler) = handler else {
            let response = methods::answer(self, &request);
            request.reply.send(response);
            return None;
        };
        // SAFETY: as above.
        let h = unsafe { &*handler };
        if let Err(refusal) = admit(&request, h.rolemask) {
            request.reply.send(Err(refusal));
            return None;
        }
        let incoming = Box::new(Incoming {
            topic: c_text(&request.topic),
            payload: request.payload.as_deref().map(c_text),
            request,
        });
        let mut call = Call::new(Kind::Request);
        call.function = h.function as *const c_void;
        call.object = handler.cast();
        call.arg = h.arg;
        call.message = ptr::from_ref(&*incoming).cast();
        self.current = Some(incoming);
        Some(call)
    }
}

/// Whether the sender may do what needs one of these roles.
pub(super) fn admit(
    request: &Request,
    rolemask: u32,
) -> Result<(), (i32, String)> {
    let text = match rolemask {
        _ if request.role & rolemask != 0 => return Ok(()),
        ROLE_OWNER => "Request requires owner credentials",
        _ => "Request rejected due to insufficient privilege",
    };
    Err((libc::EPERM, text.into()))
}

/// It is asked nothing until it is started.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_create(
    h: &mut Handle,
    matching: Match,
    function: HandlerFn,
    arg: *mut c_void,
) -> Box<Handler> {
    let mut handler = Box::new(Handler {
        owner: Owner::of(h),
        topic: matching.topic_glob.get_or_empty(),
        rolemask: ROLE_OWNER,
        started: false,
        function,
        arg,
    });
    h.handlers.push(&raw mut *handler);
    handler
}

/// Those with these roles may ask it too.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_allow_rolemask(mh: &mut Handler, mask: u32) {
    mh.rolemask |= mask;
}

/// From now on it is asked.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_start(mh: &mut Handler) {
    mh.started = true;
}

/// It is not asked again.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_handler_destroy(mh: Option<Box<Handler>>) {
    if let Some(mh) = mh {
        let this = |other: &*mut Handler| ptr::eq(*other, &raw const *mh);
        mh.owner.with(|h| h.handlers.retain(|other| !this(other)));
    }
}

/// What the sender may do.
#[unsafe(no_mangle)]
pub extern "C" fn flux_msg_get_rolemask(
    msg: &Incoming,
    rolemask: &mut u32,
) -> c_int {
    *rolemask = msg.request.role;
    0
}

/// The strings live as long as the message.
#[unsafe(no_mangle)]
pub extern "C" fn flux_request_decode(
    msg: &Incoming,
    topic: Option<&mut Text>,
    payload: Option<&mut Text>,
) -> c_int {
    if let Some(topic) = topic {
        *topic = Text::of(Some(&msg.topic));
    }
    if let Some(payload) = payload {
        *payload = Text::of(msg.payload.as_ref());
    }
    0
}

/// To one who has left, an answer is no error.
#[unsafe(no_mangle)]
pub extern "C" fn flux_respond(
    _: &Handle,
    msg: &Incoming,
    payload: Text,
) -> c_int {
    msg.request.reply.send(Ok(payload.get()));
    0
}

/// The same with an error; without a text it has errno's.
#[unsafe(no_mangle)]
pub extern "C" fn flux_respond_error(
    _: &Handle,
    msg: &Incoming,
    errno: c_int,
    text: Text,
) -> c_int {
    msg.request.reply.send(Err((errno, text.get_or_empty())));
    0
}
