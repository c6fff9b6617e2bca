//! The complete `/metrics` of a known instance.
//!
//! The stand-in plays what a Flux 0.88 of four nodes said (golden/page.py has
//! recorded it), the module is loaded with every collector, and what it then
//! serves is `golden/page.prom`, byte by byte but for the values below.
//! `make bless` writes that anew: the diff is the review.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::path::{Path, PathBuf};

use instance::{Host, Instance, scrape, wait_for};
use serde_json::Value;

/// Families, or how they begin, of which the page has `~` for the values.
const VARIES: [(&str, &str); 14] = [
    ("process_", "it is this process"),
    ("flux_exporter_http_", "it counts the requests of this test"),
    ("flux_exporter_scrape_duration_seconds", "it times those"),
    ("flux_exporter_collector_last_success_timestamp_seconds", "it is now"),
    ("flux_exporter_journal_lag_seconds", "it is since the recording"),
    ("flux_job_node_seconds_total", "it is an integral until now"),
    ("flux_job_core_seconds_total", "it is an integral until now"),
    ("flux_job_gpu_seconds_total", "it is an integral until now"),
    ("flux_user_node_seconds_total", "it is an integral until now"),
    ("flux_bank_node_seconds_total", "it is an integral until now"),
    ("flux_project_node_seconds_total", "it is an integral until now"),
    ("flux_node_state_seconds_total", "it is an integral until now"),
    ("flux_autoscale_oldest_pending_seconds", "it is until now"),
    ("flux_queue_oldest_pending_seconds", "it is until now"),
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The page without what varies.
fn steady(page: &str) -> String {
    let line = |line: &str| {
        let varies = VARIES.iter().any(|(name, _)| line.starts_with(name));
        match line.rsplit_once(' ').filter(|_| varies) {
            Some((series, _)) => format!("{series} ~\n"),
            None => format!("{line}\n"),
        }
    };
    page.lines().map(line).collect()
}

/// How many job events the journal has, and how many nodes something happened
/// to after the sentinel of theirs.
fn recorded() -> (u64, f64) {
    let read = |name| std::fs::read_to_string(golden(name)).unwrap();
    let events = |line: &Value| line["events"].as_array().unwrap().len();
    let lines = read("page.jsonl");
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    let jobs: usize = lines.map(|line: Value| events(&line)).sum();
    let said: Value = serde_json::from_str(&read("page.json")).unwrap();
    let said = said["streams"]["resource.journal"].as_array().unwrap();
    let live = said.iter().skip_while(|line| events(line) > 0);
    (jobs as u64, live.map(events).sum::<usize>() as f64)
}

/// Waits until all that was recorded has been said and asked for.
fn settle(instance: &Instance) -> String {
    let (jobs, nodes) = recorded();
    let address = instance.address("prometheus");
    wait_for("all collectors to be up, and to agree", || {
        let stats = instance.stats("prometheus");
        let all = stats["collectors"].as_object().unwrap();
        let page = scrape::fetch(&address, "/metrics").body;
        let now = scrape::parse(&page);
        let drift = now.sum("flux_exporter_drift_jobs", &[]);
        let done = all.values().all(|collector| collector["up"] == true)
            && stats["journal"]["synced"] == true
            && stats["journal"]["events"] == jobs
            && now.sum("flux_node_transitions_total", &[]) == nodes
            && now.has("flux_module_cpu_seconds_total")
            && now.has("flux_exporter_drift_jobs")
            && drift == 0.0;
        done.then_some(page)
    })
}

#[test]
fn a_known_instance_has_a_known_page() {
    let recording = format!("--recording={}", golden("page.jsonl").display());
    let instance = Host::Standin.start(&[&recording]);
    instance.load_args(&[], &["listen=127.0.0.1:0", "collectors=all"]);
    let page = steady(&settle(&instance));
    instance.flux(&["module", "remove", "prometheus"]);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(golden("page.prom"), page).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(golden("page.prom")).unwrap();
    let (ours, theirs) = (page.lines(), golden.lines());
    let differ = |from: &str, line: &&str| !from.lines().any(|l| l == *line);
    let gone = theirs.filter(|line| differ(&page, line));
    let new = ours.filter(|line| differ(&golden, line));
    let gone: Vec<_> = gone.map(|line| format!("-{line}")).collect();
    let new: Vec<_> = new.map(|line| format!("+{line}")).collect();
    assert_eq!(page, golden, "page.prom:\n{}", [gone, new].concat().join("\n"));
}
