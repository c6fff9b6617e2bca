//! The examples are what their readers take them for: manifests fit the
//! published schemas, and the numbers they ask for are there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::instance::tempdir::TempDir;
use super::instance::{Host, scrape, wait_for};
use super::prometheus::Prometheus;
use super::{names, tools};

/// What KEDA's scalers know beside what the schema says of a trigger.
const TRIGGERS: [(&str, &[&str]); 2] = [
    ("metrics-api", &["url", "format", "valueLocation", "targetValue"]),
    (
        "prometheus",
        &["serverAddress", "query", "threshold", "ignoreNullValues"],
    ),
];
/// What is no Kubernetes object, or has no schema here, and is only read.
const UNCHECKED: [&str; 2] = ["minicluster.yaml", "prometheus-adapter.yaml"];

/// A Python that has these modules: that on PATH, or Debian's.
fn python(modules: &str, test: &str) -> Option<&'static str> {
    let python = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let imported = Command::new(python)
            .args(["-c", &format!("import {modules}")])
            .stderr(Stdio::null())
            .status();
        imported.is_ok_and(|status| status.success())
    });
    if python.is_none() {
        tools::skipped(test, &format!("no python3 with {modules}"));
    }
    python
}

fn below(dir: &str, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(tools::file(dir))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// All manifests, each checked, by the names of their files.
fn manifests(test: &str) -> Option<BTreeMap<String, Value>> {
    let python = python("yaml, jsonschema", test)?;
    let said = tools::run(
        Command::new(python)
            .arg(tools::file("tests/deploy/manifests.py"))
            .args(below("examples/kubernetes", ".yaml")),
    );
    Some(serde_json::from_str(&said).expect(&said))
}

#[test]
fn manifests_fit_their_schemas() {
    let test = "examples::manifests_fit_their_schemas";
    let Some(manifests) = manifests(test) else { return };
    for (file, manifest) in &manifests {
        let kind = manifest["kind"].as_str().unwrap_or("");
        let schema = tools::file(&format!("tests/deploy/schemas/{kind}.json"));
        let checked = schema.exists();
        assert_ne!(checked, UNCHECKED.contains(&file.as_str()), "{file}");
    }
    println!("{:?}", manifests.keys());
}

/// A mistake is found, or the test above would be none.
#[test]
fn a_wrong_manifest_does_not_fit() {
    let test = "examples::a_wrong_manifest_does_not_fit";
    let Some(python) = python("yaml, jsonschema", test) else { return };
    let dir = TempDir::new();
    for (file, right, wrong) in [
        ("keda-metrics-api.yaml", "targetValue: \"1\"", "targetValue: 1"),
        ("keda-prometheus.yaml", "minReplicaCount", "minReplicas"),
        ("hpa-external.yaml", "averageValue", "value2"),
        ("podmonitor.yaml", "portNumber: 8080", "portNumber: http"),
        ("servicemonitor.yaml", "endpoints:", "podMetricsEndpoints:"),
        ("service.yaml", "port: 8080", "port: many"),
    ] {
        let text = tools::text(&format!("examples/kubernetes/{file}"));
        assert!(text.contains(right), "{file}: no {right}");
        let path = dir.path().join(file);
        std::fs::write(&path, text.replace(right, wrong)).unwrap();
        let checked = Command::new(python)
            .arg(tools::file("tests/deploy/manifests.py"))
            .arg(path)
            .output()
            .unwrap();
        assert!(!checked.status.success(), "{file} with {wrong} fits");
    }
}

#[test]
fn prometheus_reads_its_configuration() {
    let test = "examples::prometheus_reads_its_configuration";
    let Some(promtool) = tools::find("promtool", test) else { return };
    // as the file says: with the rules and the targets beside it
    let dir = TempDir::new();
    let config = dir.path().join("prometheus.yml");
    std::fs::copy(tools::file("examples/prometheus.yml"), &config).unwrap();
    for (name, from) in [("rules", "rules"), ("targets", "examples/targets")] {
        let link = dir.path().join(name);
        std::os::unix::fs::symlink(tools::file(from), link).unwrap();
    }
    println!(
        "{}",
        tools::run(
            Command::new(promtool).args(["check", "config"]).arg(config)
        )
    );
}

#[test]
fn grafana_finds_what_is_provisioned() {
    let test = "examples::grafana_finds_what_is_provisioned";
    let Some(python) = python("yaml", test) else { return };
    let code = "import sys, yaml; print([yaml.safe_load(open(f))['apiVersion'] \
                for f in sys.argv[1:]])";
    let dir = "examples/grafana/provisioning";
    let mut files = below(&format!("{dir}/datasources"), ".yml");
    files.extend(below(&format!("{dir}/dashboards"), ".yml"));
    let said = tools::run(Command::new(python).args(["-c", code]).args(&files));
    assert_eq!(said.trim(), "[1, 1]");
}

/// Each number that an autoscaler of the examples asks for is there, and one.
#[test]
fn autoscalers_get_their_numbers() {
    let test = "examples::autoscalers_get_their_numbers";
    let Some(program) = tools::find("prometheus", test) else { return };
    let Some(manifests) = manifests(test) else { return };
    let instance = Host::Standin.start(&["--conf=fake-resources.nnodes=8"]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let labels = [
        ("job", "flux-sample-flux"),
        ("namespace", "default"),
        ("service", "flux-sample-metrics"),
    ];
    let prometheus = Prometheus::start_with(&program, &address, &labels);
    let long = "--setattr=exec.test.run_duration=100s";
    instance.flux(&["submit", "-N3", "--cc=1-2", long, "true"]);

    let one = |query: &str| {
        wait_for(query, || match prometheus.query(query)[..] {
            [value] if value.is_finite() => Some(value),
            _ => None,
        })
    };
    let adapter = Adapter::new(&manifests["prometheus-adapter.yaml"]);
    let mut asked = 0;
    for (file, manifest) in &manifests {
        let spec = &manifest["spec"];
        for trigger in list(&spec["triggers"]) {
            check_trigger(file, trigger);
            let metadata = &trigger["metadata"];
            match trigger["type"].as_str().unwrap() {
                "metrics-api" => read_as_keda_does(&address, metadata),
                _ => drop(one(text(&metadata["query"]))),
            }
            asked += 1;
        }
        for metric in list(&spec["metrics"]) {
            let (group, at) = match text(&metric["type"]) {
                "Object" => ("custom", "object"),
                _ => ("external", "external"),
            };
            let name = text(&metric[at]["metric"]["name"]);
            let query = adapter.query(group, name, &prometheus);
            one(&query.unwrap_or_else(|| {
                panic!("{file}: the adapter does not serve {name}")
            }));
            asked += 1;
        }
    }
    assert_eq!(asked, 4, "numbers asked for");
    instance.flux(&["module", "remove", "prometheus"]);
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}: no text"))
}

fn check_trigger(file: &str, trigger: &Value) {
    let kind = text(&trigger["type"]);
    let (_, known) = TRIGGERS.iter().find(|(name, _)| *name == kind).unwrap();
    let mut keys: Vec<_> = trigger["metadata"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut known = known.to_vec();
    keys.sort_unstable();
    known.sort_unstable();
    assert_eq!(keys, known, "{file}");
}

/// KEDA takes the first sample of a family of this name that is one number.
fn read_as_keda_does(address: &str, metadata: &Value) {
    let name = text(&metadata["valueLocation"]);
    names::check("valueLocation", name);
    assert_eq!(metadata["format"], "prometheus");
    let service = tools::text("examples/kubernetes/service.yaml");
    let url = text(&metadata["url"]);
    let (host, path) =
        url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let (host, port) = host.split_once(':').unwrap();
    let host = host.split('.').next().unwrap();
    assert!(service.contains(&format!("name: {host}\n")), "{url}");
    assert!(service.contains(&format!("port: {port}\n")), "{url}");
    wait_for(name, || {
        let page = scrape::fetch(address, &format!("/{path}")).body;
        let line = page.lines().find_map(|l| l.strip_prefix(name))?;
        // six nodes are asked for, or had
        (line.strip_prefix(' ')?.parse::<f64>().ok()? == 6.0).then_some(())
    });
}

/// What prometheus-adapter makes of its rules, for the service of the examples.
struct Adapter<'a>(&'a Value);

impl<'a> Adapter<'a> {
    fn new(values: &'a Value) -> Self {
        Self(&values["rules"])
    }

    /// The query for a metric of Kubernetes that one of the rules serves.
    fn query(
        &self,
        group: &str,
        name: &str,
        prometheus: &Prometheus,
    ) -> Option<String> {
        list(&self.0[group]).iter().find_map(|rule| {
            let selector = text(&rule["seriesQuery"]);
            let series = wait_for(selector, || {
                let found = prometheus.label_values(selector, "__name__");
                (!found.is_empty()).then_some(found)
            });
            let series = match rule["name"]["as"].as_str() {
                Some(other) if other == name => series.first(),
                Some(_) => None,
                None => series.iter().find(|series| *series == name),
            }?;
            let by = match group {
                "custom" => "service",
                _ => "namespace",
            };
            let matchers = match group {
                "custom" => {
                    r#"namespace="default",service="flux-sample-metrics""#
                }
                _ => r#"namespace="default",job="flux-sample-flux""#,
            };
            let query = text(&rule["metricsQuery"]);
            Some(
                query
                    .replace("<<.Series>>", series)
                    .replace("<<.LabelMatchers>>", matchers)
                    .replace("<<.GroupBy>>", by),
            )
        })
    }
}
