//! The rules are what promtool and Prometheus take them for, and an alert
//! leads its reader to commands that exist.

use std::collections::BTreeSet;
use std::process::Command;

use super::instance::{Instance, wait_for};
use super::prometheus::Prometheus;
use super::{names, tools};

const FILES: [&str; 2] = ["rules/recording.yml", "rules/alerts.yml"];

/// Commands that change something, or cannot work in a test.
const NOT_TRIED: [&str; 2] = [
    "flux queue start",
    "flux modprobe remove prometheus && flux modprobe load prometheus",
];

#[test]
fn promtool_has_no_complaint() {
    let test = "rules::promtool_has_no_complaint";
    let Some(promtool) = tools::find("promtool", test) else { return };
    let said = tools::run(
        Command::new(promtool)
            .args(["check", "rules"])
            .args(FILES.map(tools::file)),
    );
    println!("{said}");
}

#[test]
fn alerts_fire_when_they_should_and_not_when_not() {
    let test = "rules::alerts_fire_when_they_should_and_not_when_not";
    let Some(promtool) = tools::find("promtool", test) else { return };
    let tests = tools::file("rules/tests.yml");
    let said =
        tools::run(Command::new(promtool).args(["test", "rules"]).arg(tests));
    println!("{said}");
}

/// What follows a word at the beginning of lines, as in `- alert: NAME`.
fn listed<'a>(text: &'a str, word: &'a str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(word)).collect()
}

#[test]
fn each_alert_has_a_test_in_which_it_fires() {
    let alerts = tools::text(FILES[1]);
    let tests = tools::text("rules/tests.yml");
    for alert in listed(&alerts, "- alert: ") {
        let fires = format!("ALERTS{{alertname=\"{alert}\"");
        assert!(tests.contains(&fires), "{alert}: no test");
    }
}

#[test]
fn use_metrics_that_exist() {
    for file in FILES {
        // names that the rules themselves make begin with a level
        names::check(file, &tools::text(file));
    }
}

/// A server that has them finds no fault, and records something by each.
pub fn are_evaluated(prometheus: &Prometheus) {
    let rules = wait_for("all rules to be evaluated", || {
        let groups = prometheus.api("rules")["groups"].take();
        let rules: Vec<_> = groups
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect();
        let known = rules.iter().all(|rule| rule["health"] != "unknown");
        known.then_some(rules)
    });
    assert!(rules.len() > 20, "{} rules", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "recording" {
            let name = rule["name"].as_str().unwrap();
            wait_for(name, || {
                let samples = prometheus.query(name);
                let finite = samples.iter().all(|v| v.is_finite());
                (!samples.is_empty() && finite).then_some(())
            });
        }
    }
}

/// The commands that the annotations name, each as it is written.
pub fn name_commands_that_work(instance: &Instance) {
    let text = tools::text(FILES[1]);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let commands: BTreeSet<_> =
        text.split('`').filter(|part| part.starts_with("flux ")).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        if !NOT_TRIED.contains(&command) {
            instance.shell(command);
        }
    }
}
