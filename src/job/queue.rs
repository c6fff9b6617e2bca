//! The numbers of one queue.
//!
//! Gauges are kept by counting a job out before it changes and in again
//! after: whatever an event does to a job, the sums stay the sums of the
//! jobs.

use std::sync::Arc;

use super::Time;
use super::active::Job;
use super::demand::Demand;
use super::histogram::{Detail, Histogram};
use super::integral::Integral;
use super::outcome::{Cause, Outcome};
use super::resources::{Resources, Sizes};
use super::state::State;
use crate::resource::Capacity;

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
    pub demand: Demand,
    /// What they could be given, once that is known.
    pub capacity: Option<Capacity>,
    /// Since when it has no job that has or wants nodes.
    pub idle: Option<Time>,
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
    /// Seconds from CLEANUP to clean.
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
    /// Whether it was there when it was told last which queues are stopped.
    pub(super) listed: Option<bool>,
    /// Whether it ever had a job.
    pub(super) used: bool,
    /// Whether it is yet to be noted if it is idle.
    pub(super) touched: bool,
}

impl QueueTotals {
    pub(super) fn new(
        name: Arc<str>,
        bounds: &Arc<[f64]>,
        detail: Detail,
    ) -> QueueTotals {
        let histogram = || Histogram::new(bounds.clone());
        let mut totals = QueueTotals {
            name,
            jobs: Default::default(),
            resources: Default::default(),
            held: 0,
            waiting: 0,
            demand: Demand::default(),
            capacity: None,
            idle: None,
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
            listed: None,
            used: false,
            touched: false,
        };
        totals.set_bounds(bounds, detail);
        totals
    }

    /// Empties the histograms.
    pub(super) fn set_bounds(&mut self, bounds: &Arc<[f64]>, detail: Detail) {
        let plain = Detail { exemplars: false, ..detail };
        for (histogram, detail) in [
            (&mut self.wait, detail),
            (&mut self.eligible_wait, plain),
            (&mut self.launch, plain),
            (&mut self.run, detail),
            (&mut self.cleanup, plain),
        ] {
            *histogram = Histogram::new(bounds.clone()).with(detail);
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
            self.demand.enter(job, self.capacity);
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
            self.demand.leave(job, self.capacity);
        }
    }

    /// Whether it is known not to be in the configuration.
    pub fn is_gone(&self) -> bool {
        self.listed == Some(false)
    }

    /// Jobs that could be started, were there only the resources.
    pub fn pending(&self) -> Option<&Demand> {
        (!self.stopped).then_some(&self.demand)
    }

    /// Jobs that have resources, or are being cleaned up after.
    pub fn running(&self) -> u64 {
        let in_state = |s: State| s.index().map_or(0, |i| self.jobs[i]);
        in_state(State::Run) + in_state(State::Cleanup)
    }

    /// What they have.
    pub fn allocated(&self) -> Sizes {
        let mut sum = Sizes::default();
        for i in
            [State::Run, State::Cleanup].into_iter().filter_map(State::index)
        {
            sum.merge(self.resources[i]);
        }
        sum
    }

    /// Jobs that have resources or could be given some.
    pub fn active(&self) -> u64 {
        self.running() + self.pending().map_or(0, |demand| demand.jobs)
    }

    /// Whether that is noted which it is.
    pub(super) fn is_settled(&self) -> bool {
        (self.active() == 0) == self.idle.is_some()
    }

    /// Notes whether it is idle; it changed at `at` if it did.
    pub(super) fn settle(&mut self, at: Time) {
        match self.active() {
            0 => drop(self.idle.get_or_insert(at)),
            _ => self.idle = None,
        }
    }
}
