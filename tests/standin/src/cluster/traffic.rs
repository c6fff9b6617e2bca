//! What happens by chance: many small and short jobs, few large and long, and
//! some of everything that can go wrong, nodes included.

use anyhow::Result;

use super::Cluster;
use super::job::{Event, Spec};

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
        let delay = -(1.0 - self.random.f64()).ln() / self.rate;
        self.later(delay, Self::arrival);
        let (mut spec, mut then) = (self.random_spec(), None);
        let (soon, last) = (2.0 * MEDIAN * self.random.f64(), self.last_id);
        // so many of a thousand
        match self.random.u32(..1000) {
            0..30 => spec.status = 256,
            30..40 => spec.status = 11,
            40..45 => spec.mock = Some("run".into()),
            45..47 => (spec.nodes, spec.slots) = (1_000_000, None),
            47..60 => spec.limit = spec.run / 2.0,
            60..80 => then = Some(Event::exception("cancel", 0, "")),
            80..100 => (spec.urgency, then) = (0, Some(Event::urgency(16))),
            100..115 => spec.dependency = vec![format!("afterany:{last}")],
            115..130 => spec.dependency = vec![format!("afterok:{last}")],
            // which is not there: refused
            130..132 => spec.dependency = vec!["afterok:1".into()],
            132..137 => {
                let rank = self.random.u32(..self.nodes.free.len() as u32);
                self.drain(rank..=rank, "broken");
                self.later(soon, move |it| it.undrain(rank..=rank));
            }
            _ => {}
        }
        let id = self.submit(spec);
        if let (Ok(id), Some(event)) = (id, then) {
            self.later(soon, move |it| it.post(id, event));
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
            urgency: 16,
            limit: (run * (1.0 + 3.0 * self.random.f64())).ceil(),
            run,
            ..Spec::default()
        }
    }

    /// Submits jobs from the past until `now`, then starts as many as there
    /// is room for.
    pub(super) fn fill(&mut self, count: usize, now: f64) -> Result<()> {
        self.queue("stop", &[])?;
        for i in 0..count {
            self.advance(now - PAST * (1.0 - i as f64 / count as f64));
            let spec = self.random_spec();
            self.submit(spec)?;
        }
        self.advance(now);
        self.queue("start", &[])?;
        self.pass();
        Ok(())
    }
}
