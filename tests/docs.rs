//! The tables below docs/ say what the code says.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use flux_prometheus::collectors::family::Spec;
use flux_prometheus::collectors::jobs::metrics::{Metrics, SPECS};
use flux_prometheus::collectors::{self, Jobs};
use flux_prometheus::config::SETTINGS;
use flux_prometheus::exposition::{Families, collected};
use flux_prometheus::http::Counts;
use flux_prometheus::job::Table;
use instance::{Instance, scrape, skip, wait_for};
use prometheus::Registry;
use prometheus::proto::{LabelPair, MetricFamily, MetricType};

const AUTOSCALING: &str = include_str!("../docs/autoscaling.md");
const ENDPOINT: &str = include_str!("../docs/endpoint.md");
const METRICS: &str = include_str!("../docs/metrics.md");
const SETTINGS_PAGE: &str = include_str!("../docs/settings.md");

/// How families begin that only Fluxion has figures for. It is no part of
/// flux-core, so its pages are not here to be compared.
const FLUXION: [&str; 2] = ["flux_sched_graph_", "flux_sched_match"];

/// A row of a table.
type Row = Vec<String>;

#[test]
fn settings() {
    let code =
        SETTINGS.iter().map(|s| row([s.key, s.value, s.default, s.help]));
    let columns = ["key", "value", "default", "meaning"];
    compare(code.collect(), rows(SETTINGS_PAGE, "# Settings", &columns));
}

#[test]
fn metrics() {
    let specs = collectors::SPECS.iter().copied().flatten();
    let mut code: Vec<Row> = specs.map(of_spec).collect();
    code.extend(of_crates().iter().map(of_family));
    compare(code, metrics_table());
}

/// Values of a label, and what is at `/autoscale`, are a promise as well.
#[test]
fn paths_and_fields() {
    let families = Families::default();
    Counts::register(&families).expect("nothing else is there");
    let families = families.gather();
    let requests =
        families.iter().find(|f| f.name().ends_with("_requests_total"));
    let labels = requests.unwrap().get_metric().iter().map(|m| m.get_label());
    let path = |label: &&LabelPair| label.name() == "path";
    let code: BTreeSet<_> =
        labels.filter_map(|l| Some(l.iter().find(path)?.value())).collect();
    let labels = rows(METRICS, "## Labels", &["label", "values"]);
    let row = labels.iter().find(|row| row[0] == "path").unwrap();
    let words = row[1].split(", ").filter_map(|v| v.split(' ').next());
    assert_eq!(code, words.collect());
    let endpoint = rows(ENDPOINT, "# Endpoint", &["path", "answer"]);
    let paths = endpoint.iter().filter_map(|row| row[0].split(' ').next());
    let all: BTreeSet<_> = paths.chain(["other"]).collect();
    assert_eq!(code, all);

    let specs = collectors::SPECS.iter().copied().flatten();
    let fields = specs.filter_map(|s| s.name.strip_prefix("flux_autoscale_"));
    let page = rows(AUTOSCALING, "## Autoscale", &["field", "meaning"]);
    let shown: BTreeSet<_> = page[0][0].split(", ").collect();
    assert_eq!(fields.collect::<BTreeSet<_>>(), shown);
}

/// A collector could be missing from the list above; not from a real page.
#[test]
fn metrics_of_a_real_broker() {
    if skip("metrics_of_a_real_broker") {
        return;
    }
    let instance = Instance::start(&["--test-size=1"]);
    instance.flux(&["resource", "drain", "0", "to have one that is"]);
    let listen = "listen=127.0.0.1:0";
    instance.load_args(
        &[],
        &[listen, "collectors=all", "brokers-worst=1", "children-named=1"],
    );
    let address = instance.address("prometheus");
    let fluxion = |row: &Row| FLUXION.iter().any(|f| row[0].starts_with(f));
    let documented: Vec<Row> = metrics_table()
        .into_iter()
        .filter(|row| !fluxion(row))
        .map(|row| [0, 1, 3].map(|i| row[i].clone()).into())
        .collect();
    // what is polled comes a little later
    let page = wait_for("a page with all metrics", || {
        let page = scrape::fetch(&address, "/metrics").body;
        let names = page.lines().filter(|l| l.starts_with("# TYPE ")).count();
        (names >= documented.len()).then_some(page)
    });
    instance.flux(&["module", "remove", "prometheus"]);
    compare(headers(&page), documented);
}

/// What is collected is what its specs say: nothing else would tell.
#[test]
fn families_of_jobs_are_as_specified() {
    let mut table = Table::new(Arc::from([1.0]));
    table.begin();
    // a job of the backlog, then the sentinel
    for line in [
        r#"{"id":1,"events":[{"timestamp":1.0,"name":"submit",
            "context":{"userid":1,"urgency":16,"flags":0,"version":1}},
            {"timestamp":1.1,"name":"validate"}],
            "jobspec":{"version":1,"resources":[{"type":"slot","count":1,
            "label":"task","with":[{"type":"core","count":1}]}],
            "tasks":[],"attributes":{}}}"#,
        r#"{"id":-1,"events":[]}"#,
    ] {
        table.apply(line, collectors::now());
    }
    assert_eq!((table.synced(), table.active()), (true, 1));

    let registry = Registry::new();
    let metrics = Metrics::new(&Jobs::new(table));
    registry.register(Box::new(collected(metrics))).unwrap();
    let gathered = registry.gather().iter().map(of_family).collect();
    compare(gathered, SPECS.iter().map(of_spec).collect());
}

/// The families that are not made from our specs: all have a sample as soon
/// as they are registered.
fn of_crates() -> Vec<MetricFamily> {
    let families = Families::default();
    Counts::register(&families).expect("nothing else is there");
    families.gather()
}

fn of_spec(spec: &Spec) -> Row {
    let labels = sorted(spec.labels.iter().copied());
    row([spec.name, kind(spec.kind), &labels, spec.help])
}

fn of_family(family: &MetricFamily) -> Row {
    let sample = &family.get_metric()[0];
    let labels = sorted(sample.get_label().iter().map(|label| label.name()));
    let kind = kind(family.get_field_type());
    row([family.name(), kind, &labels, family.help()])
}

/// Label names as a cell; the prometheus crate does not keep their order.
fn sorted<'a>(labels: impl Iterator<Item = &'a str>) -> String {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    labels.join(", ")
}

/// Name, type and help of each family of a page.
fn headers(page: &str) -> Vec<Row> {
    let mut help = BTreeMap::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        let parts: Vec<_> = line.splitn(4, ' ').collect();
        match parts[..] {
            ["#", "HELP", name, text] => drop(help.insert(name, text)),
            ["#", "TYPE", name, kind] => {
                rows.push(row([name, kind, help.get(name).unwrap_or(&"")]));
            }
            _ => {}
        }
    }
    rows
}

fn kind(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        other => panic!("{other:?} is not in the pages' vocabulary"),
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Row {
    cells.map(str::to_owned).into()
}

/// Name, type, labels and meaning of all families: a table for each topic.
fn metrics_table() -> Vec<Row> {
    let columns = ["name", "type", "labels", "meaning", "source"];
    let topics = METRICS
        .lines()
        .skip_while(|line| *line != "## Families")
        .take_while(|line| *line != "### Sources")
        .filter(|line| line.starts_with("### "));
    let mut rows: Vec<_> =
        topics.flat_map(|topic| rows(METRICS, topic, &columns)).collect();
    for row in &mut rows {
        let source = row.pop();
        assert!(source.is_some_and(|s| !s.is_empty()), "{row:?}: no source");
        row[2] = sorted(row[2].split(", "));
    }
    rows
}

/// The rows of a page's first table below a heading, without their markup.
fn rows(page: &str, heading: &str, columns: &[&str]) -> Vec<Row> {
    let mut lines = page
        .lines()
        .skip_while(|line| *line != heading)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .map(cells);
    assert_eq!(lines.next().unwrap_or_default(), columns, "{heading}");
    lines.skip(1).collect()
}

fn cells(line: &str) -> Row {
    let inner = line.trim_matches('|');
    inner.split('|').map(|cell| cell.trim().replace('`', "")).collect()
}

/// Both hold the same rows, whatever their order.
fn compare(left: Vec<Row>, right: Vec<Row>) {
    let count = right.len();
    let [left, right] = [left, right].map(BTreeSet::from_iter);
    let only = |a: &BTreeSet<Row>, b: &BTreeSet<Row>| -> String {
        a.difference(b).map(|row| format!("\n  {}", row.join(" | "))).collect()
    };
    assert!(
        left == right,
        "only in the code:{}\nonly in the page, or the specs:{}",
        only(&left, &right),
        only(&right, &left),
    );
    assert_eq!(count, right.len(), "a row is there twice");
}
