//! Requests that we make: one response, or a stream of them.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::rc::Rc;

use super::scope::{Kind, Scope};
use super::{Error, Result, handle, sys};

type Callback = dyn FnMut(Result<&str>);

/// A request under way, owned by its scope.
struct Rpc {
    future: Cell<*mut sys::flux_future_t>,
    scope: Scope,
    key: u64,
    /// The timer that ends it if no answer comes.
    alarm: Cell<Option<u64>>,
    stream: bool,
    callback: RefCell<Box<Callback>>,
}

impl Scope {
    /// Makes a request to this broker and hands its response, or its error,
    /// to `f`. An answer that takes longer than `timeout` seconds is the
    /// error `ETIMEDOUT`.
    pub fn rpc(
        &self,
        topic: &CStr,
        payload: &str,
        timeout: f64,
        f: impl FnOnce(Result<&str>) + 'static,
    ) -> Result<()> {
        let rank = self.handle().rank()?;
        self.rpc_at(rank, topic, payload, timeout, f)
    }

    /// The same to the broker of this rank.
    pub fn rpc_at(
        &self,
        rank: u32,
        topic: &CStr,
        payload: &str,
        timeout: f64,
        f: impl FnOnce(Result<&str>) + 'static,
    ) -> Result<()> {
        let mut f = Some(f);
        let once = move |reply: Result<&str>| {
            if let Some(f) = f.take() {
                f(reply);
            }
        };
        let to = (topic, rank);
        self.request(to, payload, timeout, false, Box::new(once))
    }

    /// The same to the parent in the overlay network, for a service that each
    /// broker has: without it there, Flux 0.88 sends the request back and
    /// forth for ever.
    pub fn rpc_parent(
        &self,
        topic: &CStr,
        payload: &str,
        timeout: f64,
        f: impl FnOnce(Result<&str>) + 'static,
    ) -> Result<()> {
        let parent = sys::FLUX_NODEID_UPSTREAM;
        self.rpc_at(parent, topic, payload, timeout, f)
    }

    /// Makes a streaming request to this broker and hands every response to
    /// `f`, and at the end the error that ended it (`ENODATA` where nothing
    /// went wrong).
    pub fn stream(
        &self,
        topic: &CStr,
        payload: &str,
        f: impl FnMut(Result<&str>) + 'static,
    ) -> Result<()> {
        let rank = self.handle().rank()?;
        self.request((topic, rank), payload, -1.0, true, Box::new(f))
    }

    /// Always to a broker that is named: left to find its own way, a request
    /// for a service that is not loaded on this one would be answered by one
    /// further up, as if it were this one.
    fn request(
        &self,
        (topic, node): (&CStr, u32),
        payload: &str,
        timeout: f64,
        stream: bool,
        callback: Box<Callback>,
    ) -> Result<()> {
        if self.is_closed() {
            return Err(Error::new(libc::ECANCELED, "scope is closed"));
        }
        let payload = handle::c_text(payload);
        let flags = if stream { sys::FLUX_RPC_STREAMING as i32 } else { 0 };
        // SAFETY: the handle is valid, both strings are C strings.
        let future = unsafe {
            sys::flux_rpc(
                self.handle().raw(),
                topic.as_ptr(),
                payload.as_ptr(),
                node,
                flags,
            )
        };
        if future.is_null() {
            return Err(Error::last());
        }
        let rpc = Rc::new(Rpc {
            future: Cell::new(future),
            scope: self.clone(),
            key: self.key(),
            alarm: Cell::new(None),
            stream,
            callback: RefCell::new(callback),
        });
        let arg = Rc::as_ptr(&rpc).cast_mut().cast::<c_void>();
        // SAFETY: the future is valid; `arg` outlives it, for the future is
        // destroyed when the Rpc is dropped.
        let rc = unsafe {
            sys::flux_future_then(future, -1.0, Some(continuation), arg)
        };
        if rc < 0 {
            return Err(Error::last());
        }
        if timeout >= 0.0 {
            // Not with the future's own timeout: that gives the matchtag free
            // while the answer is still to come, which the next request that
            // gets the tag would take for its own. What is destroyed without
            // an answer keeps its tag until that has come.
            let late = Rc::downgrade(&rpc);
            let alarm = self.alarm(timeout, move || {
                if let Some(rpc) = late.upgrade() {
                    rpc.late(timeout);
                }
            })?;
            rpc.alarm.set(Some(alarm));
        }
        self.insert(rpc.key, rpc);
        Ok(())
    }
}

impl Rpc {
    fn fulfilled(&self) {
        let future = self.future.get();
        // SAFETY: the future lives as long as self, and the reply is not
        // used after the callback.
        let reply = unsafe { reply(future) };
        let over = !self.stream || reply.is_err();
        if over {
            // first, so that the callback finds room to start the next one
            self.forget();
        }
        (self.callback.borrow_mut())(reply);
        if !over && self.scope.holds(self.key) {
            // SAFETY: still ours; the reply is out of use.
            unsafe { sys::flux_future_reset(future) };
        }
    }

    /// No answer came in time.
    fn late(&self, timeout: f64) {
        self.forget();
        let text = format!("no answer within {timeout} s");
        (self.callback.borrow_mut())(Err(Error::new(libc::ETIMEDOUT, text)));
    }

    fn forget(&self) {
        self.scope.remove(self.key);
        if let Some(alarm) = self.alarm.take() {
            self.scope.remove(alarm);
        }
    }
}

impl Drop for Rpc {
    fn drop(&mut self) {
        // SAFETY: it was made in `request` and nobody else destroys it.
        // libflux allows this inside its own continuation.
        unsafe {
            sys::flux_future_destroy(self.future.replace(ptr::null_mut()))
        }
    }
}

extern "C" fn continuation(_: *mut sys::flux_future_t, arg: *mut c_void) {
    let rpc = arg.cast_const().cast::<Rpc>();
    // SAFETY: `arg` came from Rc::as_ptr, and the scope's Rc is alive while
    // the future is; the count taken here keeps it through the callback.
    let rpc = unsafe {
        Rc::increment_strong_count(rpc);
        Rc::from_raw(rpc)
    };
    let kind = if rpc.stream { Kind::Stream } else { Kind::Reply };
    let scope = rpc.scope.clone();
    scope.enter(kind, move || rpc.fulfilled());
}

/// The payload of a fulfilled request, "" where it has none.
///
/// # Safety
///
/// `future` must be a valid RPC future that is ready. The result must not be
/// used after it is reset or destroyed, whatever its lifetime says.
pub(super) unsafe fn reply<'a>(
    future: *mut sys::flux_future_t,
) -> Result<&'a str> {
    let mut payload: *const c_char = ptr::null();
    // SAFETY: valid and ready by contract; `payload` is a place for it.
    if unsafe { sys::flux_rpc_get(future, &raw mut payload) } < 0 {
        let mut error = Error::last();
        // SAFETY: the future is valid, the string its own, copied at once.
        let text =
            unsafe { handle::text(sys::flux_future_error_string(future)) };
        if let Some(text) = text {
            error.text = text;
        }
        return Err(error);
    }
    if payload.is_null() {
        return Ok("");
    }
    // SAFETY: a string payload is NUL-terminated.
    unsafe { CStr::from_ptr(payload) }
        .to_str()
        .map_err(|_| Error::new(libc::EPROTO, "response payload is not UTF-8"))
}
