//! Native histograms: buckets that are there as they are needed, each wider
//! than the one below it by the same factor.
//!
//! With schema `n` bucket `i` has what is greater than `2^((i-1) / 2^n)`, up
//! to `2^(i / 2^n)`. When there would be too many, the schema is made one less:
//! of two buckets each becomes one, and nothing is lost but detail.
//!
//! <https://prometheus.io/docs/specs/native_histograms/>

/// The finest schema: eight buckets between 1 and 2, so that a quantile is
/// off by 4.5 % at most.
const SCHEMA: i32 = 3;

/// The coarsest one that Prometheus knows.
const LEAST_SCHEMA: i32 = -4;

/// At most so many buckets.
pub const MAX_BUCKETS: usize = 160;

/// What is not greater is 0: times have microseconds.
pub const ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;

/// Counts of observations, none of which is negative.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    /// How wide the buckets are.
    pub schema: i32,
    /// How many were 0.
    pub zero: u64,
    /// Buckets that have any, by index, ascending.
    pub buckets: Vec<(i32, u64)>,
}

impl Default for Native {
    fn default() -> Self {
        Self { schema: SCHEMA, zero: 0, buckets: Vec::new() }
    }
}

impl Native {
    /// Counts one observation.
    pub fn observe(&mut self, value: f64) {
        if value <= ZERO_THRESHOLD {
            self.zero += 1;
            return;
        }
        let index = index(value, self.schema);
        match self.buckets.binary_search_by_key(&index, |(i, _)| *i) {
            Ok(at) => self.buckets[at].1 += 1,
            Err(at) => {
                self.buckets.insert(at, (index, 1));
                while self.buckets.len() > MAX_BUCKETS
                    && self.schema > LEAST_SCHEMA
                {
                    self.widen();
                }
            }
        }
    }

    /// Makes one bucket of two.
    fn widen(&mut self) {
        self.schema -= 1;
        for (index, _) in &mut self.buckets {
            // half of it, rounded up
            *index = (*index + 1) >> 1;
        }
        self.buckets.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
    }
}

/// The bucket of a value greater than 0.
fn index(value: f64, schema: i32) -> i32 {
    let guess = (value.log2() * f64::from(schema).exp2()).ceil() as i32;
    // a logarithm is rounded: at a bound the bucket may be the next one
    if value > bound(guess, schema) {
        guess + 1
    } else if value <= bound(guess - 1, schema) {
        guess - 1
    } else {
        guess
    }
}

/// The upper bound of a bucket, inclusive.
pub fn bound(index: i32, schema: i32) -> f64 {
    (f64::from(index) * f64::from(-schema).exp2()).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_powers_of_two_are_bounds() {
        for schema in LEAST_SCHEMA..=SCHEMA {
            let per_two = f64::from(schema).exp2();
            for power in (-16..=32).step_by(16) {
                let value = f64::from(power).exp2();
                let i = index(value, schema);
                assert_eq!(f64::from(i), f64::from(power) * per_two);
                assert_eq!(bound(i, schema), value);
                assert_eq!(index(value * 1.000_001, schema), i + 1);
                assert_eq!(index(value * 0.999_999, schema), i);
            }
        }
    }

    #[test]
    fn each_value_is_between_the_bounds_of_its_bucket() {
        let mut value = 1.1e-6;
        while value < 1e10 {
            for schema in LEAST_SCHEMA..=SCHEMA {
                let i = index(value, schema);
                assert!(value <= bound(i, schema), "{value}");
                assert!(value > bound(i - 1, schema), "{value}");
                // at the bound itself as well
                let bound = bound(i, schema);
                assert_eq!(index(bound, schema), i, "{bound}");
            }
            value *= 1.037;
        }
    }

    #[test]
    fn zero_and_less_than_a_microsecond_have_a_bucket() {
        let mut native = Native::default();
        for value in [0.0, 5e-7, 1.0, 1.0, 1.05, 2.0] {
            native.observe(value);
        }
        assert_eq!(native.zero, 2);
        assert_eq!(native.buckets, [(0, 2), (1, 1), (8, 1)]);
    }

    #[test]
    fn too_many_buckets_become_wider_ones_and_keep_their_counts() {
        let mut native = Native::default();
        let mut seen = Vec::new();
        let mut value = 2e-6;
        while value < 1e9 {
            native.observe(value);
            seen.push(value);
            assert!(native.buckets.len() <= MAX_BUCKETS);
            value *= 1.02;
        }
        assert!(native.schema < SCHEMA);
        // as if it had been so from the start
        let mut expected = std::collections::BTreeMap::new();
        for value in seen {
            *expected.entry(index(value, native.schema)).or_insert(0) += 1;
        }
        assert!(native.buckets.iter().copied().eq(expected));
        // the longest that a time can be is no trouble
        native.observe(f64::MAX);
        native.observe(f64::INFINITY);
    }
}
