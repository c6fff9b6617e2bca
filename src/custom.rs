//! Metrics that others publish: requests in, families out, and no I/O.
//!
//! A program sends [updates](request): set a gauge, add to a counter, observe
//! into a histogram. The [store] takes those of one request together or none
//! of them, keeps what is refreshed often enough, and never more than its
//! [ceilings](limits) allow, whoever asks.
//!
//! The owner of the instance and guests do not meet: names of guests' families
//! begin with `user_`, and each of their series says whose it is. So no guest
//! can change, take the place of, or fill the room of what the owner
//! publishes.

pub mod limits;
pub mod name;
pub mod request;
pub mod store;

use std::fmt;

use prometheus::proto::MetricType;

pub use limits::Settings;
pub use request::Update;
pub use store::Store;

/// Who publishes: a guest's user id, or none for the owner of the instance.
pub type Publisher = Option<u32>;

/// The types of what can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Set to a value.
    Gauge,
    /// Added to.
    Counter,
    /// Observed into.
    Histogram,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gauge, Self::Counter, Self::Histogram];

    /// What Prometheus calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }

    /// The type of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The same, to those who write it.
    pub const fn metric_type(self) -> MetricType {
        match self {
            Self::Gauge => MetricType::GAUGE,
            Self::Counter => MetricType::COUNTER,
            Self::Histogram => MetricType::HISTOGRAM,
        }
    }
}

/// Why a request was refused, as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be read, or is not allowed.
    Invalid,
    /// It says something else than what is published already.
    Conflict,
    /// There are too many families.
    Families,
    /// There are too many series.
    Series,
    /// They are too large.
    Bytes,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [
        Self::Invalid,
        Self::Conflict,
        Self::Families,
        Self::Series,
        Self::Bytes,
    ];

    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::Families => "families",
            Self::Series => "series",
            Self::Bytes => "bytes",
        }
    }
}

/// A request that changed nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// As it is counted.
    pub reason: Reason,
    /// As it is told to who asked.
    pub text: String,
}

impl Refusal {
    fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    /// The same refusal, of a named part of the request.
    fn of(self, part: impl fmt::Display) -> Self {
        Self { text: format!("{part}: {}", self.text), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
