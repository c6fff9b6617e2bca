//! What collectors and the thread that serves scrapes have in common: the table
//! of jobs, and the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::job::{Table, Time};

/// The table of jobs, shared with the thread that serves scrapes.
#[derive(Clone)]
pub struct Jobs(Arc<Mutex<Table>>);

impl Jobs {
    /// Shares a table.
    pub fn new(table: Table) -> Self {
        Self(Arc::new(Mutex::new(table)))
    }

    /// The table, for as long as the result lives: keep that short.
    pub fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic while it was held stops its collector, which takes the
        // gauges away; the counters that remain are still the best there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time, by the clock that Flux writes event timestamps with.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time::from_secs(since.map_or(0.0, |since| since.as_secs_f64()))
}
