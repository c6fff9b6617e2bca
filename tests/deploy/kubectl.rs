//! kubectl takes the module for an API server of the metrics groups.

use std::process::Command;

use serde_json::Value;

use super::instance::{Host, scrape, tempdir::TempDir, wait_for};
use super::{names, tools};
use crate::scenarios;

scenarios! {
    reads_what_an_autoscaler_would
}

const EXTERNAL: &str = "external.metrics.k8s.io/v1beta1";
const CUSTOM: &str = "custom.metrics.k8s.io/v1beta2";

fn reads_what_an_autoscaler_would(host: Host) {
    let test = "kubectl::reads_what_an_autoscaler_would";
    let Some(program) = tools::find("kubectl", test) else { return };
    let nodes = "--conf=fake-resources.nnodes=4";
    let instance = host.start(&["--test-size=1", nodes]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let dir = TempDir::new();
    let kubectl = |args: &[&str]| {
        let mut command = Command::new(&program);
        command
            .arg(format!("--server=http://{address}"))
            .arg(format!("--cache-dir={}", dir.path().display()))
            // nobody's cluster
            .arg("--kubeconfig=/dev/null")
            .args(args);
        command
    };
    let raw = |path: &str| {
        let said = tools::run(&mut kubectl(&["get", "--raw", path]));
        serde_json::from_str::<Value>(&said).expect(&said)
    };

    let said = tools::run(&mut kubectl(&["api-versions"]));
    assert_eq!(said.lines().collect::<Vec<_>>(), [CUSTOM, EXTERNAL]);

    let long = "--setattr=exec.test.run_duration=1000s";
    instance.flux(&["submit", "--quiet", "-N3", long, "true"]);
    wait_for("the job's nodes to be wanted", || {
        let page = scrape::get(&address);
        (page.get("flux_autoscale_nodes_wanted") == Some(3.0)).then_some(())
    });
    let wanted = "flux_autoscale_nodes_wanted";
    let list = raw(&format!("/apis/{EXTERNAL}/namespaces/default/{wanted}"));
    assert_eq!(list["items"][0]["value"], "3", "{list}");
    let list = raw(&format!(
        "/apis/{CUSTOM}/namespaces/default/services/any/{wanted}"
    ));
    assert_eq!(list["items"][0]["value"], "3", "{list}");

    let said = tools::run(&mut kubectl(&["api-resources", "--no-headers"]));
    let listed: Vec<_> =
        said.lines().filter_map(|line| line.split(' ').next()).collect();
    for name in names::documented() {
        if name.starts_with("flux_autoscale_") {
            let external = listed.iter().any(|listed| *listed == name);
            assert!(external, "{name} is not listed: {said}");
        }
    }

    let nothing = format!("/apis/{EXTERNAL}/namespaces/default/nothing");
    let output = kubectl(&["get", "--raw", &nothing]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no metric nothing"), "{said}");
    instance.flux(&["module", "remove", "prometheus"]);
}
