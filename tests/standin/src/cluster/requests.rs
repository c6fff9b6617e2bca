//! The services, with the payloads and the errors of Flux's.

use serde_json::{Map, Value, json};

use super::job::{RESULTS, State};
use super::{Cluster, JOURNAL, Queue, nodes};
use crate::instance::{Answer, Failure, no_service, once};

impl Cluster {
    pub(super) fn answer(&mut self, topic: &str, payload: &str) -> Answer {
        let service = topic.rsplit_once('.').map_or(topic, |split| split.0);
        if !self.loaded.contains(service) {
            return Err(no_service(topic));
        }
        let payload: Value = serde_json::from_str(payload).unwrap_or_default();
        let answer = match topic {
            JOURNAL => return self.open_journal(payload["full"] == true),
            "job-manager.queue-status" => self.queue_status(&payload)?,
            "job-info.lookup" => self.lookup(&payload)?,
            "job-manager.stats-get" => json!({
                "active_jobs": self.jobs.len() - self.inactive(),
                "inactive_jobs": self.inactive(),
            }),
            "job-manager.queue-list" => {
                let named = self.queues.keys().filter(|name| !name.is_empty());
                json!({ "queues": named.collect::<Vec<_>>() })
            }
            "job-manager.alloc-query" => json!({
                "queue_length": self.pending.len(),
                "alloc_pending": 0,
                "running": self.running.len(),
            }),
            "job-list.job-stats" => self.job_stats(),
            "config.get" => self.config.clone(),
            "resource.status" => {
                let drained = self.nodes.drained.iter();
                let drained =
                    drained.map(|(r, why)| (r.to_string(), why.clone()));
                json!({
                    "R": nodes::r(&self.nodes.all()),
                    "drain": drained.collect::<Map<_, _>>(),
                    "online": nodes::idset(0..self.nodes.free.len() as u32),
                    "offline": "", "exclude": "", "torpid": "",
                })
            }
            _ => {
                let text = format!("Unknown service method '{topic}'");
                return Err((libc::ENOSYS, text));
            }
        };
        once(&answer)
    }

    /// `deny` need not be looked at: annotations are not simulated.
    fn open_journal(&mut self, full: bool) -> Answer {
        self.listener = true;
        let jobs = self.jobs.iter();
        let jobs = jobs.filter(|job| full || job.1.state < State::Inactive);
        let jobs: Vec<_> = jobs.map(|(id, job)| (*id, job.clone())).collect();
        let lines =
            jobs.into_iter().map(|(id, job)| job.response(id, &job.log));
        let sentinel = r#"{"id":-1,"events":[]}"#.to_owned();
        Ok(Box::new(lines.chain([sentinel])))
    }

    fn queue_status(&self, payload: &Value) -> Result<Value, Failure> {
        let name = payload["name"].as_str().unwrap_or("");
        let queue = self.queues.get(name).ok_or_else(|| {
            (libc::EINVAL, format!("'{name}' is not a valid queue"))
        })?;
        let start = queue.started && self.loaded.contains("sched-simple");
        Ok(json!({ "enable": queue.enabled, "start": start }))
    }

    /// The eventlog; other keys are not asked for.
    fn lookup(&self, payload: &Value) -> Result<Value, Failure> {
        let id = payload["id"].as_u64().unwrap_or(0);
        let job = self.jobs.get(&id);
        let job = job.ok_or((libc::ENOENT, "invalid job id".into()))?;
        let lines = job.log.iter().map(|event| json!(event).to_string() + "\n");
        Ok(json!({ "id": id, "eventlog": lines.collect::<String>() }))
    }

    pub(super) fn inactive(&self) -> usize {
        let over = |queue: &Queue| queue.states[State::Inactive as usize];
        self.queues.values().map(over).sum()
    }

    fn job_stats(&self) -> Value {
        let mut all = stats(&self.queues.values().collect::<Vec<_>>());
        let named = self.queues.iter().filter(|queue| !queue.0.is_empty());
        let named = named.map(|(name, queue)| {
            let mut stats = stats(&[queue]);
            stats["name"] = name.as_str().into();
            stats
        });
        all["queues"] = named.collect();
        all
    }
}

/// Of all these queues.
fn stats(queues: &[&Queue]) -> Value {
    let state = |i| queues.iter().map(|queue| queue.states[i]).sum::<usize>();
    let result = |i| queues.iter().map(|queue| queue.results[i]).sum::<usize>();
    let mut stats = json!({ "job_states": {
        "depend": state(1), "priority": state(2), "sched": state(3),
        "run": state(4), "cleanup": state(5), "inactive": state(6),
        "total": (0..7).map(state).sum::<usize>(),
    }});
    for (i, (name, _)) in RESULTS.iter().enumerate() {
        stats[*name] = result(i).into();
    }
    stats
}
