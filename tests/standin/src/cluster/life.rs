//! What happens to jobs, in the order in which Flux has it happen.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::job::{Event, Job, Spec, State};
use super::{Cluster, JOURNAL, Queue};

/// Something to come.
pub enum Step {
    Post(u64, Event),
    /// The scheduler looks at what is pending.
    Pass,
    /// A job by chance.
    Arrival,
    /// A node that broke is mended.
    Mended(u32),
}

/// Counts a job in its queue, or no longer does.
pub fn tally(queues: &mut BTreeMap<String, Queue>, job: &Job, by: isize) {
    let Some(queue) = queues.get_mut(&job.spec.queue) else { return };
    let add = |count: &mut usize| *count = count.wrapping_add_signed(by);
    add(&mut queue.states[job.state as usize]);
    if job.state == State::Inactive {
        add(&mut queue.results[job.result()]);
    }
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
            Step::Mended(rank) => self.undrain(rank..=rank),
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
        let event = Event { timestamp: self.stamp, ..event };
        let before = job.state;
        self.pending.remove(&(Reverse(job.priority), id));
        tally(&mut self.queues, job, -1);
        Arc::make_mut(job).apply(event.clone());
        tally(&mut self.queues, job, 1);
        let job = job.clone();
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
        let Spec { limit, run, status, .. } = job.spec;
        let (delay, next) = match event.name {
            "validate" | "dependency-remove" => (0.01, Event::bare("depend")),
            "depend" | "urgency" | "jobspec-update" | "flux-restart"
                if job.state == State::Priority =>
            {
                (0.0, Event::priority(job.urgency()))
            }
            "alloc" => (0.008, Event::bare("start")),
            "start" if job.spec.mock.is_some() => {
                let note = "mock run exception generated";
                (0.0, Event::exception("exec", 0, note))
            }
            "start" if limit > 0.0 && limit < run => {
                let note = "resource allocation expired";
                (limit, Event::exception("timeout", 0, note))
            }
            "start" => (run, Event::finish(status)),
            "finish" => {
                let context = json!({ "ranks": "all", "final": true });
                (0.005, Event::new("release", context))
            }
            "exception" if event.context["severity"] == 0 => match before {
                State::Depend | State::Priority | State::Sched => {
                    (0.0, Event::bare("clean"))
                }
                State::Run if job.count("start") == 0 => {
                    (0.01, Event::bare("release"))
                }
                // killed
                State::Run => (0.01, Event::finish(libc::SIGTERM)),
                _ => return,
            },
            "release" => (0.0, Event::bare("free")),
            "free" => {
                self.give_back(id);
                (0.0, Event::bare("clean"))
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

    /// Submits a job, which is validated when this returns. It depends on
    /// others, each with how that must end.
    pub(super) fn submit(
        &mut self,
        spec: Spec,
        urgency: u32,
        after: &[(&'static str, u64)],
    ) -> Result<u64, String> {
        if !self.queues.get(&spec.queue).is_some_and(|queue| queue.enabled) {
            return Err(format!("queue '{}': invalid or disabled", spec.queue));
        }
        let id = self.new_id(self.now);
        let job = Job { spec, ..Job::default() };
        tally(&mut self.queues, &job, 1);
        self.jobs.insert(id, Arc::new(job));
        self.post(id, Event::submit(urgency));
        for &(scheme, on) in after {
            let first = self.jobs.get(&on).filter(|job| job.meets(scheme));
            let Some(waits) = first.map(|job| job.is_active()) else {
                self.post(id, Event::bare("invalidate"));
                let job = self.jobs.remove(&id);
                job.iter().for_each(|job| tally(&mut self.queues, job, -1));
                return Err(format!("dependency: {scheme}:{on} cannot be met"));
            };
            self.post(id, dependency("dependency-add", scheme, on));
            match waits {
                true => {
                    self.dependents.entry(on).or_default().push((scheme, id))
                }
                false => {
                    self.post(id, dependency("dependency-remove", scheme, on))
                }
            }
        }
        self.post(id, Event::bare("validate"));
        Ok(id)
    }

    /// Tells those that depend on a job.
    fn ended(&mut self, id: u64) {
        let waiting = self.dependents.remove(&id).unwrap_or_default();
        for (scheme, waiting) in waiting {
            let event = match self.jobs[&id].meets(scheme) {
                true => dependency("dependency-remove", scheme, id),
                false => Event::exception("dependency", 0, "never satisfied"),
            };
            if self.jobs[&waiting].state == State::Depend {
                self.post(waiting, event);
            }
        }
    }

    /// The job manager is back: what it has not given out starts anew.
    pub(super) fn restart(&mut self) {
        let jobs = self.jobs.iter();
        let waiting = jobs.filter(|(_, job)| job.state == State::Sched);
        let ids: Vec<u64> = waiting.map(|(id, _)| *id).collect();
        for id in ids {
            self.post(id, Event::bare("flux-restart"));
        }
    }
}

/// A dependency's coming or going, as its plugin describes it.
fn dependency(name: &'static str, scheme: &str, on: u64) -> Event {
    let what = match scheme {
        "afterany" => "after-finish",
        _ => "after-success",
    };
    Event::new(name, json!({ "description": format!("{what}={on}") }))
}
