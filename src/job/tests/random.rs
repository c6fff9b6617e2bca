//! Random lives of many jobs, seen with and without breaks of the stream,
//! must come to the same numbers.

use super::*;
use crate::job::JobId;
use crate::job::state::State;
use crate::random::Random;
use crate::resource::{Requires, Status};

/// Makes one thing happen at `at`; the line the journal sends for it.
pub fn happen(jm: &mut Manager, random: &mut Random, at: f64) -> String {
    let active = jm.jobs.iter().filter(|(_, e)| e.state != State::Inactive);
    let active: Vec<JobId> = active.map(|(&id, _)| id).collect();
    if active.len() < 4 || (active.len() < 12 && random.below(8) == 0) {
        let queue = random.pick(&["batch", "debug"]);
        return jm.submit(at as JobId, at, queue);
    }
    let id = random.pick(&active);
    let entry = &jm.jobs[&id];
    let exception = format!(
        r#"{{"type":"{}","severity":{},"note":""}}"#,
        random.pick(&["cancel", "timeout", "exec", "alloc", "mine"]),
        random.pick(&[0, 0, 1, 7]),
    );
    let any = [
        ("memo", r#"{"uri":"x"}"#),
        ("memo", r#"{"volatile":1}"#),
        ("annotations", r#"{"annotations":null}"#),
        ("exception", &*exception),
    ];
    let usual: &[(&str, &str)] = match entry.state {
        State::New => &[("validate", ""), ("validate", ""), ("invalidate", "")],
        State::Depend => &[("depend", ""), ("dependency-add", "{}")],
        State::Priority => &[
            ("priority", r#"{"priority":16}"#),
            ("priority", r#"{"priority":0}"#),
        ],
        State::Sched => &[
            ("alloc", ""),
            ("alloc", ""),
            ("priority", r#"{"priority":0}"#),
            ("urgency", r#"{"urgency":0}"#),
            ("urgency", r#"{"urgency":16}"#),
            ("flux-restart", ""),
            ("jobspec-update", r#"{"attributes.system.queue":"debug"}"#),
            ("jobspec-update", r#"{"attributes.system.bank":"late"}"#),
        ],
        State::Run if !entry.started => &[("start", ""), ("prolog-start", "")],
        State::Run => &[
            ("finish", r#"{"status":0}"#),
            ("finish", r#"{"status":9}"#),
            ("finish", r#"{"status":256}"#),
            ("jobspec-update", r#"{"attributes.system.queue":"batch"}"#),
            ("jobspec-update", r#"{"attributes.system.project":"moved"}"#),
        ],
        _ if entry.owns => &[("free", ""), ("finish", r#"{"status":0}"#)],
        _ => &[("clean", "")],
    };
    let fatal_is_refused = entry.state == State::New;
    let (name, context) = match random.below(10) {
        0 if !fatal_is_refused => random.pick(&any),
        _ => random.pick(usual),
    };
    jm.post(id, at, name, context)
}

/// Everything counted, summed over queues: a job whose queue changed in a
/// gap is counted in the last one only.
fn counters(table: &mut Table, now: f64) -> (Vec<u64>, Vec<f64>) {
    let mut counts = table.totals().exceptions.concat();
    let mut sums = Vec::new();
    for q in table.totals_mut().queues_mut() {
        let mut c = vec![q.submitted, q.allocated];
        c.extend(q.finished);
        c.extend(q.failures);
        let mut s = Vec::new();
        for h in [&q.wait, &q.eligible_wait, &q.launch, &q.run, &q.cleanup] {
            c.extend(h.counts());
            s.push(h.sum());
        }
        for i in [&mut q.node_seconds, &mut q.core_seconds, &mut q.gpu_seconds]
        {
            s.push(i.value(t(now)));
        }
        if sums.is_empty() {
            counts.extend(c);
            sums.extend(s);
        } else {
            let base = counts.len() - c.len();
            for (sum, n) in counts[base..].iter_mut().zip(c) {
                *sum += n;
            }
            for (sum, x) in sums.iter_mut().zip(s) {
                *sum += x;
            }
        }
    }
    (counts, sums)
}

type Gauges = Vec<(String, [u64; 5], Vec<u64>, u64, u64)>;

fn gauges(table: &Table) -> Gauges {
    let queues = table.totals().queues().map(|q| {
        let sizes = q.resources.iter().flat_map(|r| [r.nodes, r.cores, r.gpus]);
        (q.name.to_string(), q.jobs, sizes.collect(), q.held, q.waiting)
    });
    let mut gauges: Gauges = queues.collect();
    gauges.sort();
    gauges
}

/// Resolves what vanished, the way the module does.
pub fn resolve(table: &mut Table, jm: &Manager, now: f64) {
    for id in table.take_vanished() {
        let log = jm.eventlog(id).unwrap_or_default();
        if table.resolve(id, &log, Some(manager::R)).what != What::Resolved {
            table.resolve_unknown(id, t(now));
        }
    }
}

fn status() -> Status {
    let text = r#"{"R":{"execution":{"R_lite":[{"rank":"0-2","children":
        {"core":"0-7","gpu":"0"}}]}},"drain":{},"online":"0-2",
        "offline":"","exclude":"","torpid":""}"#;
    Status::parse(text).unwrap()
}

/// Every job of the test manager has ranks 0 and 1.
fn nodes_are_as_jobs_say(table: &mut Table, jm: &Manager, span: f64, at: f64) {
    let mut queues: Vec<_> = jm
        .jobs
        .values()
        .filter(|job| job.owns && job.state != State::Inactive)
        .map(|job| job.queue.clone())
        .collect();
    queues.sort();
    queues.dedup();
    let used = if queues.is_empty() { 0 } else { 2 };
    let nodes = &mut table.totals_mut().nodes;
    assert_eq!(nodes.in_use(), used);
    assert_eq!(nodes.all().nodes, [3 - used, used, 0, 0, 0, 0]);
    let seconds: f64 = nodes.seconds(t(at)).iter().sum();
    assert_eq!(seconds, 3.0 * span);
    for (queue, in_use) in table.totals().queues_and_use() {
        let some = queues.iter().any(|name| **name == *queue.name);
        assert_eq!(in_use, if some { 2 } else { 0 }, "{}", queue.name);
    }
    assert_eq!(table.totals().idle.is_some(), {
        let mut queues = table.totals().queues();
        queues.all(|queue| queue.active() == 0)
    });
    // though an event looks only at the queues that it is about
    assert!(table.is_settled());
}

/// Runs one history past a table that sees it all and one that does not.
/// Times are whole seconds, so that sums are exact in any order.
fn compare(seed: u64, full: bool) {
    let mut random = Random(seed);
    let mut jm = Manager::default();
    let mut at = 0.0;
    let mut all = Table::new(Arc::from([5.0, 50.0]));
    let mut some = Table::new(Arc::from([5.0, 50.0]));
    for _ in 0..random.below(100) {
        at += 1.0;
        happen(&mut jm, &mut random, at);
    }
    let began = at;
    for table in [&mut all, &mut some] {
        table.set_nodes(status(), Requires::default(), t(at));
        table.begin();
        for line in jm.backlog(full) {
            feed(table, &line, at);
        }
        feed(table, SENTINEL, at);
        table.set_queues(&["batch", "debug"]);
    }
    for _ in 0..600 {
        at += 1.0;
        let line = happen(&mut jm, &mut random, at);
        feed(&mut all, &line, at);
        match (some.synced(), random.below(20)) {
            (true, 0) => some.lost(t(at)),
            (true, _) => {
                feed(&mut some, &line, at);
            }
            (false, 0) => {
                some.begin();
                for line in jm.backlog(full) {
                    feed(&mut some, &line, at);
                }
                feed(&mut some, SENTINEL, at);
                resolve(&mut some, &jm, at);
            }
            (false, 1) => {
                // breaks off
                some.begin();
                let lines = jm.backlog(full);
                let n = random.below(lines.len() as u64 + 1) as usize;
                for line in &lines[..n] {
                    feed(&mut some, line, at);
                }
                some.lost(t(at));
            }
            (false, _) => {}
        }
    }
    resync(&mut some, &jm, full, at, at);
    resolve(&mut some, &jm, at);
    assert!(all.totals().queues().map(|q| q.submitted).sum::<u64>() > 10);
    assert!(some.resyncs() > 1);
    assert_eq!(gauges(&all), gauges(&some), "seed {seed}");
    for table in [&mut all, &mut some] {
        nodes_are_as_jobs_say(table, &jm, at - began, at);
    }
    if full {
        let (want, got) = (counters(&mut all, at), counters(&mut some, at));
        assert_eq!(want, got, "seed {seed}");
        assert_eq!(all.totals().exceptions, some.totals().exceptions);
    }
}

#[test]
fn a_full_backlog_makes_up_for_any_gap() {
    for seed in 0..60 {
        compare(seed, true);
    }
}

#[test]
fn an_active_backlog_makes_up_for_gauges() {
    for seed in 0..60 {
        compare(seed, false);
    }
}

#[test]
fn no_text_makes_it_panic() {
    let mut random = Random(1);
    let mut jm = Manager::default();
    let mut table = table();
    for step in 0..5_000 {
        let at = f64::from(step) * 1e3;
        let mut line = happen(&mut jm, &mut random, at).into_bytes();
        for _ in 0..random.below(4) {
            let i = random.below(line.len() as u64) as usize;
            line[i] = random.pick(b"0123456789-+{}[]\",:eE.x");
        }
        if random.below(500) == 0 {
            table.begin();
        }
        if let Ok(line) = std::str::from_utf8(&line) {
            table.apply(line, t(at));
        }
        if random.below(500) == 0 {
            table.apply(SENTINEL, t(at));
        }
    }
    let active = table.jobs().filter(|(_, j)| j.state() != State::New);
    assert_eq!(table.active(), active.count() as u64);
    assert!(table.problems().iter().all(|&n| n > 0));
}
