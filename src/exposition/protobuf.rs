//! The Prometheus protobuf format: for each family the length of a message,
//! and the message `io.prometheus.client.MetricFamily`.
//!
//! Of all formats it alone has native histograms, so Prometheus asks for it
//! where these are wanted. The numbers below are those of fields, of
//! <https://github.com/prometheus/client_model>.

use prometheus::proto::{self, MetricFamily, MetricType};

use super::Family;
use super::detail::{Detail, Exemplar, Native};
use super::family::Series;

/// What goes with a series: since when it counts, and whether exemplars are
/// shown.
#[derive(Clone, Copy)]
struct Extra<'a> {
    created: Option<f64>,
    detail: Option<&'a Detail>,
}

/// Appends a family of ours.
pub(super) fn own(
    family: &Family,
    created: Option<f64>,
    exemplars: bool,
    out: &mut Vec<u8>,
) {
    let kind = family.kind();
    delimited(out, |m| {
        m.head(family.name(), family.help(), kind);
        for series in family.sorted() {
            let mut detail = series.detail().cloned();
            if let Some(detail) = detail.as_mut().filter(|_| !exemplars) {
                detail.exemplars.clear();
            }
            let extra = Extra { created, detail: detail.as_ref() };
            m.message(4, |m| {
                m.labels(1, series.labels());
                match kind {
                    MetricType::HISTOGRAM => {
                        m.message(7, |m| own_histogram(m, &series, extra));
                    }
                    _ => m.value(kind, series.value(), created),
                }
            });
        }
    });
}

fn own_histogram(m: &mut Message, series: &Series, extra: Extra) {
    let (counts, count, sum) = series.histogram();
    let bounds = series.bounds().iter().copied();
    let counts = counts.iter().map(|count| *count as u64);
    m.histogram(bounds.zip(counts), count as u64, sum, extra);
}

/// Appends a family of others; one without series is left out.
pub(super) fn other(
    family: &MetricFamily,
    created: Option<f64>,
    out: &mut Vec<u8>,
) {
    if family.get_metric().is_empty() {
        return;
    }
    let kind = family.get_field_type();
    let extra = Extra { created, detail: None };
    delimited(out, |m| {
        m.head(family.name(), family.help(), kind);
        for metric in family.get_metric() {
            m.message(4, |m| {
                let labels = metric.get_label().iter();
                m.labels(1, labels.map(|pair| (pair.name(), pair.value())));
                other_metric(m, metric, kind, extra);
                if metric.timestamp_ms() != 0 {
                    m.uint(6, metric.timestamp_ms() as u64);
                }
            });
        }
    });
}

fn other_metric(
    m: &mut Message,
    metric: &proto::Metric,
    kind: MetricType,
    extra: Extra,
) {
    match kind {
        MetricType::COUNTER => {
            m.value(kind, metric.get_counter().get_value(), extra.created);
        }
        MetricType::HISTOGRAM => m.message(7, |m| {
            let histogram = metric.get_histogram();
            let buckets = histogram.get_bucket().iter();
            let buckets = buckets.filter(|b| b.upper_bound().is_finite());
            let buckets =
                buckets.map(|b| (b.upper_bound(), b.cumulative_count()));
            let count = histogram.get_sample_count();
            m.histogram(buckets, count, histogram.get_sample_sum(), extra);
        }),
        MetricType::SUMMARY => m.message(4, |m| {
            let summary = metric.get_summary();
            m.uint(1, summary.sample_count());
            m.double(2, summary.sample_sum());
            for quantile in summary.get_quantile() {
                m.message(3, |m| {
                    m.double(1, quantile.quantile());
                    m.double(2, quantile.value());
                });
            }
            m.time(4, extra.created);
        }),
        _ => m.value(kind, metric.get_gauge().get_value(), None),
    }
}

fn delimited(out: &mut Vec<u8>, f: impl FnOnce(&mut Message)) {
    let mut message = Message(std::mem::take(out));
    message.prefixed(f);
    *out = message.0;
}

/// A message being written.
struct Message(Vec<u8>);

impl Message {
    fn head(&mut self, name: &str, help: &str, kind: MetricType) {
        self.text(1, name);
        self.text(2, help);
        let number = match kind {
            MetricType::COUNTER => 0,
            MetricType::GAUGE => 1,
            MetricType::SUMMARY => 2,
            MetricType::UNTYPED => 3,
            MetricType::HISTOGRAM => 4,
        };
        self.uint(3, number);
    }

    fn labels<'a>(
        &mut self,
        field: u32,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) {
        for (name, value) in labels {
            self.message(field, |m| {
                m.text(1, name);
                m.text(2, value);
            });
        }
    }

    fn value(&mut self, kind: MetricType, value: f64, created: Option<f64>) {
        match kind {
            MetricType::COUNTER => self.message(3, |m| {
                m.double(1, value);
                m.time(3, created);
            }),
            MetricType::UNTYPED => self.message(5, |m| m.double(1, value)),
            _ => self.message(2, |m| m.double(1, value)),
        }
    }

    /// The bucket that has no bound is said only where it has an exemplar.
    fn histogram(
        &mut self,
        buckets: impl Iterator<Item = (f64, u64)>,
        count: u64,
        sum: f64,
        extra: Extra,
    ) {
        self.uint(1, count);
        self.double(2, sum);
        let exemplars = extra.detail.map_or(&[][..], |d| &d.exemplars);
        let mut exemplars = exemplars.iter();
        for (bound, count) in buckets {
            let exemplar = exemplars.next().and_then(Option::as_ref);
            self.bucket(bound, count, exemplar);
        }
        if let Some(Some(exemplar)) = exemplars.next() {
            self.bucket(f64::INFINITY, count, Some(exemplar));
        }
        if let Some(native) = extra.detail.and_then(|d| d.native.as_ref()) {
            self.native(native);
        }
        self.time(15, extra.created);
    }

    fn bucket(&mut self, bound: f64, count: u64, exemplar: Option<&Exemplar>) {
        self.message(3, |m| {
            m.uint(1, count);
            m.double(2, bound);
            if let Some(exemplar) = exemplar {
                m.message(3, |m| {
                    let (name, value) = &exemplar.label;
                    m.labels(1, [(*name, value.as_str())].into_iter());
                    m.double(2, exemplar.value);
                    m.time(3, Some(exemplar.timestamp));
                });
            }
        });
    }

    /// Runs of buckets, and of each bucket what it has more than the one
    /// before.
    fn native(&mut self, native: &Native) {
        self.sint(5, native.schema.into());
        self.double(6, native.zero_threshold);
        self.uint(7, native.zero);
        let mut next = 0;
        let runs = native.buckets.chunk_by(|(a, _), (b, _)| b - a == 1);
        for run in runs {
            let first = run[0].0;
            self.message(12, |m| {
                m.sint(1, i64::from(first) - next);
                m.uint(2, run.len() as u64);
            });
            next = i64::from(first) + run.len() as i64;
        }
        let mut before = 0;
        for (_, count) in &native.buckets {
            self.sint(13, *count as i64 - before);
            before = *count as i64;
        }
    }

    /// A point in time, in seconds since 1970, to the millisecond.
    fn time(&mut self, field: u32, at: Option<f64>) {
        let Some(at) = at else { return };
        let millis = (at * 1000.0).round() as i64;
        self.message(field, |m| {
            m.uint(1, millis.div_euclid(1000) as u64);
            m.uint(2, millis.rem_euclid(1000) as u64 * 1_000_000);
        });
    }

    fn uint(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field) << 3);
        self.varint(value);
    }

    /// Where negative numbers are to be short as well.
    fn sint(&mut self, field: u32, value: i64) {
        self.uint(field, (value << 1 ^ value >> 63) as u64);
    }

    fn double(&mut self, field: u32, value: f64) {
        self.varint(u64::from(field) << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn text(&mut self, field: u32, text: &str) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn message(&mut self, field: u32, f: impl FnOnce(&mut Self)) {
        self.varint(u64::from(field) << 3 | 2);
        self.prefixed(f);
    }

    /// Writes something, and its length before it.
    fn prefixed(&mut self, f: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        f(self);
        let end = self.0.len();
        self.varint((end - start) as u64);
        let length = self.0.len() - end;
        self.0[start..].rotate_right(length);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests;
