//! Nodes by state are what Flux says of them, and what autoscalers read
//! follows from what jobs ask for.
//!
//! Flux's own fake resources cannot be drained so that it says so, nor go
//! offline: where that matters there are four brokers with invented nodes.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "resources/housekeeping.rs"]
mod housekeeping;
mod instance;
#[path = "resources/truth.rs"]
mod truth;

use std::time::{Duration, Instant};

use instance::scrape::{self, Scrape};
use instance::{Instance, skip, wait_for};
use truth::{STATES, agrees, are, by_state};

const BROKERS: [&str; 2] = ["--test-size=4", "--test-hosts=n[0-3]"];
const NODES: &str = r#"
[queues.low]
requires = ["low"]
[queues.high]
requires = ["^low"]
[queues.all]
[ingest.validator]
disable = true
[resource]
noverify = true
exclude = "3"
[[resource.config]]
hosts = "n[0-3]"
cores = "0-3"
gpus = "0"
[[resource.config]]
hosts = "n[0-1]"
properties = ["low"]
"#;
const FAKE: [&str; 4] = [
    "--test-size=1",
    "--conf=fake-resources.nnodes=8",
    "--conf=fake-resources.cores-per-node=8",
    "--conf=fake-resources.gpus-per-node=2",
];
fn submit(instance: &Instance, options: &[&str]) -> String {
    let mut all = vec!["submit", "--setattr=exec.test.run_duration=1000s"];
    all.extend(options);
    all.push("true");
    instance.flux(&all).trim().to_owned()
}

fn started(instance: &Instance, id: &str) {
    instance.flux(&["job", "wait-event", "-t", "30", id, "alloc"]);
}

#[test]
fn nodes_by_state_are_as_flux_says() {
    if skip("nodes_by_state_are_as_flux_says") {
        return;
    }
    let instance = Instance::start_with(&BROKERS, NODES, &[]);
    instance.flux(&["queue", "start", "--all", "--quiet"]);
    // one that is there before the module: a part of n0
    let first = submit(&instance, &["-qlow", "--requires=host:n0", "-c1"]);
    started(&instance, &first);
    let args = ["listen=127.0.0.1:0", "collectors=default,nodes"];
    instance.load_args(&[], &args);
    agrees("a part of a node", &instance, are([2, 1, 0, 0, 0, 1]));
    nodes_by_name(&instance, [true; 4], &[]);

    let second =
        submit(&instance, &["-qall", "--requires=host:n0", "-c2", "-g1"]);
    started(&instance, &second);
    let page = agrees("a shared node", &instance, are([2, 1, 0, 0, 0, 1]));
    assert_eq!(page.value("flux_cores{state=\"allocated\"}"), 3.0);
    assert_eq!(page.value("flux_gpus{state=\"allocated\"}"), 1.0);
    assert_eq!(page.value("flux_autoscale_nodes_wanted"), 1.0);
    assert_eq!(page.value("flux_autoscale_cores_wanted"), 3.0);
    assert_eq!(page.value("flux_autoscale_free_nodes"), 2.0);
    for queue in ["low", "all"] {
        let series = format!("flux_queue_nodes_wanted{{queue=\"{queue}\"}}");
        assert_eq!(page.value(&series), 1.0, "{queue}");
    }
    for (queue, state, n) in [
        ("low", "allocated", 1.0),
        ("low", "free", 1.0),
        ("high", "free", 1.0),
        ("high", "excluded", 1.0),
        ("all", "allocated", 1.0),
        ("all", "free", 2.0),
    ] {
        let labels = [("queue", queue), ("state", state)];
        assert_eq!(page.sum("flux_queue_nodes", &labels), n, "{labels:?}");
    }

    let third = submit(
        &instance,
        &["-qall", "-N1", "--exclusive", "--requires=host:n1"],
    );
    started(&instance, &third);
    let page = agrees("a whole node", &instance, are([1, 2, 0, 0, 0, 1]));
    assert_eq!(page.value("flux_cores{state=\"allocated\"}"), 7.0);

    // at once, not at the next poll; commands of Flux take their time
    let address = instance.address("prometheus");
    instance.flux(&["resource", "drain", "n[0,2]", "why"]);
    let drained = Instant::now();
    wait_for("the drain to show", || {
        are([0, 1, 1, 1, 0, 1])(&scrape::get(&address)).then_some(())
    });
    let took = drained.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let page = agrees("draining", &instance, are([0, 1, 1, 1, 0, 1]));
    // the rest of n0 is for nobody
    assert_eq!(page.value("flux_cores{state=\"draining\"}"), 3.0);
    assert_eq!(page.value("flux_cores{state=\"drained\"}"), 5.0);
    let transitions = |page: &Scrape, event: &str| {
        page.value(&format!("flux_node_transitions_total{{event=\"{event}\"}}"))
    };
    assert_eq!(transitions(&page, "drain"), 2.0);
    assert_eq!(transitions(&page, "online"), 0.0);

    instance.flux(&["cancel", &first, &second]);
    agrees("drained", &instance, are([0, 1, 0, 2, 0, 1]));
    instance.flux(&["resource", "undrain", "n2"]);
    let page = agrees("undrained", &instance, are([1, 1, 0, 1, 0, 1]));
    assert_eq!(transitions(&page, "undrain"), 1.0);

    instance.flux(&["overlay", "disconnect", "2"]);
    let page = agrees("offline", &instance, are([0, 1, 0, 1, 1, 1]));
    assert_eq!(transitions(&page, "offline"), 1.0);
    nodes_by_name(&instance, [true, true, false, true], &[0]);
    time_goes_on(&instance);
    resource_is_reloaded(&instance);
    instance.flux(&["module", "remove", "prometheus"]);
}

/// Waits until the nodes are up or down, and drained or not, as they should.
fn nodes_by_name(instance: &Instance, up: [bool; 4], drained: &[u32]) {
    let labels = |rank| format!("{{hostname=\"n{rank}\",rank=\"{rank}\"}}");
    wait_for("the nodes by name", || {
        let page = instance.scrape();
        if !page.has("flux_node_up") {
            return None;
        }
        let right = (0..4_u32).zip(up).all(|(rank, up)| {
            let is = page.value(&format!("flux_node_up{}", labels(rank)));
            let since = "flux_node_drained_timestamp_seconds";
            let since = page.get(&format!("{since}{}", labels(rank)));
            is == f64::from(u8::from(up))
                && since.is_some() == drained.contains(&rank)
                && since.is_none_or(|since| since > 1.7e9)
        });
        right.then_some(())
    });
}

/// Every node is in one state at any time. A page is of some moment between
/// asking for it and having it.
fn time_goes_on(instance: &Instance) {
    let address = instance.address("prometheus");
    let total = || {
        let asked = Instant::now();
        let page = scrape::get(&address);
        let seconds = by_state(&page, "flux_node_state_seconds_total");
        (asked, seconds, Instant::now())
    };
    let (asked, first, had) = total();
    let (asked_again, second, had_again) = wait_for("time to pass", || {
        let again = total();
        (again.1["drained"] > first["drained"] + 1.0).then_some(again)
    });
    let nodes = by_state(&scrape::get(&address), "flux_nodes");
    let least = (asked_again - had).as_secs_f64();
    let most = (had_again - asked).as_secs_f64();
    for state in STATES {
        let grown = second[state] - first[state];
        let [least, most] = [least, most].map(|time| nodes[state] * time);
        // the clock is another one
        let can_be = (least - 0.01..=most + 0.01).contains(&grown);
        assert!(can_be, "{state}: {grown}, not {least} to {most}");
    }
}

/// The source goes away and comes back, and so do the numbers.
fn resource_is_reloaded(instance: &Instance) {
    let up = "flux_exporter_collector_up{collector=\"resources\"}";
    let before = instance.scrape();
    // the scheduler goes with it
    instance.flux(&["module", "remove", "resource"]);
    wait_for("the numbers to go away", || {
        let page = instance.scrape();
        let gone = !page.has("flux_nodes") && !page.has("flux_cores");
        let all = gone && !page.has("flux_autoscale_free_nodes");
        (all && page.value(up) == 0.0).then_some(())
    });
    // those of jobs stay
    assert!(instance.scrape().has("flux_jobs"));
    instance.flux(&["module", "load", "resource"]);
    instance.flux(&["module", "load", "sched-simple"]);
    let page = agrees("back", instance, are([0, 1, 0, 1, 1, 1]));
    assert_eq!(page.value(up), 1.0);
    let seconds = "flux_node_state_seconds_total";
    assert!(page.sum(seconds, &[]) > before.sum(seconds, &[]));
    let drains = "flux_node_transitions_total{event=\"drain\"}";
    assert_eq!(page.value(drains), before.value(drains));
    // and the stream with them
    instance.flux(&["resource", "undrain", "n0"]);
    let undrains = "flux_node_transitions_total{event=\"undrain\"}";
    wait_for("the event", || {
        (instance.scrape().value(undrains) == 2.0).then_some(())
    });
}

/// What autoscalers read, with some of each kind of job.
#[test]
fn what_is_wanted_follows_from_what_could_start() {
    if skip("what_is_wanted_follows_from_what_could_start") {
        return;
    }
    let config = "[ingest.validator]\ndisable = true\n";
    let instance = Instance::start_with(&FAKE, config, &[]);
    instance.load(&[]);
    let value = |page: &Scrape, name: &str| {
        page.value(&format!("flux_autoscale_{name}"))
    };
    let page = wait_for("the numbers", || {
        let page = instance.scrape();
        page.has("flux_autoscale_free_nodes").then_some(page)
    });
    assert_eq!(value(&page, "free_nodes"), 8.0);
    assert_eq!(value(&page, "active_jobs"), 0.0);
    let idle = value(&page, "idle_seconds");
    wait_for("idle time to pass", || {
        let now = value(&instance.scrape(), "idle_seconds");
        (now > idle + 0.5).then_some(())
    });

    // 5 nodes in use: 4 whole ones, and one that two jobs share
    submit(&instance, &["-N4", "--exclusive"]);
    let shared = ["-n1", "-c2", "--requires=rank:7"];
    submit(&instance, &shared);
    submit(&instance, &[&shared[..], &["-g1"]].concat());
    // pending: whole nodes, and more slots than one node has room for; as
    // many as sched-simple looks at, so that it does not refuse the last
    for _ in 0..8 {
        submit(&instance, &["-N6", "--exclusive"]);
    }
    submit(&instance, &["-n12", "-c2", "--urgency=2"]);
    submit(&instance, &["-n1", "-g1", "--urgency=2"]);
    // not eligible: held, and with a dependency
    let held = submit(&instance, &["-N8", "--urgency=hold"]);
    submit(&instance, &["-N8", &format!("--dependency=afterany:{held}")]);
    // and not possible
    submit(&instance, &["-N100", "--urgency=1"]);
    let page = wait_for("13 active jobs", || {
        let page = instance.scrape();
        (value(&page, "active_jobs") == 13.0).then_some(page)
    });
    assert_eq!(value(&page, "pending_jobs"), 10.0);
    assert_eq!(value(&page, "impossible_jobs"), 1.0);
    assert_eq!(value(&page, "impossible_nodes"), 100.0);
    // 12 slots of 2 cores are 3 nodes, a slot with a GPU half of one
    assert_eq!(value(&page, "nodes_wanted"), 5.0 + 48.0 + 4.0);
    let cores = 32.0 + 4.0 + 48.0 * 8.0 + 24.0 + 1.0;
    assert_eq!(value(&page, "cores_wanted"), cores);
    assert_eq!(value(&page, "gpus_wanted"), 8.0 + 1.0 + 96.0 + 1.0);
    assert_eq!(value(&page, "largest_pending_nodes"), 6.0);
    assert_eq!(value(&page, "free_nodes"), 3.0);
    assert_eq!(value(&page, "idle_seconds"), 0.0);
    let oldest = value(&page, "oldest_pending_seconds");
    assert!(oldest > 0.0);
    wait_for("the oldest to grow older", || {
        let now = value(&instance.scrape(), "oldest_pending_seconds");
        (now > oldest + 0.5).then_some(())
    });
    assert_eq!(
        page.value("flux_queue_nodes_wanted{queue=\"\"}"),
        value(&page, "nodes_wanted")
    );
    let page = agrees("in use", &instance, are([3, 5, 0, 0, 0, 0]));
    assert_eq!(page.value("flux_gpus{state=\"allocated\"}"), 9.0);

    instance.flux(&["queue", "stop", "--quiet"]);
    wait_for("the stop", || {
        let page = instance.scrape();
        (value(&page, "pending_jobs") == 0.0).then_some(())
    });
    assert_eq!(value(&instance.scrape(), "nodes_wanted"), 5.0);
    instance.flux(&["queue", "start", "--quiet"]);
    a_gap_leaves_no_trace(&instance);

    instance.flux(&["cancel", "--all", "--quiet"]);
    instance.flux(&["queue", "idle", "--quiet"]);
    let page = agrees("all free", &instance, are([8, 0, 0, 0, 0, 0]));
    for name in ["pending_jobs", "nodes_wanted", "cores_wanted", "gpus_wanted"]
    {
        assert_eq!(value(&page, name), 0.0, "{name}");
    }
    assert!(value(&page, "idle_seconds") > 0.0);
    instance.flux(&["module", "remove", "prometheus"]);
}

/// The job manager goes away and comes back; the jobs run on.
fn a_gap_leaves_no_trace(instance: &Instance) {
    instance.shell(
        "flux module remove job-manager; flux module load job-manager; \
         flux module reload -f job-ingest; flux module reload -f job-exec; \
         flux module reload -f sched-simple; \
         until flux module list | grep -q job-list; do \
             flux module load job-list || sleep 0.1; done; \
         flux queue start --quiet --all",
    );
    wait_for("the journal to be back", || {
        let page = instance.scrape();
        let resyncs = page.value("flux_exporter_journal_resyncs_total");
        (resyncs == 1.0 && page.has("flux_nodes")).then_some(())
    });
    agrees("after a gap", instance, |_| true);
}
