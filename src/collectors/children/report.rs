//! What an instance tells its parent of itself and all below it.

use serde::{Deserialize, Serialize};

use crate::collectors::parse;
use crate::flux::{Error, Result};
use crate::job::outcome::Outcome;
use crate::job::state::State;
use crate::job::{JobId, Table};
use crate::resource::NodeState;

/// Of another version nothing is taken.
const VERSION: u32 = 1;

/// How many levels below an instance it tells of; what is deeper is left out.
pub const MAX_DEPTH: usize = 8;

/// The longest message: eight levels of numbers take less.
const MAX_BYTES: usize = 16 * 1024;

/// More than any instance has of anything, and so little that no sum of what
/// the children of one say overflows.
const MAX_NUMBER: u64 = 1 << 40;

/// One message; its size does not grow with the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Of this shape.
    pub version: u32,
    /// The job of the parent that the sender is.
    pub jobid: JobId,
    /// Which load of the module it is, as a number that no other has.
    pub load: u64,
    /// Counts what was finished. A message that may not have arrived is
    /// repeated with its number, and its results, so that they count once.
    pub seq: u64,
    /// When the next one is due, in seconds.
    pub period: f64,
    /// Whether no other will come: of its levels the results count only.
    pub last: bool,
    /// The instance itself, its children, theirs, and so on.
    pub levels: Vec<Level>,
}

/// Sums over the instances of one depth.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// How many there are.
    pub instances: u64,
    /// Active jobs by state.
    pub jobs: [u64; State::ACTIVE.len()],
    /// Nodes by state.
    pub nodes: [u64; NodeState::ALL.len()],
    /// Nodes that jobs have or wait for.
    pub nodes_wanted: u64,
    /// Jobs that became inactive, by result; in a report, since the last one.
    pub finished: Results,
}

/// Jobs by result.
pub type Results = [u64; Outcome::ALL.len()];

impl Report {
    /// The current version of one.
    pub fn new(jobid: JobId, load: u64, period: f64) -> Self {
        let (version, seq) = (VERSION, 0);
        let levels = Vec::new();
        Self { version, jobid, load, seq, period, last: false, levels }
    }

    /// Reads one, or says what is wrong with it.
    pub fn read(payload: &str) -> Result<Self> {
        if payload.len() > MAX_BYTES {
            return Err(Error::invalid("report: longer than any can be"));
        }
        let report: Self = parse("report", payload)?;
        report.check().map_err(|text| {
            Error::new(libc::EPROTO, format!("report: {text}"))
        })?;
        Ok(report)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "version {}, and this module knows {VERSION}: load the same \
                 one in all instances",
                self.version
            ));
        }
        if self.levels.is_empty() || self.levels.len() > MAX_DEPTH {
            return Err(format!("expected 1 to {MAX_DEPTH} levels"));
        }
        if !(1.0..=3600.0).contains(&self.period) {
            return Err("expected a period from 1 to 3600 s".into());
        }
        let numbers = |level: &Level| {
            let Level { instances, jobs, nodes, nodes_wanted, finished } =
                level.clone();
            let mut all = [instances, nodes_wanted]
                .into_iter()
                .chain(jobs)
                .chain(nodes)
                .chain(finished);
            all.all(|n| n <= MAX_NUMBER)
        };
        match self.levels.iter().all(numbers) {
            true if self.levels[0].instances <= 1 => Ok(()),
            _ => Err("numbers that cannot be".into()),
        }
    }
}

impl Level {
    /// The instance of this table, if its jobs, its nodes and which queues are
    /// stopped are known.
    pub fn of(table: &Table) -> Option<Self> {
        let totals = table.totals();
        let known = totals.nodes.known() && !totals.stops_unknown;
        if !table.synced() || !known {
            return None;
        }
        let mut level = Self {
            instances: 1,
            nodes: totals.nodes.all().nodes,
            nodes_wanted: totals.nodes.in_use(),
            finished: finished(table),
            ..Self::default()
        };
        for queue in totals.queues() {
            add(&mut level.jobs, &queue.jobs);
            let wanted = queue.pending().map_or(0, |demand| demand.nodes());
            level.nodes_wanted = level.nodes_wanted.saturating_add(wanted);
        }
        Some(level)
    }

    /// Keeps within what is taken: sums of what others said may be beyond,
    /// and are not to keep the rest from being told.
    pub fn bound(&mut self) {
        let Self { instances, jobs, nodes, nodes_wanted, finished } = self;
        let all = [instances, nodes_wanted].into_iter();
        let all = all.chain(jobs).chain(nodes).chain(finished);
        all.for_each(|n| *n = (*n).min(MAX_NUMBER));
    }

    /// Adds what there is at present, but no results.
    pub fn add(&mut self, other: &Self) {
        self.instances = self.instances.saturating_add(other.instances);
        add(&mut self.jobs, &other.jobs);
        add(&mut self.nodes, &other.nodes);
        let wanted = &mut self.nodes_wanted;
        *wanted = wanted.saturating_add(other.nodes_wanted);
    }
}

/// What the instance's own jobs came to.
pub fn finished(table: &Table) -> Results {
    let mut sum = Results::default();
    table.totals().queues().for_each(|queue| add(&mut sum, &queue.finished));
    sum
}

/// Adds one by one.
pub fn add(sum: &mut [u64], more: &[u64]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let level = Level { instances: 1, ..Level::default() };
        Report { levels: vec![level], ..Report::new(7, 1, 10.0) }
    }

    #[test]
    fn a_report_comes_back_and_is_small() {
        let full = Level {
            instances: 1,
            jobs: [MAX_NUMBER; 5],
            nodes: [MAX_NUMBER; 6],
            nodes_wanted: MAX_NUMBER,
            finished: [MAX_NUMBER; 5],
        };
        let levels = vec![full; MAX_DEPTH];
        let report = Report { levels, ..Report::new(u64::MAX, 1, 3600.0) };
        let text = serde_json::to_string(&report).unwrap();
        assert!(text.len() < MAX_BYTES / 4, "{}", text.len());
        assert_eq!(Report::read(&text), Ok(report));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let changes: [fn(&mut Report); 8] = [
            |r| r.version = 2,
            |r| r.levels.clear(),
            |r| r.levels = vec![Level::default(); MAX_DEPTH + 1],
            |r| r.levels[0].instances = 2,
            |r| r.levels[0].finished[4] = MAX_NUMBER + 1,
            |r| r.levels[0].nodes_wanted = u64::MAX,
            |r| r.period = 0.5,
            |r| r.period = 4000.0,
        ];
        assert_eq!(report().check(), Ok(()));
        for (i, change) in changes.iter().enumerate() {
            let mut report = report();
            change(&mut report);
            let text = serde_json::to_string(&report).unwrap();
            assert!(Report::read(&text).is_err(), "change {i}");
        }
        let mut large = report();
        large.levels[0].nodes = [u64::MAX; 6];
        assert!(large.check().is_err());
        large.levels[0].bound();
        assert_eq!(large.check(), Ok(()));
        let long = format!("{}{}", " ".repeat(MAX_BYTES), "{}");
        assert_eq!(Report::read(&long).unwrap_err().errno, libc::EINVAL);
        assert!(Report::read("{}").is_err());
    }
}
