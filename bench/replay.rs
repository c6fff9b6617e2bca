//! What the module does with a recorded journal, without a broker:
//! `replay FILE PASSES RENDERINGS` applies FILE so often, renders the metrics
//! of jobs so often, and prints as JSON what that cost and came to.
//!
//! bench/journal.py compares it with other consumers of the same lines, and
//! bench/instructions runs it under callgrind. Every job in FILE must end in
//! it, for each pass is a new life of the same jobs.

use std::error::Error;
use std::hint::black_box;

use flux_prometheus::collectors::Jobs;
use flux_prometheus::collectors::jobs::metrics::Metrics;
use flux_prometheus::exposition::{Created, Families, Format, Page};
use flux_prometheus::job::histogram::DEFAULT_BOUNDS;
use flux_prometheus::job::outcome::Outcome;
use flux_prometheus::job::{QueueTotals, Table, Time};
use serde_json::{Value, json};

const SENTINEL: &str = r#"{"id":-1,"events":[]}"#;

/// A fixed clock: a rendering has the same bytes each time.
const NOW: f64 = 1_800_000_000.0;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [file, passes, renderings] = &args[..] else {
        return Err("usage: replay FILE PASSES RENDERINGS".into());
    };
    let journal = std::fs::read_to_string(file)?;
    let lines: Vec<_> = journal.lines().collect();
    let (passes, renderings): (u32, u32) =
        (passes.parse()?, renderings.parse()?);

    let now = Time::from_secs(NOW);
    let mut table = Table::new(DEFAULT_BOUNDS.into());
    table.begin();
    table.apply(SENTINEL, now);
    let before = cpu()?;
    let mut first = 0;
    for pass in 0..passes {
        for line in &lines {
            table.apply(line, now);
        }
        if pass == 0 {
            first = resident()?;
        }
    }
    let cpu = cpu()? - before;
    let grown = resident()?.saturating_sub(first);

    let result = json!({
        "events": table.events(),
        "cpu": cpu,
        "grown": grown,
        "problems": table.problems().iter().sum::<u64>(),
        "totals": totals(&table),
    });
    let bytes = render(Jobs::new(table), renderings)?;
    println!("{result}");
    eprintln!("{bytes} bytes rendered");
    Ok(())
}

/// Renders the metrics of jobs; returns how many bytes that came to.
fn render(jobs: Jobs, renderings: u32) -> Result<usize, Box<dyn Error>> {
    let families = Families::default();
    families.register(Metrics::with_clock(&jobs, || Time::from_secs(NOW)))?;
    let created = Created::at(NOW);
    let mut page = Page::new(Format::Text);
    let mut bytes = 0;
    for _ in 0..renderings {
        // as if something had happened
        let _ = jobs.lock().totals_mut();
        page.update(&families, |_: &str| true, &created)?;
        bytes += black_box(page.text()).len();
    }
    Ok(bytes)
}

/// What the other consumers keep too.
fn totals(table: &Table) -> Value {
    let queues = || table.totals().queues();
    let sum = |of: fn(&QueueTotals) -> u64| queues().map(of).sum::<u64>();
    let results = Outcome::ALL.iter().enumerate();
    let finished: serde_json::Map<_, _> = results
        .map(|(i, result)| {
            let count = queues().map(|queue| queue.finished[i]).sum::<u64>();
            (result.as_str().to_owned(), count.into())
        })
        .collect();
    json!({
        "active": table.active(),
        "submitted": sum(|queue| queue.submitted),
        "allocated": sum(|queue| queue.allocated),
        "finished": finished,
        "wait": sum(|queue| queue.wait.count()),
        "wait_sum": queues().map(|queue| queue.wait.sum()).sum::<f64>(),
        "run": sum(|queue| queue.run.count()),
        "run_sum": queues().map(|queue| queue.run.sum()).sum::<f64>(),
    })
}

/// Seconds for which this thread has run.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("schedstat: empty")?;
    Ok(first.parse::<f64>()? / 1e9)
}

/// Resident bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("status: no VmRSS")?.parse::<u64>()? * 1024)
}
