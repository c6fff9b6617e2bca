//! How many requests were answered, and how.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;

/// Answers by status and path, in the order of the page. The numbers of the
/// `prometheus` crate are kept by hashes of their labels, and cost much more
/// to count and to show.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<Mutex<Answers>>);

pub(super) type Answers = BTreeMap<(StatusCode, &'static str), u64>;

impl Requests {
    pub(super) fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts as many more.
    pub(super) fn add(&self, path: &'static str, code: StatusCode, more: u64) {
        *self.lock().entry((code, path)).or_default() += more;
    }

    /// How many there were.
    pub fn get(&self, path: &str, code: u16) -> u64 {
        let all = self.lock();
        let mut same =
            all.iter().filter(|((c, p), _)| (c.as_u16(), *p) == (code, path));
        same.next().map_or(0, |(_, count)| *count)
    }
}
