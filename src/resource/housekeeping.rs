//! Housekeeping: a script that runs on the nodes of a job after it. Until it
//! is done nobody gets them, and Flux calls them allocated.
//!
//! The journal tells when a job gives its nodes back, but not when others get
//! them: `job-manager.stats-get` does, to those who ask.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{Nodes, Span};
use crate::job::idset::Ranges;
use crate::job::{JobId, Malformed, Time, id};

/// What the job manager says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Housekeeping {
    /// Whether there is such a script, if that is told.
    configured: Option<bool>,
    /// Jobs that are over, and the ranks that nobody else gets yet.
    running: Vec<(JobId, Ranges)>,
}

impl Housekeeping {
    /// Reads the answer to `job-manager.stats-get`; before Flux 0.64 there is
    /// no housekeeping, and before 0.71 its configuration is not told.
    pub fn parse(reply: &str) -> Result<Housekeeping, Malformed> {
        #[derive(Deserialize)]
        struct Stats {
            housekeeping: Option<Reply>,
        }
        #[derive(Deserialize)]
        struct Reply {
            running: BTreeMap<String, Running>,
            config: Option<Config>,
        }
        #[derive(Deserialize)]
        struct Config {
            /// Empty where there is none, which may also not be said.
            #[serde(default)]
            command: String,
        }
        #[derive(Deserialize)]
        struct Running {
            allocated: String,
        }
        let stats: Stats = serde_json::from_str(reply)?;
        let Some(Reply { running, config }) = stats.housekeeping else {
            return Ok(Housekeeping::none());
        };
        let running = running.into_iter().map(|(job, running)| {
            let id = id::from_f58(&job);
            let id = id.ok_or(Malformed::new("not a job id in F58"))?;
            Ok((id, Ranges::parse(&running.allocated)?))
        });
        Ok(Housekeeping {
            configured: config.map(|config| !config.command.is_empty()),
            running: running.collect::<Result<_, Malformed>>()?,
        })
    }

    fn none() -> Housekeeping {
        Housekeeping { configured: Some(false), running: Vec::new() }
    }
}

/// What housekeeping has of nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Whether a job's nodes come here first.
    configured: bool,
    by_job: HashMap<JobId, Part>,
    /// What it is said to have of which we do not know how much.
    unknown: HashMap<JobId, Ranges>,
}

#[derive(Clone, Debug)]
struct Part {
    spans: Vec<Span>,
    queue: u16,
}

impl Nodes {
    /// A job of a queue gives these parts of nodes back.
    pub(crate) fn free(
        &mut self,
        id: JobId,
        spans: Vec<Span>,
        queue: u16,
        at: Time,
    ) {
        if !self.kept.configured {
            self.unplace(&spans, queue, at);
            return;
        }
        // what is being looked up is known now
        self.kept.unknown.remove(&id);
        let part = Part { spans, queue };
        if let Some(old) = self.kept.by_job.insert(id, part) {
            self.unplace(&old.spans, old.queue, at);
        }
    }

    /// Takes in what the job manager says. Returns the jobs of which we did
    /// not see what they had.
    pub(crate) fn set_housekeeping(
        &mut self,
        said: Housekeeping,
        at: Time,
    ) -> Vec<JobId> {
        // where it is not told, there is some once there was some
        let seen = self.kept.configured || !said.running.is_empty();
        self.kept.configured = said.configured.unwrap_or(seen);
        self.kept.unknown.clear();
        let mut before = std::mem::take(&mut self.kept.by_job);
        for (id, ranks) in said.running {
            let Some(mut part) = before.remove(&id) else {
                self.kept.unknown.insert(id, ranks);
                continue;
            };
            let released = part.keep(&ranks);
            self.unplace(&released, part.queue, at);
            self.kept.by_job.insert(id, part);
        }
        for part in before.into_values() {
            self.unplace(&part.spans, part.queue, at);
        }
        self.kept.unknown.keys().copied().collect()
    }

    /// What such a job had, if that is still of interest.
    pub(crate) fn housekeep(
        &mut self,
        id: JobId,
        spans: Vec<Span>,
        queue: u16,
        at: Time,
    ) {
        if let Some(ranks) = self.kept.unknown.remove(&id) {
            let mut part = Part { spans, queue };
            part.keep(&ranks);
            self.place(&part.spans, queue, at);
            self.kept.by_job.insert(id, part);
        }
    }

    /// Whether housekeeping has any nodes.
    pub fn in_housekeeping(&self) -> bool {
        !self.kept.by_job.is_empty() || !self.kept.unknown.is_empty()
    }
}

impl Part {
    /// Keeps what is on these ranks, and returns the rest.
    fn keep(&mut self, ranks: &Ranges) -> Vec<Span> {
        let (mut kept, mut released) = (Vec::new(), Vec::new());
        for span in &self.spans {
            // up to but not including `end`, which is within the span
            let put = |to: &mut Vec<Span>, first: u64, end: u64| {
                if first < end {
                    let (first, last) = (first as u32, (end - 1) as u32);
                    to.push(Span { first, last, ..*span });
                }
            };
            let mut next = u64::from(span.first);
            let end = u64::from(span.last) + 1;
            for (first, last) in ranks.iter() {
                let first = u64::from(first).max(next);
                let last = end.min(u64::from(last) + 1);
                if first < last {
                    put(&mut released, next, first);
                    put(&mut kept, first, last);
                    next = last;
                }
            }
            put(&mut released, next, end);
        }
        self.spans = kept;
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_real_answers() {
        let said = Housekeeping::parse(
            r#"{"journal":{"listeners":1,"events":11},"active_jobs":0,
            "inactive_jobs":1,"max_jobid":65800241152,"housekeeping":{
            "running":{"ƒ2jFYSFR":{"t_start":1795385586.168701,
            "pending":"0-1","allocated":"0-1"}},
            "config":{"release-after":0.0,"command":"sleep 6"}}}"#,
        );
        let expected = Housekeeping {
            configured: Some(true),
            running: vec![(65_800_241_152, Ranges::one(0, 1))],
        };
        assert_eq!(said, Ok(expected));
        for none in [
            r#"{"active_jobs":5,"housekeeping":{"running":{},"config":{}}}"#,
            r#"{"active_jobs":5,"housekeeping":{"running":{},"config":{
            "release-after":-1.0,"command":""}}}"#,
            r#"{"active_jobs":5}"#,
        ] {
            let none = Housekeeping::parse(none);
            assert_eq!(none, Ok(Housekeeping::none()));
        }
        // as Flux 0.64 to 0.70 say it
        let said = r#"{"active_jobs":5,"housekeeping":{"running":{}}}"#;
        let untold = Housekeeping { configured: None, running: Vec::new() };
        assert_eq!(Housekeeping::parse(said), Ok(untold));
        let bad = r#"{"housekeeping":{"running":{"x":{"allocated":"0"}},
            "config":{}}}"#;
        assert!(Housekeeping::parse(bad).is_err());
    }

    #[test]
    fn ranks_are_released_one_by_one() {
        let span = |first, last, cores| Span { first, last, cores, gpus: 0 };
        let mut part =
            Part { spans: vec![span(0, 3, 4), span(6, 8, 2)], queue: 0 };
        assert_eq!(part.keep(&Ranges::one(0, 9)), []);
        let ranks = Ranges::parse("1,3-6,8-9").unwrap();
        let released = part.keep(&ranks);
        assert_eq!(
            part.spans,
            [span(1, 1, 4), span(3, 3, 4), span(6, 6, 2), span(8, 8, 2)]
        );
        assert_eq!(released, [span(0, 0, 4), span(2, 2, 4), span(7, 7, 2)]);
        assert_eq!(part.keep(&Ranges::default()).len(), 4);
        assert_eq!(part.spans, []);
    }
}
