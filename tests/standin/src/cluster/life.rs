//! What happens to jobs, in the order in which Flux has it happen.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter::once;
use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::job::{Event, Job, STATES, Spec, State};
use super::{Cluster, Queue};
use crate::abi::c_text;

/// Something to come.
pub type Step = Box<dyn FnOnce(&mut Cluster) + Send>;

/// Counts a job in its queue, or no longer does.
pub fn tally(queues: &mut BTreeMap<String, Queue>, job: &Job, by: i64) {
    let Some(queue) = queues.get_mut(&job.spec.queue) else { return };
    queue.counts[job.state as usize] += by;
    if !job.is_active() {
        queue.counts[STATES.len() + job.result.unwrap_or(1)] += by;
    }
}

impl Cluster {
    /// Has something happen after a delay in seconds.
    pub(super) fn later<R>(
        &mut self,
        delay: f64,
        step: impl FnOnce(&mut Self) -> R + Send + 'static,
    ) {
        self.order += 1;
        let time = (self.now + delay).max(0.0).to_bits();
        let step = |cluster: &mut Self| drop(step(cluster));
        self.due.insert((time, self.order), Box::new(step));
    }

    /// Whether the scheduler may start a job.
    fn is_pending(&self, job: &Job) -> bool {
        let started =
            self.queues.get(&job.spec.queue).is_some_and(|q| q.started);
        job.state == State::Sched && job.priority > 0 && started
    }

    /// Looks anew for what is pending, as after a queue was stopped.
    pub(super) fn sort_out(&mut self) {
        let jobs = self.jobs.iter().filter(|(_, job)| self.is_pending(job));
        let key = |(&id, job): (&u64, &Arc<Job>)| (Reverse(job.priority), id);
        self.pending = jobs.map(key).collect();
        self.want_pass();
    }

    /// Posts an event, if it can happen: it changes the job, goes to who
    /// listens, and has its consequences.
    pub(super) fn post(&mut self, id: u64, event: Event) -> bool {
        let Some(job) = self.jobs.get_mut(&id) else { return false };
        self.stamp = (self.stamp + 1e-6).max(self.now);
        self.contexts.insert(event.context.clone());
        let context = self.contexts.get(&event.context).cloned();
        let (timestamp, context) = (self.stamp, context.unwrap_or_default());
        let event = Event { timestamp, context, ..event };
        self.pending.remove(&(Reverse(job.priority), id));
        tally(&mut self.queues, job, -1);
        let outcome = Arc::make_mut(job).apply(event.clone());
        tally(&mut self.queues, job, 1);
        let job = job.clone();
        if self.is_pending(&job) {
            self.pending.insert((Reverse(job.priority), id));
            self.want_pass();
        }
        let Some(next) = outcome else { return false };
        if !self.listeners.is_empty() {
            let line = job.response(id, std::slice::from_ref(&event));
            let line = c_text(&line);
            self.listeners
                .retain(|listener| listener.send(once(Ok(line.clone()))));
        }
        // or what follows would change a copy
        drop(job);
        match event.name {
            "free" => self.give_back(id),
            "clean" => self.ended(id),
            _ => {}
        }
        match next {
            Some((delay, next)) if delay > 0.0 => {
                self.later(delay, move |it| it.post(id, next));
            }
            Some((_, next)) => drop(self.post(id, next)),
            None => {}
        }
        true
    }

    /// Submits a job, which is validated when this returns. It depends on
    /// others, each with how that must end.
    pub(super) fn submit(&mut self, spec: Spec) -> Result<u64> {
        let enabled = self.queues.get(&spec.queue).is_some_and(|q| q.enabled);
        ensure!(enabled, "queue '{}': invalid or disabled", spec.queue);
        // as Flux makes them: a time in ms, then what makes it unique
        let id = (((self.now - self.epoch) * 1000.0) as u64) << 24;
        let id = id.max(self.last_id + 1);
        self.last_id = id;
        let context = json!({
            "urgency": spec.urgency, "userid": 0, "flags": 0, "version": 1,
        });
        let after = spec.dependency.clone();
        let job = Job { spec, ..Job::default() };
        tally(&mut self.queues, &job, 1);
        self.jobs.insert(id, Arc::new(job));
        self.post(id, Event::new("submit", context));
        for dependency in &after {
            let (scheme, on) = dependency.split_once(':').unwrap_or_default();
            let on = on.parse().unwrap_or_default();
            let job = self.jobs.get(&on).filter(|job| job.meets(scheme));
            let Some(over) = job.map(|job| !job.is_active()) else {
                self.post(id, Event::bare("invalidate"));
                let job = self.jobs.remove(&id);
                job.iter().for_each(|job| tally(&mut self.queues, job, -1));
                bail!("dependency: {dependency} cannot be met");
            };
            self.post(id, depends("dependency-add", scheme, on));
            let after = (scheme.to_owned(), id);
            self.dependents.entry(on).or_default().push(after);
            if over {
                self.ended(on);
            }
        }
        self.post(id, Event::bare("validate"));
        Ok(id)
    }

    /// Tells those that depend on a job.
    fn ended(&mut self, id: u64) {
        let waiting = self.dependents.remove(&id).unwrap_or_default();
        for (scheme, waiting) in waiting {
            let event = match self.jobs[&id].meets(&scheme) {
                true => depends("dependency-remove", &scheme, id),
                false => Event::exception("dependency", 0, "never satisfied"),
            };
            self.post(waiting, event);
        }
    }
}

/// A dependency's coming or going, as its plugin describes it.
fn depends(name: &'static str, scheme: &str, on: u64) -> Event {
    let how = if scheme == "afterok" { "success" } else { "finish" };
    Event::new(name, json!({ "description": format!("after-{how}={on}") }))
}
