//! Single numbers, for who reads one of them and not all.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::proto::{LabelPair, MetricFamily, MetricType};
use serde_json::Value;

/// The metrics of a moment.
pub(super) struct Numbers {
    pub(super) families: Vec<MetricFamily>,
    /// Why some are withheld, if that is known.
    pub(super) withheld: Option<String>,
    pub(super) now: SystemTime,
}

impl Numbers {
    /// The series of the gauges that are called so.
    pub(super) fn get(&self, name: &str) -> impl Iterator<Item = Series<'_>> {
        let found = self.families.iter().find(|family| family.name() == name);
        found.into_iter().flat_map(of)
    }

    /// When, in seconds since 1970, to the millisecond.
    pub(super) fn seconds(&self) -> f64 {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis() as f64 / 1000.0
    }
}

/// One series of a family of gauges.
pub(super) struct Series<'a> {
    labels: &'a [LabelPair],
    pub(super) value: f64,
}

impl<'a> Series<'a> {
    /// A label's value.
    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        let label = self.labels.iter().find(|label| label.name() == name);
        label.map(LabelPair::value)
    }

    /// All labels: names and values.
    pub(super) fn labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.labels.iter().map(|label| (label.name(), label.value()))
    }
}

/// The series of a family of gauges; of another there are none.
pub(super) fn of(family: &MetricFamily) -> impl Iterator<Item = Series<'_>> {
    let gauges = family.get_field_type() == MetricType::GAUGE;
    let metrics = family.get_metric().iter().filter(move |_| gauges);
    let series = metrics.map(|metric| Series {
        labels: metric.get_label(),
        value: metric.get_gauge().get_value(),
    });
    // neither JSON nor an autoscaler has a word for the others
    series.filter(|series| series.value.is_finite())
}

/// A number as people write it: integers without a point.
pub(super) fn number(value: f64) -> Value {
    const EXACT: f64 = (1_u64 << 53) as f64;
    match value.fract() == 0.0 && value.abs() < EXACT {
        true => (value as i64).into(),
        false => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_no_point() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (-2.0, "-2"),
            (0.25, "0.25"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(number(value).to_string(), text);
        }
    }
}
