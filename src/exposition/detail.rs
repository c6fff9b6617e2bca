//! What is known of a histogram beyond its buckets, and not every format can
//! say.

/// Of one series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// The same observations in a native histogram.
    pub native: Option<Native>,
    /// For each bucket, the last of which has no bound; or none at all.
    pub exemplars: Vec<Option<Exemplar>>,
}

/// A native histogram without negative observations.
#[derive(Debug, Clone, PartialEq)]
pub struct Native {
    /// Each bucket is wider than the one below by `2^(2^-schema)`.
    pub schema: i32,
    /// What is not greater counts as 0.
    pub zero_threshold: f64,
    /// Observations that are 0.
    pub zero: u64,
    /// Counts by index, ascending: bucket `i` goes up to `2^(i * 2^-schema)`.
    pub buckets: Vec<(i32, u64)>,
}

/// An observation by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// What it is of: a label, and its value.
    pub label: (&'static str, String),
    /// What was observed.
    pub value: f64,
    /// When, in seconds since 1970.
    pub timestamp: f64,
}
