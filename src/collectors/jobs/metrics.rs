//! The job families: the totals of the table, as a scrape shows them.

use super::super::family::{Family, Spec};
use super::super::{Jobs, accounts, now};
use crate::exposition::{Detail, Exemplar, Native, Parts, Source};
use crate::job::exception::ExceptionType;
use crate::job::histogram::{Exemplar as Observed, Histogram};
use crate::job::id;
use crate::job::integral::Integral;
use crate::job::native::ZERO_THRESHOLD;
use crate::job::outcome::{Cause, Outcome};
use crate::job::resources::Sizes;
use crate::job::state::State;
use crate::job::{QueueTotals, Table, Time};

const JOBS: Spec = Spec::gauge(
    "flux_jobs",
    &["queue", "state"],
    "Active jobs by queue and state.",
);
const BLOCKED: Spec = Spec::gauge(
    "flux_jobs_blocked",
    &["queue", "reason"],
    "Pending jobs that more nodes would not start: waiting for a dependency, \
     held (urgency or priority 0), or in a queue that is stopped. Each job \
     is counted once, by the first of these reasons.",
);
const NODES: Spec = Spec::gauge(
    "flux_job_nodes",
    &["queue", "state"],
    "Nodes of active jobs: requested before allocation (0 where a request \
     leaves the number of nodes open), allocated after, 0 once freed.",
);
const CORES: Spec = Spec::gauge(
    "flux_job_cores",
    &["queue", "state"],
    "Cores of active jobs: requested before allocation, allocated after, 0 \
     once freed.",
);
const GPUS: Spec = Spec::gauge(
    "flux_job_gpus",
    &["queue", "state"],
    "GPUs of active jobs: requested before allocation, allocated after, 0 \
     once freed.",
);
const SUBMITTED: Spec = Spec::counter(
    "flux_jobs_submitted_total",
    &["queue"],
    "Jobs submitted and accepted.",
);
const ALLOCATED: Spec = Spec::counter(
    "flux_jobs_allocated_total",
    &["queue"],
    "Jobs that were allocated resources.",
);
const FINISHED: Spec = Spec::counter(
    "flux_jobs_finished_total",
    &["queue", "result"],
    "Jobs that became inactive, by result; unknown where they did so while \
     the job journal was out of reach and left no eventlog.",
);
const FAILURES: Spec = Spec::counter(
    "flux_job_failures_total",
    &["queue", "cause"],
    "Jobs that failed, by cause: their fatal exception, or the exit code or \
     signal of their tasks.",
);
const EXCEPTIONS: Spec = Spec::counter(
    "flux_job_exceptions_total",
    &["type", "severity"],
    "Exceptions raised on jobs; severity 0 is fatal, others appear once \
     seen.",
);
const WAIT: Spec = Spec::histogram(
    "flux_job_wait_seconds",
    &["queue"],
    "Time from submission to allocation.",
);
const ELIGIBLE_WAIT: Spec = Spec::histogram(
    "flux_job_eligible_wait_seconds",
    &["queue"],
    "Time from the first entry to state SCHED, that is, with dependencies \
     met and a priority, to allocation.",
);
const LAUNCH: Spec = Spec::histogram(
    "flux_job_launch_seconds",
    &["queue"],
    "Time from allocation to start, the prolog included.",
);
const RUN: Spec = Spec::histogram(
    "flux_job_run_seconds",
    &["queue"],
    "Time from start to finish.",
);
const CLEANUP: Spec = Spec::histogram(
    "flux_job_cleanup_seconds",
    &["queue"],
    "Time from state CLEANUP, which begins at finish or a fatal exception, to \
     inactive, the epilog included.",
);
const NODE_SECONDS: Spec = Spec::counter(
    "flux_job_node_seconds_total",
    &["queue"],
    "Time that nodes were allocated to jobs, added up over nodes; a node of \
     which a job has a part counts whole, and once for each such job.",
);
const CORE_SECONDS: Spec = Spec::counter(
    "flux_job_core_seconds_total",
    &["queue"],
    "Time that cores were allocated to jobs, added up over cores.",
);
const GPU_SECONDS: Spec = Spec::counter(
    "flux_job_gpu_seconds_total",
    &["queue"],
    "Time that GPUs were allocated to jobs, added up over GPUs.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[
    JOBS,
    BLOCKED,
    NODES,
    CORES,
    GPUS,
    SUBMITTED,
    ALLOCATED,
    FINISHED,
    FAILURES,
    EXCEPTIONS,
    WAIT,
    ELIGIBLE_WAIT,
    LAUNCH,
    RUN,
    CLEANUP,
    NODE_SECONDS,
    CORE_SECONDS,
    GPU_SECONDS,
];

/// What is registered: reads the table when a scrape asks.
pub struct Metrics {
    jobs: Jobs,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
}

impl Metrics {
    /// Shows these jobs.
    pub fn new(jobs: &Jobs) -> Self {
        Self::with_clock(jobs, now)
    }

    /// The same, with another clock for what runs on between events.
    pub fn with_clock(
        jobs: &Jobs,
        clock: impl Fn() -> Time + Send + Sync + 'static,
    ) -> Self {
        Self { jobs: jobs.clone(), clock: Box::new(clock) }
    }
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        let accounts = accounts::specs(&self.jobs.lock()).collect();
        [SPECS.to_vec(), accounts].concat()
    }

    fn show(&self, parts: &mut Parts) {
        // one lock for all: the numbers of one moment
        let mut table = self.jobs.lock();
        parts.keep(table.version(), || numbers(&table));
        let now = (self.clock)();
        parts.add(running(table.unversioned(), now));
    }
}

/// What changes by events.
fn numbers(table: &Table) -> Vec<Family> {
    let mut families = Vec::with_capacity(SPECS.len());
    if table.has_synced() {
        // What is the case cannot be known without the journal, what was
        // counted stays counted.
        if table.synced() {
            families.extend(gauges(table));
        }
        families.extend(counters(table));
        families.extend(histograms(table));
    }
    families
}

/// What goes on between them.
fn running(table: &mut Table, now: Time) -> Vec<Family> {
    let mut families = Vec::new();
    if table.has_synced() {
        families.extend(integrals(table, now));
        families.extend(accounts::show(table, now));
    }
    families
}

fn gauges(table: &Table) -> [Family; 5] {
    let [mut jobs, mut blocked, mut nodes, mut cores, mut gpus] =
        [JOBS, BLOCKED, NODES, CORES, GPUS].map(Spec::family);
    for queue in table.totals().queues() {
        let name = &*queue.name;
        for (i, state) in State::ACTIVE.iter().enumerate() {
            let labels = [name, state.as_str()];
            let Sizes { nodes: n, cores: c, gpus: g } = queue.resources[i];
            jobs.add(&labels, queue.jobs[i] as f64);
            nodes.add(&labels, n as f64);
            cores.add(&labels, c as f64);
            gpus.add(&labels, g as f64);
        }
        let blocks = blocked_jobs(queue);
        // the last is not a matter of the journal
        let known = blocks.len() - usize::from(table.totals().stops_unknown);
        for (reason, count) in blocks.into_iter().take(known) {
            blocked.add(&[name, reason], count as f64);
        }
    }
    [jobs, blocked, nodes, cores, gpus]
}

fn blocked_jobs(queue: &QueueTotals) -> [(&'static str, u64); 3] {
    let dependency = State::Depend.index().map_or(0, |i| queue.jobs[i]);
    let stopped = if queue.stopped { queue.waiting } else { 0 };
    [
        ("dependency", dependency),
        ("held", queue.held),
        ("queue_stopped", stopped),
    ]
}

fn counters(table: &Table) -> [Family; 5] {
    let [
        mut submitted,
        mut allocated,
        mut finished,
        mut failures,
        mut exceptions,
    ] = [SUBMITTED, ALLOCATED, FINISHED, FAILURES, EXCEPTIONS]
        .map(Spec::family);
    let totals = table.totals();
    for queue in totals.queues() {
        let name = &*queue.name;
        submitted.add(&[name], queue.submitted as f64);
        allocated.add(&[name], queue.allocated as f64);
        for (outcome, count) in Outcome::ALL.iter().zip(queue.finished) {
            finished.add(&[name, outcome.as_str()], count as f64);
        }
        for (cause, count) in Cause::ALL.iter().zip(queue.failures) {
            failures.add(&[name, cause.as_str()], count as f64);
        }
    }
    for (kind, counts) in ExceptionType::ALL.iter().zip(&totals.exceptions) {
        for (severity, count) in counts.iter().enumerate() {
            if severity == 0 || *count > 0 {
                let labels = [kind.as_str(), &severity.to_string()];
                exceptions.add(&labels, *count as f64);
            }
        }
    }
    [submitted, allocated, finished, failures, exceptions]
}

fn histograms(table: &Table) -> [Family; 5] {
    type Pick = fn(&QueueTotals) -> &Histogram;
    let all: [(Spec, Pick); 5] = [
        (WAIT, |q| &q.wait),
        (ELIGIBLE_WAIT, |q| &q.eligible_wait),
        (LAUNCH, |q| &q.launch),
        (RUN, |q| &q.run),
        (CLEANUP, |q| &q.cleanup),
    ];
    all.map(|(spec, pick)| {
        let mut family = spec.family();
        for queue in table.totals().queues() {
            let histogram = pick(queue);
            family.add_histogram(
                &[&queue.name],
                histogram.bounds(),
                histogram.counts(),
                histogram.sum(),
            );
            if let Some(detail) = detail(histogram) {
                family.add_detail(detail);
            }
        }
        family
    })
}

/// What is kept of a histogram beyond its buckets.
fn detail(histogram: &Histogram) -> Option<Detail> {
    let (native, exemplars) = (histogram.native(), histogram.exemplars());
    if native.is_none() && exemplars.is_empty() {
        return None;
    }
    let native = native.map(|native| Native {
        schema: native.schema,
        zero_threshold: ZERO_THRESHOLD,
        zero: native.zero,
        buckets: native.buckets.clone(),
    });
    let exemplars = exemplars.iter().map(|exemplar| {
        exemplar.map(|Observed { job, value, at }| Exemplar {
            label: ("jobid", id::f58(job)),
            value,
            timestamp: at.as_secs(),
        })
    });
    Some(Detail { native, exemplars: exemplars.collect() })
}

fn integrals(table: &mut Table, now: Time) -> [Family; 3] {
    type Pick = fn(&mut QueueTotals) -> &mut Integral;
    let all: [(Spec, Pick); 3] = [
        (NODE_SECONDS, |q| &mut q.node_seconds),
        (CORE_SECONDS, |q| &mut q.core_seconds),
        (GPU_SECONDS, |q| &mut q.gpu_seconds),
    ];
    let until = table.known_until(now);
    all.map(|(spec, pick)| {
        let mut family = spec.family();
        for queue in table.totals_mut().queues_mut() {
            let name = queue.name.clone();
            family.add(&[&name], pick(queue).value(until));
        }
        family
    })
}
