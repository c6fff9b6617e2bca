//! OpenMetrics 1.0, of whatever families there are.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use prometheus::proto::{Histogram, Metric, MetricFamily, Summary};

use super::{
    Created, Format,
    created::PROCESS_START,
    lines::Lines,
    name::{self, Head, Kind, Name},
};

/// What comes after all families.
pub(super) const END: &str = "# EOF\n";

/// Appends `families` to `text`, and the end mark.
pub(super) fn encode(
    families: &[MetricFamily],
    created: &Created,
    text: &mut String,
) {
    let heads: Vec<_> = families.iter().map(head).collect();
    let process = process_start(families);
    for (family, name) in families.iter().zip(name::all(&heads)) {
        encode_one(family, name, created.of(family.name(), process), text);
    }
    text.push_str(END);
}

/// What decides on a family's name.
pub(super) fn head(family: &MetricFamily) -> Head<'_> {
    let mut metrics = family.get_metric().iter();
    Head::new(family.name(), family.get_field_type(), || {
        metrics.all(|m| m.get_gauge().get_value() == 1.0)
    })
}

/// When the process began, if that is among the families.
pub(super) fn process_start(families: &[MetricFamily]) -> Option<f64> {
    let start = families.iter().find(|f| f.name() == PROCESS_START)?;
    Some(start.get_metric().first()?.get_gauge().get_value())
}

/// Appends one family.
pub(super) fn encode_one(
    family: &MetricFamily,
    name: Name,
    created: Option<f64>,
    text: &mut String,
) {
    // withheld; the text format says nothing of these either
    if family.get_metric().is_empty() {
        return;
    }
    let mut lines = Lines {
        format: Format::OpenMetrics,
        text,
        full: family.name(),
        name,
        created,
        labels: String::new(),
        timestamp: None,
        exemplars: false,
    };
    lines.metadata(family.get_field_type(), family.help());
    for each in family.get_metric() {
        metric(&mut lines, each);
    }
}

fn metric(lines: &mut Lines, metric: &Metric) {
    lines.labels.clear();
    for pair in metric.get_label() {
        lines.label(pair.name(), pair.value());
    }
    let timestamp = metric.timestamp_ms();
    lines.timestamp = (timestamp != 0).then(|| timestamp as f64 / 1000.0);
    let value = match lines.name.kind {
        Kind::Gauge | Kind::Info => metric.get_gauge().get_value(),
        Kind::Counter | Kind::Unknown => metric.get_counter().get_value(),
        Kind::Untyped => untyped(metric),
        Kind::Histogram => {
            histogram(lines, metric.get_histogram());
            return lines.created();
        }
        Kind::Summary => {
            summary(lines, metric.get_summary());
            return lines.created();
        }
    };
    lines.sample("", None, value);
    lines.created();
}

fn histogram(lines: &mut Lines, histogram: &Histogram) {
    let buckets = histogram.get_bucket();
    // the last bucket is written below, in any case
    for bucket in buckets.iter().filter(|b| b.upper_bound().is_finite()) {
        let bound = Format::OpenMetrics.bound(bucket.upper_bound());
        let count = bucket.cumulative_count() as f64;
        lines.sample("_bucket", Some(("le", &bound)), count);
    }
    let count = histogram.get_sample_count() as f64;
    lines.sample("_bucket", Some(("le", "+Inf")), count);
    // where there are negative values, the sum is no counter
    if buckets.first().is_none_or(|b| b.upper_bound() >= 0.0) {
        lines.sample("_sum", None, histogram.get_sample_sum());
        lines.sample("_count", None, count);
    }
}

fn summary(lines: &mut Lines, summary: &Summary) {
    for quantile in summary.get_quantile() {
        let q = Format::OpenMetrics.bound(quantile.quantile());
        lines.sample("", Some(("quantile", &q)), quantile.value());
    }
    lines.sample("_sum", None, summary.sample_sum());
    lines.sample("_count", None, summary.sample_count() as f64);
}

/// The crate has the type but calls it out of date, and makes none.
#[allow(deprecated)]
fn untyped(metric: &Metric) -> f64 {
    metric.get_untyped().get_value()
}

#[cfg(test)]
mod tests;
