//! The services, with the payloads and the errors of Flux's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::{R, RESULTS, State};
use super::{Cluster, JOURNAL, Queue, nodes};
use crate::instance::{Answer, no_service, once};

impl Cluster {
    pub(super) fn answer(&mut self, topic: &str, payload: &str) -> Answer {
        let service = topic.rsplit_once('.').map_or(topic, |split| split.0);
        if !self.loaded.contains(service) {
            return Err(no_service(topic));
        }
        let payload: Value = serde_json::from_str(payload).unwrap_or_default();
        let named = || self.queues.keys().filter(|name| !name.is_empty());
        let answer = match topic {
            JOURNAL => return self.open_journal(payload["full"] == true),
            "job-manager.queue-status" => {
                let name = payload["name"].as_str().unwrap_or("");
                let unknown = format!("'{name}' is not a valid queue");
                let queue = self.queues.get(name);
                let queue = queue.ok_or((libc::EINVAL, unknown))?;
                let scheduler = self.loaded.contains("sched-simple");
                let start = queue.started && scheduler;
                json!({ "enable": queue.enabled, "start": start })
            }
            "job-manager.queue-list" => {
                json!({ "queues": named().collect::<Vec<_>>() })
            }
            "job-manager.stats-get" => json!({
                "active_jobs": self.jobs.len() - self.inactive(),
                "inactive_jobs": self.inactive(),
            }),
            "job-manager.alloc-query" => json!({
                "queue_length": self.pending.len(),
                "alloc_pending": 0,
                "running": self.running.len(),
            }),
            // the eventlog; other keys are not asked for
            "job-info.lookup" => {
                let id = payload["id"].as_u64().unwrap_or(0);
                let job = self.jobs.get(&id);
                let job = job.ok_or((libc::ENOENT, "invalid job id".into()))?;
                let lines = job.log.iter().map(|e| json!(e).to_string() + "\n");
                json!({ "id": id, "eventlog": lines.collect::<String>() })
            }
            "job-list.job-stats" => {
                let mut all = stats("", self.queues.values());
                let of = |name| stats(name, self.queues.get(name));
                all["queues"] = named().map(|name| of(name)).collect();
                all
            }
            "config.get" => self.config.clone(),
            "resource.status" => {
                let ranks = 0..self.nodes.free.len() as u32;
                let all = ranks.clone().map(|rank| (rank, self.nodes.whole));
                let drained = self.nodes.drained.iter();
                let drained =
                    drained.map(|(rank, why)| (rank.to_string(), why));
                json!({
                    "R": nodes::r(&R(all.collect(), 0.0, 0.0)),
                    "drain": drained.collect::<BTreeMap<_, _>>(),
                    "online": nodes::idset(ranks),
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
        let jobs = jobs.filter(|job| full || job.1.is_active());
        let jobs: Vec<_> = jobs.map(|(id, job)| (*id, job.clone())).collect();
        let lines =
            jobs.into_iter().map(|(id, job)| job.response(id, &job.log));
        let sentinel = r#"{"id":-1,"events":[]}"#.to_owned();
        Ok(Box::new(lines.chain([sentinel])))
    }

    pub(super) fn inactive(&self) -> usize {
        let over = |queue: &Queue| queue.states[State::Inactive as usize];
        self.queues.values().map(over).sum()
    }
}

/// Of all these queues.
fn stats<'a>(name: &str, queues: impl IntoIterator<Item = &'a Queue>) -> Value {
    let (mut states, mut results) = ([0; 7], [0; 4]);
    for queue in queues {
        (0..7).for_each(|i| states[i] += queue.states[i]);
        (0..4).for_each(|i| results[i] += queue.results[i]);
    }
    let [_, depend, priority, sched, run, cleanup, inactive] = states;
    let mut stats = json!({ "name": name, "job_states": {
        "depend": depend, "priority": priority, "sched": sched, "run": run,
        "cleanup": cleanup, "inactive": inactive,
        "total": states.iter().sum::<usize>(),
    }});
    for ((name, _), count) in RESULTS.iter().zip(results) {
        stats[*name] = count.into();
    }
    stats
}
