//! The latest reports of the instances that are jobs of this one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::report::{Level, MAX_DEPTH, Report, Results, add};
use crate::job::JobId;

/// How many children are kept.
pub const MAX_CHILDREN: usize = 4096;

/// The most children that can be named.
pub const MAX_NAMED: usize = 1000;

/// Reports older than so many of their periods do not count.
const PERIODS: f64 = 3.0;

/// And some time for the parent to be slow in.
const SLACK: f64 = 10.0;

/// Jobs a second that an instance and those below it can finish: more than any
/// does, and so few that nobody spoils the counters for all.
const RATE: f64 = 10_000.0;

/// For how long they may add up before they are told, in seconds.
const AWAY: f64 = 3600.0;

/// What all below this instance told.
#[derive(Debug, Default)]
pub struct Store {
    children: BTreeMap<JobId, Child>,
    /// Jobs finished, by depth below this instance; what was told stays.
    finished: Vec<Results>,
    /// Whether children are named at all.
    naming: bool,
    /// How many more can be.
    places: usize,
    /// Jobs finished of children that were not named at the time.
    others: Results,
}

/// What is shown of one child, or of all that are not named.
#[derive(Debug, PartialEq)]
pub struct Part {
    /// Its job; none for the others.
    pub job: Option<JobId>,
    /// The instance itself, while that is known.
    pub present: Option<Level>,
    /// Its jobs finished since it has been named.
    pub finished: Results,
}

#[derive(Debug)]
struct Child {
    load: u64,
    /// Of the last report that was taken.
    seq: u64,
    /// When that was, and how many more jobs it could have told as finished.
    at: Instant,
    credit: f64,
    /// Until when its levels are good, while it is there.
    until: Option<Instant>,
    levels: Vec<Level>,
    /// Jobs finished since it has been named, if it is: for as long as its
    /// job is active, so that series neither come and go nor change places.
    named: Option<Results>,
}

/// Why a report is not taken.
#[derive(Debug, PartialEq)]
pub enum Refused {
    /// There are as many children as there may be.
    Full,
    /// More jobs than can have finished.
    Absurd,
}

impl Store {
    /// Says how many children are to be named.
    pub fn set_places(&mut self, places: usize) {
        (self.naming, self.places) = (places > 0, places);
    }

    /// Takes a report in the place of an earlier one. `age` is for how long
    /// there can have been such an instance, in seconds.
    pub fn take(
        &mut self,
        report: Report,
        age: f64,
        now: Instant,
    ) -> Result<(), Refused> {
        let Report { jobid, load, seq, period, last, levels, .. } = report;
        let known = self.children.get(&jobid);
        if known.is_none() && self.children.len() >= MAX_CHILDREN {
            return Err(Refused::Full);
        }
        let is_new = known.is_none_or(|c| (c.load, c.seq) != (load, seq));
        let credit = known.map_or(RATE * (age + SLACK), |child| {
            let seconds = now.saturating_duration_since(child.at);
            child.credit + RATE * seconds.as_secs_f64()
        });
        let mut credit = credit.min(RATE * AWAY);
        if is_new {
            let finished = levels.iter().flat_map(|level| level.finished);
            credit -= finished.map(|n| n as f64).sum::<f64>();
            if credit < 0.0 {
                return Err(Refused::Absurd);
            }
        }
        let mut named = known.and_then(|child| child.named);
        if named.is_none() && self.places > 0 {
            self.places -= 1;
            named = Some(Results::default());
        }
        let deepest = levels.len().max(self.finished.len());
        self.finished.resize(deepest, Results::default());
        if is_new {
            for (sum, level) in self.finished.iter_mut().zip(&levels) {
                add(sum, &level.finished);
            }
            let part = named.as_mut().unwrap_or(&mut self.others);
            if let Some(own) = levels.first() {
                add(part, &own.finished);
            }
        }
        let patience = Duration::from_secs_f64(PERIODS * period + SLACK);
        let until = (!last).then(|| now + patience);
        let at = now;
        let child = Child { load, seq, at, credit, until, levels, named };
        self.children.insert(jobid, child);
        Ok(())
    }

    /// Whether nothing is over.
    pub fn is_settled(
        &self,
        now: Instant,
        active: impl Fn(JobId) -> bool,
    ) -> bool {
        self.children.iter().all(|(job, child)| {
            active(*job) && child.until.is_none_or(|until| now < until)
        })
    }

    /// Forgets what is over: jobs that are not active any more, and what was
    /// told too long ago.
    pub fn settle(&mut self, now: Instant, active: impl Fn(JobId) -> bool) {
        let places = &mut self.places;
        self.children.retain(|job, child| {
            let stays = active(*job);
            *places += usize::from(!stays && child.named.is_some());
            stays
        });
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

    /// The children that are named, then the others together: each that there
    /// is at present is in one of them. Empty unless they are to be named.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut others = Level::default();
        for (job, child) in &self.children {
            let own = child.levels.first().filter(|_| child.until.is_some());
            match (child.named, own) {
                (Some(finished), own) => {
                    let (job, present) = (Some(*job), own.cloned());
                    parts.push(Part { job, present, finished });
                }
                (None, Some(own)) => others.add(own),
                (None, None) => {}
            }
        }
        if self.naming {
            let (present, finished) = (Some(others), self.others);
            parts.push(Part { job: None, present, finished });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Store {
        /// Takes a report of an old instance.
        pub fn put(
            &mut self,
            report: Report,
            now: Instant,
        ) -> Result<(), Refused> {
            self.take(report, AWAY, now)
        }
    }

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
    fn nobody_finishes_more_than_can_be() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut store = Store::default();
        let many = |seq, n| report(1, seq, vec![level(1, n)]);
        let full = (RATE * AWAY) as u64 / 5;
        store.put(many(0, full), now).unwrap();
        // again, for its answer was lost
        store.put(many(0, full), now).unwrap();
        let one_more = store.put(many(1, 1), now);
        assert_eq!(one_more, Err(Refused::Absurd));
        assert_eq!(store.levels()[0].finished, [full; 5]);
        store.put(many(1, 2_000), at(1)).unwrap();
        assert!(store.put(many(2, 2_001), at(2)).is_err());
        // it does not add up for ever
        assert!(store.put(many(2, full + 1), at(100_000)).is_err());
        store.put(many(2, full), at(100_000)).unwrap();
        // nor has one that has just begun finished any number of them
        let young = |n| report(2, 0, vec![level(0, n)]);
        let most = (RATE * (1.0 + SLACK)) as u64 / 5;
        let refused = store.take(young(most + 1), 1.0, now);
        assert_eq!(refused, Err(Refused::Absurd));
        store.take(young(most), 1.0, now).unwrap();
    }

    #[test]
    fn children_are_bounded() {
        let now = Instant::now();
        let mut store = Store::default();
        for job in 0..MAX_CHILDREN as u64 {
            store.put(report(job, 0, vec![level(1, 1)]), now).unwrap();
        }
        let one = |job| report(job, 1, vec![level(1, 1)]);
        assert_eq!(store.put(one(u64::MAX), now), Err(Refused::Full));
        assert_eq!(store.put(one(0), now), Ok(()));
        store.settle(now, |job| job != 5);
        assert_eq!(store.put(one(u64::MAX), now), Ok(()));
    }

    #[test]
    fn so_many_are_named_and_the_others_make_the_sums_right() {
        let now = Instant::now();
        let mut store = Store::default();
        store.put(report(1, 0, vec![level(1, 1)]), now).unwrap();
        assert_eq!(store.parts(), []);
        store.set_places(2);
        // the sums over the parts are those of the level
        let check = |store: &Store, gone: u64| {
            let (mut sum, mut finished) = (Level::default(), [0; 5]);
            for part in store.parts() {
                part.present.iter().for_each(|level| sum.add(level));
                add(&mut finished, &part.finished);
            }
            finished.iter_mut().for_each(|n| *n += gone);
            sum.finished = finished;
            assert_eq!(sum, store.levels()[0]);
        };
        let named = |store: &Store| -> Vec<_> {
            let named = |p: Part| p.job.map(|job| (job, p.finished[0]));
            store.parts().into_iter().filter_map(named).collect()
        };
        for (seq, job) in [(0, 7), (0, 5), (0, 3), (1, 3), (1, 7)] {
            let levels = vec![level(job, job), level(9, 9)];
            store.put(report(job, seq, levels), now).unwrap();
            // told before any were named
            check(&store, 0);
        }
        assert_eq!(named(&store), [(5, 5), (7, 14)]);
        // one that is silent keeps its place, and what it came to
        let long = now + Duration::from_secs(60);
        store.settle(long, |_| true);
        assert_eq!(named(&store), [(5, 5), (7, 14)]);
        assert_eq!(store.parts()[0].present, None);
        check(&store, 0);
        // one that has ended makes room for who comes next
        store.settle(long, |job| job != 7);
        store.put(report(3, 2, vec![level(3, 30)]), long).unwrap();
        store.put(report(2, 0, vec![level(2, 2)]), long).unwrap();
        assert_eq!(named(&store), [(3, 30), (5, 5)]);
        check(&store, 14);
        store.settle(long, |_| false);
        assert_eq!(named(&store), []);
    }
}
