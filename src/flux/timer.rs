//! Timers.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;

use super::scope::{Kind, Scope};
use super::{Error, Result, sys};

/// A timer that is set, owned by its scope.
struct Timer {
    watcher: Cell<*mut sys::flux_watcher_t>,
    scope: Scope,
    key: u64,
    once: bool,
    callback: RefCell<Box<dyn FnMut()>>,
}

impl Scope {
    /// Calls `f` once, in `seconds`.
    pub fn after(
        &self,
        seconds: f64,
        f: impl FnOnce() + 'static,
    ) -> Result<()> {
        self.alarm(seconds, f).map(drop)
    }

    /// The same; returns the key to [`Scope::remove`] it with.
    pub(super) fn alarm(
        &self,
        seconds: f64,
        f: impl FnOnce() + 'static,
    ) -> Result<u64> {
        let mut f = Some(f);
        let once = move || {
            if let Some(f) = f.take() {
                f();
            }
        };
        self.timer(seconds, 0.0, Box::new(once))
    }

    /// Calls `f` as soon as the reactor runs, and then every `seconds`.
    pub fn every(&self, seconds: f64, f: impl FnMut() + 'static) -> Result<()> {
        self.timer(0.0, seconds, Box::new(f)).map(drop)
    }

    fn timer(
        &self,
        after: f64,
        repeat: f64,
        callback: Box<dyn FnMut()>,
    ) -> Result<u64> {
        if self.is_closed() {
            return Err(Error::new(libc::ECANCELED, "scope is closed"));
        }
        let timer = Rc::new(Timer {
            watcher: Cell::new(ptr::null_mut()),
            scope: self.clone(),
            key: self.key(),
            once: repeat == 0.0,
            callback: RefCell::new(callback),
        });
        let arg = Rc::as_ptr(&timer).cast_mut().cast::<c_void>();
        // SAFETY: the reactor is the handle's; `arg` outlives the watcher,
        // which is destroyed when the Timer is dropped.
        let watcher = unsafe {
            sys::flux_timer_watcher_create(
                self.handle().reactor(),
                after,
                repeat,
                Some(expired),
                arg,
            )
        };
        if watcher.is_null() {
            return Err(Error::last());
        }
        timer.watcher.set(watcher);
        // SAFETY: the watcher is valid.
        unsafe { sys::flux_watcher_start(watcher) };
        let key = timer.key;
        self.insert(key, timer);
        Ok(key)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: null, or made in `timer` and destroyed by nobody else.
        unsafe {
            sys::flux_watcher_destroy(self.watcher.replace(ptr::null_mut()))
        }
    }
}

extern "C" fn expired(
    _: *mut sys::flux_reactor_t,
    _: *mut sys::flux_watcher_t,
    _: c_int,
    arg: *mut c_void,
) {
    let timer = arg.cast_const().cast::<Timer>();
    // SAFETY: `arg` came from Rc::as_ptr, and the scope's Rc is alive while
    // the watcher is; the count taken here keeps it through the callback.
    let timer = unsafe {
        Rc::increment_strong_count(timer);
        Rc::from_raw(timer)
    };
    let scope = timer.scope.clone();
    scope.enter(Kind::Timer, move || {
        if timer.once {
            timer.scope.remove(timer.key);
        }
        (timer.callback.borrow_mut())();
    });
}
