//! Points in time as the eventlog writes them (RFC 18), in integers.

/// Microseconds since the epoch.
///
/// Eventlog timestamps are JSON floats; at today's epoch a double resolves
/// about a quarter of a microsecond.  Integers make sums of times exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The epoch.
    pub const ZERO: Time = Time(0);

    /// Before every other time: "has not happened".
    pub const UNSET: Time = Time(i64::MIN);

    /// Converts seconds since the epoch; out of range saturates and not a
    /// number is the epoch.  Never [`Time::UNSET`].
    pub fn from_secs(secs: f64) -> Time {
        // `as` saturates, cuts off and turns NaN into 0; f64::round is a call
        let micros = secs * 1e6;
        let micros = (micros + 0.5_f64.copysign(micros)) as i64;
        Time(micros.max(i64::MIN + 1))
    }

    /// That many microseconds since the epoch.
    pub fn from_micros(micros: i64) -> Time {
        Time(micros)
    }

    /// Seconds since the epoch.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to `self`, 0 if it is not earlier.
    pub fn since(self, earlier: Time) -> f64 {
        self.0.saturating_sub(earlier.0).max(0) as f64 / 1e6
    }

    /// Whether this is a time at all, not [`Time::UNSET`].
    pub fn is_set(self) -> bool {
        self != Time::UNSET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_survive_to_the_microsecond() {
        let t = Time::from_secs(1795337781.1253617);
        assert_eq!(t.as_micros(), 1_795_337_781_125_362);
        assert_eq!(t.as_secs(), 1795337781.125362);
    }

    #[test]
    fn since_is_never_negative() {
        let (a, b) = (Time::from_secs(10.0), Time::from_secs(12.5));
        assert_eq!(b.since(a), 2.5);
        assert_eq!(a.since(b), 0.0);
        assert!(a.since(Time::UNSET) > 0.0);
    }

    #[test]
    fn absurd_seconds_saturate() {
        assert_eq!(Time::from_secs(f64::NAN), Time::ZERO);
        assert_eq!(Time::from_secs(1e300).as_micros(), i64::MAX);
        assert!(Time::from_secs(-1e300).is_set());
        assert!(Time::UNSET < Time::from_secs(f64::NEG_INFINITY));
    }
}
