//! What collectors have done when settings change, and at the end.

use std::cell::RefCell;
use std::rc::Rc;

use crate::config::Config;

/// What is to be done when the module is unloaded, after everything else.
#[derive(Clone, Default)]
pub struct Ends(Rc<RefCell<Vec<End>>>);

type End = Box<dyn FnOnce() -> bool>;

impl Ends {
    /// Has `f` called; it says whether all threads of its are gone.
    pub fn push(&self, f: impl FnOnce() -> bool + 'static) {
        self.0.borrow_mut().push(Box::new(f));
    }

    /// Does it all, and returns whether all threads are gone.
    pub fn run(&self) -> bool {
        let mut gone = true;
        for end in self.0.take() {
            gone &= end();
        }
        gone
    }
}

/// What is to be done when other settings are put into force.
#[derive(Clone, Default)]
pub struct Reloads(Rc<RefCell<Vec<Follower>>>);

type Follower = Box<dyn Fn(&Config)>;

impl Reloads {
    /// Has `f` told of settings that are in force from now on: it must not
    /// fail, since what can is checked when they are read.
    pub fn push(&self, f: impl Fn(&Config) + 'static) {
        self.0.borrow_mut().push(Box::new(f));
    }

    /// Tells all.
    pub fn run(&self, config: &Config) {
        self.0.borrow().iter().for_each(|f| f(config));
    }

    /// Forgets all, and what they hold.
    pub fn clear(&self) {
        let all = self.0.take();
        drop(all);
    }
}
