//! Counters of Flux that begin again, followed by ones that do not.
//!
//! Flux keeps many of its counts in a C `int`, and `flux module stats
//! --clear` or a reload of the module sets them to 0.

/// More than happens between two readings: what looks like a growth beyond
/// this is a new beginning.
const LEAP: i64 = 1 << 28;

/// The sum of what a counter has counted, however often it began again.
#[derive(Debug, Default, Clone, Copy)]
pub struct Total {
    last: Option<i64>,
    total: i64,
}

impl Total {
    /// Takes a reading and returns the total. The first reading counts whole.
    pub fn follow(&mut self, reading: i64) -> f64 {
        self.total = self.total.saturating_add(self.growth(reading));
        self.last = Some(reading);
        self.total as f64
    }

    fn growth(&self, reading: i64) -> i64 {
        // an int that is full goes on below zero: the difference modulo 2^32
        // is right all the same
        let grown = self
            .last
            .map(|last| reading.wrapping_sub(last).rem_euclid(1 << 32));
        match grown {
            Some(grown) if grown < LEAP => grown,
            _ => reading.max(0),
        }
    }
}

/// Things that are counted and timed, of which Flux tells the number and the
/// mean.
#[derive(Debug, Default, Clone, Copy)]
pub struct Timed {
    count: Total,
    last: (i64, f64),
    seconds: f64,
}

impl Timed {
    /// Takes a reading and returns the total count and the total of seconds.
    pub fn follow(&mut self, count: i64, mean: f64) -> (f64, f64) {
        let (last, seconds) = self.last;
        let sum = count as f64 * mean;
        if count != last {
            // the mean is rounded each time: not every difference of sums is
            // worth a look, and none below zero is true
            self.seconds +=
                if count > last { sum - seconds } else { sum }.max(0.0);
            self.last = (count, sum);
        }
        (self.count.follow(count), self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_never_falls() {
        let mut total = Total::default();
        for (reading, expected) in [
            (5, 5.0),
            (5, 5.0),
            (9, 9.0),
            (0, 9.0), // cleared
            (3, 12.0),
            (1, 13.0), // cleared, and one since
            (2, 14.0),
        ] {
            assert_eq!(total.follow(reading), expected, "{reading}");
        }
    }

    #[test]
    fn an_int_that_overflows_goes_on() {
        let max = i64::from(i32::MAX);
        let mut total = Total::default();
        assert_eq!(total.follow(max), max as f64);
        let next = i64::from(i32::MIN) + 9;
        assert_eq!(total.follow(next), (max + 10) as f64);
        assert_eq!(total.follow(next + 5), (max + 15) as f64);
        // cleared while below zero
        assert_eq!(total.follow(7), (max + 22) as f64);
    }

    #[test]
    fn times_follow_their_count() {
        let mut timed = Timed::default();
        assert_eq!(timed.follow(0, 0.0), (0.0, 0.0));
        assert_eq!(timed.follow(4, 0.5), (4.0, 2.0));
        // the same four, rounded otherwise
        assert_eq!(timed.follow(4, 0.499), (4.0, 2.0));
        assert_eq!(timed.follow(6, 0.5), (6.0, 3.0));
        assert_eq!(timed.follow(2, 0.25), (8.0, 3.5));
    }
}
