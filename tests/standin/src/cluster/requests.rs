//! The services, with the payloads and the errors of Flux's.

use std::collections::BTreeMap;
use std::iter::empty;

use serde_json::{Value, json};

use super::job::{R, RESULTS, STATES};
use super::{Cluster, Queue, nodes};
use crate::abi::{Failure, Inbox, Request, c_text};

impl Cluster {
    /// Answers a request, or drops it, which tells that nobody is there to.
    pub fn answer(&mut self, request: &Request) {
        let topic = request.topic();
        let payload = request.payload.to_string_lossy();
        let json: Value = serde_json::from_str(&payload).unwrap_or_default();
        let service = topic.split('.').next().unwrap_or_default();
        let answer = match &*topic {
            "standin.command" => self
                .obey(&payload)
                .map_err(|said| (libc::EINVAL, c_text(&format!("{said:#}")))),
            _ if !self.loaded.contains(service) => return,
            "job-manager.events-journal" => {
                let reply = request.reply.take();
                return reply.into_iter().for_each(|reply| {
                    self.open_journal(reply, json["full"] == true);
                });
            }
            topic => self.service(topic, &json).map(|v| v.to_string()),
        };
        request.respond(answer.map(|text: String| c_text(&text)));
    }

    fn service(&self, topic: &str, payload: &Value) -> Result<Value, Failure> {
        let named = || self.queues.keys().filter(|name| !name.is_empty());
        Ok(match topic {
            "job-manager.queue-status" => {
                let name = payload["name"].as_str().unwrap_or("");
                let unknown = format!("'{name}' is not a valid queue");
                let queue = self.queues.get(name);
                let queue = queue.ok_or((libc::EINVAL, c_text(&unknown)))?;
                let scheduler = self.loaded.contains("sched-simple");
                let start = queue.started && scheduler;
                json!({ "enable": queue.enabled, "start": start })
            }
            "job-manager.queue-list" => {
                json!({ "queues": named().collect::<Vec<_>>() })
            }
            "job-manager.stats-get" => json!({
                "active_jobs": self.active(),
                "inactive_jobs": self.jobs.len() as i64 - self.active(),
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
                let unknown = (libc::ENOENT, c"invalid job id".into());
                let job = job.ok_or(unknown)?;
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
                return Err((libc::ENOSYS, c_text(&text)));
            }
        })
    }

    /// Sends what there is, and from now on what happens. `deny` need not be
    /// looked at: annotations are not simulated.
    fn open_journal(&mut self, reply: Inbox, full: bool) {
        let jobs = self.jobs.iter();
        let jobs = jobs.filter(|job| full || job.1.is_active());
        let jobs: Vec<_> = jobs.map(|(id, job)| (*id, job.clone())).collect();
        let lines =
            jobs.into_iter().map(|(id, job)| job.response(id, &job.log));
        let sentinel = r#"{"id":-1,"events":[]}"#.to_owned();
        reply.send(lines.chain([sentinel]).map(|line| Ok(c_text(&line))));
        // modules that went without a word hold nothing any more
        self.listeners.retain(|listener| listener.send(empty()));
        self.listeners.push(reply);
    }

    /// How many jobs are.
    pub(super) fn active(&self) -> i64 {
        let active = |queue: &Queue| queue.counts[..6].iter().sum::<i64>();
        self.queues.values().map(active).sum()
    }
}

/// Of all these queues.
fn stats<'a>(name: &str, queues: impl IntoIterator<Item = &'a Queue>) -> Value {
    let queues: Vec<_> = queues.into_iter().collect();
    let count = |i| queues.iter().map(|queue| queue.counts[i]).sum::<i64>();
    let total: i64 = (0..STATES.len()).map(count).sum();
    let mut stats = json!({ "name": name, "job_states": { "total": total } });
    for (i, state) in STATES.iter().enumerate() {
        stats["job_states"][*state] = count(i).into();
    }
    for (i, result) in RESULTS.iter().enumerate() {
        stats[*result] = count(STATES.len() + i).into();
    }
    stats
}
