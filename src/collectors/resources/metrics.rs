//! The families of nodes, cores and GPUs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::super::family::{Family, Spec};
use super::super::{Jobs, now};
use crate::exposition::{Parts, Source};
use crate::job::{Table, Time, Totals};
use crate::resource::journal::EVENTS;
use crate::resource::{NodeState, Tally};

const NODES: Spec = Spec::gauge(
    "flux_nodes",
    &["state"],
    "Nodes by state; each is in one. Allocated and draining ones have a job, \
     draining and drained ones are drained, down ones offline or torpid, \
     excluded ones not for jobs by configuration.",
);
const CORES: Spec = Spec::gauge(
    "flux_cores",
    &["state"],
    "Cores by state. Those of a node are in the state of the node, except \
     that the unallocated ones of an allocated node are free, and those of a \
     draining node drained.",
);
const GPUS: Spec =
    Spec::gauge("flux_gpus", &["state"], "GPUs by state, as for cores.");
const SECONDS: Spec = Spec::counter(
    "flux_node_state_seconds_total",
    &["state"],
    "Time that nodes were in each state, added up over nodes.",
);
const TRANSITIONS: Spec = Spec::counter(
    "flux_node_transitions_total",
    &["event"],
    "Nodes that went on- or offline, were drained or undrained, or became \
     torpid or lively, by event of the resource journal (Flux 0.72 and \
     later).",
);
/// Of jobs or queues, so private.
pub const QUEUE_NODES: Spec = Spec::gauge(
    "flux_queue_nodes",
    &["queue", "state"],
    "Nodes that the queue can use, by state: those with the properties it \
     requires, else all. Who uses them does not matter.",
);

/// What is exposed here.
pub const SPECS: &[Spec] =
    &[NODES, CORES, GPUS, SECONDS, TRANSITIONS, QUEUE_NODES];

/// Counts of the resource journal.
#[derive(Default)]
pub struct Transitions {
    /// Whether it was ever heard.
    heard: AtomicBool,
    counts: [AtomicU64; EVENTS.len()],
}

impl Transitions {
    /// What follows is news.
    pub fn listening(&self) {
        self.heard.store(true, Relaxed);
    }

    /// Adds to the counts.
    pub fn count(&self, more: [u64; EVENTS.len()]) {
        for (sum, more) in self.counts.iter().zip(more) {
            sum.fetch_add(more, Relaxed);
        }
    }
}

/// What is registered: reads the table when a scrape asks.
pub struct Metrics {
    jobs: Jobs,
    transitions: Arc<Transitions>,
}

impl Metrics {
    /// Shows the nodes of this table.
    pub fn new(jobs: &Jobs, transitions: &Arc<Transitions>) -> Self {
        Self { jobs: jobs.clone(), transitions: transitions.clone() }
    }
}

impl Source for Metrics {
    fn specs(&self) -> Vec<Spec> {
        SPECS.into()
    }

    fn show(&self, parts: &mut Parts) {
        let mut table = self.jobs.lock();
        let known = table.totals().nodes.known() && table.has_synced();
        parts.keep(table.version(), || match known && table.synced() {
            true => gauges(table.totals()),
            // without the job journal nobody knows what is allocated
            false => Vec::new(),
        });
        parts.add(known.then(|| seconds(table.unversioned(), now())));
        let heard = self.transitions.heard.load(Relaxed);
        let counts =
            self.transitions.counts.each_ref().map(|n| n.load(Relaxed));
        let changes = u64::from(heard) + counts.iter().sum::<u64>();
        parts.keep(table.version() + changes, || {
            let mut transitions = TRANSITIONS.family();
            if known && heard {
                for (event, count) in EVENTS.iter().zip(counts) {
                    transitions.add(&[event], count as f64);
                }
            }
            vec![transitions]
        });
    }
}

fn gauges(totals: &Totals) -> Vec<Family> {
    let mut families = Vec::from(by_state(&totals.nodes.all()));
    let mut nodes = QUEUE_NODES.family();
    let queues = totals.queues_and_nodes();
    for (queue, tally) in queues.filter(|(queue, ..)| !queue.is_gone()) {
        for (state, n) in NodeState::ALL.iter().zip(tally.nodes) {
            nodes.add(&[&queue.name, state.as_str()], n as f64);
        }
    }
    families.push(nodes);
    families
}

fn seconds(table: &mut Table, now: Time) -> Family {
    let mut seconds = SECONDS.family();
    let until = table.known_until(now);
    let values = table.totals_mut().nodes.seconds(until);
    for (state, value) in NodeState::ALL.iter().zip(values) {
        seconds.add(&[state.as_str()], value);
    }
    seconds
}

fn by_state(tally: &Tally) -> [Family; 3] {
    [(NODES, tally.nodes), (CORES, tally.cores), (GPUS, tally.gpus)].map(
        |(spec, by_state)| {
            let mut family = spec.family();
            for (state, n) in NodeState::ALL.iter().zip(by_state) {
                family.add(&[state.as_str()], n as f64);
            }
            family
        },
    )
}
