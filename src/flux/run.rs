//! The life of a module: load, run the reactor, unload.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::{Error, Handle, Level, Result, callback, sys, thread};

/// What [`main`] runs.
pub trait Module: Sized {
    /// Starts everything. An error fails the load: `flux module load` shows
    /// the errno, the text goes to the broker's log.
    fn load(handle: Handle, args: &[String]) -> Result<Self>;

    /// Ends everything. Called exactly once, with the handle still open,
    /// whether the module is removed, canceled, or the broker shuts down.
    fn unload(self, handle: Handle);
}

unsafe extern "C-unwind" {
    /// Runs the reactor, then `stop (arg)`; see run.c.
    fn flux_prometheus_run(
        h: *mut sys::flux_t,
        stop: extern "C" fn(*mut c_void),
        arg: *mut c_void,
    ) -> c_int;
}

/// What `stop` gets: the module and the handle it runs on.
struct Running<M> {
    module: M,
    handle: Handle,
}

/// The body of `mod_main`.
///
/// Never returns a negative value once the reactor has run: since 0.78 a
/// module that fails after it was running takes the whole instance down.
///
/// # Safety
///
/// To be called with the arguments of `mod_main`, by the thread that called
/// that.
pub unsafe fn main<M: Module>(
    h: *mut sys::flux_t,
    argc: c_int,
    argv: *mut *mut c_char,
) -> c_int {
    // Cancellation unwinds this frame, so nothing in it may need dropping:
    // only integers and raw pointers live across flux_prometheus_run.
    // It stays off at the return, too: one that came during the teardown would
    // strike the broker's own clean-up of this thread, after which nobody says
    // that the module has ended, and who removes it waits for ever.
    thread::disable_cancel();
    // SAFETY: the contract is passed on.
    let (rc, errno) = match unsafe { load::<M>(h, argc, argv) } {
        Ok(running) => {
            // SAFETY: `h` is valid; `stop` takes back the box that `load`
            // made, once.
            let rc =
                unsafe { flux_prometheus_run(h, stop::<M>, running.cast()) };
            if rc < 0 {
                let text = c"reactor failed, module unloaded";
                // SAFETY: `h` is valid; the format consumes one C string.
                unsafe {
                    sys::flux_log(
                        h,
                        libc::LOG_ERR,
                        c"%s".as_ptr(),
                        text.as_ptr(),
                    )
                };
            }
            (0, 0)
        }
        Err(errno) => (-1, errno),
    };
    // last, for the broker reads it
    thread::set_errno(errno);
    rc
}

/// Builds the module and leaks it into a pointer, or returns the errno.
unsafe fn load<M: Module>(
    h: *mut sys::flux_t,
    argc: c_int,
    argv: *mut *mut c_char,
) -> std::result::Result<*mut Running<M>, c_int> {
    // SAFETY: `mod_main` got it from the broker, which keeps it open.
    let Some(handle) = (unsafe { Handle::from_raw(h) }) else {
        return Err(libc::EINVAL);
    };
    let result = callback::guard(|| {
        // SAFETY: passed on from `mod_main`.
        let args = unsafe { arguments(argc, argv) };
        let module = M::load(handle, &args)?;
        Ok(Box::into_raw(Box::new(Running { module, handle })))
    });
    let error: Error = match result {
        Ok(Ok(running)) => return Ok(running),
        Ok(Err(error)) => error,
        // what it had begun is not known, and may go on
        Err(panic) => {
            Error::new(libc::EIO, format!("panic: {panic}; {}", pin()))
        }
    };
    let _ = callback::guard(|| handle.log(Level::Error, &error.text));
    // a failure must have an errno: the broker takes 0 for a lost connection
    Err(if error.errno == 0 { libc::EIO } else { error.errno })
}

extern "C" fn stop<M: Module>(arg: *mut c_void) {
    let running = arg.cast::<Running<M>>();
    let result = callback::guard(|| {
        // SAFETY: it came from Box::into_raw in `load`, and run.c calls this
        // exactly once.
        let running = unsafe { Box::from_raw(running) };
        let Running { module, handle } = *running;
        let result = callback::guard(|| module.unload(handle));
        if let Err(panic) = result {
            // what it had not come to may go on
            let line = format!("unload: panic: {panic}; {}", pin());
            handle.log(Level::Error, &line);
        }
    });
    // only the log itself could have failed, and there is nobody left to tell
    drop(result);
}

/// Lets `start` go on with what was begun; if it fails or panics, `undo` ends
/// it.
pub fn go_on<M>(
    mut begun: M,
    start: impl FnOnce(&mut M) -> Result<()>,
    undo: impl FnOnce(M),
) -> Result<M> {
    let error = match callback::guard(|| start(&mut begun)) {
        Ok(Ok(())) => return Ok(begun),
        Ok(Err(error)) => error,
        Err(panic) => Error::new(libc::EIO, format!("panic: {panic}")),
    };
    undo(begun);
    Err(error)
}

/// Keeps the library for threads that may still run in it, for unloading it
/// would crash the broker; and says what came of it.
pub fn pin() -> &'static str {
    match thread::pin_library() {
        true => "the library stays mapped",
        false => "the library could not be pinned",
    }
}

/// The arguments as strings. `argv` is null in newer releases where there
/// are none, and its first element is an argument, not a program name.
unsafe fn arguments(argc: c_int, argv: *mut *mut c_char) -> Vec<String> {
    let argc = usize::try_from(argc).unwrap_or(0);
    if argv.is_null() {
        return Vec::new();
    }
    (0..argc)
        .map_while(|i| {
            // SAFETY: the broker passes argc valid pointers.
            let arg = unsafe { *argv.add(i) };
            if arg.is_null() {
                return None;
            }
            // SAFETY: each is a C string.
            let arg = unsafe { CStr::from_ptr(arg) };
            Some(arg.to_string_lossy().into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_is_ended_if_it_cannot_go_on() {
        let failed = |start: fn(&mut Vec<i32>) -> Result<()>| {
            let mut ended = None;
            let undo = |begun| ended = Some(begun);
            let error = go_on(vec![1], start, undo).unwrap_err();
            assert_eq!(ended, Some(vec![1, 2]));
            error
        };
        let error = failed(|begun| {
            begun.push(2);
            Err(Error::invalid("no".to_owned()))
        });
        assert_eq!(error.text, "no");
        let error = failed(|begun| {
            begun.push(2);
            panic!("{} of them", begun.len())
        });
        assert_eq!(error.text, "panic: 2 of them");
        assert_eq!(error.errno, libc::EIO);
        let undo = |_| panic!("it went on");
        assert_eq!(go_on(3, |_| Ok(()), undo).unwrap(), 3);
    }

    #[test]
    fn arguments_may_be_missing() {
        // SAFETY: null is allowed for argv.
        assert!(unsafe { arguments(0, std::ptr::null_mut()) }.is_empty());
        let mut argv = [c"port=0".as_ptr().cast_mut(), std::ptr::null_mut()];
        // SAFETY: one valid argument.
        let args = unsafe { arguments(1, argv.as_mut_ptr()) };
        assert_eq!(args, ["port=0"]);
    }
}
