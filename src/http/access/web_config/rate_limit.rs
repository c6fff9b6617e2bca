//! `rate_limit`: how many requests, and how often.

use std::time::Duration;

use super::yaml::Map;
use crate::http::access::rate::RateLimit;

/// More is a mistake here.
const DAY: Duration = Duration::from_secs(86_400);

/// What the file says.
#[derive(Default)]
pub(super) struct RateLimiter {
    interval: Duration,
    burst: u32,
}

impl RateLimiter {
    pub(super) fn read(mut map: Map) -> Result<Self, String> {
        // a number is of nanoseconds, as in Go
        let interval = |text: &str| match text.parse() {
            Ok(nanos) => up_to_a_day(Duration::from_nanos(nanos)),
            Err(_) => go_duration(text),
        };
        let duration = "a duration such as 100ms or 1s";
        let whole = "a whole number, at least 0";
        let interval = map.parsed("interval", duration, interval)?;
        let burst = map.parsed("burst", whole, |text| text.parse().ok())?;
        Ok(Self {
            interval: interval.unwrap_or_default(),
            burst: burst.unwrap_or_default(),
        })
    }

    /// None where no interval is set.
    pub(super) fn limit(self) -> Result<Option<RateLimit>, String> {
        let interval = self.interval;
        match (interval.is_zero(), self.burst) {
            (true, _) => Ok(None),
            (false, 0) => Err("rate_limit.burst: expected at least 1".into()),
            (false, burst) => Ok(Some(RateLimit::new(interval, burst))),
        }
    }
}

/// Go's `time.ParseDuration`: numbers with units, as in 1m30s; up to a day.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let (number, tail) = rest.split_at(rest.find(|c| !digits(c))?);
        let end = tail.find(digits).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    up_to_a_day(duration).filter(|_| !text.is_empty())
}

/// Times a burst it is still a time.
fn up_to_a_day(duration: Duration) -> Option<Duration> {
    (duration <= DAY).then_some(duration)
}
