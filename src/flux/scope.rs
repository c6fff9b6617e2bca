//! What is under way in the reactor, and who answers for it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::rc::Rc;

use super::{Handle, Level, callback};

/// What a panic in a callback does to the rest of its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPanic {
    /// Ends it all: what the callback was changing can no longer be trusted.
    Close,
    /// Goes on: each callback stands for itself.
    Continue,
}

/// Owns requests, streams, timers and services; closing it ends them, and no
/// callback of theirs runs again.
///
/// Clones are the same scope, so a callback can hold one to start more. That
/// makes a cycle, which [`Scope::close`] breaks: whoever makes a scope closes
/// it, before `mod_main` returns.
///
/// Faults can be injected, for tests on a live broker, with
/// `flux module debug --setbit BIT NAME`: the next message of a stream (0x1),
/// reply to a request (0x2), timer (0x4) or request to us (0x8) panics, or the
/// next scope to be closed (0x10).
#[derive(Clone)]
pub struct Scope(Rc<Inner>);

struct Inner {
    handle: Handle,
    name: String,
    on_panic: OnPanic,
    panics: Cell<u64>,
    panicked: RefCell<Vec<Rc<dyn Fn()>>>,
    closed: Cell<bool>,
    next: Cell<u64>,
    items: RefCell<BTreeMap<u64, Rc<dyn Any>>>,
}

/// A kind of callback, as the debug bit that makes it fail.
#[derive(Clone, Copy)]
#[repr(i32)]
pub(super) enum Kind {
    Stream = 0x1,
    Reply = 0x2,
    Timer = 0x4,
    Request = 0x8,
    Close = 0x10,
}

impl Scope {
    /// A new scope; the name is for the log.
    pub fn new(handle: Handle, name: &str, on_panic: OnPanic) -> Self {
        Self(Rc::new(Inner {
            handle,
            name: name.to_owned(),
            on_panic,
            panics: Cell::new(0),
            panicked: RefCell::new(Vec::new()),
            closed: Cell::new(false),
            next: Cell::new(0),
            items: RefCell::new(BTreeMap::new()),
        }))
    }

    /// The handle that everything in the scope uses.
    pub fn handle(&self) -> Handle {
        self.0.handle
    }

    /// Has `f` told of every panic in a callback of this scope.
    pub fn when_panicked(&self, f: impl Fn() + 'static) {
        self.0.panicked.borrow_mut().push(Rc::new(f));
    }

    /// How many callbacks of this scope have panicked.
    pub fn panics(&self) -> u64 {
        self.0.panics.get()
    }

    /// Whether the scope is closed, by us or by a panic.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Ends everything in the scope. Nothing can be started in it after.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.inject(Kind::Close);
        // Dropping an item drops its closure, which may use the scope again:
        // so not while `items` is borrowed.
        while let Some((_, item)) = self.pop() {
            drop(item);
        }
        let hooks = self.0.panicked.take();
        drop(hooks);
    }

    fn pop(&self) -> Option<(u64, Rc<dyn Any>)> {
        self.0.items.borrow_mut().pop_first()
    }

    /// A key for an item that is about to be made.
    pub(super) fn key(&self) -> u64 {
        let key = self.0.next.get();
        self.0.next.set(key + 1);
        key
    }

    pub(super) fn insert(&self, key: u64, item: Rc<dyn Any>) {
        self.0.items.borrow_mut().insert(key, item);
    }

    /// Lets go of an item; it ends when its own callback, if that is what is
    /// running now, has returned.
    pub(super) fn remove(&self, key: u64) {
        let item = self.0.items.borrow_mut().remove(&key);
        drop(item);
    }

    pub(super) fn holds(&self, key: u64) -> bool {
        self.0.items.borrow().contains_key(&key)
    }

    /// Runs a callback for C. Returns whether it returned, that is, did not
    /// panic.
    pub(super) fn enter(&self, kind: Kind, f: impl FnOnce()) -> bool {
        let result = callback::guard(|| {
            self.inject(kind);
            f();
        });
        let Err(text) = result else { return true };
        // The hook and the closures that close() drops are code of ours too.
        let _ = callback::guard(|| self.panicked(&text));
        false
    }

    fn inject(&self, kind: Kind) {
        let bit = kind as c_int;
        if self.0.handle.take_debug_bit(bit) {
            panic!("injected by debug bit {bit:#x}");
        }
    }

    fn panicked(&self, text: &str) {
        self.0.panics.set(self.0.panics.get() + 1);
        let outcome = match self.0.on_panic {
            OnPanic::Close => "; stopped until the module is reloaded",
            OnPanic::Continue => "",
        };
        let message = format!("{}: panic: {text}{outcome}", self.0.name);
        self.0.handle.log(Level::Error, &message);
        let hooks = self.0.panicked.borrow().clone();
        for hook in hooks {
            hook();
        }
        if self.0.on_panic == OnPanic::Close {
            self.close();
        }
    }
}
