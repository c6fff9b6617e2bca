//! How the table survives breaks of the journal stream.
//!
//! After a break the backlog of the new subscription lists, for every job
//! the job manager knows, the events so far.  Each job remembers how many of
//! its events were applied, so the rest of its list is what was missed, and
//! is counted as if it had come in time.  A job we never saw is counted
//! whole.  A job we knew that is not listed ended in the gap: it is offered
//! by [`Table::take_vanished`], for the caller to look up its eventlog.

use serde_json::value::RawValue;

use super::active::Job;
use super::applied::{Applied, What, note};
use super::apply::{self, Fate, Mode};
use super::event::{Event, Kind, Response};
use super::table::{Phase, Table};
use super::{JobId, Problem, ProblemKind, Time};

impl Table {
    /// A subscription was made: what follows is backlog, to the sentinel.
    pub fn begin(&mut self) {
        self.lost(self.heard);
        if !self.baselined {
            // an earlier backlog broke off before it said all
            for (id, mut job) in std::mem::take(&mut self.jobs).into_jobs() {
                self.totals.leave(id, &job);
                self.totals.forget(id);
                apply::unplace(&mut job, self.broke, &mut self.totals);
            }
        }
        self.generation = self.generation.wrapping_add(1);
        self.phase = Phase::Backlog;
    }

    /// The stream ended.
    pub fn lost(&mut self, now: Time) {
        if self.phase == Phase::Live {
            self.horizon = self.heard;
            self.broke = now;
        }
        self.phase = Phase::Idle;
    }

    /// Applies one job of a backlog.
    pub(super) fn backlog(
        &mut self,
        response: &Response<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let last = response.events.iter().map(Event::time).max();
        self.heard = self.heard.max(last.unwrap_or(Time::UNSET));
        let id = response.job();
        let listed = stored(&response.events).count();
        let Some(job) = self.jobs.get_mut(id) else {
            self.discover(response, problems);
            return;
        };
        let seen = job.seen as usize;
        if !self.baselined || listed < seen {
            // the job manager crashed before it stored all it told us
            self.rebuild(response, problems);
            return;
        }
        job.generation = self.generation;
        self.events += (listed - seen) as u64;
        let missed = stored(&response.events).skip(seen);
        self.news(id, missed, response.r, problems);
    }

    /// Applies the list of a job we do not know.
    fn discover(
        &mut self,
        response: &Response<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let events = &response.events;
        let id = response.job();
        let over = events.iter().any(|event| event.kind() == Kind::Clean);
        if over && !(self.baselined && self.is_news(id, events)) {
            return;
        }
        let mode = match self.baselined {
            true => Mode::Missed,
            false => Mode::History,
        };
        if mode.counts() {
            self.events += stored(events).count() as u64;
        }
        let (mut job, fate) = self.read(response, mode, problems);
        match fate {
            Fate::Active => self.insert(id, job),
            Fate::Over(at) if mode.counts() => {
                apply::complete(id, &mut job, at, &mut self.totals);
                self.settled.insert(id);
            }
            Fate::Over(at) | Fate::Invalid(at) => {
                apply::unplace(&mut job, at, &mut self.totals);
                self.totals.forget(id);
            }
        }
    }

    /// Whether a job that is over was not, nor existed, before the break.
    fn is_news(&self, id: JobId, events: &[Event<'_>]) -> bool {
        let submit = events.first().map_or(Time::UNSET, Event::time);
        submit > self.horizon && !self.settled.contains(&id)
    }

    /// Replaces a job by what its list says, counting nothing that was
    /// counted before, and its allocation without a seam.
    fn rebuild(
        &mut self,
        response: &Response<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let id = response.job();
        if let Some(mut old) = self.jobs.remove(id) {
            self.totals.leave(id, &old);
            let counts = self.baselined;
            let totals = &mut self.totals;
            apply::end_allocation(id, &mut old, self.broke, counts, totals);
        }
        let (mut job, fate) = self.read(response, Mode::History, problems);
        if let Some(held) = job.held.as_mut().filter(|_| self.baselined) {
            let since = job.alloc.max(self.broke);
            held.since = since;
            self.totals.hold(id, &job, since);
        }
        match fate {
            Fate::Active => self.insert(id, job),
            Fate::Over(at) if self.baselined => {
                apply::complete(id, &mut job, at, &mut self.totals);
                self.settled.insert(id);
            }
            Fate::Over(at) | Fate::Invalid(at) => {
                apply::unplace(&mut job, at, &mut self.totals);
                self.totals.forget(id);
            }
        }
    }

    /// Makes a job from its whole list.
    fn read(
        &mut self,
        response: &Response<'_>,
        mode: Mode,
        problems: &mut Vec<Problem>,
    ) -> (Job, Fate) {
        let id = response.job();
        let totals = &mut self.totals;
        let (mut job, described) =
            apply::admit(response, self.generation, totals);
        if let Err(flaw) = described {
            note(problems, id, "submit", flaw);
        }
        let fate = apply::steps(
            id,
            &mut job,
            response.events.iter(),
            response.r,
            mode,
            totals,
            |event, flaw| note(problems, id, &event.name, flaw),
        );
        (job, fate)
    }

    fn insert(&mut self, id: JobId, job: Job) {
        self.totals.enter(id, &job);
        self.jobs.insert(id, job);
    }

    /// The sentinel came at `now`.
    pub(super) fn end_backlog(&mut self, now: Time) {
        if self.baselined {
            self.resyncs += 1;
            let gone = self.jobs.iter();
            let gone = gone.filter(|(_, j)| j.generation != self.generation);
            self.vanished = gone.map(|(id, _)| id).collect();
        } else {
            self.baselined = true;
            self.totals.nodes.start(now);
            // inactive jobs are not in the backlog, but are old news too
            self.heard = self.heard.max(now);
            for (id, job) in self.jobs.iter_mut() {
                if let Some(held) = &mut job.held {
                    held.since = now;
                    self.totals.hold(id, job, now);
                }
            }
            if let Some(accounts) = &mut self.totals.accounts {
                accounts.start(now);
            }
        }
        self.settled.clear();
        self.totals.settle(now);
        self.phase = Phase::Live;
    }

    /// The jobs that ended in the gap, once after each resubscription.  They
    /// stay in the table until they are resolved.
    pub fn take_vanished(&mut self) -> Vec<JobId> {
        std::mem::take(&mut self.vanished)
    }

    /// Whether the eventlog of a vanished job has an "alloc" that is news, so
    /// that [`Table::resolve`] needs its R.
    pub fn needs_r(&self, id: JobId, eventlog: &str) -> bool {
        let is_alloc = |line| {
            Event::parse(line).is_ok_and(|event| event.kind() == Kind::Alloc)
        };
        self.vanished_job(id).is_some_and(|job| !job.alloc.is_set())
            && eventlog.lines().any(is_alloc)
    }

    /// Applies what is new in the eventlog of a vanished job (RFC 18, one
    /// event a line).  [`What::Resolved`] if that was its end, else the job
    /// is as before, or further, and still to be resolved.
    pub fn resolve(
        &mut self,
        id: JobId,
        eventlog: &str,
        r: Option<&str>,
    ) -> Applied {
        let Some(seen) = self.vanished_job(id).map(|job| job.seen) else {
            return self.applied(What::Unknown, Vec::new());
        };
        let lines = eventlog.lines().filter(|line| !line.is_empty());
        let events: Vec<_> = match lines.map(Event::parse).collect() {
            Ok(events) => events,
            Err(error) => {
                let text = format!("job {id}: eventlog: {error}");
                let problem = Problem { kind: ProblemKind::Line, text };
                return self.applied(What::Unresolved, vec![problem]);
            }
        };
        let mut problems = Vec::new();
        let missed = || stored(&events).skip(seen as usize);
        self.events += missed().count() as u64;
        // an R that is none is found to be missing
        let r = r.and_then(|r| serde_json::from_str::<&RawValue>(r).ok());
        let what = match self.news(id, missed(), r, &mut problems) {
            true => {
                // it ended before the sentinel came, and that is soon enough
                self.totals.settle(self.heard);
                What::Resolved
            }
            false => What::Unresolved,
        };
        self.applied(what, problems)
    }

    /// Gives up on a vanished job: it ended when the stream did, as far as
    /// anyone can tell.
    pub fn resolve_unknown(&mut self, id: JobId, now: Time) {
        if self.vanished_job(id).is_none() {
            return;
        }
        if let Some(mut job) = self.jobs.remove(id) {
            let until = self.broke.min(now);
            self.totals.leave(id, &job);
            self.totals.vanish(id, &job, until);
            apply::unplace(&mut job, until, &mut self.totals);
            self.totals.settle(now);
        }
    }

    fn vanished_job(&self, id: JobId) -> Option<&Job> {
        let job = self.jobs.get(id)?;
        (job.generation != self.generation).then_some(job)
    }
}

/// The events that count in [`Job`]'s `seen`.
fn stored<'a>(events: &'a [Event<'a>]) -> impl Iterator<Item = &'a Event<'a>> {
    events.iter().filter(|event| event.kind().is_counted())
}
