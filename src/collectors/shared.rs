//! What collectors and the thread that serves scrapes have in common: the table
//! of jobs, and the clock.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Versioned;
use crate::job::{Table, Time};

/// The table of jobs, shared with the thread that serves scrapes.
#[derive(Clone)]
pub struct Jobs {
    table: Arc<Mutex<Versioned<Table>>>,
    failed: Arc<AtomicBool>,
}

impl Jobs {
    /// Shares a table.
    pub fn new(table: Table) -> Self {
        let table = Arc::new(Mutex::new(Versioned::new(table)));
        Self { table, failed: Arc::default() }
    }

    /// The table, for as long as the result lives: keep that short.
    pub fn lock(&self) -> MutexGuard<'_, Versioned<Table>> {
        // A panic while it was held stops its collector, which takes the
        // gauges away; the counters that remain are still the best there is.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the table follows Flux no more: the collector that fills it
    /// panicked.
    pub fn failure(&self) -> Option<&'static str> {
        self.failed.load(Relaxed).then_some(
            "the collector jobs failed, see the log: the module has to be \
             loaded again",
        )
    }

    /// That is so from now on.
    pub fn fail(&self) {
        self.failed.store(true, Relaxed);
    }
}

/// The time, by the clock that Flux writes event timestamps with.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time::from_secs(since.map_or(0.0, |since| since.as_secs_f64()))
}
