//! Journal lines in, exposition out.
//!
//! Each `tests/golden/NAME.jsonl` is a recorded job journal, one response a
//! line; `{"test":"lost"}` and `{"test":"begin"}` mark where the stream ended
//! and was taken up again. `NAME.prom` is what a scrape shows after it, one
//! second after the last event. `make bless` writes those anew: the diff is
//! the review of any change to a metric.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

use std::path::Path;

use flux_prometheus::collectors::Jobs;
use flux_prometheus::collectors::jobs::metrics::Metrics;
use flux_prometheus::job::histogram::DEFAULT_BOUNDS;
use flux_prometheus::job::{Table, Time};
use prometheus::{Registry, TextEncoder};
use serde_json::Value;

fn replay(journal: &str) -> String {
    let jobs = Jobs::new(Table::new(DEFAULT_BOUNDS.into()));
    let mut latest = 0.0_f64;
    jobs.lock().begin();
    for line in journal.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        for event in value["events"].as_array().into_iter().flatten() {
            latest = latest.max(event["timestamp"].as_f64().unwrap_or(0.0));
        }
        let mut table = jobs.lock();
        match value["test"].as_str() {
            Some("lost") => table.lost(Time::from_secs(latest)),
            Some("begin") => table.begin(),
            _ => {
                table.apply(line, Time::from_secs(latest));
            }
        }
    }
    let registry = Registry::new();
    let now = Time::from_secs(latest + 1.0);
    let metrics = Metrics::with_clock(&jobs, move || now);
    registry.register(Box::new(metrics)).unwrap();
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

/// Fails with the lines that differ.
fn compare(name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |kind: &str| {
        std::fs::read_to_string(dir.join(format!("{name}.{kind}")))
    };
    let page = replay(&read("jsonl").unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(dir.join(format!("{name}.prom")), page).unwrap();
        return;
    }
    let golden = read("prom").unwrap_or_default();
    let differ: Vec<_> = golden
        .lines()
        .filter(|line| !page.lines().any(|l| l == *line))
        .map(|line| format!("-{line}"))
        .chain(
            page.lines()
                .filter(|line| !golden.lines().any(|l| l == *line))
                .map(|line| format!("+{line}")),
        )
        .collect();
    assert!(differ.is_empty(), "{name}.prom:\n{}", differ.join("\n"));
    assert_eq!(golden, page, "{name}.prom: the same lines in another order");
}

#[test]
fn one_of_everything() {
    compare("mixed");
}

#[test]
fn a_job_manager_that_was_reloaded() {
    compare("gap");
}

#[test]
fn lines_that_do_not_parse_and_jobs_that_do_not_behave() {
    compare("awkward");
}
