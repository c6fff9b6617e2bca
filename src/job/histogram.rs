//! A histogram that is plain data, so that a scrape can copy it together
//! with everything else that must be of the same moment.

use std::sync::Arc;

/// Upper bounds in seconds for the times jobs take, from what feels
/// immediate to the longest time limits in use.
pub const DEFAULT_BOUNDS: [f64; 17] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0,
    14_400.0, 28_800.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
];

/// Counts of observations by size.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: Arc<[f64]>,
    counts: Box<[u64]>,
    sum: f64,
}

impl Histogram {
    /// An empty histogram; `bounds` are inclusive upper bounds, ascending.
    /// One more bucket, for the rest, is implied.
    pub fn new(bounds: Arc<[f64]>) -> Histogram {
        let counts = vec![0; bounds.len() + 1].into_boxed_slice();
        Histogram { bounds, counts, sum: 0.0 }
    }

    /// Counts one observation.
    pub fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
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
    fn no_bounds_is_one_bucket() {
        let mut h = Histogram::new(Arc::from([]));
        h.observe(3.0);
        assert_eq!(h.counts(), [1]);
    }
}
