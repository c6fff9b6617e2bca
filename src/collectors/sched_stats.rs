//! What the scheduler says of its own work.
//!
//! Source: the scheduler's `stats-get`, which it answers between two passes.
//! Schedulers of Flux's Python framework (sched-simple since 0.84) count
//! passes, Fluxion counts matches; of others there is nothing to show.

use std::cell::RefCell;
use std::ffi::CString;
use std::rc::Rc;

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::round::TIMEOUT;
use super::total::Total;
use super::{Context, parse, scheduler};
use crate::flux::{Error, Result};

const INTERVAL: f64 = 15.0;

const PASSES: Spec = Spec::counter(
    "flux_sched_passes_total",
    &["kind"],
    "Passes that the scheduler completed, to schedule jobs or to forecast \
     their start.",
);
const YIELDS: Spec = Spec::counter(
    "flux_sched_yields_total",
    &["kind"],
    "Times that the scheduler interrupted a pass for other work.",
);
const DURATION: Spec = Spec::gauge(
    "flux_sched_pass_duration_seconds",
    &[],
    "Time that a pass takes, a moving average; 0 for schedulers that \
     interrupt their passes.",
);
const PASS_INTERVAL: Spec = Spec::gauge(
    "flux_sched_pass_interval_seconds",
    &[],
    "Time from one request for a pass to the next, a moving average.",
);
const DELAY: Spec = Spec::gauge(
    "flux_sched_delay_seconds",
    &[],
    "Time by which the scheduler presently delays passes, to do many requests \
     in one.",
);
const PENDING: Spec = Spec::gauge(
    "flux_sched_pending_jobs",
    &[],
    "Jobs in the scheduler's own queue.",
);
const VERTICES: Spec = Spec::gauge(
    "flux_sched_graph_vertices",
    &[],
    "Vertices of Fluxion's resource graph.",
);
const EDGES: Spec = Spec::gauge(
    "flux_sched_graph_edges",
    &[],
    "Edges of Fluxion's resource graph.",
);
const LOAD: Spec = Spec::gauge(
    "flux_sched_graph_load_seconds",
    &[],
    "Time that Fluxion took to load its resource graph.",
);
const MATCHES: Spec = Spec::counter(
    "flux_sched_matches_total",
    &["result"],
    "Matches that Fluxion tried for jobs, by result; older versions tell of \
     those that succeeded only.",
);
const MATCH_TIME: Spec = Spec::gauge(
    "flux_sched_match_seconds",
    &["result", "statistic"],
    "Least, greatest and mean time of Fluxion's matches since its figures \
     were last cleared, once there were two.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[
    PASSES,
    YIELDS,
    DURATION,
    PASS_INTERVAL,
    DELAY,
    PENDING,
    VERTICES,
    EDGES,
    LOAD,
    MATCHES,
    MATCH_TIME,
];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Rc::new(Latest::register(context, SPECS, show)?);
    let totals = Rc::new(RefCell::new(Totals::default()));
    let asking = context.clone();
    context.rounds(INTERVAL, move |round| {
        let (latest, totals) = (latest.clone(), totals.clone());
        let again = asking.clone();
        scheduler::provider(&asking, move |provider| {
            ask(&again, provider, move |answer| {
                round.finish(answer.and_then(|[reply]| {
                    latest.set(read(&mut totals.borrow_mut(), &reply)?);
                    Ok(())
                }));
            });
        });
    })
}

fn ask(
    context: &Context,
    provider: Result<String>,
    f: impl FnOnce(Result<[String; 1]>) + 'static,
) {
    let topic = provider.and_then(|name| {
        // the part of Fluxion that provides `sched` lists jobs; the other
        // does the work
        let name = match name.starts_with("sched-fluxion") {
            true => "sched-fluxion-resource",
            false => &name,
        };
        CString::new(format!("{name}.stats-get"))
            .map_err(|error| Error::invalid(error.to_string()))
    });
    match topic {
        Ok(topic) => context.ask([(topic, "{}")], TIMEOUT, f),
        Err(error) => f(Err(error)),
    }
}

const STATS: &str = "the scheduler's stats-get";

pub(super) fn read(totals: &mut Totals, reply: &str) -> Result<Answer> {
    let stats = parse(STATS, reply)?;
    Ok(Answer { totals: totals.follow(&stats), stats })
}

/// What a scheduler may say; each says a part of it.
#[derive(Deserialize)]
struct Stats {
    sched_passes: Option<i64>,
    sched_yields: Option<i64>,
    forecast_passes: Option<i64>,
    forecast_yields: Option<i64>,
    sched_delay: Option<f64>,
    sched_duration_ewma: Option<f64>,
    sched_interval_ewma: Option<f64>,
    pending_jobs: Option<i64>,
    #[serde(rename = "V")]
    vertices: Option<i64>,
    #[serde(rename = "E")]
    edges: Option<i64>,
    #[serde(rename = "load-time")]
    load_time: Option<f64>,
    #[serde(rename = "match")]
    matches: Option<Matches>,
    /// Fluxion before there was `match`, as are the next three.
    njobs: Option<i64>,
    #[serde(rename = "min-match")]
    min_match: Option<f64>,
    #[serde(rename = "max-match")]
    max_match: Option<f64>,
    #[serde(rename = "avg-match")]
    avg_match: Option<f64>,
}

#[derive(Deserialize)]
struct Matches {
    succeeded: Match,
    failed: Match,
}

#[derive(Deserialize)]
struct Match {
    njobs: i64,
    /// Those that the times are of.
    #[serde(rename = "njobs-reset")]
    timed: Option<i64>,
    stats: Times,
}

#[derive(Deserialize)]
struct Times {
    min: f64,
    max: f64,
    avg: f64,
}

/// Values of the label `kind`, and those of `result`.
const KINDS: [&str; 2] = ["schedule", "forecast"];
const RESULTS: [&str; 2] = ["succeeded", "failed"];

impl Stats {
    fn match_counts(&self) -> [Option<i64>; 2] {
        match &self.matches {
            Some(m) => [Some(m.succeeded.njobs), Some(m.failed.njobs)],
            None => [self.njobs, None],
        }
    }

    fn match_times(&self) -> [[Option<f64>; 3]; 2] {
        let all = |m: &Match| {
            let times = [m.stats.min, m.stats.max, m.stats.avg].map(Some);
            (m.timed.unwrap_or(m.njobs), times)
        };
        let times = match &self.matches {
            Some(m) => [all(&m.succeeded), all(&m.failed)],
            None => {
                let old = [self.min_match, self.max_match, self.avg_match];
                [(self.njobs.unwrap_or(0), old), (0, [None; 3])]
            }
        };
        // of one match the least and the mean are said to be 0
        times.map(|(n, times)| if n > 1 { times } else { [None; 3] })
    }
}

/// Counters by kind, twice, and by result.
type Counts<T> = [[T; 2]; 3];

/// The scheduler's counts begin again when it is loaded again.
#[derive(Default)]
pub(super) struct Totals(Counts<Total>);

impl Totals {
    fn follow(&mut self, stats: &Stats) -> Counts<Option<f64>> {
        let readings = [
            [stats.sched_passes, stats.forecast_passes],
            [stats.sched_yields, stats.forecast_yields],
            stats.match_counts(),
        ];
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                readings[i][j].map(|reading| self.0[i][j].follow(reading))
            })
        })
    }
}

/// What a scrape shows.
pub(super) struct Answer {
    stats: Stats,
    totals: Counts<Option<f64>>,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let Answer { stats, totals } = answer;
    let [passes, yields, matches] = totals;
    let mut times = MATCH_TIME.family();
    for (result, values) in RESULTS.iter().zip(stats.match_times()) {
        for (statistic, value) in ["min", "max", "mean"].iter().zip(values) {
            if let Some(seconds) = value {
                times.add(&[result, statistic], seconds);
            }
        }
    }
    vec![
        counts(PASSES, KINDS, passes),
        counts(YIELDS, KINDS, yields),
        gauge(DURATION, stats.sched_duration_ewma),
        gauge(PASS_INTERVAL, stats.sched_interval_ewma),
        gauge(DELAY, stats.sched_delay),
        gauge(PENDING, stats.pending_jobs.map(|jobs| jobs as f64)),
        gauge(VERTICES, stats.vertices.map(|n| n as f64)),
        gauge(EDGES, stats.edges.map(|n| n as f64)),
        gauge(LOAD, stats.load_time),
        counts(MATCHES, RESULTS, matches),
        times,
    ]
}

fn counts(spec: Spec, labels: [&str; 2], values: &[Option<f64>; 2]) -> Family {
    let mut family = spec.family();
    for (label, value) in labels.iter().zip(values) {
        if let Some(value) = value {
            family.add(&[label], *value);
        }
    }
    family
}

fn gauge(spec: Spec, value: Option<f64>) -> Family {
    let mut family = spec.family();
    if let Some(value) = value {
        family.add(&[], value);
    }
    family
}

#[cfg(test)]
mod tests;
