//! The numbers of all queues.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::accounts::{self, Accounts, Charge};
use super::active::Job;
use super::exception::ExceptionType;
use super::histogram::Detail;
use super::outcome::Outcome;
use super::queue::QueueTotals;
use super::state::State;
use super::{JobId, Time};
use crate::resource::{Nodes, Requires, Status, Tally};

/// Where a queue is in [`Totals`].
pub(super) type QueueIndex = u16;

/// How many queues are told apart.
pub const MAX_QUEUES: usize = 1_000;

/// The queue of the jobs of all queues beyond [`MAX_QUEUES`].
pub const OTHER_QUEUE: &str = "other";

/// The numbers of the whole instance.
#[derive(Clone, Debug)]
pub struct Totals {
    queues: Vec<QueueTotals>,
    index: HashMap<Arc<str>, QueueIndex>,
    bounds: Arc<[f64]>,
    detail: Detail,
    /// Exceptions by [`ExceptionType::ALL`] and severity.
    pub exceptions: [[u64; 8]; ExceptionType::ALL.len()],
    /// Queues of which it is yet to be noted if they are idle.
    touched: Vec<QueueIndex>,
    /// How many are noted not to be.
    busy: usize,
    /// Nodes, and what jobs have of them.
    pub nodes: Nodes,
    /// Since when no job has or wants nodes.
    pub idle: Option<Time>,
    /// Whether it is not known any more, or not yet, which queues are stopped.
    pub stops_unknown: bool,
    /// Whose jobs they are, if somebody asked.
    pub(super) accounts: Option<Box<Accounts>>,
}

impl Totals {
    pub(super) fn new(bounds: Arc<[f64]>) -> Totals {
        Totals {
            queues: Vec::new(),
            index: HashMap::new(),
            bounds,
            detail: Detail::default(),
            exceptions: Default::default(),
            touched: Vec::new(),
            busy: 0,
            nodes: Nodes::default(),
            idle: None,
            stops_unknown: false,
            accounts: None,
        }
    }

    /// The queues that are configured or ever had a job.
    pub fn queues(&self) -> impl Iterator<Item = &QueueTotals> {
        self.queues.iter().filter(|queue| queue.configured || queue.used)
    }

    /// The same, to read their integrals.
    pub fn queues_mut(&mut self) -> impl Iterator<Item = &mut QueueTotals> {
        self.queues.iter_mut().filter(|queue| queue.configured || queue.used)
    }

    /// One queue by name.
    pub fn queue(&self, name: &str) -> Option<&QueueTotals> {
        self.queues().find(|queue| &*queue.name == name)
    }

    /// All active jobs.
    pub fn active(&self) -> u64 {
        self.queues.iter().flat_map(|queue| queue.jobs).sum()
    }

    /// The bounds of the histograms.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Shows the configured queues from the start, even without jobs; no
    /// names means the anonymous queue.  Queues that had jobs stay, since
    /// their counters may not vanish.
    pub(super) fn set_queues<S: AsRef<str>>(&mut self, names: &[S]) {
        for queue in &mut self.queues {
            queue.configured = false;
        }
        if names.is_empty() {
            self.configure("");
        }
        for name in names {
            self.configure(name.as_ref());
        }
    }

    fn configure(&mut self, name: &str) {
        let index = self.intern(name);
        self.queues[usize::from(index)].configured = true;
    }

    /// To be said of the queues that are configured.  One that is no more
    /// stays as it was: the scheduler has the jobs that it was offered.  One
    /// that never was starts none.
    pub(super) fn set_stopped(&mut self, names: &[&str]) {
        self.stops_unknown = false;
        let names: HashSet<_> = names.iter().copied().collect();
        for (i, queue) in (0..).zip(&mut self.queues) {
            let stopped = match (queue.configured, queue.listed) {
                (true, _) => names.contains(&*queue.name),
                (false, None) => true,
                (false, Some(_)) => queue.stopped,
            };
            let changes = std::mem::replace(&mut queue.stopped, stopped);
            if changes != stopped
                && !std::mem::replace(&mut queue.touched, true)
            {
                self.touched.push(i);
            }
            queue.listed = Some(queue.configured);
        }
    }

    /// Whether that changed what jobs can be given.
    pub(super) fn set_nodes(
        &mut self,
        status: Status,
        requires: Requires,
        now: Time,
    ) -> bool {
        let names: Vec<_> = requires.0.keys().cloned().collect();
        let queues: Vec<_> =
            names.iter().map(|name| self.intern(name)).collect();
        self.nodes.set(status, requires, &queues, now);
        (0..)
            .zip(&self.queues)
            .any(|(i, queue)| queue.capacity != self.nodes.capacity(i))
    }

    /// The jobs must be counted out of the gauges.
    pub(super) fn set_capacities(&mut self) {
        for (i, queue) in (0..).zip(&mut self.queues) {
            queue.capacity = self.nodes.capacity(i);
        }
    }

    /// Whether there is nothing to note.
    pub(super) fn is_settled(&self) -> bool {
        let idle = self.queues.iter().all(|queue| queue.idle.is_some());
        self.queues.iter().all(QueueTotals::is_settled)
            && idle == self.idle.is_some()
    }

    /// Notes what is idle; it changed at `at` if it did.
    pub(super) fn settle(&mut self, at: Time) {
        self.queues.iter_mut().for_each(|queue| queue.touched = true);
        self.touched = (0..).take(self.queues.len()).collect();
        self.settle_touched(at);
    }

    /// The same, after an event, which is about the jobs of a queue or two and
    /// is not to cost a look at all.
    pub(super) fn settle_touched(&mut self, at: Time) {
        for index in self.touched.drain(..) {
            let queue = &mut self.queues[usize::from(index)];
            queue.touched = false;
            self.busy -= usize::from(queue.idle.is_none());
            queue.settle(at);
            self.busy += usize::from(queue.idle.is_none());
        }
        match self.busy {
            0 => drop(self.idle.get_or_insert(at)),
            _ => self.idle = None,
        }
    }

    fn touch(&mut self, index: QueueIndex) {
        let queue = &mut self.queues[usize::from(index)];
        if !std::mem::replace(&mut queue.touched, true) {
            self.touched.push(index);
        }
    }

    /// The queues as in [`Totals::queues`], with the nodes that each can use.
    pub fn queues_and_nodes(
        &self,
    ) -> impl Iterator<Item = (&QueueTotals, Tally)> {
        let of = self.nodes.of_queues();
        self.numbered().map(move |(i, queue)| (queue, of(i)))
    }

    /// The same, with how many nodes each does use.
    pub fn queues_and_use(&self) -> impl Iterator<Item = (&QueueTotals, u64)> {
        let of = |i| self.nodes.queue_in_use(i);
        self.numbered().map(move |(i, queue)| (queue, of(i)))
    }

    fn numbered(&self) -> impl Iterator<Item = (QueueIndex, &QueueTotals)> {
        let all = (0..).zip(&self.queues);
        all.filter(|(_, queue)| queue.configured || queue.used)
    }

    /// Empties the histograms and gives them other bounds.
    pub(super) fn set_bounds(&mut self, bounds: Arc<[f64]>) {
        for queue in &mut self.queues {
            queue.set_bounds(&bounds, self.detail);
        }
        self.bounds = bounds;
    }

    /// Empties the histograms and has them keep more.
    pub(super) fn set_detail(&mut self, detail: Detail) {
        self.detail = detail;
        self.set_bounds(self.bounds.clone());
    }

    /// The place of a queue, made if need be.
    pub(super) fn intern(&mut self, name: &str) -> QueueIndex {
        if let Some(&index) = self.index.get(name) {
            return index;
        }
        if self.queues.len() >= MAX_QUEUES && name != OTHER_QUEUE {
            return self.intern(OTHER_QUEUE);
        }
        let index = self.queues.len() as QueueIndex;
        let name: Arc<str> = Arc::from(name);
        let mut queue =
            QueueTotals::new(name.clone(), &self.bounds, self.detail);
        queue.capacity = self.nodes.capacity(index);
        queue.idle = self.idle;
        self.busy += usize::from(queue.idle.is_none());
        self.queues.push(queue);
        self.index.insert(name, index);
        self.touch(index);
        index
    }

    /// The numbers of a queue that has a job, and from now on is shown.
    pub(super) fn at(&mut self, index: QueueIndex) -> &mut QueueTotals {
        self.touch(index);
        let queue = &mut self.queues[usize::from(index)];
        queue.used = true;
        queue
    }

    /// Counts a job in.
    pub(super) fn enter(&mut self, id: JobId, job: &Job) {
        if let Some(state) = job.state.index() {
            self.at(job.queue).enter(job, state);
            if let Some(accounts) = &mut self.accounts {
                accounts.enter(id, job, state);
            }
        }
    }

    /// Counts a job out that was counted in as it is.
    pub(super) fn leave(&mut self, id: JobId, job: &Job) {
        if let Some(state) = job.state.index() {
            self.at(job.queue).leave(job, state);
            if let Some(accounts) = &mut self.accounts {
                accounts.leave(id, job, state);
            }
        }
    }

    /// The allocation of a job begins to count, at its `since`.
    pub(super) fn hold(&mut self, id: JobId, job: &Job, from: Time) {
        self.at(job.queue).hold(job.size, from);
        if let Some(accounts) = &mut self.accounts {
            accounts.hold(id, job, from);
        }
    }

    /// What began to count ends at `to`.
    pub(super) fn release(
        &mut self,
        id: JobId,
        job: &Job,
        from: Time,
        to: Time,
    ) {
        self.at(job.queue).release(job.size, from, to);
        if let Some(accounts) = &mut self.accounts {
            accounts.release(id, job, from, to);
        }
    }

    /// A job is not known any more.
    pub(super) fn forget(&mut self, id: JobId) {
        if let Some(accounts) = &mut self.accounts {
            accounts.forget(id);
        }
    }

    /// A job ended without our seeing how; its allocation did at `until`.
    pub(super) fn vanish(&mut self, id: JobId, job: &Job, until: Time) {
        if let Some(held) = &job.held {
            self.release(id, job, held.since, until);
        }
        // a job that was never validated is not a job for anyone
        if job.state != State::New {
            let queue = self.at(job.queue);
            queue.finished[Outcome::Unknown as usize] += 1;
        }
        self.forget(id);
    }

    /// Whether accounts of a kind are told apart.
    pub fn has_accounts(&self, kind: accounts::Kind) -> bool {
        self.accounts.as_ref().is_some_and(|a| a.has(kind))
    }

    /// The accounts of a kind that are shown, the last of them the rest, and
    /// what the counters had that ended; nothing if nobody asked.
    pub fn charges(
        &mut self,
        kind: accounts::Kind,
        now: Time,
    ) -> Option<(Vec<Charge>, f64)> {
        let ledger = self.accounts.as_mut()?.ledger(kind)?;
        let (mut jobs, mut nodes, mut seconds) = ([0; 5], 0, 0);
        for queue in &mut self.queues {
            jobs.iter_mut().zip(queue.jobs).for_each(|(sum, n)| *sum += n);
            nodes += queue.allocated().nodes;
            seconds += queue.node_seconds.read(now);
        }
        let charges = ledger.charges(jobs, nodes, seconds, now);
        Some((charges, ledger.retired()))
    }
}

#[cfg(test)]
mod tests;
