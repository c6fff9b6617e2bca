//! A parent whose broker dies.

use std::path::Path;
use std::process::Command;

use crate::instance::tempdir::TempDir;
use crate::instance::{Host, Instance, skip, wait_for};
use crate::{Kind, Nested, instances, output};

/// A parent that has heard of its child, and whose broker is then killed.
fn orphan(test: impl Fn(&Nested), options: &'static str, start: &[String]) {
    let top = Instance::start(&["--test-size=1"]);
    top.load(&[]);
    let dir = TempDir::new();
    let start = start.to_vec();
    let kind = Kind { start, options, ..Kind::default() };
    let child = Nested::start_as(&kind, &top, None, &dir, "child");
    wait_for("its totals", || {
        (instances(&top.scrape(), "1") == 1.0).then_some(())
    });
    let pid = child.broker_pid();
    output(Command::new("kill").args(["-KILL", &top.broker_pid().to_string()]));
    test(&child);
    child.end();
    wait_for("it to end", || {
        (!Path::new("/proc").join(&pid).join("exe").exists()).then_some(())
    });
    let log = child.log();
    for bad in ["does not return", "does not end", "panicked"] {
        assert!(!log.contains(bad), "{log}");
    }
}

fn modes() -> impl Iterator<Item = &'static str> {
    let modes = Host::Flux.modes().iter();
    modes.map(|options| options.first().copied().unwrap_or_default())
}

/// Flux itself ends them: they watch the resources that they have from it.
#[test]
fn a_child_of_a_broker_that_dies_ends() {
    if skip("a_child_of_a_broker_that_dies_ends") {
        return;
    }
    for options in modes() {
        orphan(|_| {}, options, &[]);
    }
}

#[test]
fn a_child_with_resources_of_its_own_lives_on() {
    if skip("a_child_with_resources_of_its_own_lives_on") {
        return;
    }
    let dir = TempDir::new();
    let file = dir.path().join("R");
    let host = output(&mut Command::new("hostname"));
    let host = format!("--hosts={}", host.trim());
    let mut encode = Command::new("flux");
    let r = output(encode.args(["R", "encode", &host, "--cores=0"]));
    std::fs::write(&file, r).unwrap();
    let start = [
        format!("--conf=resource.path={}", file.display()),
        "--conf=resource.noverify=true".to_owned(),
    ];
    let lives = |child: &Nested| {
        wait_for("the loss to be noticed", || {
            let problem = child.collector()["problem"].as_str()?.to_owned();
            assert!(problem.starts_with("parent instance: "), "{problem}");
            Some(())
        });
        child.flux(&["run", "true"]);
        child.flux(&["module", "remove", "prometheus"]);
    };
    for options in modes() {
        orphan(lives, options, &start);
    }
}
