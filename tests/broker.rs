//! The broker, the scheduler and storage, on a real broker: the figures are
//! Flux's own, go away with their source, and come back with it.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::collections::BTreeSet;

use instance::scrape::{self, Scrape};
use instance::{Instance, skip, wait_for};
use serde_json::Value;

const LISTEN: &str = "listen=127.0.0.1:0";

/// Waits for a page of which `f` makes something.
fn wait_page<T>(
    address: &str,
    what: &str,
    f: impl Fn(&Scrape) -> Option<T>,
) -> T {
    wait_for(what, || f(&scrape::get(address)))
}

/// Waits until the latest figures of a collector are younger than now.
fn wait_next(address: &str, collector: &str) -> Scrape {
    let series = format!(
        "flux_exporter_collector_last_success_timestamp_seconds\
         {{collector=\"{collector}\"}}"
    );
    let before = scrape::get(address).value(&series);
    wait_page(address, "an update", |page| {
        (page.value(&series) > before).then(|| page.clone())
    })
}

fn up(page: &Scrape, collector: &str) -> bool {
    let series =
        format!("flux_exporter_collector_up{{collector=\"{collector}\"}}");
    page.value(&series) == 1.0
}

/// Whether any family begins like this.
fn has(page: &Scrape, prefix: &str) -> bool {
    page.0.keys().any(|series| series.starts_with(prefix))
}

/// The values of a label of a family.
fn labels(page: &Scrape, family: &str, label: &str) -> BTreeSet<String> {
    let label = format!("{label}=\"");
    page.0
        .keys()
        .filter(|series| series.starts_with(&format!("{family}{{")))
        .map(|series| {
            let value = series.split(&label).nth(1).unwrap();
            value.split('"').next().unwrap().to_owned()
        })
        .collect()
}

/// Loads the module on a rank other than 0 and returns its address there.
fn load_on(instance: &Instance, rank: &str) -> String {
    let module = instance::module();
    let module = module.to_str().unwrap();
    let on = ["exec", "-r", rank, "flux", "module"];
    let load = ["load", module, LISTEN, "listen-ranks=all"];
    instance.flux(&[&on[..], &load].concat());
    let stats = instance.flux(&[&on[..], &["stats", "prometheus"]].concat());
    let stats: Value = serde_json::from_str(&stats).unwrap();
    stats["listeners"][0]["address"].as_str().unwrap().to_owned()
}

fn modules(instance: &Instance, command: &[&str]) -> BTreeSet<String> {
    let list = instance.flux(&[command, &["module", "list"]].concat());
    let names = list.lines().skip(1);
    names.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn the_broker_and_its_modules() {
    if skip("the_broker_and_its_modules") {
        return;
    }
    let instance = Instance::start(&["--test-size=2"]);
    instance.load_args(&[], &[LISTEN, "collectors=all"]);
    let address = instance.address("prometheus");

    let loaded = modules(&instance, &[]);
    assert!(loaded.contains("kvs") && loaded.contains("prometheus"));
    let page = wait_page(&address, "CPU times of all modules", |page| {
        let known = labels(page, "flux_module_cpu_seconds_total", "module");
        (known == loaded).then(|| page.clone())
    });
    for family in ["info", "sendq_messages", "recvq_messages"] {
        let family = format!("flux_module_{family}");
        assert_eq!(labels(&page, &family, "module"), loaded, "{family}");
    }
    assert_eq!(page.sum("flux_module_info", &[]), loaded.len() as f64);
    // no more than all its threads
    let cpu = page.sum("flux_module_cpu_seconds_total", &[("module", "kvs")]);
    assert!(cpu > 0.0 && cpu < 60.0, "{cpu}");

    let getattr = |name| instance.flux(&["getattr", name]).trim().to_owned();
    let info = labels(&page, "flux_instance_info", "version");
    assert_eq!(info, [getattr("version")].into());
    let info = [("size", "2"), ("level", "0")];
    assert_eq!(page.sum("flux_instance_info", &info), 1.0);
    let start: f64 = getattr("broker.starttime").parse().unwrap();
    assert_eq!(page.value("flux_broker_start_time_seconds"), start);
    assert_eq!(page.value("flux_broker_state{state=\"run\"}"), 1.0);
    assert_eq!(page.sum("flux_broker_state", &[]), 1.0);

    // storage is Flux's own count
    let stats = instance.stats("content-sqlite");
    let stored =
        page.value("flux_content_sqlite_operations_total{operation=\"store\"}");
    assert!(stored > 0.0);
    assert!(stored <= stats["store_time"]["count"].as_f64().unwrap());
    assert!(page.value("flux_content_cache_bytes") > 0.0);
    assert!(page.value("flux_kvs_primary_version") > 0.0);

    // another rank has its own modules, and nothing of rank 0's
    let other = load_on(&instance, "1");
    let there = modules(&instance, &["exec", "-r", "1", "flux"]);
    assert!(there.len() < loaded.len());
    let page = wait_page(&other, "modules of rank 1", |page| {
        up(page, "modules").then(|| page.clone())
    });
    assert_eq!(labels(&page, "flux_module_info", "module"), there);
    assert_eq!(page.sum("flux_overlay_children", &[]), 0.0);
    assert!(!has(&page, "flux_brokers") && !has(&page, "flux_sched_"));
    // rank 0 has a heartbeat that could answer in rank 1's place
    assert!(up(&wait_next(&other, "heartbeat"), "heartbeat"));
    let on = ["exec", "-r", "1", "flux", "module"];
    instance.flux(&[&on[..], &["remove", "heartbeat"]].concat());
    wait_page(&other, "rank 1 is without heartbeat", |page| {
        (!up(page, "heartbeat") && !has(page, "flux_heartbeat")).then_some(())
    });
    instance.flux(&[&on[..], &["remove", "prometheus"]].concat());
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn counters_survive_a_clear() {
    if skip("counters_survive_a_clear") {
        return;
    }
    const CLEARED: &str =
        "flux_messages_total{direction=\"received\",type=\"request\"}";
    let instance = Instance::start(&["--test-size=1"]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let first = wait_next(&address, "broker").value(CLEARED);
    instance.flux(&["ping", "--count=50", "--interval=0", "broker"]);
    let second = wait_next(&address, "broker").value(CLEARED);
    assert!(second > first, "{first} {second}");

    instance.flux(&["module", "stats", "--clear", "broker"]);
    let theirs = instance.stats("broker")["rx"]["request"].as_f64().unwrap();
    assert!(theirs < first, "{theirs} {first}");
    let third = wait_next(&address, "broker").value(CLEARED);
    assert!(third > second, "{second} {third}");
    // what is added is what Flux counted, and not the whole once more
    assert!(third < second + first, "{first} {second} {third}");
    let fourth = wait_next(&address, "broker").value(CLEARED);
    assert!(fourth > third, "{third} {fourth}");
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn a_broker_that_is_lost() {
    if skip("a_broker_that_is_lost") {
        return;
    }
    let instance = Instance::start(&["--test-size=3"]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let is = |full: f64, lost: f64, online: f64| {
        let children = move |page: &Scrape, status| {
            page.sum("flux_overlay_children", &[("status", status)])
        };
        move |page: &Scrape| {
            let brokers =
                |status| page.sum("flux_brokers", &[("status", status)]);
            (children(page, "full") == full
                && children(page, "lost") == lost
                && page.sum("flux_overlay_children", &[]) == 2.0
                && brokers("online") == online
                && brokers("offline") == 3.0 - online)
                .then_some(())
        }
    };
    wait_page(&address, "two children", is(2.0, 0.0, 3.0));
    let page = scrape::get(&address);
    assert_eq!(page.value("flux_overlay_health{status=\"full\"}"), 1.0);
    assert_eq!(page.value("flux_overlay_children_connected"), 2.0);

    instance.flux(&["overlay", "disconnect", "2"]);
    wait_page(&address, "one is lost", is(1.0, 1.0, 2.0));
    let page = scrape::get(&address);
    assert_eq!(page.value("flux_overlay_health{status=\"degraded\"}"), 1.0);
    assert_eq!(page.value("flux_overlay_children_connected"), 1.0);
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn sources_that_go_and_come_back() {
    if skip("sources_that_go_and_come_back") {
        return;
    }
    let instance = Instance::start(&["--test-size=1"]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let there = |page: &Scrape| {
        let all = ["scheduler", "sched-stats", "heartbeat"];
        let up = all.iter().all(|collector| up(page, collector));
        (up && page.0.contains_key("flux_sched_queue_length")
            && page.0.contains_key("flux_sched_pending_jobs")
            && page.0.contains_key("flux_heartbeats_total"))
        .then(|| page.clone())
    };
    let page = wait_page(&address, "all is there", there);
    assert_eq!(labels(&page, "flux_sched_info", "module").len(), 1);
    let passes = "flux_sched_passes_total{kind=\"schedule\"}";
    let beats = "flux_heartbeats_total";

    // a job's pass, so that there is something to lose
    instance.flux(&["run", "true"]);
    let before = wait_page(&address, "a pass", |page| {
        (page.value(passes) > 0.0).then(|| page.clone())
    });
    instance.flux(&["module", "remove", "sched-simple"]);
    instance.flux(&["module", "remove", "heartbeat"]);
    let page = wait_page(&address, "both are away", |page| {
        let gone = !up(page, "scheduler")
            && !up(page, "sched-stats")
            && !up(page, "heartbeat");
        gone.then(|| page.clone())
    });
    assert!(!has(&page, "flux_sched_") && !has(&page, "flux_heartbeat"));
    assert!(up(&page, "broker") && up(&page, "modules"));
    let stats = instance.stats("prometheus");
    let problem = &stats["collectors"]["scheduler"]["problem"];
    assert_eq!(problem, "no scheduler is loaded");

    instance.flux(&["module", "load", "heartbeat"]);
    instance.flux(&["module", "load", "sched-simple"]);
    let page = wait_page(&address, "both are back", there);
    assert!(page.value(passes) >= before.value(passes));
    assert!(page.value(beats) >= before.value(beats));
    instance.flux(&["module", "remove", "prometheus"]);
}

/// Stopped, not unloaded: nothing says so but the lack of an answer.
#[test]
fn a_scheduler_that_falls_silent() {
    if skip("a_scheduler_that_falls_silent") {
        return;
    }
    let instance = Instance::start(&["--test-size=1"]);
    let broker = instance.broker_pid();
    // a process of its own since Flux 0.84
    let script = format!(
        "for pid in $(cat /proc/{broker}/task/*/children); do
             tr '\\0' ' ' </proc/$pid/cmdline | grep -q sched-simple || continue
             echo $pid
         done"
    );
    let pid = instance.shell(&script).trim().to_owned();
    if pid.is_empty() {
        let why = "the scheduler is no process of its own";
        instance::skipped("a_scheduler_that_falls_silent", why);
        return;
    }
    instance.load(&[]);
    let address = instance.address("prometheus");
    wait_page(&address, "the scheduler's figures", |page| {
        has(page, "flux_sched_pending_jobs").then_some(())
    });
    instance.shell(&format!("kill -STOP {pid}"));
    let page = wait_page(&address, "it is known to be silent", |page| {
        (!up(page, "sched-stats")).then(|| page.clone())
    });
    assert!(!has(&page, "flux_sched_pending_jobs"));
    // it is loaded, and what waits for it is known
    assert!(up(&page, "scheduler") && has(&page, "flux_sched_queue_length"));
    instance.shell(&format!("kill -CONT {pid}"));
    wait_page(&address, "it speaks again", |page| {
        (up(page, "sched-stats") && has(page, "flux_sched_pending_jobs"))
            .then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn collectors_are_switched() {
    if skip("collectors_are_switched") {
        return;
    }
    let config = "[prometheus]\nlisten = \"127.0.0.1:0\"\n\
                  collectors = [\"none\", \"exporter\", \"broker\"]\n";
    let instance = Instance::start_with(&["--test-size=1"], config, &[]);
    instance.load_args(&[], &[]);
    let names = |instance: &Instance| -> BTreeSet<String> {
        let stats = instance.stats("prometheus");
        stats["collectors"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&instance), ["broker", "exporter"].map(Into::into).into());
    let address = instance.address("prometheus");
    let page = wait_page(&address, "the broker's figures", |page| {
        has(page, "flux_broker_state").then(|| page.clone())
    });
    for family in ["flux_jobs", "flux_queue", "flux_module", "flux_content"] {
        assert!(!has(&page, family), "{family}");
    }
    // there is no journal to wait for
    assert_eq!(scrape::fetch(&address, "/readyz").status, 200);

    // the default, by argument: all but the dear ones
    instance.flux(&["module", "remove", "prometheus"]);
    instance.load_args(&[], &["collectors=default"]);
    let default = names(&instance);
    assert!(default.contains("content") && !default.contains("kvs"));
    instance.flux(&["module", "remove", "prometheus"]);
    instance.load_args(&[], &["collectors=-content,kvs"]);
    let mut expected = default.clone();
    expected.remove("content");
    expected.insert("kvs".into());
    assert_eq!(names(&instance), expected);
    instance.flux(&["module", "remove", "prometheus"]);

    let output = instance.try_load(&[], &["collectors=jobs,quues"]);
    assert!(!output.status.success());
    let log = instance.log();
    let line = "argument collectors: no collector \"quues\" (there are: \
                default, all, none, exporter,";
    assert!(log.contains(line), "{log}");
}
