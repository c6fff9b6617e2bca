//! What the job-list module counts, as a check on what we count.
//!
//! Source: `job-list.job-stats`, polled: its streaming form falls silent for
//! good when job-list is unloaded, and one answer costs it 0.1 ms.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use serde::Deserialize;

use super::family::Spec;
use super::health::Health;
use super::{Context, Jobs, parse};
use crate::flux::Result;
use crate::job::state::State;

const INTERVAL: f64 = 5.0;

const DRIFT: Spec = Spec::gauge(
    "flux_exporter_drift_jobs",
    &["state"],
    "Active jobs by this module's count less those by job-list's, when last \
     compared. Zero whenever Flux is quiet.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[DRIFT];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let drift = Arc::new(Mutex::new([0; State::ACTIVE.len()]));
    let metrics = Metrics {
        desc: DRIFT.desc(),
        drift: drift.clone(),
        health: context.health.clone(),
    };
    context.register(metrics)?;
    let jobs = context.jobs.clone();
    context.poll(c"job-list.job-stats", "{}", INTERVAL, move |reply| {
        let theirs = active_jobs(reply)?;
        let Some(ours) = count(&jobs) else { return Ok(()) };
        let mut drift = drift.lock().unwrap_or_else(PoisonError::into_inner);
        for (i, drift) in drift.iter_mut().enumerate() {
            *drift = ours[i] - theirs[i];
        }
        Ok(())
    })
}

/// Our own counts, once there are any.
fn count(jobs: &Jobs) -> Option<[i64; State::ACTIVE.len()]> {
    let table = jobs.lock();
    table.synced().then(|| {
        let mut counts = [0; State::ACTIVE.len()];
        for queue in table.totals().queues() {
            for (count, jobs) in counts.iter_mut().zip(queue.jobs) {
                *count += i64::try_from(jobs).unwrap_or(i64::MAX);
            }
        }
        counts
    })
}

#[derive(Deserialize)]
struct Reply {
    job_states: States,
}

#[derive(Deserialize)]
struct States {
    depend: i64,
    priority: i64,
    sched: i64,
    run: i64,
    cleanup: i64,
}

fn active_jobs(reply: &str) -> Result<[i64; State::ACTIVE.len()]> {
    let Reply { job_states: s } = parse("job-list.job-stats", reply)?;
    Ok([s.depend, s.priority, s.sched, s.run, s.cleanup])
}

struct Metrics {
    desc: Desc,
    drift: Arc<Mutex<[i64; State::ACTIVE.len()]>>,
    health: Arc<Health>,
}

impl Collector for Metrics {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // without job-list there is nothing to compare with
        if !self.health.up() {
            return Vec::new();
        }
        let drift = self.drift.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = DRIFT.family();
        for (state, drift) in State::ACTIVE.iter().zip(*drift) {
            family.add(&[state.as_str()], drift as f64);
        }
        vec![family.done()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_answer() {
        let reply = r#"{"job_states":{"depend":1,"priority":0,"sched":2,
            "run":3,"cleanup":4,"inactive":8,"total":18},"successful":2,
            "failed":4,"canceled":1,"timeout":1,"inactive_purged":0,
            "queues":[]}"#;
        assert_eq!(active_jobs(reply).unwrap(), [1, 0, 2, 3, 4]);
        let error = active_jobs(r#"{"job_states":{}}"#).unwrap_err();
        assert!(error.text.starts_with("job-list.job-stats: missing field"));
    }
}
