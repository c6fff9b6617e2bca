//! Jobs by chance: many small and short, few large and long, and some of
//! everything that can go wrong.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Cluster;
use super::job::{Event, Job, Spec};
use super::life::Step;

/// Of how long jobs run, in seconds.
const MEDIAN: f64 = 30.0;

/// The most nodes that a job asks for.
const MOST_NODES: u32 = 64;

/// For how long jobs that there are from the start have been there.
pub const PAST: f64 = 100_000.0;

impl Cluster {
    /// A power of two up to `most`, each half as likely as the one before.
    fn power(&mut self, most: u32) -> u32 {
        let mut size = 1;
        while size * 2 <= most && self.random.bool() {
            size *= 2;
        }
        size
    }

    pub(super) fn arrival(&mut self) {
        if self.rate == 0.0 {
            return;
        }
        let delay = -(1.0 - self.random.f64()).ln() / self.rate;
        self.later(delay, Step::Arrival);
        let (mut spec, mut urgency) = (self.random_spec(), 16);
        let last = self.last_id;
        let mut then = None;
        // so many of a thousand
        match self.random.u32(..1000) {
            0..30 => spec.status = 256,
            30..40 => spec.status = 11,
            40..45 => spec.mock = true,
            45..47 => (spec.nodes, spec.slots) = (1_000_000, 1_000_000),
            47..60 => spec.limit = spec.run / 2.0,
            60..80 => then = Some(Event::exception("cancel", 0, "")),
            80..100 => (urgency, then) = (0, Some(Event::urgency(16))),
            100..115 => spec.after = vec![("afterany", last)],
            115..130 => spec.after = vec![("afterok", last)],
            // which is not there: refused
            130..132 => spec.after = vec![("afterok", 1)],
            _ => {}
        }
        let id = self.submit(spec, urgency);
        if let (Ok(id), Some(event)) = (id, then) {
            let delay = 2.0 * MEDIAN * self.random.f64();
            self.later(delay, Step::Post(id, event));
        }
    }

    fn random_spec(&mut self) -> Spec {
        let nodes = self.nodes.free.len() as u32;
        let whole = super::nodes::cores_of(self.nodes.whole) as u32;
        let queue = self.random.usize(..self.queues.len());
        let queue = self.queues.keys().nth(queue).cloned();
        // log-normal: a sum of twelve is normal enough
        let normal = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
        let run = MEDIAN * (1.2 * normal).exp();
        let slots = self.power(whole);
        let mut spec = Spec {
            queue: queue.unwrap_or_default(),
            slots,
            cores: self.power(whole / slots),
            limit: (run * (1.0 + 3.0 * self.random.f64())).ceil(),
            run,
            ..Spec::default()
        };
        if self.random.f64() < 0.4 {
            spec.nodes = self.power(MOST_NODES.min(nodes));
            spec.slots *= spec.nodes;
            spec.exclusive = self.random.f64() < 0.5;
        }
        spec
    }

    /// Puts jobs in that were accepted before now, and starts as many as
    /// there is room for. Nobody listens yet.
    pub(super) fn fill(&mut self, count: usize) {
        // contexts are shared by all
        let events = [
            Event::submit(16),
            Event::new("validate", Value::Null),
            Event::new("depend", Value::Null),
            Event::new("priority", json!({ "priority": 16 })),
        ];
        let job = |i: usize| {
            let mut job = Job::new(self.random_spec());
            job.log.reserve_exact(events.len());
            let time = self.now - 1.0 - PAST * (1.0 - i as f64 / count as f64);
            for (i, event) in (0..).zip(&events) {
                let timestamp = time + 0.012 * f64::from(i);
                job.apply(Event { timestamp, ..event.clone() });
            }
            (self.new_id(time), Arc::new(job))
        };
        let jobs: Vec<_> = (0..count).map(job).collect();
        // made at once from what is sorted, the tree has no gaps
        self.jobs = jobs.into_iter().collect();
        if count > 0 {
            self.queues.values_mut().for_each(|queue| queue.started = true);
            self.sort_out();
            self.pass();
        }
    }
}
