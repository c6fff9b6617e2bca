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
mod tests;
