//! Families with any names, labels and values: what is written is read back
//! as it was, from both formats.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily,
    MetricType,
};

use super::strict;

#[derive(Arbitrary)]
struct Family {
    name: Vec<u8>,
    suffix: u8,
    help: String,
    kind: u8,
    series: Vec<(Vec<String>, f64, Vec<u16>)>,
}

const SUFFIXES: [&str; 9] = [
    "",
    "_total",
    "_info",
    "_seconds",
    "_created",
    "_count",
    "_sum",
    "_bucket",
    "_bytes_total",
];

const KINDS: [MetricType; 3] =
    [MetricType::COUNTER, MetricType::GAUGE, MetricType::HISTOGRAM];

pub fn check(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    while families.len() < 8 && !input.is_empty() {
        let Ok(family) = Family::arbitrary(&mut input) else { break };
        let family = family.build();
        families.insert(family.name().to_owned(), family);
    }
    // a registry has no two that would be read as one
    let names: Vec<String> = families.keys().cloned().collect();
    families.retain(|name, family| {
        let clash = |suffix: &str| names.contains(&format!("{name}{suffix}"));
        let histogram = family.get_field_type() == MetricType::HISTOGRAM;
        // nor do we have a gauge of when a histogram began
        let suffixes = ["_bucket", "_sum", "_count", "_created"];
        !histogram || !suffixes.into_iter().any(clash)
    });
    let families: Vec<_> = families.into_values().collect();
    let page = strict::both(&families);
    let want = families.iter().map(|family| {
        let metrics = family.get_metric();
        match family.get_field_type() {
            MetricType::HISTOGRAM => {
                let buckets = |m: &Metric| m.get_histogram().get_bucket().len();
                metrics.iter().map(|m| buckets(m) + 3).sum()
            }
            _ => metrics.len(),
        }
    });
    assert_eq!(page.len(), want.sum::<usize>());
    for family in &families {
        if family.get_field_type() == MetricType::HISTOGRAM {
            continue;
        }
        for metric in family.get_metric() {
            let labels = metric.get_label().iter();
            let labels = labels.map(|l| (l.name().into(), l.value().into()));
            let series = (family.name().to_owned(), labels.collect());
            let read = *page.get(&series).expect("it is there");
            let value = metric.get_counter().get_value()
                + metric.get_gauge().get_value();
            assert!(read == value || (read.is_nan() && value.is_nan()));
        }
    }
}

impl Family {
    fn build(self) -> MetricFamily {
        let letters = b"abcdefghijklmnopqrstuvwxyz_:ABZ0189";
        let letter = |b: &u8| letters[usize::from(*b) % letters.len()] as char;
        let name: String = self.name.iter().take(12).map(letter).collect();
        let suffix = SUFFIXES[usize::from(self.suffix) % SUFFIXES.len()];
        let kind = KINDS[usize::from(self.kind) % KINDS.len()];
        let mut family = MetricFamily::default();
        family.set_name(format!("x{name}{suffix}"));
        family.set_help(self.help);
        family.set_field_type(kind);
        let mut series = BTreeMap::new();
        for (labels, value, counts) in self.series.into_iter().take(6) {
            let labels: Vec<String> = labels.into_iter().take(3).collect();
            series.insert(labels, (value, counts));
        }
        // the text encoder refuses a family of nothing
        if series.is_empty() {
            series.insert(Vec::new(), (0.0, Vec::new()));
        }
        let metrics = series.into_iter().map(|(labels, (value, counts))| {
            let mut metric = Metric::default();
            metric
                .set_label(labels.into_iter().enumerate().map(pair).collect());
            match kind {
                MetricType::COUNTER => {
                    let mut counter = Counter::default();
                    counter.set_value(value);
                    metric.set_counter(counter);
                }
                MetricType::GAUGE => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(value);
                    metric.set_gauge(gauge);
                }
                _ => metric.set_histogram(histogram(value, &counts)),
            }
            metric
        });
        family.set_metric(metrics.collect());
        family
    }
}

fn pair((i, value): (usize, String)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(["a", "b_c", "queue"][i].into());
    pair.set_value(value);
    pair
}

fn histogram(sum: f64, counts: &[u16]) -> Histogram {
    let mut histogram = Histogram::default();
    let (mut bound, mut count) = (0.0, 0);
    let mut buckets = Vec::new();
    for &more in counts.iter().take(8) {
        bound += f64::from(more) / 7.0 + 1e-9;
        count += u64::from(more);
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        buckets.push(bucket);
    }
    histogram.set_bucket(buckets);
    histogram.set_sample_sum(if sum.is_nan() { 0.0 } else { sum.abs() });
    histogram.set_sample_count(count + 1);
    histogram
}
