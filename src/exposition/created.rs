//! Since when counters count.

use std::{collections::BTreeMap, sync::Arc};

/// The families that count since the process began.
const PROCESS: &str = "process_";

/// The gauge that says when that was.
pub(super) const PROCESS_START: &str = "process_start_time_seconds";

/// When the counters and histograms of a registry were 0 last, in seconds
/// since 1970: one time for all, but for those that are named. It becomes
/// `_created`.
///
/// A scraper takes a counter that has a later time than before for one that
/// began anew, so a wrong time is worse than none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Created {
    start: Option<f64>,
    /// Shared with the copies that pages keep.
    named: Arc<BTreeMap<String, Option<f64>>>,
}

impl Created {
    /// They began at `start`, all of them.
    pub fn at(start: f64) -> Self {
        Self { start: Some(start), named: Arc::default() }
    }

    /// Says of one family, by its full name, when it began; `None` if that is
    /// not known, as for what others count.
    pub fn set(&mut self, family: &str, at: Option<f64>) {
        Arc::make_mut(&mut self.named).insert(family.to_owned(), at);
    }

    /// When the family `name` began; `process` is when the process did.
    pub(super) fn of(&self, name: &str, process: Option<f64>) -> Option<f64> {
        match self.named.get(name) {
            Some(at) => *at,
            None if name.starts_with(PROCESS) => process,
            None => self.start,
        }
    }
}
