//! The latest reports of the instances that are jobs of this one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::report::{Level, MAX_DEPTH, Report, Results, add};
use crate::job::JobId;

/// How many children are kept.
pub const MAX_CHILDREN: usize = 4096;

/// Reports older than so many of their periods do not count.
const PERIODS: f64 = 3.0;

/// And some time for the parent to be slow in.
const SLACK: f64 = 10.0;

/// What all below this instance told.
#[derive(Debug, Default)]
pub struct Store {
    children: BTreeMap<JobId, Child>,
    /// Jobs finished, by depth below this instance; what was told stays.
    finished: Vec<Results>,
}

#[derive(Debug)]
struct Child {
    load: u64,
    /// Of the last report that was taken.
    seq: u64,
    /// Until when its levels are good, while it is there.
    until: Option<Instant>,
    levels: Vec<Level>,
}

/// There are as many children as there may be.
#[derive(Debug, PartialEq)]
pub struct Full;

impl Store {
    /// Takes a report in the place of an earlier one.
    pub fn put(&mut self, report: Report, now: Instant) -> Result<(), Full> {
        let Report { jobid, load, seq, period, last, levels, .. } = report;
        let known = self.children.get(&jobid);
        if known.is_none() && self.children.len() >= MAX_CHILDREN {
            return Err(Full);
        }
        let deepest = levels.len().max(self.finished.len());
        self.finished.resize(deepest, Results::default());
        if known.is_none_or(|c| (c.load, c.seq) != (load, seq)) {
            for (sum, level) in self.finished.iter_mut().zip(&levels) {
                add(sum, &level.finished);
            }
        }
        let patience = Duration::from_secs_f64(PERIODS * period + SLACK);
        let until = (!last).then(|| now + patience);
        self.children.insert(jobid, Child { load, seq, until, levels });
        Ok(())
    }

    /// Forgets what is over: jobs that are not active any more, and what was
    /// told too long ago.
    pub fn settle(&mut self, now: Instant, active: impl Fn(JobId) -> bool) {
        self.children.retain(|job, _| active(*job));
        for child in self.children.values_mut() {
            child.until = child.until.filter(|until| now < *until);
        }
    }

    /// The sums by depth, children first, with all that was ever finished.
    pub fn levels(&self) -> Vec<Level> {
        let there = self.children.values().filter(|c| c.until.is_some());
        // one level is there from the start, so that its counters begin at 0
        let depth = self.finished.len().clamp(1, MAX_DEPTH);
        let mut levels = vec![Level::default(); depth];
        for child in there {
            for (sum, level) in levels.iter_mut().zip(&child.levels) {
                sum.add(level);
            }
        }
        for (level, finished) in levels.iter_mut().zip(&self.finished) {
            level.finished = *finished;
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(jobs: u64, finished: u64) -> Level {
        Level {
            instances: 1,
            jobs: [jobs; 5],
            nodes: [jobs; 6],
            nodes_wanted: jobs,
            finished: [finished; 5],
        }
    }

    fn report(jobid: JobId, seq: u64, levels: Vec<Level>) -> Report {
        Report { seq, levels, ..Report::new(jobid, 1, 10.0) }
    }

    #[test]
    fn levels_add_up_by_depth() {
        let now = Instant::now();
        let mut store = Store::default();
        assert_eq!(store.levels(), [Level::default()]);
        store.put(report(1, 0, vec![level(1, 10), level(2, 20)]), now).unwrap();
        store.put(report(2, 0, vec![level(4, 40)]), now).unwrap();
        let mut both = level(5, 50);
        both.instances = 2;
        assert_eq!(store.levels(), [both, level(2, 20)]);
    }

    #[test]
    fn results_count_once_and_stay() {
        let now = Instant::now();
        let mut store = Store::default();
        let finished = |store: &Store| store.levels()[0].finished[0];
        store.put(report(1, 0, vec![level(9, 2)]), now).unwrap();
        // again, for its answer was lost
        store.put(report(1, 0, vec![level(3, 2)]), now).unwrap();
        assert_eq!((finished(&store), store.levels()[0].jobs[0]), (2, 3));
        store.put(report(1, 1, vec![level(3, 5)]), now).unwrap();
        assert_eq!(finished(&store), 7);
        // the module was loaded anew
        let mut other = report(1, 1, vec![level(3, 1)]);
        other.load = 2;
        store.put(other, now).unwrap();
        assert_eq!(finished(&store), 8);
        store.settle(now, |_| false);
        let gone = Level { finished: [8; 5], ..Level::default() };
        assert_eq!(store.levels(), [gone]);
    }

    #[test]
    fn gauges_leave_with_the_last_report_or_for_want_of_one() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut store = Store::default();
        let there = |store: &Store| store.levels()[0].instances;
        store.put(report(1, 0, vec![level(1, 0)]), now).unwrap();
        store.settle(at(39), |_| true);
        assert_eq!(there(&store), 1);
        store.settle(at(40), |_| true);
        assert_eq!(there(&store), 0);
        store.put(report(1, 1, vec![level(1, 0)]), at(41)).unwrap();
        assert_eq!(there(&store), 1);
        let last = Report { last: true, ..report(1, 2, vec![level(1, 3)]) };
        store.put(last, at(42)).unwrap();
        assert_eq!((there(&store), store.levels()[0].finished[0]), (0, 3));
    }

    #[test]
    fn children_are_bounded() {
        let now = Instant::now();
        let mut store = Store::default();
        for job in 0..MAX_CHILDREN as u64 {
            store.put(report(job, 0, vec![level(1, 1)]), now).unwrap();
        }
        let one = |job| report(job, 1, vec![level(1, 1)]);
        assert_eq!(store.put(one(u64::MAX), now), Err(Full));
        assert_eq!(store.put(one(0), now), Ok(()));
        store.settle(now, |job| job != 5);
        assert_eq!(store.put(one(u64::MAX), now), Ok(()));
    }
}
