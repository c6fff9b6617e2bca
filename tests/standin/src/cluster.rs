//! A seeded simulation of a cluster under Flux: nodes, queues, jobs, and the
//! services that tell of them.
//!
//! A [`job`] has its state machine, [`life`] knows what follows from what;
//! [`nodes`] are given out by [`schedule`]; [`traffic`] is jobs by chance;
//! [`requests`] come from modules, [`commands`] from users.
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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::instance::{Answer, Instance, Sent};

const JOURNAL: &str = "job-manager.events-journal";
const ENODATA: i32 = 61;

/// Loaded at first, and what may be unloaded.
const MODULES: &str = "config job-exec job-info job-ingest job-list \
    job-manager resource sched-simple";

/// What a cluster is like at first.
pub struct Settings {
    /// How many nodes.
    pub nodes: u32,
    /// At most 96.
    pub cores_per_node: u32,
    /// At most 32.
    pub gpus_per_node: u32,
    /// Decides all that is left to chance.
    pub seed: u64,
    /// Jobs by chance, per second; 0 is none.
    pub rate: f64,
    /// Active jobs from the start.
    pub jobs: usize,
    /// The configuration; its `queues` are the queues.
    pub config: Value,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nodes: 1,
            cores_per_node: 4,
            gpus_per_node: 0,
            seed: 1,
            rate: 0.0,
            jobs: 0,
            config: json!({}),
        }
    }
}

struct Queue {
    enabled: bool,
    started: bool,
    purged: u64,
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
    /// The state of the generator of chance.
    random: u64,
    rate: f64,
    nodes: nodes::Nodes,
    config: Value,
    queues: BTreeMap<Arc<str>, Queue>,
    jobs: BTreeMap<u64, Arc<job::Job>>,
    /// What the scheduler may start, by priority and age.
    pending: BTreeSet<(Reverse<u32>, u64)>,
    /// By when jobs with resources will be over, with how many cores.
    running: BTreeMap<(Time, u64), u64>,
    /// Who waits for a job to end.
    dependents: BTreeMap<u64, BTreeSet<u64>>,
    /// In the order in which they ended.
    inactive: VecDeque<u64>,
    /// What is to come; the number keeps the order of what is due at once.
    due: BTreeMap<(Time, u64), life::Step>,
    order: u64,
    pass_due: bool,
    loaded: BTreeSet<&'static str>,
    /// When job-list will have read all jobs.
    listed: f64,
    /// Whether someone listens to the journal, and how much it said.
    listener: bool,
    events: u64,
    outbox: Vec<(&'static str, Sent)>,
}

impl Cluster {
    /// A cluster that begins at `now`.
    pub fn new(settings: Settings, now: f64) -> Self {
        let (cores, gpus) = (settings.cores_per_node, settings.gpus_per_node);
        let mut cluster = Self {
            now,
            stamp: now,
            epoch: now - traffic::PAST - 1.0,
            random: settings.seed,
            nodes: nodes::Nodes::new(settings.nodes, cores, gpus),
            loaded: MODULES.split(' ').collect(),
            ..Self::default()
        };
        cluster.configure(settings.config);
        cluster.fill(settings.jobs);
        cluster.set_rate(settings.rate);
        cluster
    }

    /// Takes a new configuration. A queue that is no longer in it stays.
    fn configure(&mut self, config: Value) {
        let named = config["queues"].as_object().filter(|q| !q.is_empty());
        let names: Vec<&str> = match named {
            Some(queues) => queues.keys().map(|name| &**name).collect(),
            None => vec![""],
        };
        for name in names {
            // named queues are stopped until they are started
            let started = name.is_empty();
            let queue = Queue { enabled: true, started, purged: 0 };
            self.queues.entry(name.into()).or_insert(queue);
        }
        self.config = config;
    }

    fn load(&mut self, name: &str) -> Result<(), String> {
        let known = MODULES.split(' ').find(|module| *module == name);
        let known = known.ok_or(format!("{name}: module not found"))?;
        if known == "job-list" && !self.loaded.contains("job-manager") {
            return Err(format!("{name}: Function not implemented"));
        }
        if !self.loaded.insert(known) {
            return Err(format!("{name}: module already exists"));
        }
        match known {
            "job-manager" => self.restart(),
            "job-list" => {
                self.listed = self.now + 0.05 + 46e-6 * self.jobs.len() as f64;
            }
            _ => self.want_pass(),
        }
        Ok(())
    }

    fn unload(&mut self, name: &str) -> Result<(), String> {
        if !self.loaded.remove(name) {
            return Err(format!("{name}: No such file or directory"));
        }
        if name == "job-manager" {
            // job-list leaves with it
            self.loaded.remove("job-list");
            self.outbox.push((JOURNAL, Sent::End(ENODATA)));
            (self.listener, self.events) = (false, 0);
        }
        Ok(())
    }
}

impl Instance for Cluster {
    fn request(&mut self, topic: &str, payload: &str) -> Answer {
        self.answer(topic, payload)
    }

    fn advance(&mut self, now: f64) -> Vec<(&'static str, Sent)> {
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

    fn command(&mut self, args: &[String]) -> Result<String, String> {
        self.run_command(args)
    }
}
