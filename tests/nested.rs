//! Instances that are jobs tell their parents their totals: what is shown at
//! the top is the sum over them, and stays what it was when they end.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::path::{Path, PathBuf};
use std::process::Command;

use instance::scrape::{self, Scrape};
use instance::tempdir::TempDir;
use instance::{Instance, skip, wait_for};
use serde_json::{Value, json};

/// What an instance below the first runs, until its file END is there.
const INITIAL: &str = r#"
flux module load "$MODULE" listen=none parent-period=1s
echo $FLUX_URI >"$0.new" && mv "$0.new" "$0.uri"
until [ -e "$0.end" ]; do sleep 0.1; done
"#;

/// An instance that is a job.
struct Nested<'a> {
    top: &'a Instance,
    uri: String,
    /// Its job in the instance that it is a job of, in decimal.
    job: u64,
    file: PathBuf,
}

impl<'a> Nested<'a> {
    /// A job of the instance with this URI, or of the top one.
    fn start(
        top: &'a Instance,
        of: Option<&Nested>,
        dir: &TempDir,
        name: &str,
    ) -> Self {
        let file = dir.path().join(name);
        let mut submit = top.command("flux");
        submit.args(["submit", "-n1", "flux", "start", "sh", "-ec", INITIAL]);
        submit.arg(&file).env("MODULE", instance::module());
        if let Some(of) = of {
            submit.env("FLUX_URI", &of.uri);
        }
        let job = output(&mut submit);
        let job = output(top.command("flux").args(["job", "id", job.trim()]));
        let uri = wait_for(&format!("{name} to start"), || {
            std::fs::read_to_string(with(&file, "uri")).ok()
        });
        let uri = uri.trim().to_owned();
        Self { top, uri, job: job.trim().parse().unwrap(), file }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.top.command(program);
        command.env("FLUX_URI", &self.uri);
        command
    }

    fn flux(&self, args: &[&str]) -> String {
        output(self.command("flux").args(args))
    }

    /// How the collector is doing.
    fn collector(&self) -> Value {
        let stats = self.flux(&["module", "stats", "prometheus"]);
        let stats: Value = serde_json::from_str(&stats).unwrap();
        stats["collectors"]["parent"].clone()
    }

    fn end(&self) {
        std::fs::write(with(&self.file, "end"), "").unwrap();
    }
}

fn with(file: &Path, extension: &str) -> PathBuf {
    file.with_extension(extension)
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What Flux says of jobs: their states, and the results of those that ended.
fn jobs(mut command: Command) -> Vec<String> {
    let list = ["jobs", "-a", "-n", "--format={state} {result}"];
    let list = output(command.args(list));
    let word = |line: &str| line.trim().to_lowercase();
    list.lines().map(word).collect()
}

/// Whether a depth is as the jobs of its instances are.
fn agrees(page: &Scrape, depth: &str, jobs: &[String]) -> bool {
    let value = |family: &str, label: &str, value: &str| {
        page.sum(family, &[("depth", depth), (label, value)])
    };
    let count = |wanted: &str| {
        let same = jobs.iter().filter(|job| job.starts_with(wanted));
        same.count() as f64
    };
    ["run", "sched"]
        .iter()
        .all(|state| value("flux_tree_jobs", "state", state) == count(state))
        && ["completed", "failed", "canceled"].iter().all(|result| {
            value("flux_tree_jobs_finished_total", "result", result)
                == count(&format!("inactive {result}"))
        })
}

fn instances(page: &Scrape, depth: &str) -> f64 {
    page.sum("flux_tree_instances", &[("depth", depth)])
}

#[test]
fn totals_are_the_sums_over_all_instances() {
    if skip("totals_are_the_sums_over_all_instances") {
        return;
    }
    let top = Instance::start(&["--test-size=2"]);
    top.load(&[]);
    let address = top.address("prometheus");
    let page = scrape::get(&address);
    assert_eq!((instances(&page, "0"), instances(&page, "1")), (1.0, 0.0));
    let dir = TempDir::new();
    let one = Nested::start(&top, None, &dir, "one");
    let two = Nested::start(&top, None, &dir, "two");
    let _ = one.command("flux").args(["run", "false"]).output();
    one.flux(&["run", "true"]);
    two.flux(&["run", "true"]);
    let three = Nested::start(&top, Some(&one), &dir, "three");
    three.flux(&["run", "true"]);
    // one of them waits
    three.flux(&["submit", "--cc=1-2", "sleep", "inf"]);
    let level = |of: &[&Nested]| -> Vec<_> {
        of.iter().flat_map(|child| jobs(child.command("flux"))).collect()
    };
    let zero = || jobs(top.command("flux"));
    wait_for("the sums", || {
        let page = scrape::get(&address);
        let (first, second) = (level(&[&one, &two]), level(&[&three]));
        assert_eq!(first.len() + second.len(), 7);
        let nodes = |depth| page.sum("flux_tree_nodes", &[("depth", depth)]);
        (instances(&page, "1") == 2.0
            && instances(&page, "2") == 1.0
            && agrees(&page, "0", &zero())
            && agrees(&page, "1", &first)
            && agrees(&page, "2", &second)
            && [nodes("0"), nodes("1"), nodes("2")] == [2.0, 2.0, 1.0]
            && page.value("flux_tree_nodes_wanted{depth=\"2\"}") == 2.0)
            .then_some(())
    });

    // what comes last is told at the end, and nothing of it is lost
    two.flux(&["run", "true"]);
    let (two_was, one_was) = (level(&[&two]), level(&[&one]));
    two.end();
    top.flux(&["job", "wait-event", "-q", &two.job.to_string(), "clean"]);
    wait_for("one of them to leave", || {
        let page = scrape::get(&address);
        let first = [one_was.clone(), two_was.clone()].concat();
        (instances(&page, "1") == 1.0
            && agrees(&page, "1", &first)
            && agrees(&page, "0", &zero()))
        .then_some(())
    });
    three.flux(&["cancel", "--all"]);
    three.end();
    let job = three.job.to_string();
    one.flux(&["job", "wait-event", "-q", &job, "clean"]);
    let was = level(&[&one]);
    one.end();
    wait_for("all to leave", || {
        let page = scrape::get(&address);
        let finished = |depth, result| {
            let labels = [("depth", depth), ("result", result)];
            page.sum("flux_tree_jobs_finished_total", &labels)
        };
        assert!(finished("2", "completed") >= 1.0);
        (instances(&page, "1") == 0.0
            && instances(&page, "2") == 0.0
            && agrees(&page, "1", &[was.clone(), two_was.clone()].concat())
            && finished("2", "canceled") == 2.0
            && agrees(&page, "0", &zero()))
        .then_some(())
    });
    top.flux(&["module", "remove", "prometheus"]);
}

fn report(job: u64) -> Value {
    let level = json!({
        "instances": 1, "jobs": [0, 0, 0, 7, 0], "nodes": [1, 0, 0, 0, 0, 0],
        "nodes_wanted": 1, "finished": [3, 0, 0, 0, 0],
    });
    json!({
        "version": 1, "jobid": job, "load": 1, "seq": 0, "period": 1.0,
        "last": false, "levels": [level],
    })
}

#[test]
fn only_the_user_of_a_job_speaks_for_it() {
    if skip("only_the_user_of_a_job_speaks_for_it") {
        return;
    }
    let top = Instance::start(&["--test-size=1"]);
    top.load(&[]);
    let submit = |command| {
        let job = top.flux(&["submit", command, "inf"]);
        top.flux(&["job", "id", job.trim()]).trim().parse().unwrap()
    };
    let job: u64 = submit("sleep");
    let send = |user: &str, payload: &Value| {
        let guest =
            [("FLUX_HANDLE_USERID", user), ("FLUX_HANDLE_ROLEMASK", "0x2")];
        wait_for("it to be known whose job it is", || {
            let sent = top.rpc_as(&guest, "prometheus.child", payload);
            let again = |e: &String| e.contains("whose job this is");
            (!sent.as_ref().is_err_and(again)).then_some(sent)
        })
    };
    let error = send("9999", &report(job)).unwrap_err();
    assert!(error.contains("is not your job"), "{error}");
    let error = send("9999", &report(7)).unwrap_err();
    assert!(error.contains("is no active job here"), "{error}");
    let page = top.scrape();
    assert_eq!(instances(&page, "1"), 0.0);
    assert_eq!(page.sum("flux_tree_jobs_finished_total", &[]), 0.0);

    let own = output(Command::new("id").arg("-u"));
    for _ in 0..2 {
        // a report that is repeated counts once
        send(own.trim(), &report(job)).unwrap();
    }
    let mut bad = report(job);
    bad["levels"] = json!([]);
    let error = send(own.trim(), &bad).unwrap_err();
    assert!(error.contains("expected 1 to 8 levels"), "{error}");
    let page = top.scrape();
    let running = "flux_tree_jobs{depth=\"1\",state=\"run\"}";
    assert_eq!(page.value(running), 7.0);
    let finished = [("depth", "1"), ("result", "completed")];
    let finished =
        |page: &Scrape| page.sum("flux_tree_jobs_finished_total", &finished);
    assert_eq!(finished(&page), 3.0);
    let dropped = |reason| {
        page.sum("flux_exporter_tree_dropped_total", &[("reason", reason)])
    };
    assert_eq!(["denied", "invalid", "full"].map(dropped), [2.0, 1.0, 0.0]);
    // it goes with its job
    top.flux(&["cancel", "--all"]);
    wait_for("it to leave", || {
        let page = top.scrape();
        assert_eq!(finished(&page), 3.0);
        (instances(&page, "1") == 0.0).then_some(())
    });
    top.flux(&["module", "remove", "prometheus"]);
}

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
