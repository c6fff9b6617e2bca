//! What can be changed while a server runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Limits};

/// The rules of a server; clones are the same. New limits hold for new
/// connections, new access for the next request on any.
#[derive(Clone)]
pub(super) struct Rules(Arc<Mutex<(Limits, Arc<Access>)>>);

impl Rules {
    pub(super) fn new(limits: Limits, access: Arc<Access>) -> Self {
        Self(Arc::new(Mutex::new((limits, access))))
    }

    pub(super) fn set(&self, limits: Limits, access: Arc<Access>) {
        *self.both() = (limits, access);
    }

    pub(super) fn limits(&self) -> Limits {
        self.both().0
    }

    pub(super) fn access(&self) -> Arc<Access> {
        self.both().1.clone()
    }

    fn both(&self) -> MutexGuard<'_, (Limits, Arc<Access>)> {
        // only ever replaced
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
