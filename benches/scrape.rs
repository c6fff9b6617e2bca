//! What a scrape costs, and what an event does: `cargo bench`.
//!
//! The page is as large as that of a small instance, about 27 KB. Rows named
//! `registry_...` are by the `prometheus` crate's means, for comparison.

#![allow(clippy::unwrap_used)] // as in tests

use std::io::Write;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use flate2::{Compression, write::GzEncoder};
use flux_prometheus::collectors::jobs::metrics::Metrics;
use flux_prometheus::collectors::process::Process;
use flux_prometheus::collectors::{self, Jobs};
use flux_prometheus::exposition::{
    Created, Families, Format, Page, Parts, Source, Spec, shown,
};
use flux_prometheus::http::Counts;
use flux_prometheus::job::histogram::DEFAULT_BOUNDS;
use flux_prometheus::job::{Table, Time};

fn main() {
    divan::main();
}

/// The events of one job, as the journal has them.
fn life(id: u64) -> Vec<String> {
    let t = 1_763_840_636.0 + id as f64;
    let line = |events: &str, rest: &str| {
        format!("{{\"id\":{id},\"events\":[{events}]{rest}}}")
    };
    let event = |name: &str, more: &str, at: f64| {
        let time = t + at;
        format!("{{\"timestamp\":{time},\"name\":\"{name}\"{more}}}")
    };
    let jobspec = r#","jobspec":{"version":1,"resources":[{"type":"slot",
        "count":2,"label":"task","with":[{"type":"core","count":4}]}],
        "tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],
        "attributes":{"system":{"duration":3600,"queue":"batch"}}}"#;
    let submit = r#","context":{"userid":1000,"urgency":16,"flags":0,
        "version":1}"#;
    let r = r#","R":{"version":1,"execution":{"R_lite":[{"rank":"3",
        "children":{"core":"0-7"}}],"nodelist":["node3"],
        "starttime":0.0,"expiration":0.0}}"#;
    vec![
        line(&event("submit", submit, 0.0), jobspec),
        line(&event("validate", "", 0.01), ""),
        line(&event("depend", "", 0.02), ""),
        line(&event("priority", r#","context":{"priority":16}"#, 0.03), ""),
        line(&event("alloc", "", 0.5), r),
        line(&event("start", "", 0.6), ""),
        line(&event("finish", r#","context":{"status":0}"#, 9.0), ""),
        line(
            &event(
                "release",
                r#","context":{"ranks":"all","final":true}"#,
                9.1,
            ),
            "",
        ),
        line(&event("free", "", 9.2), ""),
        line(&event("clean", "", 9.3), ""),
    ]
}

fn table(lines: &[String]) -> Table {
    let mut table = Table::new(DEFAULT_BOUNDS.into());
    table.begin();
    table.apply(r#"{"id":-1,"events":[]}"#, Time::from_secs(1.0));
    for line in lines {
        table.apply(line, Time::from_secs(1_763_900_000.0));
    }
    table
}

/// What is polled: each family once or, where it has labels, as often as a
/// small broker has modules.
struct Polled;

impl Source for Polled {
    fn specs(&self) -> Vec<Spec> {
        let all = collectors::SPECS.iter().copied().flatten();
        let own = |spec: &&Spec| {
            ["flux_job", "process_"].iter().any(|p| spec.name.starts_with(p))
        };
        all.filter(|spec| !own(spec)).copied().collect()
    }

    fn show(&self, parts: &mut Parts) {
        const MODULES: [&str; 4] = ["kvs", "heartbeat", "job-manager", "sched"];
        let show = |spec: Spec| {
            let mut family = spec.family();
            if spec.labels.is_empty() {
                family.add(&[], 17.0);
                return family;
            }
            for (value, module) in MODULES.iter().enumerate() {
                family.add(&vec![*module; spec.labels.len()], value as f64);
            }
            family
        };
        parts.add(self.specs().into_iter().map(show));
    }
}

fn families() -> Families {
    let families = Families::default();
    let lines: Vec<_> = (1..500).flat_map(life).collect();
    let jobs = Jobs::new(table(&lines));
    families.register(Metrics::new(&jobs)).unwrap();
    families.register(Process::new()).unwrap();
    families.register(Polled).unwrap();
    Counts::register(&families).unwrap();
    families
}

fn page(format: Format, families: &Families) -> String {
    let mut text = String::with_capacity(1 << 16);
    let created = Created::at(1_763_840_636.123);
    families.write_text(format, |_| true, &created, &mut text).unwrap();
    text
}

#[divan::bench(args = [Format::Text, Format::OpenMetrics])]
fn page_direct(bencher: Bencher, format: Format) {
    let families = families();
    let size = page(format, &families).len();
    bencher.counter(BytesCount::new(size)).bench(|| page(format, &families));
}

/// As of a scrape soon after another, while nothing happens.
#[divan::bench(args = [Format::Text, Format::OpenMetrics])]
fn page_kept(bencher: Bencher, format: Format) {
    let (families, created) = (families(), Created::at(1_763_840_636.123));
    let mut page = Page::new(format);
    bencher.bench_local(|| {
        page.update(&families, |_: &str| true, &created).unwrap();
        page.text().len()
    });
}

#[divan::bench(args = [Format::Text, Format::OpenMetrics])]
fn page_by_registry(bencher: Bencher, format: Format) {
    let families = families();
    let size = page(format, &families).len();
    let created = Created::at(1_763_840_636.123);
    bencher.counter(BytesCount::new(size)).bench(|| {
        let mut text = String::with_capacity(1 << 16);
        let gathered = families.gather();
        format.encode(&gathered, &created, &mut text).unwrap();
        text
    });
}

#[divan::bench]
fn gather_by_registry(bencher: Bencher) {
    let families = families();
    bencher.bench(|| families.gather());
}

#[divan::bench]
fn show_jobs(bencher: Bencher) {
    let lines: Vec<_> = (1..500).flat_map(life).collect();
    let metrics = Metrics::new(&Jobs::new(table(&lines)));
    bencher.bench(|| shown(&metrics));
}

#[divan::bench]
fn show_process(bencher: Bencher) {
    let process = Process::new();
    bencher.bench(|| shown(&process));
}

#[divan::bench]
fn show_counts(bencher: Bencher) {
    let counts = Counts::register(&Families::default()).unwrap();
    bencher.bench(|| shown(&counts));
}

/// A page, and one of many queues.
const COPIES: [usize; 2] = [1, 18];

#[divan::bench(args = COPIES, consts = [1, 2, 3, 6])]
fn gzip<const LEVEL: u32>(bencher: Bencher, copies: usize) {
    let page = page(Format::Text, &families()).repeat(copies);
    let compress = || {
        let level = Compression::new(LEVEL);
        let mut encoder = GzEncoder::new(Vec::with_capacity(4096), level);
        encoder.write_all(page.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    eprintln!("gzip {LEVEL}: {} of {}", compress().len(), page.len());
    bencher.counter(BytesCount::new(page.len())).bench(compress);
}

#[divan::bench(args = COPIES, consts = [-1, 1, 3])]
fn zstd<const LEVEL: i32>(bencher: Bencher, copies: usize) {
    let page = page(Format::Text, &families()).repeat(copies);
    let compress = || zstd::bulk::compress(page.as_bytes(), LEVEL).unwrap();
    eprintln!("zstd {LEVEL}: {} of {}", compress().len(), page.len());
    bencher.counter(BytesCount::new(page.len())).bench(compress);
}

#[divan::bench]
fn parse_and_apply(bencher: Bencher) {
    let lines: Vec<_> = (1..100).flat_map(life).collect();
    bencher
        .counter(ItemsCount::new(lines.len()))
        .with_inputs(|| table(&[]))
        .bench_values(|mut table| {
            for line in &lines {
                let now = Time::from_secs(1_763_900_000.0);
                black_box(table.apply(line, now));
            }
            table
        });
}
