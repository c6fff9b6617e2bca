//! The active jobs, kept current from the journal.
//!
//! A subscription ([`Table::begin`]) yields a backlog, a sentinel, and then
//! one event at a time.  The first backlog is the baseline: it says what is,
//! and counts nothing, because counters begin with the module.  The backlog
//! of a later subscription is compared with what was known (see `resync`),
//! so that every event is counted exactly once.
//!
//! The subscription must not filter out any event that is counted
//! ([`Kind::is_counted`]): how far a job's list has been read is an index into
//! that list.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::accounts;
use super::active::{Generation, Job};
use super::applied::{Applied, What, note};
use super::apply::{self, Fate, Mode};
use super::event::{Event, Kind, Response};
use super::histogram::Detail;
use super::jobs::Jobs;
use super::jobspec::Jobspec;
use super::resources::Allocation;
use super::state::State;
use super::totals::Totals;
use super::{JobId, Problem, ProblemKind, Time};
use crate::resource::{Housekeeping, Requires, Status};

/// Where in the stream we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not subscribed.
    Idle,
    /// Subscribed, the sentinel is yet to come.
    Backlog,
    /// The sentinel has come.
    Live,
}

/// The active jobs and their totals.
#[derive(Debug)]
pub struct Table {
    pub(super) jobs: Jobs,
    pub(super) totals: Totals,
    pub(super) phase: Phase,
    /// Whether there was a baseline.
    pub(super) baselined: bool,
    /// Which subscription this is.
    pub(super) generation: Generation,
    /// The latest timestamp of any event.
    pub(super) heard: Time,
    /// `heard` when the stream was lost: what is dated later is news.
    pub(super) horizon: Time,
    /// When the stream was lost.
    pub(super) broke: Time,
    /// Jobs completed by a backlog not yet complete: should it break off,
    /// the next one may show them again.
    pub(super) settled: HashSet<JobId>,
    pub(super) vanished: Vec<JobId>,
    pub(super) problems: [u64; ProblemKind::ALL.len()],
    pub(super) events: u64,
    pub(super) resyncs: u64,
    last_event: Option<Time>,
    lag: f64,
}

impl Table {
    /// An empty table; `bounds` are those of every histogram.
    pub fn new(bounds: Arc<[f64]>) -> Table {
        Table {
            jobs: Jobs::default(),
            totals: Totals::new(bounds),
            phase: Phase::Idle,
            baselined: false,
            generation: 0,
            heard: Time::UNSET,
            horizon: Time::UNSET,
            broke: Time::UNSET,
            settled: HashSet::new(),
            vanished: Vec::new(),
            problems: Default::default(),
            events: 0,
            resyncs: 0,
            last_event: None,
            lag: 0.0,
        }
    }

    /// Applies the text of one journal response received at `now`.
    pub fn apply(&mut self, line: &str, now: Time) -> Applied {
        let mut problems = Vec::new();
        let what = match Response::parse(line) {
            Err(error) => {
                let text = format!("journal: {error}");
                problems.push(Problem { kind: ProblemKind::Line, text });
                What::Malformed
            }
            Ok(response) => self.respond(&response, now, &mut problems),
        };
        self.applied(what, problems)
    }

    pub(super) fn applied(
        &mut self,
        what: What,
        problems: Vec<Problem>,
    ) -> Applied {
        for problem in &problems {
            self.problems[problem.kind as usize] += 1;
        }
        Applied { what, problems }
    }

    fn respond(
        &mut self,
        response: &Response<'_>,
        now: Time,
        problems: &mut Vec<Problem>,
    ) -> What {
        match self.phase {
            Phase::Idle => What::Idle,
            Phase::Live if response.is_sentinel() => What::Sentinel,
            Phase::Live => self.live(response, now, problems),
            Phase::Backlog if response.is_sentinel() => {
                self.end_backlog(now);
                What::Sentinel
            }
            Phase::Backlog => {
                self.backlog(response, problems);
                What::Backlog
            }
        }
    }

    fn live(
        &mut self,
        response: &Response<'_>,
        now: Time,
        problems: &mut Vec<Problem>,
    ) -> What {
        let (Some(first), Some(last)) =
            (response.events.first(), response.events.last())
        else {
            return What::Live;
        };
        self.events += response.events.len() as u64;
        self.last_event = Some(last.time());
        self.lag = now.since(last.time());
        self.heard = self.heard.max(last.time());
        let id = response.job();
        if self.jobs.get(id).is_none() {
            if first.kind() != Kind::Submit {
                return What::Unknown;
            }
            let (job, described) =
                apply::admit(response, self.generation, &mut self.totals);
            if let Err(flaw) = described {
                note(problems, id, "submit", flaw);
            }
            self.jobs.insert(id, job);
        }
        self.news(id, response.events.iter(), response.r, problems);
        self.totals.settle_touched(last.time());
        What::Live
    }

    /// Applies events not yet counted to a known job; whether it ended.
    pub(super) fn news<'a>(
        &mut self,
        id: JobId,
        events: impl Iterator<Item = &'a Event<'a>>,
        r: Option<&RawValue>,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let Some(job) = self.jobs.get_mut(id) else {
            return false;
        };
        let totals = &mut self.totals;
        totals.leave(id, job);
        let flawed = |e: &Event<'_>, flaw| note(problems, id, &e.name, flaw);
        match apply::steps(id, job, events, r, Mode::News, totals, flawed) {
            Fate::Active => {
                totals.enter(id, job);
                return false;
            }
            Fate::Over(at) => apply::complete(id, job, at, totals),
            Fate::Invalid(at) => {
                apply::end_allocation(id, job, at, true, totals);
                totals.forget(id);
            }
        }
        self.jobs.remove(id);
        if self.phase == Phase::Backlog {
            self.settled.insert(id);
        }
        true
    }

    /// Shows these queues from the start; see [`Totals::queues`].
    pub fn set_queues<S: AsRef<str>>(&mut self, names: &[S]) {
        self.totals.set_queues(names);
    }

    /// Of the configured queues these start no jobs.
    pub fn set_stopped(&mut self, names: &[&str]) {
        self.totals.set_stopped(names);
    }

    /// Nobody vouches for which queues are stopped, until that is said.
    pub fn forget_stopped(&mut self) {
        self.totals.stops_unknown = true;
    }

    /// What the resource module says of nodes, and the configuration of
    /// which queue is for which.
    pub fn set_nodes(&mut self, status: Status, requires: Requires, now: Time) {
        if self.totals.set_nodes(status, requires, now) {
            // whose requests can ever be met is another question now
            self.jobs.iter().for_each(|(id, job)| self.totals.leave(id, job));
            self.totals.set_capacities();
            self.jobs.iter().for_each(|(id, job)| self.totals.enter(id, job));
        }
        self.totals.settle(now);
    }

    /// Nobody vouches any more for what was said of nodes.
    pub fn forget_nodes(&mut self) {
        self.totals.nodes.forget();
    }

    /// What the job manager says of housekeeping. Returns the jobs of which
    /// it is to be told what they had: see [`Table::housekeep`].
    pub fn set_housekeeping(
        &mut self,
        said: Housekeeping,
        now: Time,
    ) -> Vec<JobId> {
        // what a backlog has not shown yet is not unknown
        match self.synced() {
            true => self.totals.nodes.set_housekeeping(said, now),
            false => Vec::new(),
        }
    }

    /// What a job that is over had, and in which queue it was.
    pub fn housekeep(
        &mut self,
        id: JobId,
        had: Allocation,
        jobspec: &str,
        now: Time,
    ) {
        let jobspec = Jobspec::parse(jobspec);
        let name = jobspec.as_ref().ok().and_then(|j| j.queue().ok());
        let queue = self.totals.intern(name.as_deref().unwrap_or_default());
        self.totals.nodes.housekeep(id, had.spans, queue, now);
    }

    /// Whether [`Table::settle`] has nothing to note.
    pub fn is_settled(&self) -> bool {
        !self.synced() || self.totals.is_settled()
    }

    /// Notes how busy the instance is, for changes that come without a time.
    pub fn settle(&mut self, now: Time) {
        if self.synced() {
            self.totals.settle(now);
        }
    }

    /// Tells accounts of a kind apart, of which the `top` ones are shown. To
    /// be said before the first subscription.
    pub fn open_accounts(&mut self, kind: accounts::Kind, top: usize) {
        let all = self.totals.accounts.get_or_insert_default();
        all.open(kind, top);
    }

    /// Decides anew which accounts of a kind are shown.
    pub fn choose_accounts(&mut self, kind: accounts::Kind, now: Time) {
        let now = self.known_until(now);
        let accounts = self.totals.accounts.as_mut();
        if let Some(ledger) = accounts.and_then(|a| a.ledger(kind)) {
            ledger.choose(now);
        }
    }

    /// Empties the histograms and gives them other bounds.
    pub fn set_bounds(&mut self, bounds: Arc<[f64]>) {
        self.totals.set_bounds(bounds);
    }

    /// Empties the histograms and has them keep more.
    pub fn set_detail(&mut self, detail: Detail) {
        self.totals.set_detail(detail);
    }

    /// The numbers.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The numbers, to read their integrals.
    pub fn totals_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }

    /// The active jobs, and those not yet validated.
    pub fn jobs(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.jobs.iter()
    }

    /// Whether it is one of those.
    pub fn has(&self, id: JobId) -> bool {
        self.jobs.get(id).is_some()
    }

    /// Its state, if it is.
    pub fn state(&self, id: JobId) -> Option<State> {
        self.jobs.get(id).map(Job::state)
    }

    /// Since when it has had resources, if it ever had.
    pub fn held_since(&self, id: JobId) -> Option<Time> {
        let alloc = self.jobs.get(id)?.alloc;
        alloc.is_set().then_some(alloc)
    }

    /// How many jobs are active: the sum over all states.
    pub fn active(&self) -> u64 {
        self.totals.active()
    }

    /// Whether the table is current.
    pub fn synced(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Up to when it is known what jobs have: not beyond a break of the
    /// stream, while that lasts. For all that reads integrals: who counted
    /// on would count what jobs that end in the gap do not have.
    pub fn known_until(&self, now: Time) -> Time {
        match self.synced() {
            true => now,
            false => now.min(self.broke),
        }
    }

    /// Whether there was a baseline, that is, whether counters count.
    pub fn has_synced(&self) -> bool {
        self.baselined
    }

    /// Problems met, by [`ProblemKind::ALL`].
    pub fn problems(&self) -> [u64; ProblemKind::ALL.len()] {
        self.problems
    }

    /// Events counted, those caught up on after a break included.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Breaks of the stream that were caught up on.
    pub fn resyncs(&self) -> u64 {
        self.resyncs
    }

    /// The timestamp of the last live event.
    pub fn last_event(&self) -> Option<Time> {
        self.last_event
    }

    /// How old the last live event was when it came, in seconds.
    pub fn lag(&self) -> f64 {
        self.lag
    }
}
