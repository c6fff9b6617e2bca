//! What happens to jobs, in the order in which Flux has it happen.

use std::cmp::Reverse;
use std::sync::Arc;

use serde_json::{Value, json};

use super::job::{Event, Job, Spec, State};
use super::{Cluster, JOURNAL};

/// Something to come.
pub enum Step {
    Post(u64, Event),
    /// The scheduler looks at what is pending.
    Pass,
    /// A job by chance.
    Arrival,
}

impl Cluster {
    /// Has something happen after a delay in seconds.
    pub(super) fn later(&mut self, delay: f64, step: Step) {
        self.order += 1;
        let time = (self.now + delay).max(0.0).to_bits();
        self.due.insert((time, self.order), step);
    }

    pub(super) fn happen(&mut self, step: Step) {
        match step {
            Step::Post(id, event) => {
                if self.jobs.get(&id).is_some_and(|job| job.may(&event)) {
                    self.post(id, event);
                }
            }
            Step::Pass => self.pass(),
            Step::Arrival => self.arrival(),
        }
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

    /// Posts an event: it changes the job, goes to who listens, and has its
    /// consequences.
    pub(super) fn post(&mut self, id: u64, event: Event) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        self.stamp = (self.stamp + 1e-6).max(self.now);
        let (before, priority) = (job.state, Reverse(job.priority));
        let event = Event { timestamp: self.stamp, ..event };
        Arc::make_mut(job).apply(event.clone());
        let job = job.clone();
        self.pending.remove(&(priority, id));
        if self.is_pending(&job) {
            self.pending.insert((Reverse(job.priority), id));
            self.want_pass();
        }
        if self.listener {
            let line = job.response(id, std::slice::from_ref(&event));
            self.outbox.push((JOURNAL, Ok(line)));
        }
        // or what follows would change a copy
        drop(job);
        self.follow(id, before, &event);
    }

    /// What an event leads to, at once or after a while.
    fn follow(&mut self, id: u64, before: State, event: &Event) {
        let Some(job) = self.jobs.get(&id) else { return };
        let (spec, kind) = (&job.spec, &event.context["type"]);
        let fatal = event.context["severity"] == 0;
        let bare = |name| Event::new(name, Value::Null);
        let finish = |status| Event::new("finish", json!({ "status": status }));
        let (delay, next) = match event.name {
            "validate" => (0.01, bare("depend")),
            "dependency-remove" => (0.001, bare("depend")),
            "depend" | "urgency" | "jobspec-update" | "flux-restart"
                if job.state == State::Priority =>
            {
                let context = json!({ "priority": job.urgency });
                (0.0, Event::new("priority", context))
            }
            "alloc" => (0.008, bare("start")),
            "start" if spec.mock => {
                let note = "mock run exception generated";
                (0.0, Event::exception("exec", 0, note))
            }
            "start" if spec.limit > 0.0 && spec.limit < spec.run => {
                let note = "resource allocation expired";
                (spec.limit, Event::exception("timeout", 0, note))
            }
            "start" => (spec.run, finish(spec.status)),
            "finish" => {
                let context = json!({ "ranks": "all", "final": true });
                (0.005, Event::new("release", context))
            }
            "exception" if fatal => match before {
                State::Depend | State::Priority | State::Sched => {
                    (0.0, bare("clean"))
                }
                State::Run if !job.started => (0.01, bare("release")),
                // killed by SIGALRM or SIGTERM
                State::Run => (0.01, finish(15 - i32::from(kind == "timeout"))),
                _ => return,
            },
            "release" => (0.0, bare("free")),
            "free" => {
                self.give_back(id);
                (0.0, bare("clean"))
            }
            "clean" => return self.ended(id),
            _ => return,
        };
        match delay == 0.0 {
            true => self.post(id, next),
            false => self.later(delay, Step::Post(id, next)),
        }
    }

    /// An id as Flux makes them: a time in ms, then what makes it unique.
    pub(super) fn new_id(&mut self, time: f64) -> u64 {
        let id = (((time - self.epoch) * 1000.0) as u64) << 24;
        self.last_id = id.max(self.last_id + 1);
        self.last_id
    }

    /// Submits a job, which is validated when this returns.
    pub(super) fn submit(
        &mut self,
        spec: Spec,
        urgency: u32,
    ) -> Result<u64, String> {
        if !self.queues.get(&spec.queue).is_some_and(|queue| queue.enabled) {
            return Err(format!("queue '{}': invalid or disabled", spec.queue));
        }
        let id = self.new_id(self.now);
        let after = spec.after.clone();
        self.jobs.insert(id, Arc::new(Job::new(spec)));
        self.post(id, Event::submit(urgency));
        for (scheme, on) in after {
            let met = self.jobs.get(&on).map(|job| job.meets(scheme));
            if matches!(met, None | Some(Some(false))) {
                self.post(id, Event::new("invalidate", Value::Null));
                self.jobs.remove(&id);
                return Err(format!("dependency: {scheme}:{on} cannot be met"));
            }
            self.post(id, dependency(true, scheme, on));
            if met == Some(Some(true)) {
                self.post(id, dependency(false, scheme, on));
            } else {
                self.dependents.entry(on).or_default().insert(id);
            }
        }
        self.post(id, Event::new("validate", Value::Null));
        Ok(id)
    }

    /// Tells those that depend on a job.
    fn ended(&mut self, id: u64) {
        self.inactive += 1;
        let Some(job) = self.jobs.get(&id).cloned() else { return };
        for waiting in self.dependents.remove(&id).unwrap_or_default() {
            let Some(after) = self.jobs.get(&waiting) else { continue };
            let after = after.spec.after.clone();
            for (scheme, _) in after.into_iter().filter(|on| on.1 == id) {
                let event = match job.meets(scheme) {
                    Some(true) => dependency(false, scheme, id),
                    _ => Event::exception("dependency", 0, "never satisfied"),
                };
                if self.jobs[&waiting].state == State::Depend {
                    self.post(waiting, event);
                }
            }
        }
    }

    /// The job manager is back: what it has not given out starts anew.
    pub(super) fn restart(&mut self) {
        let ids: Vec<u64> = self.jobs.keys().copied().collect();
        for id in ids {
            if self.jobs[&id].state == State::Sched {
                self.post(id, Event::new("flux-restart", Value::Null));
            }
        }
    }
}

/// A dependency's coming and going, as its plugin describes it.
fn dependency(add: bool, scheme: &str, on: u64) -> Event {
    let what = match scheme {
        "afterany" => "after-finish",
        "afterok" => "after-success",
        _ => "after-failure",
    };
    let name = if add { "dependency-add" } else { "dependency-remove" };
    Event::new(name, json!({ "description": format!("{what}={on}") }))
}
