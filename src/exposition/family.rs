//! Families made from plain numbers.
//!
//! The types of the `prometheus` crate hold one number each and are read one
//! by one; numbers that must be of one moment are kept together by their
//! owner and become families here, when a scrape asks.
//!
//! There are thousands of numbers and a scrape should take microseconds: a
//! family is a few vectors, whatever the number of its series.

use std::cmp::Ordering;

use super::Detail;
use super::spec::Shape;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily,
    MetricType,
};

/// A family being filled.
#[derive(Debug, Clone)]
pub struct Family {
    shape: Shape,
    /// The label values of all series, one after the other.
    labels: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// One for each series; of a histogram the cumulative counts of its
    /// buckets, the last of which has no bound, and the sum.
    values: Vec<f64>,
    /// Those of the histograms, which are the same for all.
    bounds: Vec<f64>,
    /// What else is known of histograms: one for each, or none at all.
    details: Vec<Detail>,
}

impl Family {
    pub(super) const fn new(shape: Shape) -> Self {
        Self {
            shape,
            labels: String::new(),
            ends: Vec::new(),
            values: Vec::new(),
            bounds: Vec::new(),
            details: Vec::new(),
        }
    }

    /// The name, in full.
    pub fn name(&self) -> &str {
        match &self.shape {
            Shape::Ours(spec) => spec.name,
            Shape::Given(given) => &given.name,
        }
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether it is not one of ours.
    pub(super) fn is_given(&self) -> bool {
        matches!(self.shape, Shape::Given(_))
    }

    pub(super) fn help(&self) -> &str {
        match &self.shape {
            Shape::Ours(spec) => spec.help,
            Shape::Given(given) => &given.help,
        }
    }

    pub(super) fn kind(&self) -> MetricType {
        match &self.shape {
            Shape::Ours(spec) => spec.kind,
            Shape::Given(given) => given.kind,
        }
    }

    /// How many labels each series has.
    fn width(&self) -> usize {
        match &self.shape {
            Shape::Ours(spec) => spec.labels.len(),
            Shape::Given(given) => given.labels.len(),
        }
    }

    fn label_name(&self, i: usize) -> &str {
        match &self.shape {
            Shape::Ours(spec) => spec.labels[i],
            Shape::Given(given) => &given.labels[i],
        }
    }

    /// Adds the value of a counter or a gauge.
    pub fn add(&mut self, labels: &[&str], value: f64) -> &mut Self {
        self.label(labels);
        self.values.push(value);
        self
    }

    /// Adds a histogram. All of a family have the same `bounds`; `counts` are
    /// by bucket, one more than there are bounds.
    pub fn add_histogram(
        &mut self,
        labels: &[&str],
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        debug_assert_eq!(counts.len(), bounds.len() + 1);
        if self.is_empty() {
            self.bounds.extend(bounds);
        }
        debug_assert_eq!(bounds, self.bounds);
        self.label(labels);
        let mut cumulative = 0;
        self.values.extend(counts.iter().map(|count| {
            cumulative += count;
            cumulative as f64
        }));
        self.values.push(sum);
    }

    /// Says more of the histogram that was added last, as of all before it.
    pub fn add_detail(&mut self, detail: Detail) {
        self.details.push(detail);
    }

    /// Whether there is anything that is not shown to all.
    pub(super) fn has_exemplars(&self) -> bool {
        self.details.iter().any(|detail| !detail.exemplars.is_empty())
    }

    fn label(&mut self, values: &[&str]) {
        debug_assert_eq!(values.len(), self.width());
        if self.ends.is_empty() && !values.is_empty() {
            // enough for most, which then do not have to grow
            self.labels.reserve(128);
            self.ends.reserve(16);
            self.values.reserve(8);
        }
        for value in values {
            self.labels.push_str(value);
            self.ends.push(self.labels.len());
        }
    }

    /// Whether it has no series; it is left out then.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// How many values each series has.
    pub(super) fn stride(&self) -> usize {
        match self.kind() {
            MetricType::HISTOGRAM => self.bounds().len() + 2,
            _ => 1,
        }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Whether another family of this kind has the same series, and nothing
    /// but values.
    pub(super) fn differs_by_values(&self, other: &Self) -> bool {
        self.labels == other.labels
            && self.ends == other.ends
            && self.bounds == other.bounds
            && self.details.is_empty()
            && other.details.is_empty()
    }

    /// The places of the series, in the order they are shown in.
    pub(super) fn order(&self) -> Vec<usize> {
        self.sorted().iter().map(|series| series.row).collect()
    }

    /// The series, in the order they were added.
    pub(super) fn series(&self) -> impl Iterator<Item = Series<'_>> {
        let values = self.values.chunks_exact(self.stride());
        let labels = self.width();
        values.enumerate().map(move |(row, values)| Series {
            family: self,
            row,
            labels: row * labels,
            values,
        })
    }

    /// The series, in the order they are shown in.
    pub(super) fn sorted(&self) -> Vec<Series<'_>> {
        let mut series: Vec<_> = self.series().collect();
        series.sort_by(Series::order);
        series
    }

    /// For those who read the registry by the `prometheus` crate's means.
    pub fn done(self) -> MetricFamily {
        let metrics = self.series().map(|series| self.metric(&series));
        let mut family = MetricFamily::default();
        family.set_metric(metrics.collect());
        family.set_name(self.name().into());
        family.set_help(self.help().into());
        family.set_field_type(self.kind());
        family
    }

    fn metric(&self, series: &Series) -> Metric {
        let pairs = series.labels().map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.into());
            pair.set_value(value.into());
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        match self.kind() {
            MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(series.value());
                metric.set_counter(counter);
            }
            MetricType::HISTOGRAM => {
                let (counts, count, sum) = series.histogram();
                let buckets = self.bounds().iter().zip(counts).map(|(b, c)| {
                    let mut bucket = Bucket::default();
                    bucket.set_upper_bound(*b);
                    bucket.set_cumulative_count(*c as u64);
                    bucket
                });
                let mut histogram = Histogram::default();
                histogram.set_bucket(buckets.collect());
                histogram.set_sample_sum(sum);
                histogram.set_sample_count(count as u64);
                metric.set_histogram(histogram);
            }
            _ => {
                let mut gauge = Gauge::default();
                gauge.set_value(series.value());
                metric.set_gauge(gauge);
            }
        }
        metric
    }
}

/// Whether they would be written alike.
impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        let bits = |value: &f64| value.to_bits(); // there are two zeros
        self.shape.is(&other.shape)
            && self.labels == other.labels
            && self.ends == other.ends
            && self.bounds == other.bounds
            && self.details == other.details
            && self.values.iter().map(bits).eq(other.values.iter().map(bits))
    }
}

/// One series of a family.
pub(super) struct Series<'a> {
    family: &'a Family,
    row: usize,
    /// The first of its labels.
    labels: usize,
    values: &'a [f64],
}

impl<'a> Series<'a> {
    /// Names and values.
    pub(super) fn labels(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let family = self.family;
        let Family { labels, ends, .. } = family;
        let first = self.labels;
        (0..family.width()).map(move |i| {
            let at = first + i;
            let start = if at == 0 { 0 } else { ends[at - 1] };
            (family.label_name(i), &labels[start..ends[at]])
        })
    }

    /// Of a counter or a gauge.
    pub(super) fn value(&self) -> f64 {
        self.values[0]
    }

    /// The cumulative counts of the buckets that have a bound, the count of
    /// all, and the sum.
    pub(super) fn histogram(&self) -> (&'a [f64], f64, f64) {
        let (counts, rest) = self.values.split_at(self.values.len() - 2);
        (counts, rest[0], rest[1])
    }

    /// The bounds of its buckets.
    pub(super) fn bounds(&self) -> &'a [f64] {
        &self.family.bounds
    }

    /// What else is known of it.
    pub(super) fn detail(&self) -> Option<&'a Detail> {
        self.family.details.get(self.row)
    }

    /// As a registry sorts them.
    fn order(&self, other: &Self) -> Ordering {
        let values = |series: &Self| series.labels().map(|(_, value)| value);
        values(self).cmp(values(other))
    }
}
