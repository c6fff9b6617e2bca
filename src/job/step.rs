//! What one event does to one job, and to the counters.

use serde_json::value::RawValue;

use super::accounts;
use super::active::{Flags, Held, Job};
use super::apply::{Flaw, Mode, end_allocation};
use super::event::{
    Alloc, Event, Exception, Finish, JobspecUpdate, Kind, Priority, Urgency,
};
use super::exception::ExceptionType;
use super::jobspec::Request;
use super::outcome::Cause;
use super::resources::Allocation;
use super::state::State;
use super::totals::Totals;
use super::{JobId, Malformed, ProblemKind, Time};

/// Applies one event.
pub(super) fn step(
    id: JobId,
    job: &mut Job,
    event: &Event<'_>,
    r: Option<&RawValue>,
    mode: Mode,
    totals: &mut Totals,
) -> Result<(), Flaw> {
    let kind = event.kind();
    if kind.is_counted() {
        job.seen = job.seen.saturating_add(1);
    }
    let mut step = Step {
        id,
        job,
        event,
        at: event.time(),
        counts: mode.counts(),
        totals,
    };
    match kind {
        Kind::Submit => step.submit(),
        Kind::Validate => step.validate(),
        Kind::Priority => step.priority(),
        Kind::Urgency => step.urgency(),
        Kind::JobspecUpdate => step.jobspec_update(mode),
        Kind::Alloc => step.alloc(r),
        Kind::Start => step.start(),
        Kind::Finish => step.finish(),
        Kind::Exception => step.exception(),
        Kind::Free => step.free(),
        other => step.advance(other, false),
    }
}

struct Step<'a> {
    id: JobId,
    job: &'a mut Job,
    event: &'a Event<'a>,
    at: Time,
    counts: bool,
    totals: &'a mut Totals,
}

type Stepped = Result<(), Flaw>;

impl<'a> Step<'a> {
    fn context<T: serde::Deserialize<'a>>(&self) -> Result<T, Flaw> {
        self.event.context().map_err(|e| (ProblemKind::Event, e))
    }

    /// Changes the state as the job manager does.
    fn advance(&mut self, kind: Kind, fatal: bool) -> Stepped {
        let job = &mut *self.job;
        job.state = job.state.after(kind, fatal);
        if job.state == State::Sched && !job.sched.is_set() {
            job.sched = self.at;
        }
        if job.state == State::Cleanup && !job.end.is_set() {
            job.end = self.at;
        }
        Ok(())
    }

    fn submit(&mut self) -> Stepped {
        if !self.job.submit.is_set() {
            self.job.submit = self.at;
            let Urgency { urgency } = self.context()?;
            self.job.flags.set(Flags::URGENCY_ZERO, urgency == 0);
        }
        Ok(())
    }

    fn validate(&mut self) -> Stepped {
        // not at submit: until now it could still be invalidated
        if self.counts && self.job.state == State::New {
            self.totals.at(self.job.queue).submitted += 1;
        }
        self.advance(Kind::Validate, false)
    }

    fn priority(&mut self) -> Stepped {
        if self.job.state.is_queued() {
            let Priority { priority } = self.context()?;
            self.job.flags.set(Flags::PRIORITY_ZERO, priority == 0);
        }
        self.advance(Kind::Priority, false)
    }

    fn urgency(&mut self) -> Stepped {
        let Urgency { urgency } = self.context()?;
        self.job.flags.set(Flags::URGENCY_ZERO, urgency == 0);
        self.advance(Kind::Urgency, false)
    }

    fn jobspec_update(&mut self, mode: Mode) -> Stepped {
        let update: JobspecUpdate<'_> = self.context()?;
        self.advance(Kind::JobspecUpdate, false)?;
        if mode != Mode::News {
            return Ok(());
        }
        if let Some(name) = &update.queue {
            self.move_to(name);
        }
        if self.totals.accounts.is_some() {
            self.recharge(&update);
        }
        match update.resources {
            Some(tree) if !self.job.alloc.is_set() => {
                let request = Request::parse(tree.get())
                    .map_err(|e| (ProblemKind::Jobspec, e))?;
                self.job.set_request(request);
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes queues: what was counted stays with the old one.
    fn move_to(&mut self, name: &str) {
        let job = &mut *self.job;
        let queue = self.totals.intern(name);
        let spans = job.held.as_ref().and_then(|held| held.spans.as_ref());
        if let Some(spans) = spans {
            self.totals.nodes.requeue(spans, job.queue, queue);
        }
        if queue != job.queue {
            self.split(|step| step.job.queue = queue);
        }
    }

    /// Changes who is charged, in the same way.
    fn recharge(&mut self, update: &JobspecUpdate<'_>) {
        let id = self.id;
        let changes = [
            (accounts::Kind::Bank, update.bank),
            (accounts::Kind::Project, update.project),
        ];
        for (kind, name) in changes {
            let Some(name) = name else { continue };
            self.split(|step| {
                if let Some(accounts) = &mut step.totals.accounts {
                    accounts.change(id, kind, name);
                }
            });
        }
    }

    /// What the allocation was before `change` is for one, what it is after
    /// for another.
    fn split(&mut self, change: impl FnOnce(&mut Self)) {
        let from = self.job.held.as_ref().map(|held| held.since);
        let at = from.map(|from| self.at.max(from));
        if let (Some(from), Some(at)) = (from, at) {
            self.totals.release(self.id, self.job, from, at);
        }
        change(self);
        if let (Some(held), Some(at)) = (&mut self.job.held, at) {
            held.since = at;
            self.totals.hold(self.id, self.job, at);
        }
    }

    fn alloc(&mut self, r: Option<&RawValue>) -> Stepped {
        let job = &mut *self.job;
        if job.alloc.is_set() {
            return Ok(());
        }
        let r = match r {
            Some(r) => Allocation::parse(r.get()),
            None => Err(Malformed::new("alloc without R")),
        };
        let (Allocation { size, spans }, flaw) = match r {
            Ok(allocation) => (allocation, None),
            Err(error) => (Allocation::default(), Some(error)),
        };
        job.alloc = self.at;
        job.size = size;
        if self.counts {
            let queue = self.totals.at(job.queue);
            queue.allocated += 1;
            if job.submit.is_set() {
                let seconds = job.alloc.since(job.submit);
                queue.wait.observe_of(self.id, seconds, self.at);
            }
            if job.sched.is_set() {
                queue.eligible_wait.observe(job.alloc.since(job.sched));
            }
            self.totals.hold(self.id, job, self.at);
        }
        // what the scheduler does not know of is not taken from anyone
        let context = self.event.context::<Alloc>();
        let counts_there = !context.is_ok_and(|alloc| alloc.bypass);
        let spans = counts_there.then(|| spans.into_boxed_slice());
        if let Some(spans) = &spans {
            self.totals.nodes.place(spans, job.queue, self.at);
        }
        job.held = Some(Box::new(Held { since: self.at, spans }));
        self.advance(Kind::Alloc, false)?;
        flaw.map_or(Ok(()), |e| Err((ProblemKind::Resources, e)))
    }

    fn start(&mut self) -> Stepped {
        let job = &mut *self.job;
        if !job.start.is_set() {
            job.start = self.at;
            if self.counts && job.alloc.is_set() {
                let seconds = job.start.since(job.alloc);
                self.totals.at(job.queue).launch.observe(seconds);
            }
        }
        self.advance(Kind::Start, false)
    }

    fn finish(&mut self) -> Stepped {
        let status = self.context().map(|c: Finish| c.status);
        let job = &mut *self.job;
        if self.counts && job.start.is_set() && job.finish.is_none() {
            let seconds = self.at.since(job.start);
            let run = &mut self.totals.at(job.queue).run;
            run.observe_of(self.id, seconds, self.at);
        }
        job.finish.get_or_insert_default();
        if let Ok(status) = status {
            let fatal = matches!(job.exception, Some((0, _)));
            if status == 0 && !fatal {
                job.flags.set(Flags::SUCCESS, true);
            }
            job.finish = Some(Some(Cause::of_status(status)));
        }
        self.advance(Kind::Finish, false)?;
        status.map(drop)
    }

    fn exception(&mut self) -> Stepped {
        let Exception { kind, severity } = self.context()?;
        let kind = ExceptionType::from_name(&kind);
        let by_severity = &mut self.totals.exceptions[kind as usize];
        let Some(count) = by_severity.get_mut(usize::from(severity)) else {
            let reason = Malformed::new("severity is not 0 to 7");
            return Err((ProblemKind::Event, reason));
        };
        if self.counts {
            *count += 1;
        }
        let earlier = self.job.exception;
        if earlier.is_none_or(|(lowest, _)| severity < lowest) {
            self.job.exception = Some((severity, kind));
        }
        let fatal = severity == 0;
        if fatal && kind == ExceptionType::SchedulerRestart {
            end_allocation(
                self.id,
                self.job,
                self.at,
                self.counts,
                self.totals,
            );
            self.advance(Kind::Free, false)?;
        }
        self.advance(Kind::Exception, fatal)
    }

    /// The allocation ends; housekeeping may come before the next job.
    fn free(&mut self) -> Stepped {
        let held = self.job.held.as_mut();
        if let Some(spans) = held.and_then(|held| held.spans.take()) {
            let nodes = &mut self.totals.nodes;
            nodes.free(self.id, spans.into_vec(), self.job.queue, self.at);
        }
        end_allocation(self.id, self.job, self.at, self.counts, self.totals);
        self.advance(Kind::Free, false)
    }
}
