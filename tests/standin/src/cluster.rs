//! A seeded simulation of a cluster under Flux: nodes, queues, jobs, and the
//! services that tell of them.
//!
//! A [`job`] has its state machine, [`life`] knows what follows from what;
//! [`nodes`] are given out by [`schedule`]; [`traffic`] is what happens by
//! chance; [`requests`] come from modules, [`commands`] from users.
//!
//! Time is what `advance` says it is: requests and commands come at the time
//! of the last one. All that is to come is in one table, so
//! the same seed and the same calls give the same events, in big steps of
//! time as in small ones.

mod commands;
mod job;
mod life;
mod nodes;
mod requests;
mod schedule;
#[cfg(test)]
mod tests;
mod traffic;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::iter::once;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::abi::Inbox;

/// With more than this waiting for a module, time that is skipped waits too.
const BEHIND: usize = 10_000;

/// Loaded at first, and what may be unloaded.
const MODULES: &str = "config job-exec job-info job-ingest job-list \
                       job-manager resource sched-simple";

/// What a cluster is like at first. What its nodes have is configured, under
/// `fake-resources`.
#[derive(clap::Args)]
pub struct Settings {
    /// How many nodes, if the configuration does not say.
    #[arg(long, default_value_t = 1)]
    pub nodes: u32,
    /// Decides all that is left to chance.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Jobs by chance, per second.
    #[arg(long, default_value_t = 0.0)]
    pub rate: f64,
    /// Active jobs from the start.
    #[arg(long, default_value_t = 0)]
    pub jobs: usize,
}

struct Queue {
    enabled: bool,
    started: bool,
    /// How many of its jobs are in each state, then have each result.
    counts: [i64; 11],
}

/// Seconds since the epoch as bits, which sort as the seconds do.
type Time = u64;

/// The simulation.
#[derive(Default)]
pub struct Cluster {
    now: f64,
    /// The last event's time: each has its own.
    stamp: f64,
    /// Where the times in job ids begin.
    epoch: f64,
    last_id: u64,
    random: fastrand::Rng,
    rate: f64,
    nodes: nodes::Nodes,
    config: Value,
    queues: BTreeMap<String, Queue>,
    jobs: BTreeMap<u64, Arc<job::Job>>,
    /// What the scheduler may start, by priority and age.
    pending: BTreeSet<(Reverse<u64>, u64)>,
    /// By when jobs with resources will be over, with how many cores.
    running: BTreeMap<(Time, u64), u32>,
    /// Who waits for a job to end, and how it must.
    dependents: BTreeMap<u64, Vec<(String, u64)>>,
    /// What events had with them: each is kept once, for all that are alike.
    contexts: HashSet<Arc<Value>>,
    /// What is to come; the number keeps the order of what is due at once.
    due: BTreeMap<(Time, u64), life::Step>,
    order: u64,
    pass_due: bool,
    loaded: BTreeSet<&'static str>,
    /// Who listens to the journal.
    listeners: Vec<Inbox>,
}

impl Cluster {
    /// A cluster that begins at `now`.
    pub fn new(settings: &Settings, config: Value, now: f64) -> Result<Self> {
        let fake = |key: &str, default| {
            let number = config["fake-resources"][key].as_u64();
            number.map_or(default, |number| number as u32)
        };
        let past = if settings.jobs > 0 { now - traffic::PAST } else { now };
        let mut cluster = Self {
            now: past,
            stamp: past,
            epoch: past,
            random: fastrand::Rng::with_seed(settings.seed),
            rate: settings.rate,
            nodes: nodes::Nodes::new(
                fake("nnodes", settings.nodes),
                fake("cores-per-node", 4),
                fake("gpus-per-node", 0),
            ),
            loaded: MODULES.split(' ').collect(),
            ..Self::default()
        };
        cluster.configure(config);
        if settings.jobs > 0 {
            cluster.fill(settings.jobs, now)?;
        }
        if settings.rate > 0.0 {
            cluster.later(0.0, Self::arrival);
        }
        Ok(cluster)
    }

    /// Takes a new configuration. A queue that is no longer in it stays.
    fn configure(&mut self, config: Value) {
        let named = config["queues"].as_object().filter(|q| !q.is_empty());
        let names = named.map_or(vec![""], |queues| {
            queues.keys().map(String::as_str).collect()
        });
        for name in names {
            // named queues are stopped until they are started
            let started = name.is_empty();
            let queue = Queue { enabled: true, started, counts: [0; 11] };
            self.queues.entry(name.into()).or_insert(queue);
        }
        self.config = config;
    }

    fn load(&mut self, name: &str) -> Result<()> {
        let known = MODULES.split(' ').find(|module| *module == name);
        let known = known.context("module not found")?;
        self.loaded.insert(known);
        self.want_pass();
        Ok(())
    }

    fn unload(&mut self, name: &str) -> Result<()> {
        ensure!(self.loaded.remove(name), "No such file or directory");
        if name == "job-manager" {
            // job-list leaves with it
            self.loaded.remove("job-list");
            for listener in self.listeners.drain(..) {
                listener.send(once(Err((libc::ENODATA, c"".into()))));
            }
        }
        Ok(())
    }

    /// Moves time on to `now` (epoch seconds).
    pub fn advance(&mut self, now: f64) {
        while self.next() <= now {
            let Some(((time, _), step)) = self.due.pop_first() else { break };
            self.now = self.now.max(f64::from_bits(time));
            step(self);
        }
        self.now = self.now.max(now);
    }

    /// When something happens next by itself; infinite if nothing will.
    pub fn next(&self) -> f64 {
        let first = self.due.first_key_value();
        // without the job manager, nothing comes of anything
        let first = first.filter(|_| self.loaded.contains("job-manager"));
        first.map_or(f64::INFINITY, |(key, _)| f64::from_bits(key.0))
    }

    /// Whether the slowest module has much to do.
    pub fn is_ahead(&self) -> bool {
        self.listeners.iter().any(|l| l.waiting() > BEHIND)
    }
}
