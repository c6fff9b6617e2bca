//! The recorded job journals of `tests/golden`, as a scrape would see them.
//!
//! Each `NAME.jsonl` is a job journal, one response a line;
//! `{"test":"lost"}` and `{"test":"begin"}` mark where the stream ended and
//! was taken up again.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

use std::path::{Path, PathBuf};

use flux_prometheus::collectors::Jobs;
use flux_prometheus::collectors::jobs::metrics::Metrics;
use flux_prometheus::exposition::Families;
use flux_prometheus::job::histogram::DEFAULT_BOUNDS;
use flux_prometheus::job::{Table, Time};
use serde_json::Value;

/// A file of the golden ones.
pub fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

/// The metrics of jobs, one second after the last event of a recording.
pub fn replay(name: &str) -> Families {
    let journal = std::fs::read_to_string(path(&format!("{name}.jsonl")));
    let jobs = Jobs::new(Table::new(DEFAULT_BOUNDS.into()));
    let mut latest = 0.0_f64;
    jobs.lock().begin();
    for line in journal.unwrap().lines() {
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
    let families = Families::default();
    let now = Time::from_secs(latest + 1.0);
    let metrics = Metrics::with_clock(&jobs, move || now);
    families.register(metrics).unwrap();
    families
}
