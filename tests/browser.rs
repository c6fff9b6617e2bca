//! The page for people in headless Chromium: what it shows is what `/metrics`
//! says, it runs under its own policy, fits a phone, and comes back when the
//! endpoint does. Skipped, loudly, where there is no Chromium.
//!
//! `PICTURES=DIR` leaves pictures there.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use instance::{Host, Instance, wait_for};

/// Names that would be markup, or end a label, if they were not only text.
const QUEUES: &str = r#"
[queues.batch]
[queues.'<img src=x onerror=alert(1)>']
[queues.'a"b\c']
"#;

/// The browser, by any of its names.
fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"];
    let runs = |name: &&str| {
        Command::new(name)
            .arg("--version")
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let chromium = found.into_iter().find(runs);
    if chromium.is_none() {
        instance::skipped("the page in a browser", "no `chromium` on PATH");
    }
    chromium
}

/// Every state that a page can show, and then nothing happens any more.
fn populate(instance: &Instance) {
    instance.flux(&["queue", "start", "--all", "--quiet"]);
    let sleep = "--setattr=exec.test.run_duration=3000s";
    let brief = "--setattr=exec.test.run_duration=0.2s";
    for options in [
        &["-N2", brief][..],
        &["-N3", sleep],
        &["-N4", sleep],
        &["-N1", sleep],
        &["-N1", sleep, "--urgency=hold"],
    ] {
        let mut all = vec!["submit", "--queue=batch"];
        all.extend(options);
        all.push("true");
        let id = instance.flux(&all);
        if options.contains(&brief) {
            let id = id.trim();
            instance.flux(&["job", "wait-event", "--timeout=30", id, "clean"]);
        }
    }
    instance.flux(&["queue", "stop", r#"a"b\c"#]);
    instance.flux(&["queue", "disable", r#"a"b\c"#]);
    instance.flux(&["resource", "drain", "5"]);
}

/// Waits until what is polled has been.
fn settle(instance: &Instance) {
    wait_for("all queues and nodes", || {
        let page = instance.scrape();
        let stopped = page.sum("flux_queue_started", &[]) == 2.0;
        let drained = page.sum("flux_nodes", &[("state", "drained")]) == 1.0;
        let waits = page.sum("flux_autoscale_pending_jobs", &[]) == 1.0;
        let drift = page.has("flux_exporter_drift_jobs");
        (stopped && drained && waits && drift).then_some(())
    });
}

#[test]
fn the_page_in_a_browser() {
    let Some(chromium) = chromium() else { return };
    let options = [
        "--nodes=6",
        "--conf=fake-resources.cores-per-node=4",
        "--conf=fake-resources.gpus-per-node=1",
    ];
    let instance = Host::Standin.start_with(&options, QUEUES, &[]);
    instance.load(&[]);
    let address = instance.address("prometheus");
    let listen = format!("listen={address}");
    populate(&instance);
    settle(&instance);
    let pictures = std::env::var_os("PICTURES");
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut check = Command::new("python3")
        .arg(check.join("check.py"))
        .args([chromium, &address])
        .args(pictures)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = check.stdin.take().unwrap();
    for line in BufReader::new(check.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        println!("{line}");
        match &*line {
            "> remove" => {
                instance.flux(&["module", "remove", "prometheus"]);
            }
            "> load" => {
                instance.load_args(&[], &[&listen]);
                settle(&instance);
            }
            _ => continue,
        }
        stdin.write_all(b"done\n").unwrap();
    }
    assert!(check.wait().unwrap().success(), "see above");
    instance.flux(&["module", "remove", "prometheus"]);
}
