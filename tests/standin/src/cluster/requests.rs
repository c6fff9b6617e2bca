//! The services, with the payloads and the errors of Flux's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::job::{RESULTS, State};
use super::{Cluster, JOURNAL, nodes};
use crate::instance::Answer;

const ENOENT: i32 = 2;
const EINVAL: i32 = 22;
const ENOSYS: i32 = 38;
const EPROTO: i32 = 71;

/// Jobs by state, and those that are over by result.
type Counts = [u64; State::Inactive as usize + 1 + RESULTS.len()];

impl Cluster {
    pub(super) fn answer(&mut self, topic: &str, payload: &str) -> Answer {
        let service = topic.rsplit_once('.').map_or(topic, |split| split.0);
        if !self.loaded.contains(service) {
            let text = format!("No service matching {topic} is registered");
            return Answer::Failed(ENOSYS, text);
        }
        let Ok(payload) = serde_json::from_str::<Value>(payload) else {
            return Answer::Failed(EPROTO, "Protocol error".into());
        };
        let (whole, drained) = (self.nodes.whole, &self.nodes.drained);
        let answer = match topic {
            JOURNAL => return self.open_journal(payload["full"] == true),
            "job-manager.queue-status" => return self.queue_status(&payload),
            "job-info.lookup" => return self.lookup(&payload),
            "job-manager.stats-get" => json!({
                "journal": {
                    "listeners": u8::from(self.listener),
                    "events": self.events,
                },
                "active_jobs": self.jobs.len() - self.inactive.len(),
                "inactive_jobs": self.inactive.len(),
                "max_jobid": self.last_id,
                "housekeeping": { "running": {}, "config": {} },
            }),
            "job-manager.queue-list" => {
                let named = self.queues.keys().filter(|name| !name.is_empty());
                let named: Vec<&str> = named.map(|name| &**name).collect();
                json!({ "queues": named })
            }
            "job-manager.alloc-query" => json!({
                "queue_length": self.pending.len(),
                "alloc_pending": 0,
                "running": self.running.len(),
            }),
            "job-list.job-stats" => self.job_stats(),
            "config.get" => self.config.clone(),
            "resource.status" => {
                let why = |(rank, why): (&u32, &(f64, String))| {
                    let why = json!({ "timestamp": why.0, "reason": why.1 });
                    (rank.to_string(), why)
                };
                json!({
                    "R": self.nodes.r(|_, _| whole),
                    "drain": drained.iter().map(why).collect::<Map<_, _>>(),
                    "online": nodes::idset(0..self.nodes.free.len() as u32),
                    "offline": "", "exclude": "", "torpid": "",
                })
            }
            "resource.sched-status" => {
                let down = |rank| drained.contains_key(&rank);
                json!({
                    "all": self.nodes.r(|_, _| whole),
                    "down": self.nodes.r(|r, _| if down(r) { whole } else { 0 }),
                    "allocated": self.nodes.r(|_, free| whole & !free),
                })
            }
            _ => {
                let text = format!("Unknown service method '{topic}'");
                return Answer::Failed(ENOSYS, text);
            }
        };
        Answer::Once(answer.to_string())
    }

    /// `deny` need not be looked at: annotations are not simulated.
    fn open_journal(&mut self, full: bool) -> Answer {
        self.listener = true;
        let inactive = self.inactive.iter().filter(|_| full);
        let jobs = self.jobs.iter();
        let active = jobs.filter(|(_, job)| job.state < State::Inactive);
        let ids = inactive.chain(active.map(|(id, _)| id));
        let jobs: Vec<_> = ids.map(|id| (*id, self.jobs[id].clone())).collect();
        let lines = jobs.into_iter().map(|(id, job)| {
            let events = job.log.iter().map(|(time, event)| event.json(*time));
            let events = events.collect::<Vec<_>>().join(",");
            job.response(id, &events, true, true)
        });
        let sentinel = r#"{"id":-1,"events":[]}"#.to_owned();
        Answer::Stream(Box::new(lines.chain([sentinel])))
    }

    fn queue_status(&self, payload: &Value) -> Answer {
        let name = payload["name"].as_str().unwrap_or("");
        let Some(queue) = self.queues.get(name) else {
            let text = format!("'{name}' is not a valid queue");
            return Answer::Failed(EINVAL, text);
        };
        let start = queue.started && self.loaded.contains("sched-simple");
        let status = json!({ "enable": queue.enabled, "start": start });
        Answer::Once(status.to_string())
    }

    fn job_stats(&self) -> Value {
        let names = self.queues.keys();
        let mut queues: BTreeMap<&str, Counts> =
            names.map(|name| (&**name, Counts::default())).collect();
        let mut all = Counts::default();
        // right after it is loaded job-list has not read any job
        let jobs = self.jobs.values().filter(|_| self.now >= self.listed);
        for job in jobs {
            let Some(queue) = queues.get_mut(&*job.spec.queue) else {
                continue;
            };
            for counts in [queue, &mut all] {
                counts[job.state as usize] += 1;
                if job.state == State::Inactive {
                    counts[State::Inactive as usize + 1 + job.result()] += 1;
                }
            }
        }
        let one = |(name, counts): (&str, Counts)| {
            let mut stats = stats(&counts, self.queues[name].purged);
            stats["name"] = name.into();
            stats
        };
        let purged = self.queues.values().map(|queue| queue.purged).sum();
        let mut stats = stats(&all, purged);
        let named = queues.into_iter().filter(|queue| !queue.0.is_empty());
        stats["queues"] = named.map(one).collect();
        stats
    }

    fn lookup(&self, payload: &Value) -> Answer {
        let id = payload["id"].as_u64().unwrap_or(0);
        let Some(job) = self.jobs.get(&id) else {
            return Answer::Failed(ENOENT, "invalid job id".into());
        };
        if payload["keys"] != json!(["eventlog"]) {
            return Answer::Failed(EINVAL, "only the eventlog is here".into());
        }
        let lines =
            job.log.iter().map(|(time, event)| event.json(*time) + "\n");
        let found = json!({ "id": id, "eventlog": lines.collect::<String>() });
        Answer::Once(found.to_string())
    }
}

fn stats(counts: &Counts, purged: u64) -> Value {
    let [_, depend, priority, sched, run, cleanup, inactive, results @ ..] =
        counts;
    let mut stats = json!({
        "job_states": {
            "depend": depend, "priority": priority, "sched": sched, "run": run,
            "cleanup": cleanup, "inactive": inactive,
            "total": depend + priority + sched + run + cleanup + inactive,
        },
        "inactive_purged": purged,
    });
    for ((name, _), count) in RESULTS.iter().zip(results) {
        stats[*name] = (*count).into();
    }
    stats
}
