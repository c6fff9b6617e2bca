//! First come, first served by priority, with backfill: when the first job
//! has to wait, others overtake it only if they will be over by the earliest
//! time at which it could start.

use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use serde_json::json;

use super::job::{Event, R};
use super::{Cluster, Time};

/// How many jobs a pass finds to have to wait before it looks no further.
const DEPTH: usize = 100;

impl Cluster {
    /// Has the scheduler look soon; what changes until then is one with it.
    pub(super) fn want_pass(&mut self) {
        if !self.pass_due {
            self.pass_due = true;
            self.later(0.01, Self::pass);
        }
    }

    pub(super) fn pass(&mut self) {
        self.pass_due = false;
        if !self.loaded.contains("sched-simple") {
            return;
        }
        // by when one that overtakes must be over, once there is one to wait
        let mut reserved = None;
        let mut waiting = 0;
        let mut next = self.pending.first().copied();
        while let Some(key) = next.filter(|_| waiting < DEPTH) {
            let rest = (Bound::Excluded(key), Bound::Unbounded);
            next = self.pending.range(rest).next().copied();
            let (_, id) = key;
            let spec = &self.jobs[&id].spec;
            let limit = Some(spec.limit).filter(|limit| *limit > 0.0);
            let until = self.now + limit.unwrap_or(f64::INFINITY);
            if !self.nodes.satisfies(spec) {
                let note = "unsatisfiable request";
                self.post(id, Event::exception("alloc", 0, note));
            } else if reserved.is_some_and(|by| until.to_bits() > by) {
                waiting += 1;
            } else {
                match self.nodes.find(spec) {
                    Ok(pieces) => self.allocate(id, R(pieces, self.now, until)),
                    Err(cores) => {
                        waiting += 1;
                        reserved = reserved.or(Some(self.earliest(cores)));
                    }
                }
            }
        }
    }

    /// A time before which so many cores are not free. They may not be where
    /// they are needed even then: so fewer may overtake than could.
    fn earliest(&self, cores: u32) -> Time {
        let mut free = self.nodes.free_cores;
        let mut ends = self.running.iter().map(|((end, _), held)| {
            free += held;
            (*end, free)
        });
        ends.find(|(_, free)| *free >= cores).map_or(0, |(end, _)| end)
    }

    fn allocate(&mut self, id: u64, r: R) {
        self.nodes.change(&r.0, -1);
        let cores = r.0.iter().map(|piece| piece.1.cores).sum();
        self.running.insert((r.2.to_bits(), id), cores);
        if let Some(job) = self.jobs.get_mut(&id) {
            Arc::make_mut(job).r = Some(r);
        }
        self.post(id, Event::bare("alloc"));
    }

    /// Takes back what a job had.
    pub(super) fn give_back(&mut self, id: u64) {
        let job = self.jobs.get(&id);
        if let Some(R(pieces, _, until)) = job.and_then(|job| job.r.as_ref()) {
            self.nodes.change(pieces, 1);
            self.running.remove(&(until.to_bits(), id));
            self.want_pass();
        }
    }

    /// Nodes get no jobs any more; those that they have go on.
    pub(super) fn drain(&mut self, ranks: RangeInclusive<u32>, reason: &str) {
        let why = json!({ "timestamp": self.now, "reason": reason });
        self.nodes.drained.extend(ranks.map(|rank| (rank, why.clone())));
    }

    pub(super) fn undrain(&mut self, ranks: RangeInclusive<u32>) {
        self.nodes.drained.retain(|rank, _| !ranks.contains(rank));
        self.want_pass();
    }
}
