//! Every type, to the letter. `tests/openmetrics.rs` has others read it.

use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry,
    proto::{LabelPair, MetricType, Quantile},
};

use super::*;

const CREATED: f64 = 1_763_840_636.123_456;

fn page(families: &[MetricFamily], created: &Created) -> String {
    let mut text = String::new();
    encode(families, created, &mut text);
    text
}

fn family(name: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help("Help.".into());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

#[test]
fn nothing_is_an_exposition_too() {
    assert_eq!(page(&[], &Created::default()), "# EOF\n");
    let empty = family("a", MetricType::GAUGE, Vec::new());
    assert_eq!(page(&[empty], &Created::default()), "# EOF\n");
}

#[test]
fn counters_and_gauges() {
    let registry = Registry::new();
    let jobs = IntCounterVec::new(
        Opts::new("flux_jobs_total", "Jobs, \"all\" \\ of\nthem."),
        &["queue", "result"],
    )
    .unwrap();
    jobs.with_label_values(&["a\"\\\nb", ""]).inc_by(3);
    registry.register(Box::new(jobs)).unwrap();
    let odd = IntCounter::new("flux_odd", "Not by rule.").unwrap();
    registry.register(Box::new(odd)).unwrap();
    let used = Gauge::new("flux_used_bytes", "Used.").unwrap();
    used.set(0.5);
    registry.register(Box::new(used)).unwrap();
    let labels = Opts::new("flux_x_info", "X.").const_label("version", "ü");
    let info = IntGauge::with_opts(labels).unwrap();
    info.set(1);
    registry.register(Box::new(info.clone())).unwrap();
    let created = Created::at(CREATED);
    let expected = "\
# TYPE flux_jobs counter
# HELP flux_jobs Jobs, \\\"all\\\" \\\\ of\\nthem.
flux_jobs_total{queue=\"a\\\"\\\\\\nb\",result=\"\"} 3
flux_jobs_created{queue=\"a\\\"\\\\\\nb\",result=\"\"} 1763840636.123
# TYPE flux_odd unknown
# HELP flux_odd Not by rule.
flux_odd 0
# TYPE flux_used_bytes gauge
# UNIT flux_used_bytes bytes
# HELP flux_used_bytes Used.
flux_used_bytes 0.5
# TYPE flux_x info
# HELP flux_x X.
flux_x_info{version=\"ü\"} 1
# EOF
";
    assert_eq!(page(&registry.gather(), &created), expected);
    info.set(2);
    let text = page(&registry.gather(), &created);
    assert!(text.contains("# TYPE flux_x_info gauge\n"), "{text}");
    assert!(text.contains("\nflux_x_info{version=\"ü\"} 2\n"), "{text}");
}

#[test]
fn histograms() {
    let registry = Registry::new();
    let options = HistogramOpts::new("flux_wait_seconds", "Wait.")
        .buckets(vec![0.1, 1.0, 604_800.0, 1e6, f64::INFINITY]);
    let wait = Histogram::with_opts(options).unwrap();
    wait.observe(0.5);
    wait.observe(2e6);
    registry.register(Box::new(wait)).unwrap();
    let expected = "\
# TYPE flux_wait_seconds histogram
# UNIT flux_wait_seconds seconds
# HELP flux_wait_seconds Wait.
flux_wait_seconds_bucket{le=\"0.1\"} 0
flux_wait_seconds_bucket{le=\"1.0\"} 1
flux_wait_seconds_bucket{le=\"604800.0\"} 1
flux_wait_seconds_bucket{le=\"1e+06\"} 1
flux_wait_seconds_bucket{le=\"+Inf\"} 2
flux_wait_seconds_sum 2000000.5
flux_wait_seconds_count 2
flux_wait_seconds_created 1763840636.123
# EOF
";
    assert_eq!(page(&registry.gather(), &Created::at(CREATED)), expected);
}

/// A histogram with a bucket for each bound, and a label.
fn metric(label: &str, bounds: &[f64]) -> Metric {
    let mut pair = LabelPair::default();
    pair.set_name("l".into());
    pair.set_value(label.into());
    let mut metric = Metric::from_label(vec![pair]);
    let mut histogram = prometheus::proto::Histogram::default();
    let buckets = bounds.iter().map(|bound| {
        let mut bucket = prometheus::proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    metric.set_histogram(histogram);
    metric
}

#[test]
fn bounds_that_differ_within_a_family() {
    let metrics = vec![
        metric("a", &[1.0, 2.0]),
        metric("b", &[1.0, 3.0, 4.0]),
        metric("c", &[-1.0]),
        metric("d", &[1.0, 2.0]),
    ];
    let text = page(
        &[family("h", MetricType::HISTOGRAM, metrics)],
        &Created::default(),
    );
    let of = |label: &str| -> Vec<&str> {
        let prefix = format!("h_bucket{{l=\"{label}\",le=\"");
        let lines = text.lines().filter_map(|l| l.strip_prefix(&prefix));
        lines.filter_map(|l| l.strip_suffix("\"} 0")).collect()
    };
    assert_eq!(of("a"), ["1.0", "2.0", "+Inf"]);
    assert_eq!(of("b"), ["1.0", "3.0", "4.0", "+Inf"]);
    assert_eq!(of("c"), ["-1.0", "+Inf"]);
    assert_eq!(of("d"), ["1.0", "2.0", "+Inf"]);
    // a sum of negative values would not be a counter
    assert!(!text.contains("h_sum{l=\"c\"}"), "{text}");
    assert!(!text.contains("h_count{l=\"c\"}"), "{text}");
    assert!(!text.contains("_created"), "{text}");
}

#[test]
#[allow(deprecated)]
fn summaries_untyped_ones_and_timestamps() {
    let mut quantile = Quantile::default();
    quantile.set_quantile(0.99);
    quantile.set_value(f64::NAN);
    let mut summary = Summary::default();
    summary.set_quantile(vec![quantile]);
    summary.set_sample_count(1);
    let mut metric = Metric::default();
    metric.set_summary(summary);
    let summary = family("s", MetricType::SUMMARY, vec![metric]);

    let mut untyped = prometheus::proto::Untyped::default();
    untyped.set_value(-7.5);
    let mut metric = Metric::default();
    metric.set_untyped(untyped);
    metric.set_timestamp_ms(1_520_879_607_789);
    let untyped = family("u", MetricType::UNTYPED, vec![metric]);

    let expected = "\
# TYPE s summary
# HELP s Help.
s{quantile=\"0.99\"} NaN
s_sum 0
s_count 1
s_created 5
# TYPE u unknown
# HELP u Help.
u -7.5 1520879607.789
# EOF
";
    assert_eq!(page(&[summary, untyped], &Created::at(5.0)), expected);
}

#[test]
fn when_a_counter_began() {
    let registry = Registry::new();
    for name in ["a_total", "b_total", "c_total", "process_x_total"] {
        let counter = IntCounter::new(name, "Help.").unwrap();
        registry.register(Box::new(counter)).unwrap();
    }
    let mut created = Created::at(10.0);
    created.set("b_total", Some(20.0));
    created.set("c_total", None);
    let of = |name: &str| {
        let text = page(&registry.gather(), &created);
        let line = text.lines().find_map(|l| l.strip_prefix(name));
        line.map(|rest| rest.trim().to_owned())
    };
    assert_eq!(of("a_created").as_deref(), Some("10"));
    assert_eq!(of("b_created").as_deref(), Some("20"));
    assert_eq!(of("c_created"), None);
    assert_eq!(of("process_x_created"), None, "not known");
    let start = IntGauge::new("process_start_time_seconds", "Start.").unwrap();
    start.set(3);
    registry.register(Box::new(start)).unwrap();
    assert_eq!(of("process_x_created").as_deref(), Some("3"));
}
