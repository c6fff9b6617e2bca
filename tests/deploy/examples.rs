//! The other examples are what their readers take them for: Prometheus and
//! Grafana.

use std::process::Command;

use super::instance::tempdir::TempDir;
use super::manifests::{below, python};
use super::tools;

#[test]
fn prometheus_reads_its_configuration() {
    let test = "examples::prometheus_reads_its_configuration";
    let Some(promtool) = tools::find("promtool", test) else { return };
    // as the file says: with the rules and the targets beside it
    let dir = TempDir::new();
    let config = dir.path().join("prometheus.yml");
    let text = tools::text("examples/prometheus.yml");
    for (name, from) in [("rules", "rules"), ("targets", "examples/targets")] {
        let link = dir.path().join(name);
        std::os::unix::fs::symlink(tools::file(from), link).unwrap();
    }
    // as it is copied, and with what has to be chosen
    let all = text.replace("\n  #- ", "\n  - ").replace("\n  #  ", "\n    ");
    for (text, jobs) in [(&text, 1), (&all, 3)] {
        assert_eq!(text.matches("\n  - job_name: ").count(), jobs);
        std::fs::write(&config, text).unwrap();
        let mut check = Command::new(&promtool);
        println!(
            "{}",
            tools::run(check.args(["check", "config"]).arg(&config))
        );
    }
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
