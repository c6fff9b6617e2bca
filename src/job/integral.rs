//! An amount that changes, integrated over time: node-seconds and the like.
//!
//! A gauge sampled at scrapes would miss what happens between them.  Here
//! every piece of the amount is known by the time it began, so the integral
//! is exact whenever it is read, in integers: `amount * microseconds`.

use super::Time;

/// The integral of an amount over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integral {
    /// What has ended: the sum of amount * (until - from).
    done: i128,
    /// What goes on: the sum of amounts ...
    amount: i128,
    /// ... and of amount * from.
    origin: i128,
    /// The most ever read.
    served: i128,
}

impl Integral {
    /// `amount` more, since `from`.
    pub fn add(&mut self, amount: u32, from: Time) {
        let amount = i128::from(amount);
        self.amount += amount;
        self.origin += amount * i128::from(from.as_micros());
    }

    /// `amount`, that was added with the same `from`, ended at `until`.
    pub fn remove(&mut self, amount: u32, from: Time, until: Time) {
        let amount = i128::from(amount);
        let from = i128::from(from.as_micros());
        let until = i128::from(until.as_micros());
        self.amount -= amount;
        self.origin -= amount * from;
        self.done += amount * (until - from).max(0);
    }

    /// The integral up to `now`, in amount * seconds.  Never less than what
    /// was read before: an event that arrives after a scrape may be dated
    /// before it, and a counter that falls would look like a restart.
    pub fn value(&mut self, now: Time) -> f64 {
        self.read(now) as f64 / 1e6
    }

    /// The same, in amount * microseconds.
    pub fn read(&mut self, now: Time) -> i128 {
        self.served = self.served.max(self.exact(now));
        self.served
    }

    /// What is known now of the integral up to `now`, whatever was read
    /// before, in amount * microseconds.
    pub fn exact(&self, now: Time) -> i128 {
        self.done + self.amount * i128::from(now.as_micros()) - self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(secs: f64) -> Time {
        Time::from_secs(1.7e9 + secs)
    }

    #[test]
    fn exact_at_any_time() {
        let mut i = Integral::default();
        i.add(2, t(0.0));
        assert_eq!(i.value(t(10.0)), 20.0);
        i.add(3, t(10.0));
        assert_eq!(i.value(t(11.0)), 25.0);
        i.remove(2, t(0.0), t(20.0));
        assert_eq!(i.value(t(20.0)), 70.0);
        i.remove(3, t(10.0), t(20.5));
        assert_eq!(i.value(t(1e6)), 71.5);
    }

    #[test]
    fn cancels_to_nothing() {
        let mut i = Integral::default();
        for n in 1..1000 {
            i.add(n, t(f64::from(n) * 0.1));
        }
        for n in (1..1000).rev() {
            let from = t(f64::from(n) * 0.1);
            i.remove(n, from, from);
        }
        assert_eq!(i, Integral::default());
    }

    #[test]
    fn never_falls() {
        let mut i = Integral::default();
        i.add(1, t(0.0));
        assert_eq!(i.value(t(10.0)), 10.0);
        i.remove(1, t(0.0), t(9.0));
        assert_eq!(i.value(t(10.0)), 10.0);
        i.add(1, t(10.0));
        assert_eq!(i.value(t(10.5)), 10.0);
        // and catches up with what is right, not with what was read
        assert_eq!(i.value(t(12.0)), 11.0);
    }

    #[test]
    fn an_end_before_the_beginning_is_nothing() {
        let mut i = Integral::default();
        i.add(5, t(10.0));
        assert_eq!(i.value(t(9.0)), 0.0);
        i.remove(5, t(10.0), t(9.0));
        assert_eq!(i.value(t(20.0)), 0.0);
    }
}
