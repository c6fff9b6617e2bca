//! What rank 0 shows of all brokers.

use std::time::Instant;

use super::super::family::{Family, Spec};
use super::super::overlay::STATUSES;
use super::report::{FIGURES as COUNT, Report, WORST};

const REPORTING: Spec = Spec::gauge(
    "flux_brokers_reporting",
    &[],
    "Brokers that the other families of this collector are about: their \
     figures came in time, over brokers that all have this module.",
);
const MISSING: Spec = Spec::gauge(
    "flux_brokers_missing",
    &[],
    "Brokers of the instance whose figures are not there: lost, slow, without \
     this module, or below such a one. Nothing is put in their place.",
);
const AGE: Spec = Spec::gauge(
    "flux_brokers_report_age_seconds",
    &[],
    "Age of the oldest figures that are counted.",
);
const CHILDREN: Spec = Spec::gauge(
    "flux_brokers_overlay_children",
    &["status"],
    "Direct children of brokers in the overlay network by the status of their \
     subtree, as flux_overlay_children, added up.",
);

/// The figures, each by statistic.
pub const FIGURES: [Spec; COUNT] = [
    Spec::gauge(
        "flux_brokers_resident_memory_bytes",
        &["statistic"],
        "Resident memory of the broker process.",
    ),
    Spec::gauge(
        "flux_brokers_cpu_usage_ratio",
        &["statistic"],
        "User and system CPU time that the broker process used a second, over \
         the last period; 1 is one processor.",
    ),
    Spec::gauge(
        "flux_brokers_node_load1",
        &["statistic"],
        "Load average of the broker's node over 1 minute.",
    ),
    Spec::gauge(
        "flux_brokers_node_memory_bytes",
        &["statistic"],
        "Memory of the broker's node.",
    ),
    Spec::gauge(
        "flux_brokers_node_memory_available_bytes",
        &["statistic"],
        "Memory of the broker's node that is available without swapping.",
    ),
    Spec::gauge(
        "flux_brokers_module_backlog_messages",
        &["statistic"],
        "Messages in the queues between the broker and its modules.",
    ),
];

/// The worst of some figures, in the order of [`WORST`].
const NAMED: [Spec; WORST.len()] = [
    Spec::gauge(
        "flux_brokers_worst_resident_memory_bytes",
        &["hostname", "rank"],
        "The largest of flux_brokers_resident_memory_bytes, by broker.",
    ),
    Spec::gauge(
        "flux_brokers_worst_cpu_usage_ratio",
        &["hostname", "rank"],
        "The largest of flux_brokers_cpu_usage_ratio, by broker.",
    ),
    Spec::gauge(
        "flux_brokers_worst_node_load1",
        &["hostname", "rank"],
        "The largest of flux_brokers_node_load1, by broker.",
    ),
    Spec::gauge(
        "flux_brokers_worst_node_memory_available_bytes",
        &["hostname", "rank"],
        "The least of flux_brokers_node_memory_available_bytes, by broker.",
    ),
    Spec::gauge(
        "flux_brokers_worst_module_backlog_messages",
        &["hostname", "rank"],
        "The largest of flux_brokers_module_backlog_messages, by broker.",
    ),
];

/// What is exposed here.
pub const SPECS: &[Spec] = &{
    let mut specs = [REPORTING; 4 + COUNT + WORST.len()];
    specs[1] = MISSING;
    specs[2] = AGE;
    specs[3] = CHILDREN;
    let mut i = 0;
    while i < COUNT {
        specs[4 + i] = FIGURES[i];
        i += 1;
    }
    i = 0;
    while i < WORST.len() {
        specs[4 + COUNT + i] = NAMED[i];
        i += 1;
    }
    specs
};

/// What a scrape shows.
pub struct Shown {
    /// Of the whole tree.
    pub report: Report,
    /// When it was put together.
    pub at: Instant,
    /// Of the instance.
    pub size: u32,
}

/// The families; those of figures that nobody knows are empty.
pub fn show(shown: &Shown) -> Vec<Family> {
    let Shown { report, at, size } = shown;
    let one = |spec: Spec, value: f64| {
        let mut family = spec.family();
        family.add(&[], value);
        family
    };
    let mut all = vec![
        one(REPORTING, report.brokers.into()),
        one(MISSING, size.saturating_sub(report.brokers).into()),
        one(AGE, report.age + at.elapsed().as_secs_f64()),
    ];
    let mut children = CHILDREN.family();
    for (status, count) in
        STATUSES.iter().chain(&["other"]).zip(report.children)
    {
        children.add(&[status], count as f64);
    }
    all.push(children);
    for (spec, spread) in FIGURES.iter().zip(&report.figures) {
        let mut family = spec.family();
        if spread.count > 0 {
            family
                .add(&["sum"], spread.sum)
                .add(&["min"], spread.min)
                .add(&["max"], spread.max)
                .add(&["mean"], spread.sum / f64::from(spread.count));
        }
        all.push(family);
    }
    for (spec, named) in NAMED.iter().zip(&report.worst) {
        let mut family = spec.family();
        for one in named {
            family.add(&[&one.hostname, &one.rank.to_string()], one.value);
        }
        all.push(family);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::series;
    use super::*;

    #[test]
    fn shows_what_is_known_and_what_is_missing() {
        let figures = [Some(2.0), None, Some(2.0), None, None, Some(2.0)];
        let new = |rank, figures| {
            Report::new((rank, "node"), figures, [1, 0, 0, 1, 0, 0], 1)
        };
        let mut report = new(0, figures);
        let more = figures.map(|figure| figure.map(|value| value * 4.0));
        report.add(&new(1, more), 1.0, 1);
        let shown = Shown { report, at: Instant::now(), size: 7 };
        let shown = series(show(&shown));
        for (series, value) in [
            ("flux_brokers_reporting", 2.0),
            ("flux_brokers_missing", 5.0),
            ("flux_brokers_overlay_children{status=full}", 2.0),
            ("flux_brokers_overlay_children{status=lost}", 2.0),
            ("flux_brokers_overlay_children{status=other}", 0.0),
            ("flux_brokers_node_load1{statistic=sum}", 10.0),
            ("flux_brokers_node_load1{statistic=min}", 2.0),
            ("flux_brokers_node_load1{statistic=max}", 8.0),
            ("flux_brokers_node_load1{statistic=mean}", 5.0),
            ("flux_brokers_worst_node_load1{hostname=node,rank=1}", 8.0),
        ] {
            assert_eq!(shown.get(series), Some(&value), "{series}: {shown:?}");
        }
        assert!(shown["flux_brokers_report_age_seconds"] >= 1.0);
        assert!(!shown.keys().any(|series| series.contains("cpu")));
    }
}
