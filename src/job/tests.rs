//! Tests of the table as a whole, against a small job manager.

mod accounts;
mod gap;
mod life;
mod manager;
mod nodes;
mod random;

use std::sync::Arc;

use super::{QueueTotals, Table, Time, What};
use manager::Manager;

fn t(secs: f64) -> Time {
    Time::from_secs(1.7e9 + secs)
}

/// A table that has had an empty baseline at time 0.
fn table() -> Table {
    let mut table = Table::new(Arc::from([1.0, 10.0, 100.0]));
    table.begin();
    assert_eq!(feed(&mut table, SENTINEL, 0.0), What::Sentinel);
    table
}

const SENTINEL: &str = r#"{"id":-1,"events":[]}"#;

/// Applies a line that must have no problems.
fn feed(table: &mut Table, line: &str, now: f64) -> What {
    let applied = table.apply(line, t(now));
    assert_eq!(applied.problems, []);
    applied.what
}

/// Breaks the stream at one time, and resubscribes at another.
fn resync(table: &mut Table, jm: &Manager, full: bool, broke: f64, now: f64) {
    table.lost(t(broke));
    assert!(!table.synced());
    table.begin();
    for line in jm.backlog(full) {
        assert_eq!(feed(table, &line, now), What::Backlog);
    }
    assert!(!table.synced());
    feed(table, SENTINEL, now);
    assert!(table.synced());
}

fn queue<'a>(table: &'a Table, name: &str) -> &'a QueueTotals {
    table.totals().queue(name).unwrap()
}

fn node_seconds(table: &mut Table, name: &str, now: f64) -> f64 {
    let until = table.known_until(t(now));
    let mut queues = table.totals_mut().queues_mut();
    queues.find(|q| &*q.name == name).unwrap().node_seconds.value(until)
}
