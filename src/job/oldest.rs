//! Times, of which the least is wanted.
//!
//! A set of them would be a third of what is remembered of a job. So they are
//! kept to [`UNIT`] microseconds, and with those of the same four seconds: two
//! bytes each, where there are many.

use std::collections::{BTreeMap, VecDeque};

use super::Time;

/// Times are cut down to a multiple of this.
const UNIT: i64 = 1 << UNIT_BITS;
const UNIT_BITS: u32 = 6;

/// Those that differ above these bits are apart.
const BITS: u32 = UNIT_BITS + u16::BITS;

/// Each time that was added, as often as it was, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Oldest(BTreeMap<u32, VecDeque<u16>>);

impl Oldest {
    pub(super) fn add(&mut self, time: Time) {
        let (start, units) = split(time);
        let times = self.0.entry(start).or_default();
        // jobs become eligible one after the other: mostly this is the end
        let at = times.partition_point(|earlier| *earlier <= units);
        times.insert(at, units);
    }

    /// Takes one out that was added.
    pub(super) fn remove(&mut self, time: Time) {
        let (start, units) = split(time);
        let Some(times) = self.0.get_mut(&start) else { return };
        if let Ok(at) = times.binary_search(&units) {
            times.remove(at);
        }
        if times.is_empty() {
            self.0.remove(&start);
        } else if times.capacity() > 64 + 4 * times.len() {
            times.shrink_to(2 * times.len());
        }
    }

    /// The least, or less than [`UNIT`] microseconds before it.
    pub(super) fn first(&self) -> Option<Time> {
        let (start, times) = self.0.first_key_value()?;
        let units = i64::from(*times.front()?);
        Some(Time::from_micros((i64::from(*start) << BITS) + units * UNIT))
    }
}

/// Four seconds since the epoch, and units into them. What is before the
/// epoch, or beyond the year 2500, is where that ends.
fn split(time: Time) -> (u32, u16) {
    let last = (1 << (u32::BITS + BITS)) - 1;
    let micros = time.as_micros().clamp(0, last);
    ((micros >> BITS) as u32, (micros >> UNIT_BITS) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_known_whatever_goes() {
        let mut oldest = Oldest::default();
        let mut times: Vec<_> = (0..10_000_i64)
            .map(|i| 1_795_000_000_000_000 + (i * 7_919 % 10_007) * 1_009)
            .collect();
        let time = |micros: &i64| Time::from_micros(*micros);
        times.iter().for_each(|at| oldest.add(time(at)));
        assert!(oldest.0.len() <= 4);
        // one that is there twice goes once
        oldest.add(time(&times[5_000]));
        oldest.remove(time(&times[5_000]));
        while let Some(gone) = times.pop() {
            let least = times.iter().chain([&gone]).min().unwrap();
            let early = least - oldest.first().unwrap().as_micros();
            assert!((0..UNIT).contains(&early), "{early}");
            oldest.remove(time(&gone));
            // to compare with all of them each time takes long
            let keep = times.len().saturating_sub(97);
            for gone in times.drain(keep..) {
                oldest.remove(time(&gone));
            }
        }
        assert_eq!(oldest, Oldest::default());
    }

    #[test]
    fn memory_is_given_back() {
        let mut oldest = Oldest::default();
        let at = |i: i64| Time::from_micros(i * UNIT);
        (0..60_000).for_each(|i| oldest.add(at(i)));
        (0..59_000).for_each(|i| oldest.remove(at(i)));
        assert_eq!(oldest.first(), Some(at(59_000)));
        assert!(oldest.0[&0].capacity() < 8_192);
    }

    #[test]
    fn absurd_times_are_the_first_or_the_last() {
        let mut oldest = Oldest::default();
        oldest.add(Time::from_secs(1e300));
        assert!(oldest.first().unwrap() > Time::from_secs(1.6e10));
        oldest.add(Time::UNSET);
        assert_eq!(oldest.first(), Some(Time::ZERO));
        oldest.remove(Time::UNSET);
        oldest.remove(Time::from_secs(1e300));
        assert_eq!(oldest, Oldest::default());
    }
}
