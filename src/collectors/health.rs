//! How a collector is doing, for the exporter's own metrics and stats-get.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::now;
use crate::flux::{Error, Handle, Level, Result};

/// Whether a collector's source answers, and since when.
///
/// Written by the module's thread, read by scrapes.
pub struct Health {
    name: &'static str,
    /// How often it began to answer, or ceased to: odd while it does.
    turns: AtomicU64,
    errors: AtomicU64,
    dropped: AtomicU64,
    successes: AtomicU64,
    last_success: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Health {
    /// A collector that has not heard from its source yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            turns: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            successes: AtomicU64::new(0),
            last_success: AtomicU64::new(0),
            problem: Mutex::new(None),
        }
    }

    /// The collector's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its source answered when last asked.
    pub fn up(&self) -> bool {
        self.turns() % 2 == 1
    }

    /// How often that changed.
    pub fn turns(&self) -> u64 {
        self.turns.load(Relaxed)
    }

    fn set_up(&self, up: bool) {
        if self.up() != up {
            self.turns.fetch_add(1, Relaxed);
        }
    }

    /// How many times something went wrong.
    pub fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// How many series were left out, added up over updates.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Series were left out because there were too many.
    pub fn count_dropped(&self, series: u64) {
        self.dropped.fetch_add(series, Relaxed);
    }

    /// How often its source answered. To be read before when it last did.
    pub fn successes(&self) -> u64 {
        self.successes.load(Acquire)
    }

    /// When its source last answered, in seconds since the epoch; 0 is never.
    pub fn last_success(&self) -> f64 {
        f64::from_bits(self.last_success.load(Relaxed))
    }

    /// The source answered, or did not. Said in the log when it changes.
    pub fn report(&self, handle: Handle, result: Result<()>) {
        match result {
            Ok(()) => self.succeed(handle),
            Err(error) => self.fail(handle, &error),
        }
    }

    /// The source answered.
    pub(super) fn hear(&self) {
        self.last_success.store(now().as_secs().to_bits(), Relaxed);
        self.successes.fetch_add(1, Release);
        self.set_up(true);
    }

    fn succeed(&self, handle: Handle) {
        self.hear();
        self.solved(handle);
    }

    fn solved(&self, handle: Handle) {
        if self.set_problem(None).is_some() {
            handle.log(Level::Info, &format!("{}: recovered", self.name));
        }
    }

    fn fail(&self, handle: Handle, error: &Error) {
        self.set_up(false);
        self.count_error();
        let before = self.set_problem(Some(error.text.clone()));
        if before.as_deref() != Some(&error.text) {
            let line = format!("{}: {error}", self.name);
            handle.log(Level::Warning, &line);
        }
    }

    /// The source is not there at the moment, which is no error of this
    /// collector's; maybe it is known why.
    pub fn down(&self, why: Option<&str>) {
        self.set_up(false);
        if let Some(why) = why {
            self.set_problem(Some(why.into()));
        }
    }

    /// There is nobody to ask, and so nobody who was heard from.
    pub fn rest(&self, handle: Handle) {
        self.set_up(true);
        self.solved(handle);
    }

    /// Something went wrong that the source is not to blame for.
    pub fn count_error(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// The collector panicked and is out of service.
    pub fn panicked(&self) {
        self.set_up(false);
        self.count_error();
        self.set_problem(Some(
            "failed, see the log: the module has to be loaded again".into(),
        ));
    }

    /// For `stats-get`. What is wrong is told if `all`: it may quote others.
    pub fn stats(&self, all: bool) -> Value {
        let problem =
            self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = problem.as_ref().filter(|_| all);
        json!({
            "up": self.up(),
            "errors": self.errors(),
            "last_success": self.last_success(),
            "problem": problem,
        })
    }

    fn set_problem(&self, problem: Option<String>) -> Option<String> {
        let mut slot =
            self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, problem)
    }
}
