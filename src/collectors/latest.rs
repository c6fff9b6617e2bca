//! The latest answer of a source that is polled, shown while it answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::family::{Family, Spec};
use super::health::Health;
use super::{Context, Versioned};
use crate::exposition::{Parts, Source};
use crate::flux::Result;

/// Where a poll puts its latest answer, as families that a scrape finds.
pub struct Latest<T> {
    families: Shared,
    show: fn(&T) -> Vec<Family>,
}

type Shared = Arc<Mutex<Versioned<Vec<Family>>>>;

impl<T> Latest<T> {
    /// Registers families that `show` makes of the latest answer. They go
    /// away with the source: a number that nobody vouches for any more is
    /// not shown.
    pub fn register(
        context: &Context,
        specs: &'static [Spec],
        show: fn(&T) -> Vec<Family>,
    ) -> Result<Self> {
        let (latest, metrics) = Self::new(specs, &context.health, show);
        context.register(metrics)?;
        Ok(latest)
    }

    pub(super) fn new(
        specs: &'static [Spec],
        health: &Arc<Health>,
        show: fn(&T) -> Vec<Family>,
    ) -> (Self, Metrics) {
        let (families, health) = (Shared::default(), health.clone());
        let metrics = Metrics { specs, families: families.clone(), health };
        (Self { families, show }, metrics)
    }

    /// Replaces the latest answer, as a whole.
    pub fn set(&self, answer: T) {
        let families = (self.show)(&answer);
        let mut latest = lock(&self.families);
        if *families != **latest {
            **latest = families;
        }
    }
}

pub(super) struct Metrics {
    specs: &'static [Spec],
    families: Shared,
    health: Arc<Health>,
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        self.specs.into()
    }

    fn show(&self, parts: &mut Parts) {
        let latest = lock(&self.families);
        parts.keep(latest.version() + self.health.turns(), || {
            match self.health.up() {
                true => latest.to_vec(),
                false => Vec::new(),
            }
        });
    }
}

fn lock(families: &Shared) -> MutexGuard<'_, Versioned<Vec<Family>>> {
    families.lock().unwrap_or_else(PoisonError::into_inner)
}
