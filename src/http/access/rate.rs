//! A token bucket, as exporter-toolkit's `rate_limit` wants one.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets a burst through, and after that one request in each interval.
pub(super) struct RateLimit {
    interval: Duration,
    burst: u32,
    /// When the bucket will be full again.
    full: Mutex<Option<Instant>>,
}

impl RateLimit {
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst, full: Mutex::new(None) }
    }

    /// Takes a token, if there is one at this time.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let after = full.map_or(now, |full| full.max(now)) + self.interval;
        if after - now > self.interval * self.burst {
            return false;
        }
        *full = Some(after);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_each_interval() {
        let limit = RateLimit::new(Duration::from_secs(1), 3);
        let begin = Instant::now();
        let take = |ms| limit.take(begin + Duration::from_millis(ms));
        assert_eq!(
            [take(0), take(0), take(0), take(0)],
            [true, true, true, false]
        );
        assert_eq!([take(999), take(1000), take(1000)], [false, true, false]);
        // it never holds more than a burst
        let later = 3_600_000;
        assert_eq!(
            [take(later), take(later), take(later), take(later)],
            [true, true, true, false]
        );
    }
}
