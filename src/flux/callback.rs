//! The one door through which C calls Rust.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use super::thread;

/// Runs `f` for a C caller: a panic ends here and comes back as its text,
/// cancellation is off meanwhile, and errno is left as it was.
///
/// A panic that reached C would abort the broker; a thread that is canceled
/// is unwound, which Rust frames that own something must not be. State that
/// `f` touched may be half changed after a panic: the caller stops using it.
pub fn guard<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let errno = thread::errno();
    let cancel = thread::disable_cancel();
    let result = panic::catch_unwind(AssertUnwindSafe(f)).map_err(describe);
    thread::restore_cancel(cancel);
    thread::set_errno(errno);
    result
}

fn describe(payload: Box<dyn Any + Send>) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "no text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_text_and_errno_is_kept() {
        thread::set_errno(libc::EAGAIN);
        let n = 7;
        let result = guard(|| {
            thread::set_errno(libc::EPERM);
            assert!(n < 7, "seven is {n}");
        });
        assert_eq!(result, Err("seven is 7".to_owned()));
        assert_eq!(thread::errno(), libc::EAGAIN);
        assert_eq!(guard(|| 3), Ok(3));
    }
}
