//! A histogram that is plain data, so that a scrape can copy it together
//! with everything else that must be of the same moment.

use std::sync::Arc;

use super::native::Native;
use super::{JobId, Time};

/// Upper bounds in seconds for the times jobs take, from what feels
/// immediate to the longest time limits in use.
pub const DEFAULT_BOUNDS: [f64; 17] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    14_400.0, 28_800.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// What is kept beyond the buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Native histograms.
    pub native: bool,
    /// A job for each bucket, where the observations are of jobs.
    pub exemplars: bool,
}

/// Counts of observations by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: Arc<[f64]>,
    counts: Box<[u64]>,
    sum: f64,
    native: Option<Box<Native>>,
    exemplars: Option<Box<[Option<Exemplar>]>>,
}

/// The last observation in a bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// What it is of.
    pub job: JobId,
    /// What was observed.
    pub value: f64,
    /// When.
    pub at: Time,
}

impl Histogram {
    /// An empty histogram; `bounds` are inclusive upper bounds, ascending.
    /// One more bucket, for the rest, is implied.
    pub fn new(bounds: Arc<[f64]>) -> Histogram {
        let counts = vec![0; bounds.len() + 1].into_boxed_slice();
        Histogram { bounds, counts, sum: 0.0, native: None, exemplars: None }
    }

    /// The same, that keeps more of what is observed from now on.
    pub fn with(mut self, detail: Detail) -> Histogram {
        self.native = detail.native.then(Box::default);
        let exemplars = || vec![None; self.counts.len()].into_boxed_slice();
        self.exemplars = detail.exemplars.then(exemplars);
        self
    }

    /// Counts one observation.
    pub fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
        if let Some(native) = &mut self.native {
            native.observe(value);
        }
    }

    /// Counts one observation, of a job at a time.
    pub fn observe_of(&mut self, job: JobId, value: f64, at: Time) {
        self.observe(value);
        if let Some(exemplars) = &mut self.exemplars {
            let bucket = self.bounds.partition_point(|&bound| bound < value);
            exemplars[bucket] = Some(Exemplar { job, value, at });
        }
    }

    /// The same observations in a native histogram, if that is kept.
    pub fn native(&self) -> Option<&Native> {
        self.native.as_deref()
    }

    /// For each bucket the last observation, where these are kept.
    pub fn exemplars(&self) -> &[Option<Exemplar>] {
        self.exemplars.as_deref().unwrap_or_default()
    }

    /// The upper bounds; the last bucket has none.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Observations per bucket, not cumulative; one longer than `bounds`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive() {
        let mut h = Histogram::new(Arc::from([1.0, 10.0]));
        for value in [0.0, 1.0, 1.5, 10.0, 10.5, 1e9] {
            h.observe(value);
        }
        assert_eq!(h.counts(), [2, 2, 2]);
        assert_eq!(h.count(), 6);
        assert_eq!(h.sum(), 1e9 + 23.0);
    }

    #[test]
    fn default_bounds_ascend() {
        assert!(DEFAULT_BOUNDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn more_is_kept_where_it_is_wanted() {
        let bounds: Arc<[f64]> = Arc::from([1.0, 10.0]);
        let at = Time::from_secs(5.0);
        let mut h = Histogram::new(bounds.clone());
        h.observe_of(7, 1.0, at);
        assert!(h.native().is_none() && h.exemplars().is_empty());
        let all = Detail { native: true, exemplars: true };
        let mut h = Histogram::new(bounds).with(all);
        for (job, value) in [(7, 1.0), (8, 0.5), (9, 11.0)] {
            h.observe_of(job, value, at);
        }
        h.observe(2.0);
        let last = |job, value| Some(Exemplar { job, value, at });
        assert_eq!(h.exemplars(), [last(8, 0.5), None, last(9, 11.0)]);
        let counts = h.native().unwrap().buckets.iter().map(|(_, n)| n);
        assert_eq!(counts.sum::<u64>(), 4);
        assert_eq!(h.counts(), [2, 1, 1]);
    }

    #[test]
    fn no_bounds_is_one_bucket() {
        let mut h = Histogram::new(Arc::from([]));
        h.observe(3.0);
        assert_eq!(h.counts(), [1]);
    }
}
