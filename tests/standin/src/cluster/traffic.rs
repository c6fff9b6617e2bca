//! What happens by chance: many small and short jobs, few large and long, and
//! some of everything that can go wrong, nodes included.

use std::sync::Arc;

use super::Cluster;
use super::job::{Event, Job, Spec};
use super::life::{Step, tally};

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
        let (mut after, mut then) = (None, None);
        let soon = 2.0 * MEDIAN * self.random.f64();
        // so many of a thousand
        match self.random.u32(..1000) {
            0..30 => spec.status = 256,
            30..40 => spec.status = 11,
            40..45 => spec.mock = Some("run".into()),
            45..47 => (spec.nodes, spec.slots) = (1_000_000, None),
            47..60 => spec.limit = spec.run / 2.0,
            60..80 => then = Some(Event::exception("cancel", 0, "")),
            80..100 => (urgency, then) = (0, Some(Event::urgency(16))),
            100..115 => after = Some(("afterany", self.last_id)),
            115..130 => after = Some(("afterok", self.last_id)),
            // which is not there: refused
            130..132 => after = Some(("afterok", 1)),
            132..137 => {
                let rank = self.random.u32(..self.nodes.free.len() as u32);
                self.drain(rank..=rank, "broken");
                self.later(soon, Step::Mended(rank));
            }
            _ => {}
        }
        let id = self.submit(spec, urgency, after.as_slice());
        if let (Ok(id), Some(event)) = (id, then) {
            self.later(soon, Step::Post(id, event));
        }
    }

    fn random_spec(&mut self) -> Spec {
        let (nodes, cores) = (self.nodes.free.len(), self.nodes.whole.cores);
        let queue = self.random.usize(..self.queues.len());
        let queue = self.queues.keys().nth(queue).cloned();
        // log-normal: a sum of twelve is normal enough
        let normal = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
        let run = MEDIAN * (1.2 * normal).exp();
        let slots = self.power(cores);
        let nodes = match self.random.f64() < 0.4 {
            true => self.power(MOST_NODES.min(nodes as u32)),
            false => 0,
        };
        Spec {
            queue: queue.unwrap_or_default(),
            nodes,
            slots: Some(slots * nodes.max(1)),
            cores: self.power(cores / slots),
            exclusive: self.random.bool(),
            limit: (run * (1.0 + 3.0 * self.random.f64())).ceil(),
            run,
            ..Spec::default()
        }
    }

    /// Puts jobs in that were accepted before now, and starts as many as
    /// there is room for. Nobody listens yet.
    pub(super) fn fill(&mut self, count: usize) {
        // contexts are shared by all
        let events = [
            Event::submit(16),
            Event::bare("validate"),
            Event::bare("depend"),
            Event::priority(16),
        ];
        for i in 0..count {
            let mut job = Job { spec: self.random_spec(), ..Job::default() };
            job.log.reserve_exact(events.len());
            let time = self.now - 1.0 - PAST * (1.0 - i as f64 / count as f64);
            for (i, event) in (0..).zip(&events) {
                let timestamp = time + 0.012 * f64::from(i);
                job.apply(Event { timestamp, ..event.clone() });
            }
            tally(&mut self.queues, &job, 1);
            let id = self.new_id(time);
            self.jobs.insert(id, Arc::new(job));
        }
        if count > 0 {
            self.queues.values_mut().for_each(|queue| queue.started = true);
            self.sort_out();
            self.pass();
        }
    }
}
