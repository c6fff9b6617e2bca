//! What POSIX threads ask of a guest in somebody else's process: errno,
//! cancellation, signals, and staying mapped when a thread will not end.

use std::ffi::{c_int, c_void};

/// The calling thread's errno.
pub(super) fn errno() -> c_int {
    // SAFETY: glibc and musl return a valid pointer to this thread's errno.
    unsafe { *libc::__errno_location() }
}

/// Sets the calling thread's errno.
pub(super) fn set_errno(errno: c_int) {
    // SAFETY: as above; the pointer is this thread's own.
    unsafe { *libc::__errno_location() = errno }
}

// libc has no binding for these two (POSIX requires both).
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}
const PTHREAD_CANCEL_DISABLE: c_int = 1;

/// Forbids cancellation of the calling thread, and returns what was in force.
pub(super) fn disable_cancel() -> c_int {
    set_cancel_state(PTHREAD_CANCEL_DISABLE)
}

/// Puts back what [`disable_cancel`] returned.
pub(super) fn restore_cancel(state: c_int) {
    set_cancel_state(state);
}

fn set_cancel_state(state: c_int) -> c_int {
    let mut old = 0;
    // SAFETY: `old` is a valid place for the result; a wrong state is refused.
    unsafe { pthread_setcancelstate(state, &raw mut old) };
    old
}

/// Runs `f` with all signals blocked, so that a thread it starts never runs
/// a signal handler of the broker's.
///
/// The broker blocks them for modules that are threads, but a module in a
/// process of its own (`--exec`) starts with none blocked.
pub fn with_signals_blocked<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: sigset_t is plain data, and sigfillset makes any value valid.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    let mut old = all;
    // SAFETY: `all` is a valid sigset_t that is ours.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: both sets are valid and outlive the call.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut old)
    };
    let result = f();
    // SAFETY: `old` was filled in by the call above.
    unsafe {
        libc::pthread_sigmask(
            libc::SIG_SETMASK,
            &raw const old,
            std::ptr::null_mut(),
        )
    };
    result
}

/// Keeps this library mapped until the process ends.
///
/// Only for a thread of ours that cannot be joined: unloading the code it
/// runs would crash the broker. The price is that a later load of the same
/// file runs the old code, so it is the last resort and never the rule.
pub fn pin_library() -> bool {
    let here = pin_library as *const c_void;
    // SAFETY: Dl_info is plain data that dladdr fills in.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `here` is an address in this library, `info` a valid place.
    if unsafe { libc::dladdr(here, &raw mut info) } == 0 {
        return false;
    }
    let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: dladdr gave a NUL-terminated path; NOLOAD only takes a
    // reference on what is mapped already, which is deliberately kept.
    !unsafe { libc::dlopen(info.dli_fname, flags) }.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: c_int) -> bool {
        // SAFETY: sigset_t is plain data.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: with a null set the mask is only read.
        unsafe {
            libc::pthread_sigmask(
                libc::SIG_BLOCK,
                std::ptr::null(),
                &raw mut set,
            )
        };
        // SAFETY: the set was filled in above.
        unsafe { libc::sigismember(&raw const set, signal) == 1 }
    }

    #[test]
    fn signals_are_blocked_inside_and_restored_after() {
        assert!(!is_blocked(libc::SIGTERM));
        with_signals_blocked(|| {
            assert!(is_blocked(libc::SIGTERM));
            std::thread::spawn(|| assert!(is_blocked(libc::SIGPIPE)))
                .join()
                .unwrap();
        });
        assert!(!is_blocked(libc::SIGTERM));
    }

    #[test]
    fn cancel_state_nests() {
        let outer = disable_cancel();
        assert_eq!(disable_cancel(), PTHREAD_CANCEL_DISABLE);
        restore_cancel(outer);
        assert_eq!(disable_cancel(), outer);
        restore_cancel(outer);
    }
}
