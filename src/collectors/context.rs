//! What a collector is given, and what most of them do with it.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::rc::Rc;
use std::sync::Arc;

use super::children::Tree;
use super::health::Health;
use super::{Ends, Jobs, Reloads, of};
use crate::config::Config;
use crate::exposition::{Families, Source};
use crate::flux::{Error, Result, Scope};

/// What a collector is given.
#[derive(Clone)]
pub struct Context {
    /// Where its requests and timers live; a panic in one closes it.
    pub scope: Scope,
    /// The registry, where what it exposes is registered.
    pub families: Families,
    /// How it is doing.
    pub health: Arc<Health>,
    /// How all of them are doing.
    pub all: Arc<[Arc<Health>]>,
    /// The table of active jobs and the totals over them.
    pub jobs: Jobs,
    /// The settings at the time of loading.
    pub config: Rc<Config>,
    /// Those who want to know of others.
    pub reloads: Reloads,
    /// What instances below this one told.
    pub tree: Tree,
    /// What is to be done at the end.
    pub ends: Ends,
}

impl Context {
    /// Registers what the collector exposes. Everything is registered before
    /// the endpoint listens: a scrape would hold this up.
    pub fn register(&self, metrics: impl Source) -> Result<()> {
        self.families
            .register(metrics)
            .map_err(|error| Error::invalid(error.to_string()))
    }

    /// Whether the other collectors that this one needs are on; if not, its
    /// health says so.
    pub fn has(&self, others: &[&str]) -> bool {
        let needs = self.config.needs(self.health.name(), others);
        let has = needs.is_ok();
        if let Err(text) = needs {
            self.health.report(self.scope.handle(), Err(Error::invalid(text)));
        }
        has
    }

    /// Asks the same question every `interval` seconds and hands each answer
    /// to `f`; says so in the health when that fails, or `f` does.
    pub fn poll(
        &self,
        topic: &'static CStr,
        payload: &'static str,
        interval: f64,
        f: impl FnMut(&str) -> Result<()> + 'static,
    ) -> Result<()> {
        let context = self.clone();
        let busy = Rc::new(Cell::new(false));
        let f = Rc::new(RefCell::new(f));
        self.scope.every(interval, move || {
            if busy.replace(true) {
                return;
            }
            let (done, f) = (busy.clone(), f.clone());
            let health = context.health.clone();
            let handle = context.scope.handle();
            let asked =
                context.scope.rpc(topic, payload, interval, move |reply| {
                    done.set(false);
                    let result = of(topic, reply)
                        .and_then(|reply| f.borrow_mut()(reply));
                    health.report(handle, result);
                });
            if let Err(error) = asked {
                busy.set(false);
                context.health.report(context.scope.handle(), Err(error));
            }
        })
    }
}
