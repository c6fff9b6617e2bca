//! The C functions that a module calls: those that `prometheus.so` imports,
//! and no others (tests/imports.rs compares).
//!
//! They behave as those of libflux-core 0.88 do where the module could tell
//! the difference: a reactor that makes one call at a time, futures that are
//! fulfilled once until they are reset and may be destroyed in their own
//! continuation, errno and error texts.
//!
//! Everything hangs off a [`Handle`], which belongs to its module's thread
//! and is its own reactor; what other threads touch is its [`Inbox`]. While C
//! runs no reference to it is held, for C calls back in here.
//!
//! Where C passes pointers, these functions take references: what Rust asks
//! of those is what libflux asks of its callers. A `Box` goes to C in a
//! function that creates and comes back in the one that destroys.

mod future;
mod handle;
mod message;
mod reactor;
mod request;

use std::ffi::{CStr, CString, c_char};

pub use handle::{Handle, ModMain};
pub use message::{Inbox, Message, Reply, Request, Response, failed};
pub use reactor::standin_wait;

/// A string of C's, or null.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
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
        let empty = text.is_empty();
        Self(if empty { std::ptr::null() } else { text.as_ptr() })
    }
}

/// Sets errno, and is the C value for failure.
fn fail(errno: i32) -> i32 {
    // SAFETY: a valid pointer to this thread's own errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// A C string of any text: one with a NUL in it ends there.
pub fn c_text(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}

/// What `strerror` says.
pub fn strerror(errno: i32) -> String {
    // SAFETY: it takes any number.
    let text = Text(unsafe { libc::strerror(errno) });
    text.get().to_string_lossy().into_owned()
}
