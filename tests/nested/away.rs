//! A parent that is not there, or does not listen.

use std::process::Command;

use crate::instance::tempdir::TempDir;
use crate::instance::{Instance, module, skip, wait_for};
use crate::{Kind, Nested, instances};

#[test]
fn a_parent_that_does_not_listen_costs_nothing() {
    if skip("a_parent_that_does_not_listen_costs_nothing") {
        return;
    }
    let top = Instance::start(&["--test-size=1"]);
    let dir = TempDir::new();
    let child = Nested::start(&top, None, &dir, "child");
    wait_for("it to be said that the module is missing", || {
        let problem = child.collector()["problem"].as_str()?.to_owned();
        let said = "the parent instance does not have this module";
        assert!(problem.starts_with(said), "{problem}");
        Some(())
    });
    child.flux(&["run", "true"]);
    for _ in 0..2 {
        top.load(&[]);
        wait_for("it to be told", || {
            (instances(&top.scrape(), "1") == 1.0).then_some(())
        });
        wait_for("recovery", || {
            (child.collector()["up"] == true).then_some(())
        });
        top.flux(&["module", "remove", "prometheus"]);
    }

    // one that is stopped holds up neither the module nor its end
    top.load(&[]);
    let pid = top.broker_pid().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let stopped = std::panic::catch_unwind(|| {
        wait_for("it to be noticed", || {
            let collector = child.collector();
            (collector["up"] == false).then_some(())
        });
        child.flux(&["run", "true"]);
        child.flux(&["module", "remove", "prometheus"]);
        child.flux(&["dmesg"])
    });
    signal("-CONT");
    let log = stopped.unwrap();
    assert!(!log.contains("does not return"), "{log}");
    child.end();
    top.flux(&["job", "wait-event", "-q", &child.job.to_string(), "clean"]);
}

/// Who waits for a removal loses patience while the last totals are sent.
#[test]
fn is_canceled_while_it_is_being_removed() {
    if skip("is_canceled_while_it_is_being_removed") {
        return;
    }
    let top = Instance::start(&["--test-size=1"]);
    top.load(&[]);
    let dir = TempDir::new();
    let child = Nested::start(&top, None, &dir, "child");
    wait_for("it to be told", || {
        (instances(&top.scrape(), "1") == 1.0).then_some(())
    });
    let pid = top.broker_pid().to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    };
    signal("-STOP");
    let removed = std::panic::catch_unwind(|| {
        let remove = ["module", "remove", "prometheus"];
        let mut removal = child.command("flux").args(remove).spawn().unwrap();
        wait_for("the removal to begin", || {
            child.log().contains("rmmod prometheus").then_some(())
        });
        // if it has not ended already
        let cancel = ["module", "remove", "--cancel", "prometheus"];
        let _ = child.command("flux").args(cancel).output().unwrap();
        removal.wait().unwrap()
    });
    signal("-CONT");
    let removed = removed.unwrap();
    assert!(removed.success(), "{removed}: {}", child.log());
    child.end();
    top.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn what_it_needs_is_named() {
    if skip("what_it_needs_is_named") {
        return;
    }
    let top = Instance::start(&["--test-size=1"]);
    top.load_args(&[], &["listen=127.0.0.1:0", "collectors=-jobs"]);
    let dir = TempDir::new();
    let arguments = "collectors=-resources";
    let kind = Kind { arguments, ..Kind::default() };
    let child = Nested::start_as(&kind, &top, None, &dir, "child");
    let parent = child.collector();
    assert_eq!(parent["up"], false);
    let needs = |of: &str| {
        format!(
            "needs {of}, which the setting collectors has off: add that, or "
        )
    };
    let problem = parent["problem"].as_str().unwrap();
    assert_eq!(problem, needs("resources") + "\"-parent\"");
    let children = top.stats("prometheus")["collectors"]["children"].clone();
    let problem = children["problem"].as_str().unwrap();
    assert_eq!(problem, needs("jobs") + "\"-children\"");
    // and that it does not listen is what a child then hears
    child.flux(&["module", "remove", "prometheus"]);
    let module = module();
    let args = [module.to_str().unwrap(), "listen=none", "parent-period=1s"];
    child.flux(&[&["module", "load"], &args[..]].concat());
    wait_for("it to be said what the parent needs", || {
        let problem = child.collector()["problem"].as_str()?.to_owned();
        let said = "with the collectors children and jobs";
        problem.contains(said).then_some(())
    });
    child.end();
    top.flux(&["module", "remove", "prometheus"]);
}
