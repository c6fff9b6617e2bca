//! The numbers are Flux's own, after a workload with one of everything, and
//! after a gap in the journal.
//!
//! `RUNS=20` repeats the workload that often in one instance.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::collections::BTreeMap;

use instance::scrape::{self, Scrape};
use instance::{Host, Instance, wait_for};
use serde_json::Value;

scenarios! {
    a_mixed_workload_is_counted_as_flux_counts_it
    a_stopped_queue_holds_its_jobs_back
    a_gap_in_the_journal_is_made_good
    counters_begin_with_the_module
}

const FAKE: [&str; 4] = [
    "--test-size=1",
    "--conf=fake-resources.nnodes=8",
    "--conf=fake-resources.cores-per-node=8",
    "--conf=fake-resources.gpus-per-node=2",
];
const QUEUES: &str = include_str!("workload/queues.toml");
const STATES: [&str; 5] = ["depend", "priority", "sched", "run", "cleanup"];
const RESULTS: [&str; 4] = ["completed", "failed", "canceled", "timeout"];

fn mixed(instance: &Instance) {
    let script =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/workload/mixed.sh");
    instance.shell(script);
}

/// `job-list.job-stats`, which `flux jobs --stats` prints.
fn job_stats(instance: &Instance) -> Value {
    let code = "import flux, json; \
                print(json.dumps(flux.Flux().rpc('job-list.job-stats', {})\
                .get()))";
    let text = match instance.host {
        Host::Flux => instance.flux(&["python", "-c", code]),
        Host::Standin => instance.flux(&["rpc", "job-list.job-stats", "{}"]),
    };
    serde_json::from_str(&text).unwrap()
}

/// All differences between a scrape and what Flux says of itself. `since` is
/// Flux's word from when the counters were 0.
fn differences(
    page: &Scrape,
    since: &Value,
    now: &Value,
    instance: &Instance,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: String, ours: f64, theirs: f64| {
        if ours != theirs {
            wrong.push(format!("{what}: {ours}, Flux says {theirs}"));
        }
    };
    let names = now["queues"].as_array().unwrap();
    let mut queues: Vec<(&str, &Value, &Value)> = names
        .iter()
        .enumerate()
        .map(|(i, q)| (q["name"].as_str().unwrap(), q, &since["queues"][i]))
        .collect();
    if queues.is_empty() {
        queues.push(("", now, since));
    }
    for (queue, now, since) in queues {
        for state in STATES {
            check(
                format!("{state} jobs in {queue}"),
                page.sum("flux_jobs", &[("queue", queue), ("state", state)]),
                now["job_states"][state].as_f64().unwrap(),
            );
        }
        for result in RESULTS {
            let key = if result == "completed" { "successful" } else { result };
            check(
                format!("{result} jobs retained in {queue}"),
                page.sum(
                    "flux_jobs_retained",
                    &[("queue", queue), ("result", result)],
                ),
                now[key].as_f64().unwrap(),
            );
            check(
                format!("{result} jobs in {queue}"),
                page.sum(
                    "flux_jobs_finished_total",
                    &[("queue", queue), ("result", result)],
                ),
                now[key].as_f64().unwrap() - since[key].as_f64().unwrap(),
            );
        }
    }
    let states = |what: &Value| what["job_states"]["total"].as_f64().unwrap();
    check(
        "submitted jobs".into(),
        page.sum("flux_jobs_submitted_total", &[]),
        states(now) - states(since),
    );
    check(
        "unknown results".into(),
        page.sum("flux_jobs_finished_total", &[("result", "unknown")]),
        0.0,
    );
    // and by another way: what `flux jobs` prints
    let listed = instance.flux(&["jobs", "-ano", "{queue} {state}"]);
    let mut counts: BTreeMap<(String, String), f64> = BTreeMap::new();
    for line in listed.lines() {
        let (queue, state) = line.split_once(' ').unwrap();
        let key = (queue.trim().to_owned(), state.trim().to_lowercase());
        *counts.entry(key).or_default() += 1.0;
    }
    counts.retain(|(_, state), _| state != "inactive");
    let labelled: f64 = counts.values().sum();
    check("active jobs".into(), page.sum("flux_jobs", &[]), labelled);
    for ((queue, state), count) in counts {
        let labels = [("queue", &*queue), ("state", &*state)];
        check(
            format!("{state} jobs in {queue} by flux jobs"),
            page.sum("flux_jobs", &labels),
            count,
        );
    }
    for state in STATES {
        let series = format!("flux_exporter_drift_jobs{{state=\"{state}\"}}");
        let drift = page.0.get(&series).copied();
        check(series, drift.unwrap_or(f64::NAN), 0.0);
    }
    wrong
}

/// Waits until the page agrees with Flux, and fails with the differences
/// that remain.
fn agrees(instance: &Instance, since: &Value) -> Scrape {
    let mut last = Vec::new();
    for _ in 0..100 {
        let page = instance.scrape();
        last = differences(&page, since, &job_stats(instance), instance);
        if last.is_empty() {
            return page;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("{}", last.join("\n"));
}

fn a_mixed_workload_is_counted_as_flux_counts_it(host: Host) {
    let runs: u32 = std::env::var("RUNS")
        .map_or(1, |runs| runs.parse().expect("RUNS is a number"));
    let instance = host.start_with(&FAKE, QUEUES, &[]);
    let since = job_stats(&instance);
    instance.load(&[]);
    for run in 1..=runs {
        mixed(&instance);
        let page = agrees(&instance, &since);
        let times = f64::from(run);
        let causes = |cause: &str| {
            page.sum("flux_job_failures_total", &[("cause", cause)])
        };
        // what mixed.sh does, by its own words
        assert_eq!(causes("exit"), 3.0 * times);
        assert_eq!(causes("signal"), 2.0 * times);
        assert_eq!(causes("exec"), times);
        assert_eq!(causes("alloc"), times);
        assert_eq!(causes("depend"), times);
        assert_eq!(causes("other"), times);
        let exceptions = |kind: &str, severity: &str| {
            page.sum(
                "flux_job_exceptions_total",
                &[("type", kind), ("severity", severity)],
            )
        };
        // the three that stay are canceled at the end of each run
        assert_eq!(exceptions("cancel", "0"), 6.0 * times - 3.0);
        assert_eq!(exceptions("timeout", "0"), times);
        assert_eq!(exceptions("other", "3"), times);
        let blocked =
            |reason: &str| page.sum("flux_jobs_blocked", &[("reason", reason)]);
        assert_eq!(blocked("held"), 2.0);
        assert_eq!(blocked("dependency"), 1.0);
        assert_eq!(blocked("queue_stopped"), 0.0);

        instance.flux(&["cancel", "--all", "--quiet"]);
        instance.flux(&["queue", "idle", "--quiet"]);
        let page = agrees(&instance, &since);
        assert_eq!(page.sum("flux_jobs", &[]), 0.0);
        break_even(&page);
        println!("run {run} of {runs}: no difference");
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

/// What must hold of the counters when no job is active.
fn break_even(page: &Scrape) {
    assert_eq!(
        page.sum("flux_jobs_submitted_total", &[]),
        page.sum("flux_jobs_finished_total", &[])
    );
    let allocated = page.sum("flux_jobs_allocated_total", &[]);
    for family in ["wait", "eligible_wait", "cleanup"] {
        let count = format!("flux_job_{family}_seconds_count");
        assert_eq!(page.sum(&count, &[]), allocated, "{family}");
    }
    for resource in ["node", "core"] {
        let total = format!("flux_job_{resource}_seconds_total");
        assert!(page.sum(&total, &[]) > 0.0, "{resource}");
        assert_eq!(page.sum(&format!("flux_job_{resource}s"), &[]), 0.0);
    }
}

fn a_stopped_queue_holds_its_jobs_back(host: Host) {
    let instance = host.start_with(&FAKE, QUEUES, &[]);
    instance.load(&[]);
    // named queues are stopped until they are started
    instance.flux(&["submit", "-qbatch", "--cc=1-3", "-N2", "true"]);
    let stopped = |queue: &str| {
        let series = format!(
            "flux_jobs_blocked{{queue=\"{queue}\",reason=\"queue_stopped\"}}"
        );
        instance.scrape().value(&series)
    };
    wait_for("the queue to be seen stopped", || {
        (stopped("batch") == 3.0).then_some(())
    });
    let page = instance.scrape();
    assert_eq!(
        page.value("flux_job_nodes{queue=\"batch\",state=\"sched\"}"),
        6.0
    );
    let page = instance.scrape();
    assert_eq!(page.value("flux_queue_started{queue=\"batch\"}"), 0.0);
    assert_eq!(page.value("flux_queue_enabled{queue=\"batch\"}"), 1.0);
    instance.flux(&["queue", "start", "--all"]);
    instance.flux(&["queue", "disable", "batch", "-m", "testing"]);
    wait_for("the queue to be seen disabled", || {
        let page = instance.scrape();
        (page.value("flux_queue_enabled{queue=\"batch\"}") == 0.0).then_some(())
    });
    wait_for("the queue to be seen started", || {
        (stopped("batch") == 0.0).then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
}

/// The job manager goes away and comes back while jobs run, wait, finish and
/// are submitted: nothing is counted twice, nothing is missed.
fn a_gap_in_the_journal_is_made_good(host: Host) {
    let instance = host.start_with(&FAKE, QUEUES, &[]);
    let since = job_stats(&instance);
    instance.load(&[]);
    instance.flux(&["queue", "start", "--all"]);
    for round in 1..=3 {
        let busy = "for i in 1 2 3 4; do \
            flux submit --quiet -qbatch --urgency=hold true; done; \
            flux submit --quiet -qbatch --cc=1-20 \
                --setattr=exec.test.run_duration=0.2s true; \
            flux submit --quiet -qdebug --cc=1-3 \
                --setattr=exec.test.run_duration=1000s true; \
            flux module remove job-manager; sleep 0.7; \
            flux module load job-manager; \
            flux module reload -f job-ingest; \
            flux module reload -f job-exec; \
            flux module reload -f sched-simple; \
            until flux module list | grep -q job-list; do \
                flux module load job-list || sleep 0.1; done; \
            flux queue start --quiet --all; \
            flux submit --quiet -qdebug --cc=1-5 \
                --setattr=exec.test.run_duration=0.01s true";
        instance.shell(busy);
        let resyncs = "flux_exporter_journal_resyncs_total";
        wait_for("the journal to be back", || {
            let page = instance.scrape();
            (page.value(resyncs) == f64::from(round) && page.has("flux_jobs"))
                .then_some(())
        });
        // job-list saw the same restart: it has replayed all by now
        wait_for("the short jobs to end", || {
            let jobs = instance.flux(&["jobs", "-no", "{status_abbrev}"]);
            jobs.lines().all(|s| s.trim() != "C").then_some(())
        });
        agrees(&instance, &since);
    }
    instance.flux(&["cancel", "--all", "--quiet"]);
    // Not by `flux queue idle`: job-manager 0.88 counts running jobs below
    // zero when it is reloaded while some are a step from inactive, and waits
    // for ever.
    wait_for("all jobs to end", || {
        instance.flux(&["jobs", "-no", "{id}"]).is_empty().then_some(())
    });
    let page = agrees(&instance, &since);
    assert_eq!(page.sum("flux_jobs", &[]), 0.0);
    assert_eq!(
        page.sum("flux_jobs_submitted_total", &[]),
        page.sum("flux_jobs_finished_total", &[])
    );
    instance.flux(&["module", "remove", "prometheus"]);
    // with no job left it counts from zero again, so that the instance, which
    // waits for idle queues, can end
    instance.shell(
        "flux module reload -f job-manager; \
         until flux module list | grep -q job-list; do \
            flux module load job-list || sleep 0.1; done",
    );
}

/// A module that is loaded into a busy instance shows what is, and counts
/// from there.
fn counters_begin_with_the_module(host: Host) {
    let instance = host.start_with(&FAKE, QUEUES, &[]);
    mixed(&instance);
    instance.flux(&[
        "submit",
        "-qbatch",
        "-N2",
        "--exclusive",
        "--setattr=exec.test.run_duration=1000s",
        "true",
    ]);
    let since = job_stats(&instance);
    instance.load(&[]);
    wait_for("ready", || {
        let address = instance.address("prometheus");
        (scrape::fetch(&address, "/readyz").status == 200).then_some(())
    });
    let page = instance.scrape();
    assert_eq!(page.sum("flux_jobs", &[]), 4.0);
    assert_eq!(page.sum("flux_jobs_submitted_total", &[]), 0.0);
    assert_eq!(page.sum("flux_jobs_finished_total", &[]), 0.0);
    assert_eq!(
        page.value("flux_job_nodes{queue=\"batch\",state=\"run\"}"),
        2.0
    );
    assert_eq!(
        page.value("flux_job_cores{queue=\"batch\",state=\"run\"}"),
        16.0
    );
    assert_eq!(page.value("flux_job_gpus{queue=\"batch\",state=\"run\"}"), 4.0);
    let before = page.value("flux_job_node_seconds_total{queue=\"batch\"}");
    assert!(before < 60.0, "counted from before the module: {before}");
    let after = wait_for("node time to pass", || {
        let page = instance.scrape();
        let now = page.value("flux_job_node_seconds_total{queue=\"batch\"}");
        (now > before).then_some(page)
    });
    let ratio = after.value("flux_job_core_seconds_total{queue=\"batch\"}")
        / after.value("flux_job_node_seconds_total{queue=\"batch\"}");
    assert!((ratio - 8.0).abs() < 1e-6, "{ratio} cores a node");
    instance.flux(&["cancel", "--all", "--quiet"]);
    instance.flux(&["queue", "idle", "--quiet"]);
    let page = wait_for("the cancels", || {
        let page = instance.scrape();
        (page.sum("flux_jobs", &[]) == 0.0).then_some(page)
    });
    assert_eq!(
        page.sum("flux_jobs_finished_total", &[("result", "canceled")]),
        4.0
    );
    assert_eq!(page.sum("flux_jobs_submitted_total", &[]), 0.0);
    let stats = job_stats(&instance);
    assert_eq!(stats["job_states"]["total"], since["job_states"]["total"]);
    instance.flux(&["module", "remove", "prometheus"]);
}
