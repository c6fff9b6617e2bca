//! The value of a series.

use crate::custom::{Kind, Reason, Refusal};

/// A number, or the counts of a histogram.
#[derive(Clone)]
pub(super) enum Sample {
    Number(f64),
    /// Counts by bucket, the last of which has no bound, and the sum.
    Histogram(Box<[u64]>, f64),
}

impl Sample {
    /// That of a series which was not there.
    pub(super) fn first(kind: Kind, bounds: &[f64], value: f64) -> Self {
        match kind {
            Kind::Gauge | Kind::Counter => Self::Number(value),
            Kind::Histogram => {
                let mut counts = vec![0; bounds.len() + 1];
                counts[bounds.partition_point(|bound| *bound < value)] = 1;
                Self::Histogram(counts.into(), value)
            }
        }
    }

    /// The next one: a gauge is set, the others grow.
    pub(super) fn updated(
        &self,
        kind: Kind,
        bounds: &[f64],
        value: f64,
    ) -> Result<Self, Refusal> {
        let new = match (self, kind) {
            (Self::Number(before), Kind::Counter) => {
                Self::Number(before + value)
            }
            (Self::Number(_), _) => Self::Number(value),
            (Self::Histogram(counts, sum), _) => {
                let mut counts = counts.clone();
                counts[bounds.partition_point(|bound| *bound < value)] += 1;
                Self::Histogram(counts, sum + value)
            }
        };
        let (Self::Number(sum) | Self::Histogram(_, sum)) = &new;
        match sum.is_finite() {
            true => Ok(new),
            false => Err(Refusal::new(
                Reason::Invalid,
                "value: the sum would not be finite any more",
            )),
        }
    }
}
