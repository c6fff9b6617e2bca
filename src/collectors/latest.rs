//! The latest answer of a source that is polled, shown while it answers.

use std::sync::{Arc, Mutex, PoisonError};

use super::Context;
use super::family::{Family, Spec};
use super::health::Health;
use crate::exposition::Source;
use crate::flux::Result;

/// Where a poll puts its latest answer, and a scrape finds it.
pub struct Latest<T>(Arc<Mutex<Option<T>>>);

impl<T: Send + 'static> Latest<T> {
    /// Registers families that `show` makes of the latest answer. They go
    /// away with the source: a number that nobody vouches for any more is
    /// not shown.
    pub fn register(
        context: &Context,
        specs: &'static [Spec],
        show: fn(&T) -> Vec<Family>,
    ) -> Result<Self> {
        let latest = Arc::new(Mutex::new(None));
        context.register(Metrics {
            specs,
            latest: latest.clone(),
            health: context.health.clone(),
            show,
        })?;
        Ok(Self(latest))
    }

    /// Replaces the latest answer, as a whole.
    pub fn set(&self, answer: T) {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(answer);
    }
}

struct Metrics<T> {
    specs: &'static [Spec],
    latest: Arc<Mutex<Option<T>>>,
    health: Arc<Health>,
    show: fn(&T) -> Vec<Family>,
}

impl<T: Send + 'static> Source for Metrics<T> {
    fn specs(&self) -> Vec<Spec> {
        self.specs.into()
    }

    fn show(&self) -> Vec<Family> {
        if !self.health.up() {
            return Vec::new();
        }
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().map(self.show).unwrap_or_default()
    }
}
