//! OpenMetrics 1.0.
//!
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>

use prometheus::proto::{Histogram, Metric, MetricFamily, Summary};

use super::{
    Created,
    name::{self, Kind, Name},
    number,
};

/// Appends `families` to `text`, and the end mark.
pub(super) fn encode(
    families: &[MetricFamily],
    created: &Created,
    text: &mut String,
) {
    for (family, name) in families.iter().zip(name::all(families)) {
        // withheld; the text format says nothing of these either
        if family.get_metric().is_empty() {
            continue;
        }
        let created = created.of(family, families).map(milliseconds);
        let mut encoder = Encoder {
            text: &mut *text,
            name,
            created,
            labels: String::new(),
            timestamp: None,
            bounds: Vec::new(),
        };
        encoder.metadata(family.help());
        for metric in family.get_metric() {
            encoder.metric(metric);
        }
    }
    text.push_str("# EOF\n");
}

/// A clock's digits beyond these mean nothing.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Writes one family.
struct Encoder<'a> {
    text: &'a mut String,
    name: Name<'a>,
    created: Option<f64>,
    /// The labels of the present metric, as they are written, for each of
    /// its samples.
    labels: String,
    /// Its timestamp, if it has one.
    timestamp: Option<f64>,
    /// How bounds are written: most histograms of a family have the same.
    bounds: Vec<(f64, String)>,
}

impl Encoder<'_> {
    fn metadata(&mut self, help: &str) {
        self.line("TYPE", self.name.kind.as_str());
        if let Some(unit) = self.name.unit() {
            self.line("UNIT", unit);
        }
        if !help.is_empty() {
            let mut escaped = String::with_capacity(help.len());
            escape(&mut escaped, help);
            self.line("HELP", &escaped);
        }
    }

    fn line(&mut self, what: &str, value: &str) {
        for part in ["# ", what, " ", self.name.name, " ", value, "\n"] {
            self.text.push_str(part);
        }
    }

    fn metric(&mut self, metric: &Metric) {
        self.labels.clear();
        for pair in metric.get_label() {
            label(&mut self.labels, pair.name(), pair.value());
        }
        let timestamp = metric.timestamp_ms();
        self.timestamp = (timestamp != 0).then(|| timestamp as f64 / 1000.0);
        match self.name.kind {
            Kind::Counter => {
                self.sample("_total", None, metric.get_counter().get_value());
                self.created();
            }
            Kind::Gauge => {
                self.sample("", None, metric.get_gauge().get_value());
            }
            Kind::Info => self.sample("_info", None, 1.0),
            Kind::Histogram => self.histogram(metric.get_histogram()),
            Kind::Summary => self.summary(metric.get_summary()),
            Kind::Unknown => {
                self.sample("", None, metric.get_counter().get_value());
            }
            Kind::Untyped => self.sample("", None, untyped(metric)),
        }
    }

    fn histogram(&mut self, histogram: &Histogram) {
        let buckets = histogram.get_bucket();
        // the last bucket is written below, in any case
        let finite = buckets.iter().filter(|b| b.upper_bound().is_finite());
        for (index, bucket) in finite.enumerate() {
            let bound = self.bound(index, bucket.upper_bound());
            let count = bucket.cumulative_count() as f64;
            self.sample("_bucket", Some(("le", &bound)), count);
            self.bounds[index].1 = bound;
        }
        let count = histogram.get_sample_count() as f64;
        self.sample("_bucket", Some(("le", "+Inf")), count);
        // where there are negative values, the sum is no counter
        if buckets.first().is_none_or(|b| b.upper_bound() >= 0.0) {
            self.sample("_sum", None, histogram.get_sample_sum());
            self.sample("_count", None, count);
        }
        self.created();
    }

    fn summary(&mut self, summary: &Summary) {
        for quantile in summary.get_quantile() {
            let q = number::canonical(quantile.quantile());
            self.sample("", Some(("quantile", &q)), quantile.value());
        }
        self.sample("_sum", None, summary.sample_sum());
        self.sample("_count", None, summary.sample_count() as f64);
        self.created();
    }

    /// Takes the text of a bound, to be put back after use.
    fn bound(&mut self, index: usize, bound: f64) -> String {
        match self.bounds.get_mut(index) {
            Some((known, text)) if *known == bound => std::mem::take(text),
            _ => {
                self.bounds.truncate(index);
                self.bounds.push((bound, String::new()));
                number::canonical(bound)
            }
        }
    }

    fn created(&mut self) {
        if let Some(created) = self.created {
            self.sample("_created", None, created);
        }
    }

    fn sample(
        &mut self,
        suffix: &str,
        extra: Option<(&str, &str)>,
        value: f64,
    ) {
        self.text.push_str(self.name.name);
        self.text.push_str(suffix);
        if extra.is_some() || !self.labels.is_empty() {
            self.text.push('{');
            self.text.push_str(&self.labels);
            if let Some((name, value)) = extra {
                if !self.labels.is_empty() {
                    self.text.push(',');
                }
                for part in [name, "=\"", value, "\""] {
                    self.text.push_str(part);
                }
            }
            self.text.push('}');
        }
        self.text.push(' ');
        number::push(self.text, value);
        if let Some(timestamp) = self.timestamp {
            self.text.push(' ');
            number::push(self.text, timestamp);
        }
        self.text.push('\n');
    }
}

/// The crate has the type but calls it out of date, and makes none.
#[allow(deprecated)]
fn untyped(metric: &Metric) -> f64 {
    metric.get_untyped().get_value()
}

fn label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    escape(labels, value);
    labels.push('"');
}

fn escape(text: &mut String, raw: &str) {
    for part in raw.split_inclusive(['\\', '"', '\n']) {
        let mut chars = part.chars();
        let escaped = match chars.next_back() {
            Some('\\') => "\\\\",
            Some('"') => "\\\"",
            Some('\n') => "\\n",
            _ => {
                text.push_str(part);
                continue;
            }
        };
        text.push_str(chars.as_str());
        text.push_str(escaped);
    }
}

#[cfg(test)]
mod tests;
