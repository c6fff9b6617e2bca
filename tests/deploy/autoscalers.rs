//! The autoscalers of the examples, each with its own way to its number and
//! with Kubernetes' arithmetic, over an instance that gets work and loses it.

use serde_json::{Value, json};

use super::hpa::Hpa;
use super::instance::{Host, Instance, wait_for};
use super::prometheus::Prometheus;
use super::readers::{self, Adapter, list, text};
use super::{manifests, tools};
use crate::scenarios;

/// The nodes of the instance, and so the pods that there are.
const NODES: u64 = 4;

scenarios! {
    follow_the_work
}

/// One of the examples.
struct Autoscaler<'a> {
    name: &'a str,
    hpa: Hpa,
    source: Source<'a>,
}

/// Where it has its number from.
enum Source<'a> {
    MetricsApi(&'a Value),
    /// The module, through the API server.
    Direct(&'a Value),
    Prometheus(String),
}

impl Source<'_> {
    fn number(&self, address: &str, prometheus: &Prometheus) -> Option<f64> {
        match self {
            Self::MetricsApi(metadata) => {
                readers::metrics_api(address, metadata)
            }
            Self::Direct(metric) => readers::external_api(address, metric),
            Self::Prometheus(query) => readers::query(prometheus, query),
        }
    }
}

fn follow_the_work(host: Host) {
    let test = "autoscalers::follow_the_work";
    let Some(program) = tools::find("prometheus", test) else { return };
    let Some(manifests) = manifests::all(test) else { return };
    let nodes = format!("--conf=fake-resources.nnodes={NODES}");
    let instance = host.start(&["--test-size=1", &nodes]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let labels = [
        ("job", "flux-sample-flux"),
        ("namespace", "default"),
        ("service", "flux-sample-metrics"),
    ];
    let prometheus = Prometheus::start_with(&program, &address, &labels);
    let adapter = Adapter::new(&manifests["prometheus-adapter.yaml"]);
    let all: Vec<_> = manifests
        .iter()
        .flat_map(|(name, manifest)| {
            autoscalers(name, manifest, &adapter, &prometheus)
        })
        .collect();
    assert_eq!(all.len(), 6, "autoscalers");
    let comes_to = |what: &str, pods: u64, expected: &dyn Fn(&Hpa) -> u64| {
        for Autoscaler { name, hpa, source } in &all {
            wait_for(&format!("{name}, {what}"), || {
                let number = source.number(&address, &prometheus)?;
                (hpa.settles(pods, number) == expected(hpa)).then_some(())
            });
        }
    };

    comes_to("without work", 1, &|hpa| hpa.min);
    let wanted = work(&instance);
    assert!(wanted > NODES);
    comes_to("with work", NODES, &|hpa| wanted.min(hpa.max));
    comes_to("one short", wanted - 1, &|hpa| wanted.min(hpa.max));
    instance.shell("flux cancel --all; flux queue idle");
    comes_to("without work again", NODES, &|hpa| match hpa.goes_down {
        true => hpa.min,
        false => NODES,
    });
    instance.flux(&["module", "remove", "prometheus"]);
}

/// Jobs that run or would if there were nodes, and such that would not; returns
/// how many nodes the former ask for.
fn work(instance: &Instance) -> u64 {
    let long = "--setattr=exec.test.run_duration=1000s";
    let (jobs, nodes) = (2, 3);
    let submit = ["submit", "--quiet", long];
    let all = format!("--cc=1-{jobs}");
    let each = format!("-N{nodes}");
    instance.flux(&[&submit[..], &[&all, &each, "true"]].concat());
    // held: it would not start if there were nodes
    instance.flux(&[&submit[..], &["--urgency=0", "-N4", "true"]].concat());
    // after one that never ends
    instance.shell(&format!(
        "flux submit --quiet {long} -N1 \
         --dependency=afterok:$(flux jobs -no {{id}} | tail -1) true"
    ));
    jobs * nodes
}

/// The autoscalers of a manifest, each with its number.
fn autoscalers<'a>(
    name: &'a str,
    manifest: &'a Value,
    adapter: &Adapter,
    prometheus: &Prometheus,
) -> Vec<Autoscaler<'a>> {
    // a block of a page is a part of one
    let spec = match manifest["triggers"].is_null() {
        true => &manifest["spec"],
        false => manifest,
    };
    let mut all = Vec::new();
    for trigger in list(&spec["triggers"]) {
        readers::check_trigger(name, trigger);
        let metadata = &trigger["metadata"];
        let source = match text(&trigger["type"]) {
            "metrics-api" => {
                readers::leads_to_the_service(text(&metadata["url"]));
                Source::MetricsApi(metadata)
            }
            _ => Source::Prometheus(text(&metadata["query"]).into()),
        };
        all.push(Autoscaler { name, hpa: Hpa::of(spec), source });
    }
    for metric in list(&spec["metrics"]) {
        let (group, at) = match text(&metric["type"]) {
            "Object" => ("custom", "object"),
            _ => ("external", "external"),
        };
        let metric = &metric[at]["metric"];
        let source = if name.starts_with("hpa-direct") {
            Source::Direct(metric)
        } else {
            let query = adapter.query(group, metric, prometheus);
            Source::Prometheus(query.unwrap_or_else(|| {
                panic!("{name}: the adapter does not serve {metric}")
            }))
        };
        all.push(Autoscaler { name, hpa: Hpa::of(spec), source });
    }
    all
}

/// A tenth more or less than there is, and nothing happens: with few enough
/// pods one more is never so little.
#[test]
fn are_not_stopped_by_the_tolerance() {
    let test = "autoscalers::are_not_stopped_by_the_tolerance";
    let Some(manifests) = manifests::all(test) else { return };
    let specs = manifests.values().map(|manifest| &manifest["spec"]);
    let scale = |spec: &&Value| !spec["scaleTargetRef"].is_null();
    for spec in specs.filter(scale) {
        let hpa = Hpa::of(spec);
        for pods in 1..hpa.max {
            for wanted in pods + 1..=hpa.max {
                let settles = hpa.settles(pods, wanted as f64);
                assert_eq!(settles, wanted, "{pods}: {hpa:?}");
            }
        }
    }
    // the limit that hpa-direct.yaml speaks of
    let large = json!({
        "maxReplicas": 16,
        "metrics": [{"type": "External", "external": {"target": {
            "type": "AverageValue", "averageValue": "1"}}}],
    });
    let large = Hpa::of(&large);
    assert_eq!(large.settles(9, 10.0), 10);
    assert_eq!(large.settles(10, 11.0), 10);
}
