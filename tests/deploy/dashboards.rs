//! Each query of each dashboard is asked of a Prometheus server that scraped
//! an instance in which everything happened, and is answered with numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::instance::{Host, Instance, scrape, wait_for};
use super::prometheus::Prometheus;
use super::{docs, names, rules, tools};
use crate::scenarios;

const DASHBOARDS: [&str; 3] = ["overview", "queues", "broker"];

/// How metrics begin whose panels are empty in these instances of Flux: those
/// that only Fluxion has figures for.
const EMPTY: [&str; 2] = ["flux_sched_graph_", "flux_sched_match"];

/// Jobs that end well and jobs that fail, in both queues.
const JOBS: &str = "
flux queue start --quiet --all
for queue in batch debug; do
    fake='--setattr=exec.test.run_duration=0.05s'
    flux submit --quiet -q $queue --cc=1-4 -n2 $fake true
    flux submit --quiet -q $queue -n1 $fake \
        --setattr=exec.test.wait_status=256 false
done";

scenarios! {
    every_query_is_answered
}

struct Query {
    dashboard: &'static str,
    panel: String,
    expr: String,
}

fn dashboard(name: &str) -> Value {
    let text = tools::text(&format!("dashboards/{name}.json"));
    serde_json::from_str(&text).unwrap()
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
                queries.push(Query {
                    dashboard: name,
                    panel: panel["title"].as_str().unwrap().into(),
                    expr: target["expr"].as_str().unwrap().into(),
                });
            }
        }
    }
    queries
}

#[test]
fn are_what_the_generator_writes() {
    let test = "dashboards::are_what_the_generator_writes";
    let Some(python) = tools::find("python3", test) else { return };
    let generator = tools::file("dashboards/generate.py");
    tools::run(Command::new(python).arg(generator).arg("--check"));
}

#[test]
fn use_metrics_that_exist() {
    for query in queries() {
        let what = format!("{}: {}", query.dashboard, query.panel);
        // what every scrape has comes from Prometheus
        if !query.expr.starts_with("up{") {
            names::check(&what, &query.expr);
        }
    }
}

/// Panels do not overlap, have a unit, and are found by their number.
#[test]
fn are_laid_out() {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let panels = dashboard["panels"].as_array().unwrap();
        let mut taken = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {title}: id");
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}: {title}: too wide");
            for x in place("x")..place("x") + place("w") {
                for y in place("y")..place("y") + place("h") {
                    let other = taken.insert((x, y), title);
                    assert_eq!(other, None, "{name}: {title} is there too");
                }
            }
            if panel["type"] != "row" {
                let unit = &panel["fieldConfig"]["defaults"]["unit"];
                assert!(unit.is_string(), "{name}: {title}: no unit");
            }
        }
    }
}

fn every_query_is_answered(host: Host) {
    let test = "dashboards::every_query_is_answered";
    let Some(program) = tools::find("prometheus", test) else { return };
    let instance = busy(host);
    let address = instance.address("prometheus");
    let prometheus = Prometheus::start(&program, &address);
    // counters grow from what was scraped before
    wait_for("the first scrape", || {
        (prometheus.query("up") == [1.0]).then_some(())
    });
    instance.shell(JOBS);

    let missing = missing(host, &address);
    let is_missing = |expr: &str| {
        names::used(expr).iter().any(|name| missing.contains(name))
    };
    variables_have_values(&prometheus, &address, is_missing);
    let (no_answer, queries): (Vec<_>, Vec<_>) =
        queries().into_iter().partition(|query| is_missing(&query.expr));
    println!(
        "{host:?}: {} queries, and {} for what is not there",
        queries.len(),
        no_answer.len()
    );
    for query in queries {
        let what = format!("{}: {}", query.dashboard, query.panel);
        let expr = filled(&query.expr, &address);
        // what is polled comes when it comes
        wait_for(&format!("numbers for {what}: {expr}"), || {
            let samples = prometheus.query(&expr);
            let finite = samples.iter().all(|v| v.is_finite());
            (finite && !samples.is_empty()).then_some(())
        });
    }
    preview_draws_every_panel(&prometheus, &address, is_missing);
    rules::are_evaluated(&prometheus);
    docs::moving_in_has_expressions(&prometheus);
    if host == Host::Flux {
        rules::name_commands_that_work(&instance);
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

/// Without Grafana: each panel has something in it if there is something.
fn preview_draws_every_panel(
    prometheus: &Prometheus,
    instance: &str,
    is_missing: impl Fn(&str) -> bool,
) {
    let test = "dashboards::preview_draws_every_panel";
    let Some(python) = tools::find("python3", test) else { return };
    for name in DASHBOARDS {
        let page = tools::run(
            Command::new(&python)
                .arg(tools::file("dashboards/preview.py"))
                .args([&prometheus.url(), name, "--minutes=1"])
                .arg(format!("--instance={instance}")),
        );
        for panel in dashboard(name)["panels"].as_array().unwrap() {
            if panel["type"] == "row" {
                continue;
            }
            let title = panel["title"].as_str().unwrap();
            let start = format!("<section data-panel=\"{}\"", panel["id"]);
            let drawn = page.split(&start).nth(1).expect(title);
            let drawn = drawn.split("</section>").next().unwrap();
            let mut targets = panel["targets"].as_array().unwrap().iter();
            let nothing = targets
                .all(|target| is_missing(target["expr"].as_str().unwrap()));
            let drew_nothing = drawn.contains("No data");
            assert_eq!(drew_nothing, nothing, "{name}: {title}: {drawn}");
        }
    }
}

/// The metrics that the host has not: those of Fluxion, and what else the
/// stand-in does not play.
fn missing(host: Host, address: &str) -> BTreeSet<String> {
    let documented = names::documented();
    let fluxion = |name: &String| EMPTY.iter().any(|e| name.starts_with(e));
    if host == Host::Flux {
        return documented.into_iter().filter(fluxion).collect();
    }
    let page = scrape::fetch(address, "/metrics").body;
    let is_there = |name: &String| page.contains(&format!("# TYPE {name} "));
    documented.into_iter().filter(|name| !is_there(name)).collect()
}

fn busy(host: Host) -> Instance {
    let options = [
        "--test-size=1",
        "--conf=fake-resources.nnodes=8",
        "--conf=fake-resources.cores-per-node=8",
        "--conf=fake-resources.gpus-per-node=2",
    ];
    let queues = tools::text("tests/workload/queues.toml");
    let instance = host.start_with(&options, &queues, &[]);
    let args = ["listen=127.0.0.1:0", "collectors=all", "children-named=1"];
    instance.load_args(&[], &args);
    instance
}

/// A query as Grafana sends it, for this instance and all its queues.
fn filled(query: &str, instance: &str) -> String {
    query
        .replace("$job", "flux")
        .replace("$instance", instance)
        .replace("$queue", ".*")
        .replace("$__rate_interval", "1m")
}

fn variables_have_values(
    prometheus: &Prometheus,
    instance: &str,
    is_missing: impl Fn(&str) -> bool,
) {
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let mut seen = Vec::new();
        for variable in variables {
            seen.push(variable["name"].as_str().unwrap());
            if variable["type"] != "query" {
                continue;
            }
            let query =
                filled(variable["definition"].as_str().unwrap(), instance);
            let (selector, label) = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|inner| inner.rsplit_once(", "))
                .expect(&query);
            names::check(name, selector);
            if is_missing(selector) {
                continue;
            }
            wait_for(&query, || {
                let values = prometheus.label_values(selector, label);
                (!values.is_empty()).then_some(())
            });
        }
        assert_eq!(seen[..3], ["datasource", "job", "instance"], "{name}");
    }
}
