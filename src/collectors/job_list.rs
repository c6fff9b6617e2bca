//! What the job-list module counts, as a check on what we count.
//!
//! Source: `job-list.job-stats`, polled: its streaming form falls silent for
//! good when job-list is unloaded, and one answer costs it 0.1 ms.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::{Context, Jobs, distinct, parse};
use crate::flux::Result;
use crate::job::outcome::Outcome;
use crate::job::state::State;
use crate::job::totals::{MAX_QUEUES, OTHER_QUEUE};

const INTERVAL: f64 = 5.0;

const RETAINED: Spec = Spec::gauge(
    "flux_jobs_retained",
    &["queue", "result"],
    "Inactive jobs that Flux still remembers, by result; falls when they \
     are purged.",
);
const DRIFT: Spec = Spec::gauge(
    "flux_exporter_drift_jobs",
    &["state"],
    "Active jobs by this module's count less those by job-list's, when last \
     compared. Zero whenever Flux is quiet.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[RETAINED, DRIFT];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let jobs = context.jobs.clone();
    context.poll(c"job-list.job-stats", "{}", INTERVAL, move |reply| {
        latest.set(read(&jobs, reply)?);
        Ok(())
    })
}

pub(super) fn read(jobs: &Jobs, reply: &str) -> Result<Answer> {
    let stats: Stats = parse("job-list.job-stats", reply)?;
    let drift = drift(jobs, &stats.all.job_states);
    let mut retained = stats.by_queue();
    let names = retained.iter().map(|queue| &*queue.name);
    distinct("job-list.job-stats", names)?;
    bound(&mut retained);
    Ok(Answer { retained, drift })
}

/// What a scrape shows.
pub(super) struct Answer {
    retained: Vec<Queue>,
    /// None until there is a count of ours to compare.
    drift: Option<[i64; State::ACTIVE.len()]>,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let (mut retained, mut drift) = (RETAINED.family(), DRIFT.family());
    for queue in &answer.retained {
        for (result, count) in queue.results() {
            retained.add(&[&queue.name, result.as_str()], count as f64);
        }
    }
    for (i, state) in State::ACTIVE.iter().enumerate() {
        if let Some(by_state) = answer.drift {
            drift.add(&[state.as_str()], by_state[i] as f64);
        }
    }
    vec![retained, drift]
}

/// Our own counts less theirs, once there are any.
fn drift(jobs: &Jobs, theirs: &States) -> Option<[i64; State::ACTIVE.len()]> {
    let table = jobs.lock();
    if !table.synced() {
        return None;
    }
    let mut drift = theirs.active().map(i64::saturating_neg);
    for queue in table.totals().queues() {
        for (drift, jobs) in drift.iter_mut().zip(queue.jobs) {
            let jobs = i64::try_from(jobs).unwrap_or(i64::MAX);
            *drift = drift.saturating_add(jobs);
        }
    }
    Some(drift)
}

#[derive(Deserialize)]
struct Stats {
    #[serde(flatten)]
    all: Queue,
    queues: Vec<Queue>,
}

#[derive(Default, Deserialize)]
struct Queue {
    /// Absent on the sum of all.
    #[serde(default)]
    name: String,
    job_states: States,
    successful: i64,
    failed: i64,
    canceled: i64,
    timeout: i64,
}

#[derive(Default, Deserialize)]
struct States {
    depend: i64,
    priority: i64,
    sched: i64,
    run: i64,
    cleanup: i64,
    inactive: i64,
}

impl States {
    fn active(&self) -> [i64; State::ACTIVE.len()] {
        [self.depend, self.priority, self.sched, self.run, self.cleanup]
    }
}

impl Queue {
    /// Adds the results of another.
    fn add(&mut self, other: &Queue) {
        for (sum, more) in [
            (&mut self.successful, other.successful),
            (&mut self.failed, other.failed),
            (&mut self.canceled, other.canceled),
            (&mut self.timeout, other.timeout),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    fn results(&self) -> [(Outcome, i64); 4] {
        [
            (Outcome::Completed, self.successful),
            (Outcome::Failed, self.failed),
            (Outcome::Canceled, self.canceled),
            (Outcome::Timeout, self.timeout),
        ]
    }
}

impl Stats {
    /// The queues, and the anonymous one: what is left of the sum, if
    /// anything is, or if there are no others.
    fn by_queue(self) -> Vec<Queue> {
        let Self { all: mut rest, mut queues } = self;
        for queue in &queues {
            for (rest, of_queue) in [
                (&mut rest.job_states.inactive, queue.job_states.inactive),
                (&mut rest.successful, queue.successful),
                (&mut rest.failed, queue.failed),
                (&mut rest.canceled, queue.canceled),
                (&mut rest.timeout, queue.timeout),
            ] {
                *rest = rest.saturating_sub(of_queue);
            }
        }
        if queues.is_empty() || rest.job_states.inactive > 0 {
            queues.push(rest);
        }
        queues
    }
}

/// Of queues beyond [`MAX_QUEUES`], the last by name, only their sum is kept.
fn bound(queues: &mut Vec<Queue>) {
    if queues.len() <= MAX_QUEUES {
        return;
    }
    queues.sort_by(|a, b| a.name.cmp(&b.name));
    let beyond = queues.split_off(MAX_QUEUES);
    let other = queues.iter().position(|queue| queue.name == OTHER_QUEUE);
    let mut other = match other {
        Some(at) => queues.remove(at),
        None => Queue { name: OTHER_QUEUE.into(), ..Queue::default() },
    };
    beyond.iter().for_each(|queue| other.add(queue));
    queues.push(other);
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = r#"{"job_states":{"depend":1,"priority":0,"sched":2,
        "run":3,"cleanup":4,"inactive":8,"total":18},"successful":2,
        "failed":4,"canceled":1,"timeout":1,"inactive_purged":0,
        "queues":[{"job_states":{"depend":1,"priority":0,"sched":2,"run":3,
        "cleanup":4,"inactive":7,"total":17},"successful":2,"failed":3,
        "canceled":1,"timeout":1,"inactive_purged":0,"name":"batch"}]}"#;

    #[test]
    fn reads_a_real_answer() {
        let stats: Stats = parse("job-list.job-stats", REPLY).unwrap();
        assert_eq!(stats.all.job_states.active(), [1, 0, 2, 3, 4]);
        let queues = stats.by_queue();
        let batch = queues[0].results().map(|(_, count)| count);
        assert_eq!((&*queues[0].name, batch), ("batch", [2, 3, 1, 1]));
        let anonymous = queues[1].results().map(|(_, count)| count);
        assert_eq!((&*queues[1].name, anonymous), ("", [0, 1, 0, 0]));
        assert_eq!(queues.len(), 2);
    }

    #[test]
    fn a_queue_is_there_once() {
        let jobs = Jobs::new(crate::job::Table::new([1.0].into()));
        assert!(read(&jobs, REPLY).is_ok());
        // without a name, as the rest of the sum
        let reply = REPLY.replace("\"name\"", "\"namE\"");
        let error = read(&jobs, &reply).err().unwrap();
        assert!(error.text.ends_with("\"\" is listed twice"), "{error}");
    }

    #[test]
    fn queues_beyond_those_that_are_told_apart_are_one() {
        let more = 5;
        for names in [["q", "q"], ["o", OTHER_QUEUE]] {
            let queue = |i: usize| Queue {
                // "other" is the second of the second
                name: match i {
                    1 if names[1] == OTHER_QUEUE => OTHER_QUEUE.into(),
                    _ => format!("{}{i:06}", names[0]),
                },
                failed: 1,
                ..Queue::default()
            };
            let count = MAX_QUEUES + more;
            let mut queues: Vec<_> = (0..count).rev().map(queue).collect();
            bound(&mut queues);
            let other: Vec<_> =
                queues.iter().filter(|q| q.name == OTHER_QUEUE).collect();
            let [other] = other[..] else { panic!("{}", other.len()) };
            assert!(queues.len() <= MAX_QUEUES + 1);
            let sum: i64 = queues.iter().map(|queue| queue.failed).sum();
            assert_eq!(sum as usize, count);
            assert!(other.failed as usize >= more);
            let mut names: Vec<_> = queues.iter().map(|q| &q.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), queues.len());
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_an_error() {
        let stats: Result<Stats> = parse("job-list.job-stats", "{}");
        let error = stats.err().unwrap();
        assert!(error.text.starts_with("job-list.job-stats: missing field"));
    }
}
