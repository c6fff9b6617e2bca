//! The broker connection.

use std::ffi::{CStr, CString, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::{Error, Result, sys};

/// Severity of a log message, as in syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// Something failed and stays failed.
    Error = libc::LOG_ERR,
    /// Something failed that the module goes on without.
    Warning = libc::LOG_WARNING,
    /// A change that an administrator may want to know of.
    Info = libc::LOG_INFO,
    /// For those who look into the module.
    Debug = libc::LOG_DEBUG,
}

/// The connection to the broker that `mod_main` was given.
///
/// It is a borrowed pointer: the broker opens it before `mod_main` and closes
/// it after. Being a raw pointer it is neither `Send` nor `Sync`.
#[derive(Debug, Clone, Copy)]
pub struct Handle {
    raw: NonNull<sys::flux_t>,
    _one_thread: PhantomData<*mut ()>,
}

impl Handle {
    /// Wraps the argument of `mod_main`.
    ///
    /// # Safety
    ///
    /// `raw` must be a valid handle, used on this thread only, and outlive
    /// every copy of the result: that is the case from the start of
    /// `mod_main` to its return.
    pub(super) unsafe fn from_raw(raw: *mut sys::flux_t) -> Option<Self> {
        Some(Self { raw: NonNull::new(raw)?, _one_thread: PhantomData })
    }

    pub(super) fn raw(self) -> *mut sys::flux_t {
        self.raw.as_ptr()
    }

    pub(super) fn reactor(self) -> *mut sys::flux_reactor_t {
        // SAFETY: the handle is valid, see `from_raw`.
        unsafe { sys::flux_get_reactor(self.raw()) }
    }

    /// The name that the module was loaded under, which is also the name of
    /// its service.
    pub fn name(self) -> String {
        // SAFETY: the broker stores the name as a C string under this key.
        let name =
            unsafe { sys::flux_aux_get(self.raw(), c"flux::name".as_ptr()) };
        // SAFETY: as above; a null pointer is handled by the callee.
        unsafe { text(name.cast()) }.unwrap_or_else(|| "prometheus".into())
    }

    /// A broker attribute, or `None` where there is no such attribute.
    pub fn attr(self, name: &CStr) -> Option<String> {
        // SAFETY: the handle is valid and the name a C string.
        let value = unsafe { sys::flux_attr_get(self.raw(), name.as_ptr()) };
        // SAFETY: the result is null or a C string that lives until the next
        // call; it is copied at once.
        unsafe { text(value) }
    }

    /// The rank of this broker.
    pub fn rank(self) -> Result<u32> {
        let mut rank = 0;
        // SAFETY: the handle is valid and `rank` a place for the result.
        let rc = unsafe { sys::flux_get_rank(self.raw(), &raw mut rank) };
        if rc < 0 { Err(Error::last()) } else { Ok(rank) }
    }

    /// Writes a line to the broker's log.
    pub fn log(self, level: Level, message: &str) {
        let message = c_text(message);
        // SAFETY: the format consumes exactly one C string. That the message
        // is an argument and never the format is what keeps text of others
        // harmless here.
        unsafe {
            sys::flux_log(
                self.raw(),
                level as c_int,
                c"%s".as_ptr(),
                message.as_ptr(),
            )
        };
    }

    /// Makes a request and blocks until its response; for use before the
    /// reactor runs and never after.
    pub fn call(
        self,
        topic: &CStr,
        payload: &CStr,
        timeout: f64,
    ) -> Result<String> {
        // SAFETY: the handle is valid, both strings are C strings.
        let future = unsafe {
            sys::flux_rpc(
                self.raw(),
                topic.as_ptr(),
                payload.as_ptr(),
                sys::FLUX_NODEID_ANY,
                0,
            )
        };
        if future.is_null() {
            return Err(Error::last());
        }
        // SAFETY: the future is valid until destroyed below.
        let result = match unsafe { sys::flux_future_wait_for(future, timeout) }
        {
            rc if rc < 0 => Err(Error::last()),
            // SAFETY: as above.
            _ => unsafe { super::rpc::reply(future) }.map(str::to_owned),
        };
        // SAFETY: it is ours, and the reply was copied.
        unsafe { sys::flux_future_destroy(future) };
        result
    }

    /// Whether a debug bit is set (`flux module debug --setbit`); it is
    /// cleared by being seen. The bits inject faults, see [`super::Scope`].
    pub(super) fn take_debug_bit(self, bit: c_int) -> bool {
        // SAFETY: the handle is valid; the key is libflux-core's own.
        let flags: *mut c_void = unsafe {
            sys::flux_aux_get(self.raw(), c"flux::debug_flags".as_ptr())
        };
        let Some(mut flags) = NonNull::new(flags.cast::<c_int>()) else {
            return false;
        };
        // SAFETY: libflux-core documents the value as an `int *`, owned by
        // the handle and used on this thread only.
        let flags = unsafe { flags.as_mut() };
        let set = *flags & bit != 0;
        *flags &= !bit;
        set
    }
}

/// A copy of a C string, lossy where it is not UTF-8; `None` for null.
///
/// # Safety
///
/// `s` must be null or point to a NUL-terminated string.
pub(super) unsafe fn text(s: *const std::ffi::c_char) -> Option<String> {
    if s.is_null() {
        return None;
    }
    // SAFETY: not null, so a C string by contract.
    let s = unsafe { CStr::from_ptr(s) };
    Some(s.to_string_lossy().into_owned())
}

/// A C string of any text: one with a NUL in it ends there.
pub(super) fn c_text(s: &str) -> CString {
    let end = s.find('\0').unwrap_or(s.len());
    CString::new(&s[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_a_nul_ends_there() {
        assert_eq!(c_text("a%sb").as_bytes(), b"a%sb");
        assert_eq!(c_text("a\0b").as_bytes(), b"a");
    }
}
