//! One number for each question of an autoscaler, for the instance and for
//! each queue.
//!
//! Source: the job journal and `resource.status`, by way of the collectors
//! `jobs` and `resources`; both are needed. Where `queues` is on, so is what it
//! knows: who is not told which queues are stopped would ask for their nodes.

use std::sync::Arc;

use super::family::{Family, Spec};
use super::health::Health;
use super::{Context, Jobs, now};
use crate::exposition::{Parts, Source};
use crate::flux::Result;
use crate::job::demand::Demand;
use crate::job::resources::Sizes;
use crate::job::{Table, Time};
use crate::resource::NodeState;

/// How often it is noted whether the instance is idle: job events tell by
/// themselves, stopped queues do not.
const INTERVAL: f64 = 1.0;

const PENDING: &str = "Jobs that wait only for resources: not held, \
    dependencies met, queue started, and not impossible (see \
    flux_autoscale_impossible_jobs). A disabled queue still starts its jobs.";
const ACTIVE: &str = "Jobs that have resources or wait only for resources: \
    pending ones, and those in states run and cleanup.";
const NODES: &str = "Nodes of which jobs have a part, each counted once, \
    and nodes that pending jobs ask for; requests for slots are turned into \
    nodes by how many of their slots the largest node has room for.";
const CORES: &str = "Cores that jobs have, and cores that pending jobs ask \
    for; a request for whole nodes counts those of the largest node.";
const GPUS: &str = "GPUs that jobs have, and GPUs that pending jobs ask \
    for; a request for whole nodes counts those of the largest node.";
const LARGEST: &str = "The most nodes that one pending job asks for, 0 if \
    none is pending.";
const OLDEST: &str = "Time since the pending job that has waited longest was \
    first eligible, 0 if none is pending.";
const FREE: &str = "Nodes in state free: up, not drained, and no job has a \
    part.";
const IDLE: &str = "Time since the last active job (flux_autoscale_active_\
    jobs), or since this module was loaded if there was none; 0 while there \
    is one.";
const IMPOSSIBLE: &str = "Jobs that wait only for resources but ask for more \
    nodes, cores or GPUs than all nodes that their queue can use, or more on \
    one node than any of them has; down and drained nodes included, excluded \
    ones not. They are in none of the other numbers: where the inventory \
    itself can grow, add them.";
const IMPOSSIBLE_NODES: &str = "Nodes that impossible jobs ask for.";

/// The same number for a queue.
macro_rules! of_queue {
    ($name:literal, $same:literal) => {
        Spec::gauge(
            $name,
            &["queue"],
            concat!($same, ", for one queue and the nodes that it can use."),
        )
    };
}

/// How many of the numbers there are for queues as well: first those that
/// change by events, then those that grow between them.
const SHARED: usize = STEADY + GROWING;
const STEADY: usize = 8;
const GROWING: usize = 2;

const INSTANCE: [Spec; SHARED] = [
    Spec::gauge("flux_autoscale_pending_jobs", &[], PENDING),
    Spec::gauge("flux_autoscale_active_jobs", &[], ACTIVE),
    Spec::gauge("flux_autoscale_nodes_wanted", &[], NODES),
    Spec::gauge("flux_autoscale_cores_wanted", &[], CORES),
    Spec::gauge("flux_autoscale_gpus_wanted", &[], GPUS),
    Spec::gauge("flux_autoscale_largest_pending_nodes", &[], LARGEST),
    Spec::gauge("flux_autoscale_impossible_jobs", &[], IMPOSSIBLE),
    Spec::gauge("flux_autoscale_impossible_nodes", &[], IMPOSSIBLE_NODES),
    Spec::gauge("flux_autoscale_oldest_pending_seconds", &[], OLDEST),
    Spec::gauge("flux_autoscale_idle_seconds", &[], IDLE),
];
const FREE_NODES: Spec = Spec::gauge("flux_autoscale_free_nodes", &[], FREE);
const QUEUES: [Spec; SHARED] = [
    of_queue!("flux_queue_pending_jobs", "As flux_autoscale_pending_jobs"),
    of_queue!("flux_queue_active_jobs", "As flux_autoscale_active_jobs"),
    of_queue!("flux_queue_nodes_wanted", "As flux_autoscale_nodes_wanted"),
    of_queue!("flux_queue_cores_wanted", "As flux_autoscale_cores_wanted"),
    of_queue!("flux_queue_gpus_wanted", "As flux_autoscale_gpus_wanted"),
    of_queue!(
        "flux_queue_largest_pending_nodes",
        "As flux_autoscale_largest_pending_nodes"
    ),
    of_queue!(
        "flux_queue_impossible_jobs",
        "As flux_autoscale_impossible_jobs"
    ),
    of_queue!(
        "flux_queue_impossible_nodes",
        "As flux_autoscale_impossible_nodes"
    ),
    of_queue!(
        "flux_queue_oldest_pending_seconds",
        "As flux_autoscale_oldest_pending_seconds"
    ),
    of_queue!("flux_queue_idle_seconds", "As flux_autoscale_idle_seconds"),
];

/// What is exposed here.
pub const SPECS: &[Spec] = &{
    let mut all = [FREE_NODES; 2 * SHARED + 1];
    let mut i = 0;
    while i < SHARED {
        all[i] = INSTANCE[i];
        all[SHARED + i] = QUEUES[i];
        i += 1;
    }
    all
};

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    if !context.has(&["jobs", "resources"]) {
        return Ok(());
    }
    context.register(Metrics {
        jobs: context.jobs.clone(),
        health: context.health.clone(),
    })?;
    let context = context.clone();
    context.scope.clone().every(INTERVAL, move || {
        let mut table = context.jobs.lock();
        if !table.is_settled() {
            table.settle(now());
        }
        let there = known(&table);
        drop(table);
        match there {
            true => context.health.report(context.scope.handle(), Ok(())),
            // its own collector says what is wrong
            false => context.health.down(context.jobs.failure()),
        }
    })
}

fn known(table: &Table) -> bool {
    let totals = table.totals();
    table.synced() && totals.nodes.known() && !totals.stops_unknown
}

pub(super) struct Metrics {
    pub(super) jobs: Jobs,
    pub(super) health: Arc<Health>,
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let table = self.jobs.lock();
        let version = table.version() + self.health.turns();
        let known = self.health.up() && known(&table);
        parts.keep(version, || match known {
            true => {
                let mut all = families(&table, 0, |numbers| numbers.steady());
                all.push(free(&table));
                all
            }
            false => Vec::new(),
        });
        let now = now();
        let growing = |numbers: &Numbers| numbers.growing(now);
        parts.add(match known {
            true => families(&table, STEADY, growing),
            false => Vec::new(),
        });
    }
}

/// Those of the instance and of queues, from the `first` of [`SHARED`] on.
fn families<const N: usize>(
    table: &Table,
    first: usize,
    values: impl Fn(&Numbers) -> [f64; N],
) -> Vec<Family> {
    let of = |specs: &[Spec; SHARED]| {
        let specs = specs[first..first + N].iter().copied();
        specs.map(Spec::family).collect::<Vec<_>>()
    };
    let (mut families, mut queues) = (of(&INSTANCE), of(&QUEUES));
    let totals = table.totals();
    let nothing = Demand::default();
    let mut demand = Demand::default();
    let (mut running, mut allocated) = (0, Sizes::default());
    for (queue, in_use) in totals.queues_and_use() {
        let own = Numbers {
            demand: queue.pending().unwrap_or(&nothing),
            running: queue.running(),
            in_use,
            allocated: queue.allocated(),
            idle: queue.idle,
        };
        for (family, value) in queues.iter_mut().zip(values(&own)) {
            family.add(&[&queue.name], value);
        }
        demand.merge(own.demand);
        running += own.running;
        allocated.merge(own.allocated);
    }
    let in_use = totals.nodes.in_use();
    let idle = totals.idle;
    let all = Numbers { demand: &demand, running, in_use, allocated, idle };
    for (family, value) in families.iter_mut().zip(values(&all)) {
        family.add(&[], value);
    }
    families.extend(queues);
    families
}

fn free(table: &Table) -> Family {
    let nodes = table.totals().nodes.all().nodes;
    let mut free = FREE_NODES.family();
    free.add(&[], nodes[NodeState::Free as usize] as f64);
    free
}

/// Of the instance, or of a queue.
struct Numbers<'a> {
    demand: &'a Demand,
    running: u64,
    in_use: u64,
    allocated: Sizes,
    idle: Option<Time>,
}

/// In the order of [`INSTANCE`] and [`QUEUES`].
impl Numbers<'_> {
    fn steady(&self) -> [f64; STEADY] {
        let Self { demand, running, in_use, allocated, .. } = self;
        [
            demand.jobs as f64,
            (running + demand.jobs) as f64,
            (in_use + demand.nodes()) as f64,
            (allocated.cores + demand.sizes.cores) as f64,
            (allocated.gpus + demand.sizes.gpus) as f64,
            f64::from(demand.largest().unwrap_or(0)),
            demand.impossible_jobs as f64,
            demand.impossible_nodes as f64,
        ]
    }

    fn growing(&self, now: Time) -> [f64; GROWING] {
        let since = |time: Option<Time>| time.map_or(0.0, |t| now.since(t));
        [since(self.demand.oldest()), since(self.idle)]
    }
}
