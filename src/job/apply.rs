//! Making a job, applying events to it, and counting its end.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::active::{Generation, Held, Job};
use super::event::{Event, Kind, Response};
use super::jobspec::{Jobspec, Whole};
use super::outcome::Outcome;
use super::state::State;
use super::step::step;
use super::totals::Totals;
use super::{JobId, Malformed, ProblemKind, Time};

/// How an event is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As history: the job is built, nothing is counted.
    History,
    /// As news in a complete list: counted, but the jobspec that came with
    /// the list already has every update in it.
    Missed,
    /// As news, one by one.
    News,
}

impl Mode {
    pub(super) fn counts(self) -> bool {
        self != Mode::History
    }
}

/// What was wrong, and with what; the caller knows the job.
pub(super) type Flaw = (ProblemKind, Malformed);

/// Makes a job, with a queue and sizes as far as its jobspec tells them.
pub(super) fn admit(
    response: &Response<'_>,
    generation: Generation,
    totals: &mut Totals,
) -> (Job, Result<(), Flaw>) {
    if let Some(accounts) = &mut totals.accounts {
        accounts.admit(response);
    }
    let (queue, request) = match response.jobspec {
        None => {
            let error = Malformed::new("no jobspec");
            (Ok(Cow::default()), Err(error))
        }
        Some(text) => match Whole::parse(text.get()) {
            Some((queue, request)) => (Ok(queue), Ok(request)),
            None => match Jobspec::parse(text.get()) {
                // each may be bad without the other
                Ok(jobspec) => (jobspec.queue(), jobspec.request()),
                Err(error) => (Ok(Cow::default()), Err(error)),
            },
        },
    };
    let name = queue.as_deref().unwrap_or_default();
    let mut job = Job::new(totals.intern(name), generation);
    let described = request.map(|r| job.set_request(r));
    let flaw = described.and(queue.map(drop));
    (job, flaw.map_err(|e| (ProblemKind::Jobspec, e)))
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Active,
    /// It became inactive at this time.
    Over(Time),
    /// It was never to be.
    Invalid(Time),
}

/// Applies events in order.  The job must be counted out of the gauges.
pub(super) fn steps<'a>(
    id: JobId,
    job: &mut Job,
    events: impl Iterator<Item = &'a Event<'a>>,
    r: Option<&RawValue>,
    mode: Mode,
    totals: &mut Totals,
    mut flawed: impl FnMut(&Event<'_>, Flaw),
) -> Fate {
    for event in events {
        if let Err(flaw) = step(id, job, event, r, mode, totals) {
            flawed(event, flaw);
        }
        if job.state == State::Inactive {
            return Fate::Over(event.time());
        }
        if event.kind() == Kind::Invalidate {
            return Fate::Invalid(event.time());
        }
    }
    Fate::Active
}

/// Ends the allocation at `at`, if there is one.
pub(super) fn end_allocation(
    id: JobId,
    job: &mut Job,
    at: Time,
    counts: bool,
    totals: &mut Totals,
) {
    if let Some(held) = job.held.as_ref().filter(|_| counts) {
        totals.release(id, job, held.since, at);
    }
    unplace(job, at, totals);
}

/// Takes a job off its nodes, if it is on any.
pub(super) fn unplace(job: &mut Job, at: Time, totals: &mut Totals) {
    if let Some(Held { spans: Some(spans), .. }) = job.held.take().as_deref() {
        totals.nodes.unplace(spans, job.queue, at);
    }
}

/// Counts the end of a job that became inactive at `at`.
pub(super) fn complete(
    id: JobId,
    job: &mut Job,
    at: Time,
    totals: &mut Totals,
) {
    end_allocation(id, job, at, true, totals);
    totals.forget(id);
    let queue = totals.at(job.queue);
    let outcome = job.outcome();
    queue.finished[outcome as usize] += 1;
    if outcome == Outcome::Failed {
        queue.failures[job.cause() as usize] += 1;
    }
    if job.start.is_set() && job.finish.is_none() && job.end.is_set() {
        let seconds = job.end.since(job.start);
        queue.run.observe_of(id, seconds, job.end);
    }
    if job.alloc.is_set() && job.end.is_set() {
        queue.cleanup.observe(at.since(job.end));
    }
}
