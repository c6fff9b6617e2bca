//! Manifests, those of the examples and those in the pages: each fits the
//! schema that is published for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::instance::tempdir::TempDir;
use super::tools;

/// What is no Kubernetes object has one of these: values of a Helm chart, and
/// Prometheus' own configuration.
const OTHERS: [&str; 2] = ["rules", "scrape_configs"];

/// A Python that has these modules: that on PATH, or Debian's.
pub fn python(modules: &str, test: &str) -> Option<&'static str> {
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

/// The files of a folder with this ending.
pub fn below(dir: &str, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(tools::file(dir))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    files
}

/// All manifests, each checked, by the names of their files; those within a
/// page as `autoscaling.md/1`.
pub fn all(test: &str) -> Option<BTreeMap<String, Value>> {
    let python = python("yaml, jsonschema", test)?;
    let said = tools::run(
        Command::new(python)
            .arg(tools::file("tests/deploy/manifests.py"))
            .args(below("examples/kubernetes", ".yaml"))
            .args(below("docs", ".md"))
            .arg(tools::file("README.md")),
    );
    Some(serde_json::from_str(&said).expect(&said))
}

#[test]
fn fit_their_schemas() {
    let test = "manifests::fit_their_schemas";
    let Some(manifests) = all(test) else { return };
    for (name, manifest) in &manifests {
        let kind = manifest["kind"].as_str().unwrap_or("");
        let schema = tools::file(&format!("tests/deploy/schemas/{kind}.json"));
        let is_checked = schema.exists() || manifest["triggers"].is_array();
        let is_other = kind.is_empty()
            && OTHERS.iter().any(|key| !manifest[key].is_null());
        assert_ne!(is_checked, is_other, "{name}: no schema for {kind:?}");
    }
    println!("{:?}", manifests.keys());
}

/// A mistake is found, or the test above would be none.
#[test]
fn a_wrong_one_does_not_fit() {
    let test = "manifests::a_wrong_one_does_not_fit";
    let Some(python) = python("yaml, jsonschema", test) else { return };
    let dir = TempDir::new();
    for (file, right, wrong) in [
        ("keda-metrics-api.yaml", "targetValue: \"1\"", "targetValue: 1"),
        ("keda-prometheus.yaml", "minReplicaCount", "minReplicas"),
        ("hpa-direct.yaml", "versionPriority: 100", "priority: 100"),
        ("hpa-direct.yaml", "verbs:", "may:"),
        (
            "hpa-direct.yaml",
            "kind: ServiceAccount\n    name:",
            "kind: SA\n    n:",
        ),
        ("hpa-direct.yaml", "maxReplicas", "max"),
        ("hpa-external.yaml", "averageValue", "value2"),
        ("minicluster.yaml", "maxSize: 8", "maxSize: many"),
        ("minicluster.yaml", "brokerPre:", "beforeBroker:"),
        ("minicluster.yaml", "ports: [8080]", "port: 8080"),
        ("podmonitor.yaml", "portNumber: 8080", "portNumber: http"),
        ("servicemonitor.yaml", "endpoints:", "podMetricsEndpoints:"),
        ("service.yaml", "port: 8080", "port: many"),
        (
            "../../docs/autoscaling.md",
            "triggers:",
            "triggers: # wrong\n  - metadata: 1",
        ),
    ] {
        let text = tools::text(&format!("examples/kubernetes/{file}"));
        assert!(text.contains(right), "{file}: no {right}");
        let path = dir.path().join(file.rsplit('/').next().unwrap());
        std::fs::write(&path, text.replace(right, wrong)).unwrap();
        let checked = Command::new(python)
            .arg(tools::file("tests/deploy/manifests.py"))
            .arg(path)
            .output()
            .unwrap();
        assert!(!checked.status.success(), "{file} with {wrong} fits");
    }
}

/// Each leads to the same service, and scales the same cluster.
#[test]
fn agree_with_each_other() {
    let test = "manifests::agree_with_each_other";
    let Some(manifests) = all(test) else { return };
    let service = &manifests["service.yaml"];
    let forwards = &manifests["hpa-direct.yaml.1"]["spec"]["service"];
    assert_eq!(forwards["name"], service["metadata"]["name"]);
    assert_eq!(forwards["port"], service["spec"]["ports"][0]["port"]);
    let cluster = &manifests["minicluster.yaml"];
    let opened = &cluster["spec"]["containers"][0]["ports"][0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], *opened);
    let pods = &manifests["podmonitor.yaml"]["spec"]["podMetricsEndpoints"];
    assert_eq!(pods[0]["portNumber"], *opened);
    let monitored = &manifests["servicemonitor.yaml"]["spec"];
    assert_eq!(
        monitored["selector"]["matchLabels"],
        service["metadata"]["labels"]
    );
    let mut scaled = 0;
    for (name, manifest) in &manifests {
        let target = &manifest["spec"]["scaleTargetRef"];
        if target.is_null() {
            continue;
        }
        scaled += 1;
        assert_eq!(target["name"], cluster["metadata"]["name"], "{name}");
        assert_eq!(target["kind"], cluster["kind"], "{name}");
        assert_eq!(target["apiVersion"], cluster["apiVersion"], "{name}");
        let spec = &manifest["spec"];
        let most = [&spec["maxReplicas"], &spec["maxReplicaCount"]];
        assert!(most.contains(&&cluster["spec"]["maxSize"]), "{name}");
    }
    assert!(scaled >= 5, "{scaled} scaled");
}
