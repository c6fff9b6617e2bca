//! Figures of other modules that the settings name, in an instance.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use instance::{Host, Instance, skip, wait_for};
use serde_json::Value;

scenarios! {
    leaves_are_shown_and_follow_the_settings
    a_wrong_path_is_told_by_name
    a_panic_leaves_no_figure_behind
    who_has_nobody_to_ask_is_well_and_heard_nothing
}

const PAGE: &str = include_str!("../docs/extending.md");

fn configure(instance: &Instance, text: &str) -> Output {
    let script = format!("flux config load <<'END'\n{text}\nEND\n");
    instance.command("sh").args(["-c", &script]).output().unwrap()
}

/// One that both hosts have.
fn active(name: &str) -> String {
    format!(
        "[[prometheus.stats]]\ntopic = \"job-manager.stats-get\"\n\
         path = \"active_jobs\"\nname = \"{name}\"\ninterval = \"1s\"\n"
    )
}

fn start(host: Host, config: &str) -> Instance {
    let instance = host.start_with(&["--test-size=1"], config, &[]);
    instance.load(&[]);
    instance
}

fn leaves_are_shown_and_follow_the_settings(host: Host) {
    let instance = start(host, &active("site_active_jobs"));
    let value = |name: &str| {
        let page = instance.scrape();
        page.has(name).then(|| page.value(name))
    };
    wait_for("the figure", || value("site_active_jobs"));
    assert_eq!(value("site_active_jobs"), Some(0.0));
    let id = instance.flux(&["submit", "--urgency=hold", "true"]);
    wait_for("a job to be counted", || {
        (value("site_active_jobs") == Some(1.0)).then_some(())
    });
    instance.flux(&["cancel", id.trim()]);
    wait_for("it to be gone", || {
        (value("site_active_jobs") == Some(0.0)).then_some(())
    });

    // others take their place; a factor, and one that nobody answers
    let next = format!(
        "{}factor = 1000\n[[prometheus.stats]]\ntopic = \"none.stats-get\"\n\
         path = \"x\"\nname = \"site_none\"\ninterval = \"1s\"\n",
        active("site_other")
    );
    let output = configure(&instance, &next);
    assert!(output.status.success(), "{output:?}");
    wait_for("the other figure", || value("site_other"));
    assert_eq!(value("site_active_jobs"), None);
    let problem = wait_for("the problem", || {
        let stats = instance.stats("prometheus");
        let problem = stats["collectors"]["stats"]["problem"].as_str()?;
        Some(problem.to_owned())
    });
    assert!(problem.starts_with("stats[1]: none.stats-get: "), "{problem}");
    let page = instance.scrape();
    let count =
        |state| page.sum("flux_exporter_stats_entries", &[("state", state)]);
    assert_eq!((count("shown"), count("missing")), (1.0, 1.0));

    // what is wrong is refused by name, and all stays as it is
    let bad = active("site_a") + &active("flux_jobs");
    let output = configure(&instance, &bad);
    let error = String::from_utf8(output.stderr).unwrap();
    let name = "prometheus.stats[1].name: flux_jobs could be taken for";
    assert!(!output.status.success() && error.contains(name), "{error}");
    assert!(value("site_other").is_some());
    assert!(configure(&instance, "").status.success());
    assert_eq!(value("site_other"), None);
    let stats = instance.stats("prometheus");
    assert_eq!(stats["collectors"]["stats"]["problem"], Value::Null);
    assert_eq!(stats["collectors"]["stats"]["up"], true);
    instance.flux(&["module", "remove", "prometheus"]);
}

fn a_panic_leaves_no_figure_behind(host: Host) {
    let only = "[prometheus]\ncollectors = [\"none\", \"stats\"]\n";
    let config = only.to_owned() + &active("site_active_jobs");
    let instance = start(host, &config);
    let shown = || instance.scrape().has("site_active_jobs");
    wait_for("the figure", || shown().then_some(()));
    // the replies are all for this collector
    instance.flux(&["module", "debug", "--setbit", "0x2", "prometheus"]);
    let stopped = || {
        let stats = instance.stats("prometheus");
        let stats = &stats["collectors"]["stats"];
        let failed = "failed, see the log: the module has to be loaded again";
        stats["up"] == false && stats["problem"] == failed
    };
    wait_for("the panic", || stopped().then_some(()));
    assert!(!shown());
    // nor do other settings bring it back to life
    for config in [only.to_owned() + &active("site_other"), only.to_owned()] {
        assert!(configure(&instance, &config).status.success());
        assert!(stopped(), "{}", instance.stats("prometheus"));
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

fn who_has_nobody_to_ask_is_well_and_heard_nothing(host: Host) {
    let instance = start(host, "");
    for name in ["stats", "parent"] {
        let stats = instance.stats("prometheus");
        let stats = &stats["collectors"][name];
        assert_eq!(
            (&stats["up"], &stats["problem"]),
            (&true.into(), &Value::Null)
        );
        assert_eq!(stats["last_success"], 0.0, "{name}");
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

fn a_wrong_path_is_told_by_name(host: Host) {
    let config = active("site_good")
        + "[[prometheus.stats]]\ntopic = \"job-manager.stats-get\"\n\
           path = \"no_such.thing\"\nname = \"site_bad\"\ninterval = \"1s\"\n";
    let instance = start(host, &config);
    wait_for("the collector to be down", || {
        let stats = instance.stats("prometheus");
        let stats = &stats["collectors"]["stats"];
        let problem = stats["problem"].as_str()?;
        let expected = "stats[1]: job-manager.stats-get, path no_such.thing: \
                        there is no \"no_such\" in the answer, but \
                        \"active_jobs\"";
        assert!(problem.starts_with(expected), "{problem}");
        assert_eq!(stats["up"], false);
        assert!(stats["errors"].as_u64().unwrap() > 0);
        Some(())
    });
    // and those that are right are shown
    wait_for("the other one", || {
        let page = instance.scrape();
        assert!(!page.has("site_bad"));
        let up = "flux_exporter_collector_up{collector=\"stats\"}";
        assert_eq!(page.value(up), 0.0);
        page.has("site_good").then_some(())
    });
    assert!(instance.log().contains("stats: stats[1]: job-manager.stats-get"));
    instance.flux(&["module", "remove", "prometheus"]);
}

/// The page's examples, beside what `flux module stats` says.
#[test]
fn the_pages_examples_work() {
    if skip("the_pages_examples_work") {
        return;
    }
    let section = PAGE.split("\n## Map\n").nth(1).unwrap();
    // of Fluxion, the second, there may be none
    let mut blocks = section.split("```toml\n").skip(1);
    let mut next = || blocks.next().unwrap().split("```").next().unwrap();
    let (config, fluxion) = (next(), next());
    let quick =
        |text: &str| text.replace("interval = \"1m\"", "interval = \"1s\"");
    let instance = start(Host::Flux, &quick(config));
    let entries = config.matches("[[prometheus.stats]]").count();
    wait_for("all figures", || {
        let page = instance.scrape();
        let shown =
            page.sum("flux_exporter_stats_entries", &[("state", "shown")]);
        (shown == entries as f64).then_some(())
    });
    for _ in 0..3 {
        instance.flux(&["run", "true"]);
    }
    wait_for("what they say", || {
        let module = |name| -> Value {
            let text = instance.flux(&["module", "stats", name]);
            serde_json::from_str(&text).unwrap()
        };
        let (ingest, kvs, sched) =
            (module("job-ingest"), module("kvs"), module("sched-simple"));
        let page = instance.scrape();
        let worker = "site_ingest_requests_total{worker=\"validator\"}";
        let requests = &ingest["pipeline"]["validator"]["requests"];
        let mib = &kvs["cache"]["obj size total (MiB)"];
        let bytes = page.value("site_kvs_cache_bytes") / f64::from(1 << 20);
        let agree = page.value(worker) == *requests
            && requests.as_u64() >= Some(1)
            && page.value("site_sched_passes_total") == sched["sched_passes"]
            && (bytes - mib.as_f64().unwrap()).abs() < 1e-9;
        agree.then_some(())
    });
    // those of Fluxion are at least accepted
    let output = configure(&instance, fluxion);
    assert!(output.status.success(), "{output:?}");
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn wildcards_become_labels() {
    if skip("wildcards_become_labels") {
        return;
    }
    let config = "[[prometheus.stats]]\ntopic = \"heartbeat.stats-get\"\n\
        path = \"*\"\nname = \"site_heartbeat\"\nlabels = [\"figure\"]\n\
        [[prometheus.stats]]\ntopic = \"content.stats-get\"\n\
        path = \"size\"\nname = \"site_content_bytes\"\n\
        [[prometheus.stats]]\ntopic = \"broker.stats-get\"\n\
        path = \"*.*\"\nname = \"site_messages_total\"\ntype = \"counter\"\n\
        labels = [\"way\", \"type\"]\n";
    let instance = start(Host::Flux, config);
    let page = wait_for("all three", || {
        let page = instance.scrape();
        let shown =
            page.sum("flux_exporter_stats_entries", &[("state", "shown")]);
        (shown == 3.0).then_some(page)
    });
    let stats = instance.flux(&["module", "stats", "heartbeat"]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let period = page.value("site_heartbeat{figure=\"period\"}");
    assert_eq!(period, stats["period"]);
    assert!(page.value("site_content_bytes") > 0.0);
    let requests = "site_messages_total{way=\"rx\",type=\"request\"}";
    assert!(page.value(requests) > 0.0);
    assert_eq!(page.sum("site_messages_total", &[("way", "tx")]), {
        let of = |kind| {
            page.value(&format!(
                "site_messages_total{{way=\"tx\",type=\"{kind}\"}}"
            ))
        };
        of("request") + of("response") + of("event") + of("control")
    });
    instance.flux(&["module", "remove", "prometheus"]);
}

/// Serves two figures, one of them later than it is waited for.
const SLOW: &str = r#"
import flux
from flux.constants import FLUX_MSGTYPE_REQUEST

h = flux.Flux()
kept = []

def asked(handle, watcher, request, what):
    level, seconds = what
    answer = lambda *_: handle.respond(request, {"level": level})
    timer = handle.timer_watcher_create(seconds, answer)
    timer.start()
    kept.append((request, timer))

for name, what in (("slow", (42, 2.5)), ("fast", (7, 0.9))):
    h.service_register(name).get()
    watcher = h.msg_watcher_create(
        asked, FLUX_MSGTYPE_REQUEST, name + ".*", args=what
    )
    watcher.start()
    kept.append(watcher)
print("serving", flush=True)
h.reactor_run()
"#;

#[test]
fn an_answer_that_comes_too_late_is_nobodys() {
    if skip("an_answer_that_comes_too_late_is_nobodys") {
        return;
    }
    let entry = |name: &str| {
        format!(
            "[[prometheus.stats]]\ntopic = \"{name}.stats-get\"\n\
             path = \"level\"\nname = \"site_{name}\"\ninterval = \"1s\"\n"
        )
    };
    let config = entry("slow") + &entry("fast");
    let instance = Host::Flux.start_with(&["--test-size=1"], &config, &[]);
    let mut server = instance
        .patient("flux")
        .args(["python", "-c", SLOW])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = server.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "serving\n");
    instance.load(&[]);
    let late = "flux_exporter_collector_errors_total{collector=\"stats\"}";
    wait_for("five answers to be late", || {
        let page = instance.scrape();
        assert!(!page.has("site_slow"), "an answer to an earlier request");
        if let Some(fast) = page.get("site_fast") {
            assert_eq!(fast, 7.0, "the answer of another");
        }
        (page.value(late) >= 5.0 && page.has("site_fast")).then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
    server.kill().unwrap();
    server.wait().unwrap();
}
