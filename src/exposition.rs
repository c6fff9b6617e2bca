//! What a scrape reads: families of metrics in one of three formats. It knows
//! the `prometheus` crate's families, and neither HTTP nor Flux.
//!
//! The series are the same in both formats, apart from `_created`, which only
//! OpenMetrics has, and the spelling of the bounds of histograms (`le="1"`,
//! `le="1.0"`).

mod created;
mod detail;
mod families;
mod family;
mod lines;
mod name;
mod number;
mod openmetrics;
mod page;
mod protobuf;
mod renumber;
mod source;
mod spec;
mod splice;
mod writer;

use prometheus::{TextEncoder, proto::MetricFamily};

pub use created::Created;
pub use detail::{Detail, Exemplar, Native};
pub use families::{Families, Select, collected};
pub use family::Family;
pub use page::Page;
pub use source::{Parts, Source, shown};
pub use spec::{Given, Spec};

/// What is wrong with asking for protobuf as text.
const NO_TEXT: &str = "the protobuf format is not text";

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The Prometheus text format 0.0.4, which everything reads.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The Prometheus protobuf format, messages with their lengths.
    Protobuf,
}

impl Format {
    /// How many there are; `self as usize` is less.
    pub const COUNT: usize = 3;

    /// What HTTP calls it, in full. Prometheus 3 refuses what it does not
    /// know.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => prometheus::TEXT_FORMAT,
            Self::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            Self::Protobuf => {
                "application/vnd.google.protobuf; \
                 proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// How the bound of a bucket is written.
    fn bound(self, bound: f64) -> String {
        match self {
            Self::OpenMetrics => number::canonical(bound),
            _ => bound.to_string(),
        }
    }

    /// Appends all of `families` to `text`, in a format that is one. After an
    /// error `text` is of no use: half an exposition is none.
    pub fn encode(
        self,
        families: &[MetricFamily],
        created: &Created,
        text: &mut String,
    ) -> Result<(), String> {
        match self {
            Self::Text => TextEncoder::new()
                .encode_utf8(families, text)
                .map_err(|error| error.to_string()),
            Self::OpenMetrics => {
                openmetrics::encode(families, created, text);
                Ok(())
            }
            Self::Protobuf => Err(NO_TEXT.into()),
        }
    }
}
