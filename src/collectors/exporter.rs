//! What the module says of itself.
//!
//! Source: the module. The HTTP side counts its own requests, see
//! [`crate::http`].

use std::sync::Arc;

use super::family::{Family, Spec};
use super::health::Health;
use super::process::{self, Process};
use super::{Context, Jobs};
use crate::exposition::{Parts, Source};
use crate::flux::Result;
use crate::job::{ProblemKind, Table};

/// How often the reactor shows that it is alive.
const INTERVAL: f64 = 5.0;

const BUILD_INFO: Spec = Spec::gauge(
    "flux_exporter_build_info",
    &["version", "flux_core"],
    "Always 1; the labels are the version of this module and that of the \
     broker it runs in.",
);
const UP: Spec = Spec::gauge(
    "flux_exporter_collector_up",
    &["collector"],
    "Whether the collector's source in Flux answers.",
);
const ERRORS: Spec = Spec::counter(
    "flux_exporter_collector_errors_total",
    &["collector"],
    "Failed requests and messages that could not be used.",
);
const LAST_SUCCESS: Spec = Spec::gauge(
    "flux_exporter_collector_last_success_timestamp_seconds",
    &["collector"],
    "When the collector's source was last heard from; 0 is never.",
);
const DROPPED: Spec = Spec::counter(
    "flux_exporter_dropped_series_total",
    &["collector"],
    "Series left out because there were too many, added up over the updates \
     of their collector.",
);
/// Of jobs or queues, so private.
pub const EVENTS: Spec = Spec::counter(
    "flux_exporter_journal_events_total",
    &[],
    "Job events received from the job manager's journal, those caught up on \
     after a break included, the first backlog not.",
);
const MALFORMED: Spec = Spec::counter(
    "flux_exporter_journal_malformed_total",
    &["kind"],
    "Parts of the job journal that could not be read and were left out.",
);
/// Of jobs or queues, so private.
pub const LAG: Spec = Spec::gauge(
    "flux_exporter_journal_lag_seconds",
    &[],
    "Time from the last job event to its arrival here.",
);
const RESYNCS: Spec = Spec::counter(
    "flux_exporter_journal_resyncs_total",
    &[],
    "Times that the job journal ended and was taken up again.",
);

/// What is exposed here. The first are those of [`process`].
pub const SPECS: &[Spec] = &{
    let own = [
        BUILD_INFO,
        UP,
        ERRORS,
        LAST_SUCCESS,
        DROPPED,
        EVENTS,
        MALFORMED,
        LAG,
        RESYNCS,
    ];
    let mut all = [BUILD_INFO; process::SPECS.len() + 9];
    let mut i = 0;
    while i < all.len() {
        all[i] = match i < process::SPECS.len() {
            true => process::SPECS[i],
            false => own[i - process::SPECS.len()],
        };
        i += 1;
    }
    all
};

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let handle = context.scope.handle();
    let metrics = Metrics {
        flux_core: handle.attr(c"version").unwrap_or_default(),
        jobs: context.jobs.clone(),
        all: context.all.clone(),
    };
    context.register(metrics)?;
    context.register(Process::new())?;
    let health = context.health.clone();
    context.scope.every(INTERVAL, move || health.report(handle, Ok(())))
}

pub(super) struct Metrics {
    pub(super) flux_core: String,
    pub(super) jobs: Jobs,
    pub(super) all: Arc<[Arc<Health>]>,
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        SPECS[process::SPECS.len()..].into()
    }

    fn show(&self, parts: &mut Parts) {
        let all = || self.all.iter();
        let troubles = |h: &Arc<Health>| h.turns() + h.errors() + h.dropped();
        parts.keep(all().map(troubles).sum(), || self.troubles());
        parts.keep(all().map(|h| h.successes()).sum(), || {
            let mut last_success = LAST_SUCCESS.family();
            for health in all() {
                last_success.add(&[health.name()], health.last_success());
            }
            vec![last_success]
        });
        let table = self.jobs.lock();
        parts.keep(table.version(), || journal(&table).into());
    }
}

impl Metrics {
    fn troubles(&self) -> Vec<Family> {
        let mut info = BUILD_INFO.family();
        info.add(&[env!("CARGO_PKG_VERSION"), &self.flux_core], 1.0);
        let [mut up, mut errors, mut dropped] =
            [UP, ERRORS, DROPPED].map(Spec::family);
        for health in self.all.iter() {
            let labels = [health.name()];
            up.add(&labels, f64::from(u8::from(health.up())));
            errors.add(&labels, health.errors() as f64);
            dropped.add(&labels, health.dropped() as f64);
        }
        vec![info, up, errors, dropped]
    }
}

fn journal(table: &Table) -> [Family; 4] {
    let [mut events, mut lag, mut resyncs, mut malformed] =
        [EVENTS, LAG, RESYNCS, MALFORMED].map(Spec::family);
    events.add(&[], table.events() as f64);
    lag.add(&[], table.lag());
    resyncs.add(&[], table.resyncs() as f64);
    for (kind, count) in ProblemKind::ALL.iter().zip(table.problems()) {
        malformed.add(&[kind.as_str()], count as f64);
    }
    [events, lag, resyncs, malformed]
}
