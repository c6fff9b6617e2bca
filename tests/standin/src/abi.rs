//! The C functions that a module calls: those that `prometheus.so` imports,
//! and no others (tests/imports.rs compares).
//!
//! They behave as those of libflux-core 0.88 do where the module could tell
//! the difference: a reactor that makes one call at a time, futures that are
//! fulfilled once until they are reset and may be destroyed in their own
//! continuation, errno and error texts.
//!
//! Everything hangs off a [`Handle`], which belongs to its module's thread
//! and is its own reactor; what other threads touch is its [`Queue`]. While C
//! runs no reference to it is held, for C calls back in here.

mod functions;
mod handle;
mod message;
mod reactor;

use std::ffi::{CStr, CString, c_char};

pub use handle::{Handle, ModMain};
pub use message::{Failure, Inbox, Message, Queue, Request, Response};

/// A string of C's, or null.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    const NULL: Self = Self(std::ptr::null());

    /// A copy; empty for null.
    fn get(self) -> CString {
        match self.0.is_null() {
            true => CString::default(),
            // SAFETY: C strings end; this one is not kept.
            false => unsafe { CStr::from_ptr(self.0) }.into(),
        }
    }

    /// Null for an empty one.
    fn of(text: &CStr) -> Self {
        if text.is_empty() { Self::NULL } else { Self(text.as_ptr()) }
    }
}

/// A C string of any text: one with a NUL in it ends there.
pub fn c_text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}
