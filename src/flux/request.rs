//! Requests that we answer.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;

use super::scope::{Kind, Scope};
use super::{Error, Handle, Result, handle, sys};

/// The role of guests from whom private mode hides nothing, since Flux 0.88;
/// before, no role had this bit.
const ADMIN: u32 = 8;

/// Who may call a service method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instance owner only.
    Owner,
    /// Guests too, where the instance admits any.
    Guest,
}

/// A request, for the time of its callback.
pub struct Request<'a> {
    handle: Handle,
    message: *const sys::flux_msg_t,
    _borrow: PhantomData<&'a ()>,
}

impl Request<'_> {
    /// The JSON payload, "" where there is none.
    pub fn payload(&self) -> Result<&str> {
        let mut payload: *const c_char = ptr::null();
        // SAFETY: the message is valid during the callback, which is what
        // bounds this value's lifetime; a null topic is not asked for.
        let rc = unsafe {
            sys::flux_request_decode(
                self.message,
                ptr::null_mut(),
                &raw mut payload,
            )
        };
        if rc < 0 {
            return Err(Error::last());
        }
        if payload.is_null() {
            return Ok("");
        }
        // SAFETY: a string payload is NUL-terminated and the message's own.
        unsafe { CStr::from_ptr(payload) }
            .to_str()
            .map_err(|_| Error::new(libc::EPROTO, "payload is not UTF-8"))
    }

    /// Whether the instance owner sent it.
    pub fn is_owner(&self) -> Result<bool> {
        self.has_role(sys::FLUX_ROLE_OWNER)
    }

    /// Whether private mode hides nothing from who sent it.
    pub fn is_privileged(&self) -> Result<bool> {
        self.has_role(sys::FLUX_ROLE_OWNER | ADMIN)
    }

    /// Whether it was sent on this broker.
    pub fn is_local(&self) -> Result<bool> {
        self.has_role(sys::FLUX_ROLE_LOCAL)
    }

    fn has_role(&self, any: u32) -> Result<bool> {
        let mut roles = 0;
        // SAFETY: the message is valid during the callback; `roles` is a
        // valid place for the result.
        let rc =
            unsafe { sys::flux_msg_get_rolemask(self.message, &raw mut roles) };
        match rc {
            0.. => Ok(roles & any != 0),
            _ => Err(Error::last()),
        }
    }

    /// The user id of who sent it.
    pub fn userid(&self) -> Result<u32> {
        let mut userid = 0;
        // SAFETY: the message is valid during the callback; `userid` is a
        // valid place for the result.
        let rc =
            unsafe { sys::flux_msg_get_userid(self.message, &raw mut userid) };
        match rc {
            0.. => Ok(userid),
            _ => Err(Error::last()),
        }
    }

    fn answer(&self, result: Result<String>) {
        let (h, message) = (self.handle.raw(), self.message);
        match result {
            Ok(payload) => {
                let payload = handle::c_text(&payload);
                let payload = match payload.is_empty() {
                    true => ptr::null(),
                    false => payload.as_ptr(),
                };
                // SAFETY: handle and message are valid during the callback.
                unsafe { sys::flux_respond(h, message, payload) };
            }
            Err(error) => {
                let text = handle::c_text(&error.text);
                // SAFETY: as above.
                unsafe {
                    sys::flux_respond_error(
                        h,
                        message,
                        error.errno,
                        text.as_ptr(),
                    )
                };
            }
        }
    }
}

type Callback = dyn FnMut(&Request) -> Result<String>;

/// A service method, owned by its scope.
struct Service {
    handler: Cell<*mut sys::flux_msg_handler_t>,
    // flux_msg_handler_create copies it in newer releases only
    _topic: CString,
    scope: Scope,
    callback: RefCell<Box<Callback>>,
}

impl Scope {
    /// Answers requests for `topic` with what `f` returns: a JSON payload,
    /// "" for none, or an error. libflux sends nothing to those who said that
    /// they want no answer.
    pub fn serve(
        &self,
        topic: &str,
        role: Role,
        f: impl FnMut(&Request) -> Result<String> + 'static,
    ) -> Result<()> {
        let topic = handle::c_text(topic);
        let matching = sys::flux_match {
            typemask: sys::FLUX_MSGTYPE_REQUEST as i32,
            matchtag: sys::FLUX_MATCHTAG_NONE,
            topic_glob: topic.as_ptr(),
        };
        let service = Rc::new(Service {
            handler: Cell::new(ptr::null_mut()),
            _topic: topic,
            scope: self.clone(),
            callback: RefCell::new(Box::new(f)),
        });
        let arg = Rc::as_ptr(&service).cast_mut().cast::<c_void>();
        // SAFETY: the handle is valid; topic and `arg` outlive the handler,
        // which is destroyed when the Service is dropped.
        let handler = unsafe {
            sys::flux_msg_handler_create(
                self.handle().raw(),
                matching,
                Some(requested),
                arg,
            )
        };
        if handler.is_null() {
            return Err(Error::last());
        }
        service.handler.set(handler);
        if role == Role::Guest {
            let user = sys::FLUX_ROLE_USER;
            // SAFETY: the handler is valid.
            unsafe { sys::flux_msg_handler_allow_rolemask(handler, user) };
        }
        // SAFETY: the handler is valid.
        unsafe { sys::flux_msg_handler_start(handler) };
        self.insert(self.key(), service);
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // SAFETY: null, or made in `serve` and destroyed by nobody else.
        unsafe {
            sys::flux_msg_handler_destroy(self.handler.replace(ptr::null_mut()))
        }
    }
}

extern "C" fn requested(
    _: *mut sys::flux_t,
    _: *mut sys::flux_msg_handler_t,
    message: *const sys::flux_msg_t,
    arg: *mut c_void,
) {
    let service = arg.cast_const().cast::<Service>();
    // SAFETY: `arg` came from Rc::as_ptr, and the scope's Rc is alive while
    // the handler is; the count taken here keeps it through the callback.
    let service = unsafe {
        Rc::increment_strong_count(service);
        Rc::from_raw(service)
    };
    let scope = service.scope.clone();
    let handle = scope.handle();
    let request = Request { handle, message, _borrow: PhantomData };
    let returned = scope.enter(Kind::Request, || {
        let result = (service.callback.borrow_mut())(&request);
        request.answer(result);
    });
    if !returned {
        let error = Error::new(libc::EIO, "internal error, see the log");
        let _ = super::callback::guard(|| request.answer(Err(error)));
    }
    let _ = super::callback::guard(move || drop((service, scope)));
}
