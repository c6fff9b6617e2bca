//! When the nodes of a job are free: after housekeeping, if there is any.

use super::FAKE;
use super::instance::scrape::Scrape;
use super::instance::{Instance, skip, wait_for};
use super::truth::{agrees, are};

/// Where there is no housekeeping a job's nodes are free once it gives them
/// back: the time that they were allocated is that of its eventlog.
#[test]
fn nodes_are_free_when_their_job_says_so() {
    if skip("nodes_are_free_when_their_job_says_so") {
        return;
    }
    let instance = Instance::start_with(&FAKE, "", &[]);
    instance.load(&[]);
    wait_for("the numbers", || {
        instance.scrape().has("flux_nodes").then_some(())
    });
    let mut seconds = 0.0;
    for _ in 0..3 {
        let short = "--setattr=exec.test.run_duration=0.1s";
        let job = ["submit", short, "-N8", "--exclusive", "true"];
        let job = instance.flux(&job);
        let at = |event| {
            let id = job.trim();
            let args = ["job", "wait-event", "-t", "30", "-fjson", id, event];
            let line = instance.flux(&args);
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            event["timestamp"].as_f64().unwrap()
        };
        seconds += 8.0 * (at("free") - at("alloc"));
    }
    let finished = "flux_jobs_finished_total";
    let page = agrees("all free", &instance, |page: &Scrape| {
        let all = page.sum(finished, &[("result", "completed")]) == 3.0;
        all && are([8, 0, 0, 0, 0, 0])(page)
    });
    let allocated = "flux_node_state_seconds_total{state=\"allocated\"}";
    let difference = page.value(allocated) - seconds;
    assert!(difference.abs() < 1e-3, "{difference} s of {seconds} s");
    instance.flux(&["module", "remove", "prometheus"]);
}

/// A script on each node of a job after it, one of which takes its time: the
/// nodes are not free before.
#[test]
fn nodes_in_housekeeping_are_allocated() {
    if skip("nodes_in_housekeeping_are_allocated") {
        return;
    }
    let end = std::env::temp_dir().join(format!("{}.end", std::process::id()));
    // rank 0 is done at once, and what is done is released at once
    let script = format!(
        "test $(flux getattr rank) = 0 || until test -e {}; do sleep 0.1; done",
        end.display()
    );
    let config = format!(
        "[job-manager.housekeeping]\nrelease-after = \"0s\"\n\
         command = [\"sh\", \"-c\", \"{script}\"]\n"
    );
    let config = format!("{config}[ingest.validator]\ndisable = true\n");
    let instance = Instance::start_with(&["--test-size=3"], &config, &[]);
    // one before the module is there, of which it is to find out
    instance.flux(&["run", "-N2", "-n2", "true"]);
    instance.load(&[]);
    let page = agrees("before loading", &instance, are([2, 1, 0, 0, 0, 0]));
    assert_eq!(page.value("flux_autoscale_nodes_wanted"), 1.0);
    assert_eq!(page.value("flux_autoscale_active_jobs"), 0.0);

    instance.flux(&["run", "-N1", "-n1", "--requires=rank:2", "true"]);
    agrees("another", &instance, are([1, 2, 0, 0, 0, 0]));
    instance.flux(&["resource", "drain", "1", "why"]);
    agrees("drained", &instance, are([1, 1, 1, 0, 0, 0]));

    // those that nobody can look up any more are no fault of the journal
    instance.flux(&["job", "purge", "--force", "--num-limit=0"]);
    instance.flux(&["module", "remove", "prometheus"]);
    instance.load(&[]);
    wait_for("the log to name both", || {
        let log = instance.flux(&["dmesg"]);
        let named = log.matches("what it had cannot be looked up").count();
        (named == 2).then_some(())
    });
    let up = "flux_exporter_collector_up{collector=\"jobs\"}";
    assert_eq!(instance.scrape().value(up), 1.0);

    std::fs::write(&end, "").unwrap();
    let page = agrees("all over", &instance, are([2, 0, 0, 1, 0, 0]));
    assert_eq!(page.value("flux_autoscale_nodes_wanted"), 0.0);
    std::fs::remove_file(&end).unwrap();
    instance.flux(&["module", "remove", "prometheus"]);
}

/// A job that changed queues is in housekeeping for the one that it was in
/// last.
#[test]
fn nodes_in_housekeeping_are_of_the_last_queue() {
    if skip("nodes_in_housekeeping_are_of_the_last_queue") {
        return;
    }
    let config = "[queues.a]\n[queues.b]\n[job-manager.housekeeping]\n\
                  command = [\"sleep\", \"inf\"]\n\
                  [ingest.validator]\ndisable = true\n";
    let instance = Instance::start_with(&["--test-size=2"], config, &[]);
    let job = instance.flux(&["submit", "-N1", "--queue=a", "true"]);
    instance.flux(&["update", job.trim(), "queue=b"]);
    instance.flux(&["queue", "start", "--all"]);
    let clean = ["job", "wait-event", "-t", "30", job.trim(), "clean"];
    instance.flux(&clean);
    instance.load(&[]);
    let wanted =
        |queue| format!("flux_queue_nodes_wanted{{queue=\"{queue}\"}}");
    let page = agrees("in housekeeping", &instance, are([1, 1, 0, 0, 0, 0]));
    assert_eq!(page.value(&wanted("b")), 1.0);
    assert_eq!(page.value(&wanted("a")), 0.0);
    instance.flux(&["module", "remove", "prometheus"]);
    instance.flux(&["housekeeping", "kill", "--all"]);
}
