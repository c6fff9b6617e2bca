//! Metric families made from plain numbers.
//!
//! The types of the `prometheus` crate hold one number each and are read one
//! by one; numbers that must be of one moment are kept together by their
//! owner and become families here, at collect time.

use prometheus::core::Desc;
use prometheus::proto::{
    Bucket, Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::job::histogram::Histogram;

/// What is fixed about a family.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The name, in full: it can be searched for.
    pub name: &'static str,
    /// What it means, a sentence.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: MetricType,
    /// The label names, in the order of the values.
    pub labels: &'static [&'static str],
}

impl Spec {
    /// A family of gauges.
    pub const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::GAUGE, labels }
    }

    /// A family of counters.
    pub const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::COUNTER, labels }
    }

    /// A family of histograms.
    pub const fn histogram(
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: MetricType::HISTOGRAM, labels }
    }

    /// The description that a registry wants in advance.
    pub fn desc(&self) -> Desc {
        let labels = self.labels.iter().map(ToString::to_string).collect();
        Desc::new(self.name.into(), self.help.into(), labels, [].into())
            .expect("names of families and labels are literals, and valid")
    }

    /// An empty family, to be filled.
    pub const fn family(self) -> Family {
        Family { spec: self, metrics: Vec::new() }
    }
}

/// A family being filled.
pub struct Family {
    spec: Spec,
    metrics: Vec<Metric>,
}

impl Family {
    /// Adds the value of a counter or a gauge.
    pub fn add(&mut self, labels: &[&str], value: f64) -> &mut Self {
        let mut metric = self.metric(labels);
        if self.spec.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.metrics.push(metric);
        self
    }

    /// Adds a histogram.
    pub fn add_histogram(&mut self, labels: &[&str], from: &Histogram) {
        let mut cumulative = 0;
        let buckets = from
            .bounds()
            .iter()
            .zip(from.counts())
            .map(|(bound, count)| {
                cumulative += count;
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(cumulative);
                bucket
            })
            .collect::<Vec<_>>();
        let mut histogram = prometheus::proto::Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_sum(from.sum());
        histogram.set_sample_count(from.count());
        let mut metric = self.metric(labels);
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }

    /// The finished family.
    pub fn done(self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.spec.name.into());
        family.set_help(self.spec.help.into());
        family.set_field_type(self.spec.kind);
        family.set_metric(self.metrics);
        family
    }

    fn metric(&self, values: &[&str]) -> Metric {
        debug_assert_eq!(values.len(), self.spec.labels.len());
        let pairs = self.spec.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).into());
            pair.set_value((*value).into());
            pair
        });
        Metric::from_label(pairs.collect())
    }
}
