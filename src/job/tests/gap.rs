//! Baselines and breaks of the stream.

use super::*;
use crate::job::JobId;
use crate::job::outcome::Outcome;
use crate::job::state::State;

/// Posts the events of a job's whole life, one a second.
const LIFE: [(&str, &str); 9] = [
    ("validate", ""),
    ("depend", ""),
    ("priority", r#"{"priority":16}"#),
    ("alloc", ""),
    ("start", ""),
    ("finish", r#"{"status":0}"#),
    ("release", r#"{"ranks":"all","final":true}"#),
    ("free", ""),
    ("clean", ""),
];

/// The lines of a job's first `n` events after "submit".
fn live(jm: &mut Manager, id: JobId, at: f64, n: usize) -> Vec<String> {
    let mut lines = vec![jm.submit(id, at, "batch")];
    lines.extend(more(jm, id, at, 0, n));
    lines
}

/// The lines of events `from` to `to` of a job submitted at `at`.
fn more(
    jm: &mut Manager,
    id: JobId,
    at: f64,
    from: usize,
    to: usize,
) -> Vec<String> {
    let events = LIFE.into_iter().enumerate().take(to).skip(from);
    let post = |(i, (name, ctx))| jm.post(id, at + 1.0 + i as f64, name, ctx);
    events.map(post).collect()
}

fn feed_all(table: &mut Table, lines: &[String], now: f64) {
    for line in lines {
        assert_eq!(feed(table, line, now), What::Live);
    }
}

fn completed(table: &Table) -> u64 {
    queue(table, "batch").finished[Outcome::Completed as usize]
}

#[test]
fn the_baseline_counts_nothing() {
    let mut jm = Manager::default();
    live(&mut jm, 1, 0.0, 9);
    live(&mut jm, 2, 1.0, 5);
    live(&mut jm, 3, 2.0, 3);
    live(&mut jm, 4, 3.0, 0);
    let mut table = Table::new(Arc::from([1.0]));
    table.begin();
    for line in jm.backlog(true) {
        assert_eq!(feed(&mut table, &line, 20.0), What::Backlog);
    }
    assert!(!table.synced());
    feed(&mut table, SENTINEL, 20.0);
    assert!(table.synced());
    assert_eq!((table.active(), table.events()), (2, 0));
    assert_eq!(table.jobs().count(), 3);
    let q = queue(&table, "batch");
    assert_eq!((q.submitted, q.allocated, q.finished), (0, 0, [0; 5]));
    assert_eq!(q.wait.count(), 0);
    assert_eq!(q.resources[State::Run.index().unwrap()].nodes, 2);
    // counted from the sentinel on, not from alloc
    assert_eq!(node_seconds(&mut table, "batch", 30.0), 20.0);
    let lines = more(&mut jm, 2, 21.0, 5, 9);
    feed_all(&mut table, &lines, 40.0);
    assert_eq!(completed(&table), 1);
    assert_eq!(queue(&table, "batch").submitted, 0);
    assert_eq!(table.resyncs(), 0);
}

#[test]
fn a_baseline_that_breaks_off_starts_over() {
    let mut jm = Manager::default();
    live(&mut jm, 1, 0.0, 5);
    let mut table = Table::new(Arc::from([1.0]));
    table.begin();
    feed(&mut table, &jm.backlog(false)[0], 9.0);
    table.lost(t(9.0));
    table.begin();
    assert_eq!((table.active(), table.jobs().count()), (0, 0));
    feed(&mut table, &jm.backlog(false)[0], 10.0);
    feed(&mut table, SENTINEL, 10.0);
    assert_eq!(table.active(), 1);
    assert!(table.take_vanished().is_empty());
    assert_eq!((table.resyncs(), table.events()), (0, 0));
}

#[test]
fn old_queue_changes_in_a_backlog_are_history() {
    let mut jm = Manager::default();
    live(&mut jm, 1, 0.0, 3);
    for (at, name) in [(5.0, "a"), (6.0, "b")] {
        let to = format!(r#"{{"attributes.system.queue":"{name}"}}"#);
        jm.post(1, at, "jobspec-update", &to);
    }
    let mut table = Table::new(Arc::from([1.0]));
    table.begin();
    feed(&mut table, &jm.backlog(false)[0], 9.0);
    assert_eq!(queue(&table, "b").waiting, 1);
    assert!(table.totals().queue("a").is_none());
}

#[test]
fn missed_events_are_counted_once() {
    let mut table = table();
    let mut jm = Manager::default();
    let mut lines = live(&mut jm, 1, 1.0, 3);
    // neither is in any later list
    lines.push(jm.post(1, 4.1, "annotations", r#"{"annotations":null}"#));
    lines.push(jm.post(1, 4.2, "memo", r#"{"volatile":1}"#));
    feed_all(&mut table, &lines, 5.0);
    // one that is
    jm.post(1, 4.3, "memo", r#"{"uri":"x"}"#);
    more(&mut jm, 1, 1.0, 3, 5);
    resync(&mut table, &jm, false, 4.5, 30.0);
    let q = queue(&table, "batch");
    assert_eq!((q.submitted, q.allocated), (1, 1));
    assert_eq!((q.wait.sum(), q.launch.sum()), (4.0, 1.0));
    assert_eq!(table.resyncs(), 1);
    resync(&mut table, &jm, false, 31.0, 32.0);
    assert_eq!(queue(&table, "batch").allocated, 1);
    assert_eq!(table.resyncs(), 2);
    // from alloc at 5, though it was seen at 30
    assert_eq!(node_seconds(&mut table, "batch", 32.0), 54.0);
    let lines = more(&mut jm, 1, 40.0, 5, 9);
    feed_all(&mut table, &lines, 60.0);
    assert_eq!(completed(&table), 1);
    assert_eq!(table.active(), 0);
}

#[test]
fn submitted_in_the_gap() {
    let mut table = table();
    let mut jm = Manager::default();
    live(&mut jm, 1, 1.0, 4);
    resync(&mut table, &jm, false, 0.5, 9.0);
    let q = queue(&table, "batch");
    assert_eq!((q.submitted, q.allocated, q.wait.sum()), (1, 1, 4.0));
    assert_eq!(table.active(), 1);
    assert_eq!(table.events(), 5);
    assert_eq!(node_seconds(&mut table, "batch", 9.0), 8.0);
}

#[test]
fn wholly_in_the_gap_needs_a_full_backlog() {
    for full in [false, true] {
        let mut table = table();
        let mut jm = Manager::default();
        let lines = live(&mut jm, 1, 1.0, 9);
        feed_all(&mut table, &lines, 10.0);
        live(&mut jm, 2, 20.0, 9);
        resync(&mut table, &jm, full, 15.0, 40.0);
        // and again, now that both are old news
        resync(&mut table, &jm, full, 41.0, 42.0);
        assert_eq!(completed(&table), 1 + u64::from(full));
        assert_eq!(queue(&table, "batch").submitted, 1 + u64::from(full));
        assert!(table.take_vanished().is_empty());
    }
}

#[test]
fn a_gap_begins_with_the_last_event_and_not_when_it_is_noticed() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 9);
    feed_all(&mut table, &lines, 10.0);
    live(&mut jm, 2, 11.0, 9);
    resync(&mut table, &jm, true, 30.0, 40.0);
    assert_eq!(completed(&table), 2);
}

#[test]
fn a_job_of_the_gap_is_counted_in_its_last_queue() {
    let mut table = table();
    let mut jm = Manager::default();
    live(&mut jm, 1, 1.0, 3);
    let update = |to| format!(r#"{{"attributes.system.queue":"{to}"}}"#);
    jm.post(1, 5.0, "jobspec-update", &update("a"));
    jm.post(1, 6.0, "priority", r#"{"priority":16}"#);
    jm.post(1, 7.0, "alloc", "");
    jm.post(1, 8.0, "jobspec-update", &update("b"));
    resync(&mut table, &jm, false, 0.5, 9.0);
    let b = queue(&table, "b");
    assert_eq!((b.submitted, b.allocated), (1, 1));
    assert_eq!(table.totals().queues().count(), 1);
}

#[test]
fn finished_before_the_baseline_is_old_news() {
    let mut jm = Manager::default();
    live(&mut jm, 1, -20.0, 9);
    let mut table = table();
    resync(&mut table, &jm, true, 1.0, 2.0);
    assert_eq!(table.totals().queues().count(), 0);
}

#[test]
fn a_full_backlog_that_breaks_off_counts_once() {
    let mut table = table();
    let mut jm = Manager::default();
    live(&mut jm, 1, 1.0, 9);
    live(&mut jm, 2, 1.0, 5);
    table.lost(t(0.5));
    table.begin();
    for line in jm.backlog(true) {
        feed(&mut table, &line, 20.0);
    }
    more(&mut jm, 2, 20.0, 5, 9);
    // job 2 ends in a backlog that breaks off as well
    table.lost(t(30.0));
    table.begin();
    for line in jm.backlog(true) {
        feed(&mut table, &line, 31.0);
    }
    assert_eq!(completed(&table), 2);
    resync(&mut table, &jm, true, 35.0, 40.0);
    assert_eq!((completed(&table), table.active()), (2, 0));
    assert_eq!(queue(&table, "batch").submitted, 2);
    assert_eq!(queue(&table, "batch").wait.count(), 2);
}

#[test]
fn a_lost_tail_is_forgotten_silently() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 5);
    feed_all(&mut table, &lines, 6.0);
    // the job manager crashed and remembers nothing after "priority"
    let mut jm = Manager::default();
    live(&mut jm, 1, 1.0, 3);
    resync(&mut table, &jm, false, 10.0, 20.0);
    let q = queue(&table, "batch");
    assert_eq!(q.jobs[State::Sched.index().unwrap()], 1);
    assert_eq!((q.submitted, q.allocated, q.waiting), (1, 1, 1));
    assert_eq!(table.active(), 1);
    // from alloc at 5 to the break at 10
    assert_eq!(node_seconds(&mut table, "batch", 30.0), 10.0);
    let lines = more(&mut jm, 1, 30.0, 3, 9);
    feed_all(&mut table, &lines, 40.0);
    assert_eq!(completed(&table), 1);
}

#[test]
fn a_lost_tail_may_leave_the_allocation() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 6);
    feed_all(&mut table, &lines, 7.0);
    let mut jm = Manager::default();
    live(&mut jm, 1, 1.0, 5);
    resync(&mut table, &jm, false, 10.0, 20.0);
    assert_eq!(node_seconds(&mut table, "batch", 20.0), 30.0);
    let run = State::Run.index().unwrap();
    assert_eq!(queue(&table, "batch").resources[run].nodes, 2);
}

#[test]
fn vanished_and_resolved() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 5);
    feed_all(&mut table, &lines, 6.0);
    more(&mut jm, 1, 1.0, 5, 9);
    resync(&mut table, &jm, false, 6.5, 20.0);
    assert_eq!(table.take_vanished(), [1]);
    assert!(table.take_vanished().is_empty());
    assert_eq!((table.active(), completed(&table)), (1, 0));
    let log = jm.eventlog(1).unwrap();
    let (start, _) = log.split_at(log.len() - 20);
    let bad = table.resolve(1, start, None);
    assert_eq!((bad.what, bad.problems.len()), (What::Unresolved, 1));
    let applied = table.resolve(1, &log, None);
    assert_eq!((applied.what, applied.problems.len()), (What::Resolved, 0));
    assert_eq!((table.active(), completed(&table)), (0, 1));
    assert_eq!(queue(&table, "batch").run.sum(), 1.0);
    // from alloc at 5 to free at 9
    assert_eq!(node_seconds(&mut table, "batch", 20.0), 8.0);
    assert_eq!(table.resolve(1, &log, None).what, What::Unknown);
    assert_eq!(completed(&table), 1);
}

#[test]
fn what_the_stream_leaves_out_moves_nothing_in_the_eventlog() {
    let mut table = table();
    let mut jm = Manager::default();
    let mut lines = live(&mut jm, 1, 1.0, 6);
    jm.post(1, 8.0, "release", r#"{"ranks":"0","final":false}"#);
    let context = r#"{"type":"mine","severity":1,"note":""}"#;
    lines.push(jm.post(1, 8.5, "exception", context));
    feed_all(&mut table, &lines, 9.0);
    more(&mut jm, 1, 3.0, 6, 9);
    resync(&mut table, &jm, false, 9.5, 20.0);
    assert_eq!(table.take_vanished(), [1]);
    let applied = table.resolve(1, &jm.eventlog(1).unwrap(), None);
    assert_eq!((applied.what, applied.problems.len()), (What::Resolved, 0));
    let exceptions = table.totals().exceptions.as_flattened();
    assert_eq!(exceptions.iter().sum::<u64>(), 1);
}

#[test]
fn vanished_with_what_it_was_given_in_the_gap() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 3);
    feed_all(&mut table, &lines, 4.5);
    assert_eq!(queue(&table, "batch").waiting, 1);
    more(&mut jm, 1, 1.0, 3, 9);
    resync(&mut table, &jm, false, 6.5, 20.0);
    assert_eq!(table.take_vanished(), [1]);
    let log = jm.eventlog(1).unwrap();
    assert!(table.needs_r(1, &log) && !table.needs_r(1, ""));
    let applied = table.resolve(1, &log, Some(manager::R));
    assert_eq!((applied.what, applied.problems.len()), (What::Resolved, 0));
    // two nodes from alloc at 5 to free at 9
    assert_eq!(node_seconds(&mut table, "batch", 20.0), 8.0);
    assert!(!table.needs_r(1, &log));
}

#[test]
fn vanished_for_good() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 5);
    feed_all(&mut table, &lines, 6.0);
    let lines = live(&mut jm, 2, 1.0, 0);
    feed_all(&mut table, &lines, 6.0);
    jm.jobs.clear();
    resync(&mut table, &jm, false, 10.0, 20.0);
    let mut vanished = table.take_vanished();
    vanished.sort();
    assert_eq!(vanished, [1, 2]);
    for id in [1, 2, 1, 3] {
        table.resolve_unknown(id, t(21.0));
    }
    let q = queue(&table, "batch");
    // job 2 was never validated: it is as never submitted
    assert_eq!(q.finished, [0, 0, 0, 0, 1]);
    assert_eq!((q.submitted, q.failures), (1, [0; 8]));
    assert_eq!((table.active(), table.jobs().count()), (0, 0));
    // from alloc at 5 to the break at 10
    assert_eq!(node_seconds(&mut table, "batch", 30.0), 10.0);
}

#[test]
fn a_job_that_is_there_cannot_be_given_up() {
    let mut table = table();
    let mut jm = Manager::default();
    let lines = live(&mut jm, 1, 1.0, 5);
    feed_all(&mut table, &lines, 6.0);
    resync(&mut table, &jm, false, 10.0, 20.0);
    table.resolve_unknown(1, t(21.0));
    assert_eq!(table.active(), 1);
    assert_eq!(table.resolve(1, "", None).what, What::Unknown);
}

#[test]
fn nothing_is_counted_ahead_while_the_stream_is_broken() {
    let mut jm = Manager::default();
    let mut table = table();
    feed_all(&mut table, &live(&mut jm, 1, 0.0, 5), 5.0);
    assert_eq!(node_seconds(&mut table, "batch", 10.0), 12.0);
    table.lost(t(10.0));
    // its nodes are free at 11, of which nobody hears
    more(&mut jm, 1, 3.0, 5, 9);
    assert_eq!(node_seconds(&mut table, "batch", 60.0), 12.0);
    table.begin();
    assert_eq!(node_seconds(&mut table, "batch", 60.0), 12.0);
    feed(&mut table, SENTINEL, 60.0);
    assert_eq!(table.take_vanished(), [1]);
    table.resolve(1, &jm.eventlog(1).unwrap(), None);
    assert_eq!(node_seconds(&mut table, "batch", 60.0), 14.0);
}
