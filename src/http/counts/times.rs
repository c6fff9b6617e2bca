//! How long renderings took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A rendering takes 0.1 ms for an idle instance; above 10 s Prometheus has
/// given up.
pub(super) const BOUNDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Times, by how long they were.
#[derive(Debug, Clone, Default)]
pub struct Times(Arc<Mutex<Observed>>);

#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) counts: [u64; BOUNDS.len() + 1],
    pub(super) sum: f64,
}

impl Times {
    pub(super) fn lock(&self) -> MutexGuard<'_, Observed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.lock().counts.iter().sum()
    }

    /// A time that begins now, and ends when this is dropped.
    pub fn start(&self) -> Timer<'_> {
        Timer { times: self, start: Instant::now() }
    }

    fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let mut observed = self.lock();
        observed.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        observed.sum += seconds;
    }
}

/// A time that goes on.
#[derive(Debug)]
pub struct Timer<'a> {
    times: &'a Times,
    start: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.times.observe(self.start.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_what_is_below() {
        let times = Times::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            times.observe(Duration::from_micros(micros));
        }
        let counts = times.lock().counts;
        assert_eq!(counts[..2], [2, 1]);
        assert_eq!(counts[15..], [1, 1]);
        assert_eq!(times.count(), 5);
        assert!((times.lock().sum - 20.000_202).abs() < 1e-9);
    }

    #[test]
    fn a_panic_ends_it_too() {
        let times = Times::default();
        let panic = std::panic::catch_unwind(|| {
            let _timer = times.start();
            panic!("expected");
        });
        assert!(panic.is_err());
        assert_eq!(times.count(), 1);
    }
}
