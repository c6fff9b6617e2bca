//! The numbers of one queue.
//!
//! Gauges are kept by counting a job out before it changes and in again
//! after: whatever an event does to a job, the sums stay the sums of the
//! jobs.

use std::sync::Arc;

use super::Time;
use super::active::Job;
use super::histogram::Histogram;
use super::integral::Integral;
use super::outcome::{Cause, Outcome};
use super::resources::{Resources, Sizes};
use super::state::State;

/// The numbers of one queue.
#[derive(Clone, Debug)]
pub struct QueueTotals {
    /// The queue's name, empty for the anonymous queue.
    pub name: Arc<str>,
    /// Active jobs, by [`State::ACTIVE`].
    pub jobs: [u64; State::ACTIVE.len()],
    /// Resources asked for or allocated, by [`State::ACTIVE`].
    pub resources: [Sizes; State::ACTIVE.len()],
    /// Jobs in PRIORITY or SCHED that are held.
    pub held: u64,
    /// Jobs in PRIORITY or SCHED that are not held.
    pub waiting: u64,
    /// What the waiting jobs ask for.
    pub waiting_resources: Sizes,
    /// The part of it asked for by jobs that leave the nodes open.
    pub waiting_slot_only: Sizes,
    /// Jobs submitted.
    pub submitted: u64,
    /// Jobs allocated resources.
    pub allocated: u64,
    /// Jobs over, by [`Outcome::ALL`].
    pub finished: [u64; Outcome::ALL.len()],
    /// Failed jobs, by [`Cause::ALL`].
    pub failures: [u64; Cause::ALL.len()],
    /// Seconds from submit to alloc.
    pub wait: Histogram,
    /// Seconds from the first SCHED to alloc.
    pub eligible_wait: Histogram,
    /// Seconds from alloc to start.
    pub launch: Histogram,
    /// Seconds from start to finish.
    pub run: Histogram,
    /// Seconds from finish to clean.
    pub cleanup: Histogram,
    /// Allocated nodes over time.
    pub node_seconds: Integral,
    /// Allocated cores over time.
    pub core_seconds: Integral,
    /// Allocated GPUs over time.
    pub gpu_seconds: Integral,
    /// Whether it starts no jobs.
    pub stopped: bool,
    /// Whether it is in the configuration.
    pub(super) configured: bool,
    /// Whether it ever had a job.
    pub(super) used: bool,
}

impl QueueTotals {
    pub(super) fn new(name: Arc<str>, bounds: &Arc<[f64]>) -> QueueTotals {
        let histogram = || Histogram::new(bounds.clone());
        QueueTotals {
            name,
            jobs: Default::default(),
            resources: Default::default(),
            held: 0,
            waiting: 0,
            waiting_resources: Sizes::default(),
            waiting_slot_only: Sizes::default(),
            submitted: 0,
            allocated: 0,
            finished: Default::default(),
            failures: Default::default(),
            wait: histogram(),
            eligible_wait: histogram(),
            launch: histogram(),
            run: histogram(),
            cleanup: histogram(),
            node_seconds: Integral::default(),
            core_seconds: Integral::default(),
            gpu_seconds: Integral::default(),
            stopped: false,
            configured: false,
            used: false,
        }
    }

    pub(super) fn set_bounds(&mut self, bounds: &Arc<[f64]>) {
        for histogram in [
            &mut self.wait,
            &mut self.eligible_wait,
            &mut self.launch,
            &mut self.run,
            &mut self.cleanup,
        ] {
            *histogram = Histogram::new(bounds.clone());
        }
    }

    /// An allocation begins.
    pub(super) fn hold(&mut self, size: Resources, from: Time) {
        self.node_seconds.add(size.nodes, from);
        self.core_seconds.add(size.cores, from);
        self.gpu_seconds.add(size.gpus, from);
    }

    /// An allocation that began at `from` ends.
    pub(super) fn release(&mut self, size: Resources, from: Time, to: Time) {
        self.node_seconds.remove(size.nodes, from, to);
        self.core_seconds.remove(size.cores, from, to);
        self.gpu_seconds.remove(size.gpus, from, to);
    }

    /// Counts a job in; `state` is its place in [`State::ACTIVE`].
    pub(super) fn enter(&mut self, job: &Job, state: usize) {
        let size = job.resources();
        self.jobs[state] += 1;
        self.resources[state].add(size);
        if job.is_held() {
            self.held += 1;
        } else if job.state.is_queued() {
            self.waiting += 1;
            self.waiting_resources.add(size);
            if job.slot_only {
                self.waiting_slot_only.add(size);
            }
        }
    }

    /// Counts a job out that was counted in as it is.
    pub(super) fn leave(&mut self, job: &Job, state: usize) {
        let size = job.resources();
        self.jobs[state] -= 1;
        self.resources[state].remove(size);
        if job.is_held() {
            self.held -= 1;
        } else if job.state.is_queued() {
            self.waiting -= 1;
            self.waiting_resources.remove(size);
            if job.slot_only {
                self.waiting_slot_only.remove(size);
            }
        }
    }
}
