//! A seeded simulation of a cluster under Flux: nodes, queues, jobs, and the
//! services that tell of them.
//!
//! A [`job`] has its state machine, [`life`] knows what follows from what;
//! [`nodes`] are given out by [`schedule`]; [`traffic`] is what happens by
//! chance; [`requests`] come from modules, [`commands`] from users.
//!
//! Time is what `advance` says it is. All that is to come is in one table, so
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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::instance::{Answer, Instance, Sent};

const JOURNAL: &str = "job-manager.events-journal";

/// Loaded at first, and what may be unloaded.
const MODULES: [&str; 8] = [
    "config",
    "job-exec",
    "job-info",
    "job-ingest",
    "job-list",
    "job-manager",
    "resource",
    "sched-simple",
];

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

#[derive(Default)]
struct Queue {
    enabled: bool,
    started: bool,
    /// How many of its jobs are in each state, and have each result.
    states: [usize; 7],
    results: [usize; 4],
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
    pending: BTreeSet<(Reverse<u32>, u64)>,
    /// By when jobs with resources will be over, with how many cores.
    running: BTreeMap<(Time, u64), u32>,
    /// Who waits for a job to end, and how it must.
    dependents: BTreeMap<u64, Vec<(&'static str, u64)>>,
    /// What is to come; the number keeps the order of what is due at once.
    due: BTreeMap<(Time, u64), life::Step>,
    order: u64,
    pass_due: bool,
    loaded: BTreeSet<&'static str>,
    /// Whether someone listens to the journal.
    listener: bool,
    outbox: Vec<Sent>,
}

impl Cluster {
    /// A cluster that begins at `now`.
    pub fn new(settings: &Settings, config: Value, now: f64) -> Self {
        let fake = |key: &str, default| {
            let number = config["fake-resources"][key].as_u64();
            number.map_or(default, |number| number as u32)
        };
        let mut cluster = Self {
            now,
            stamp: now,
            epoch: now - traffic::PAST - 1.0,
            random: fastrand::Rng::with_seed(settings.seed),
            rate: settings.rate,
            nodes: nodes::Nodes::new(
                fake("nnodes", settings.nodes),
                fake("cores-per-node", 4),
                fake("gpus-per-node", 0),
            ),
            loaded: MODULES.into(),
            ..Self::default()
        };
        cluster.configure(config);
        cluster.fill(settings.jobs);
        if settings.rate > 0.0 {
            cluster.later(0.0, life::Step::Arrival);
        }
        cluster
    }

    /// Takes a new configuration. A queue that is no longer in it stays.
    fn configure(&mut self, config: Value) {
        let mut add = |name: &str| {
            // named queues are stopped until they are started
            let started = name.is_empty();
            let queue = Queue { enabled: true, started, ..Queue::default() };
            self.queues.entry(name.into()).or_insert(queue);
        };
        match config["queues"].as_object().filter(|q| !q.is_empty()) {
            Some(queues) => queues.keys().for_each(|name| add(name)),
            None => add(""),
        }
        self.config = config;
    }

    fn load(&mut self, name: &str) -> Result<(), String> {
        let known = MODULES.into_iter().find(|module| *module == name);
        let known = known.ok_or("module not found")?;
        if known == "job-list" && !self.loaded.contains("job-manager") {
            return Err("Function not implemented".into());
        }
        if self.loaded.insert(known) && known == "job-manager" {
            self.restart();
        }
        self.want_pass();
        Ok(())
    }

    fn unload(&mut self, name: &str) -> Result<(), String> {
        if !self.loaded.remove(name) {
            return Err("No such file or directory".into());
        }
        if name == "job-manager" {
            // job-list leaves with it
            self.loaded.remove("job-list");
            self.outbox.push((JOURNAL, Err(libc::ENODATA)));
            self.listener = false;
        }
        Ok(())
    }
}

impl Instance for Cluster {
    fn request(&mut self, topic: &str, payload: &str) -> Answer {
        self.answer(topic, payload)
    }

    fn advance(&mut self, now: f64) -> Vec<Sent> {
        while self.next().is_some_and(|next| next <= now) {
            let Some(((time, _), step)) = self.due.pop_first() else { break };
            self.now = self.now.max(f64::from_bits(time));
            self.happen(step);
        }
        self.now = self.now.max(now);
        std::mem::take(&mut self.outbox)
    }

    fn next(&self) -> Option<f64> {
        // without the job manager, nothing comes of anything
        self.loaded.contains("job-manager").then_some(())?;
        self.due.first_key_value().map(|(key, _)| f64::from_bits(key.0))
    }

    fn command(&mut self, words: &[&str]) -> Result<String, String> {
        self.run_command(words)
    }
}
