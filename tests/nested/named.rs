//! Instances that are jobs, one by one.

use crate::instance::scrape::{self, Scrape};
use crate::instance::tempdir::TempDir;
use crate::instance::{Instance, skip, wait_for};
use crate::{Nested, jobs, output};

/// The job id as `flux jobs` prints it.
fn id(child: &Nested) -> String {
    let id = child.job.to_string();
    output(child.top.command("flux").args(["jobs", "-no", "{id.f58}", &id]))
        .trim()
        .to_owned()
}

/// Whether the child of this name is as its jobs are, and has one node.
fn agrees(page: &Scrape, name: &str, jobs: &[String]) -> bool {
    let value = |family: &str, label: &str, value: &str| {
        page.sum(family, &[("jobid", name), (label, value)])
    };
    let count = |wanted: &str| {
        jobs.iter().filter(|job| job.starts_with(wanted)).count() as f64
    };
    let finished = |result: &str| {
        value("flux_tree_child_jobs_finished_total", "result", result)
            == count(&format!("inactive {result}"))
    };
    value("flux_tree_child_jobs", "state", "run") == count("run")
        && value("flux_tree_child_jobs", "state", "sched") == count("sched")
        && finished("completed")
        && finished("failed")
        && page.sum("flux_tree_child_nodes", &[("jobid", name)]) == 1.0
}

/// What the sum over all of them differs by from the totals of depth 1.
fn rest(page: &Scrape) -> [f64; 4] {
    ["jobs", "nodes", "nodes_wanted", "jobs_finished_total"].map(|what| {
        let all = page.sum(&format!("flux_tree_{what}"), &[("depth", "1")]);
        all - page.sum(&format!("flux_tree_child_{what}"), &[])
    })
}

fn has(page: &Scrape, name: &str) -> bool {
    page.sum("flux_tree_child_nodes", &[("jobid", name)]) > 0.0
}

#[test]
fn instances_are_shown_by_their_jobs_up_to_a_number() {
    if skip("instances_are_shown_by_their_jobs_up_to_a_number") {
        return;
    }
    let top = Instance::start(&["--test-size=2"]);
    top.load(&[]);
    let dir = TempDir::new();
    let one = Nested::start(&top, None, &dir, "one");
    wait_for("it to tell its totals", || {
        let page = top.scrape();
        // nobody has asked for this
        assert!(!page.has("flux_tree_child_jobs"));
        (crate::instances(&page, "1") == 1.0).then_some(())
    });
    top.flux(&["module", "remove", "prometheus"]);
    top.load_args(&[], &["listen=127.0.0.1:0", "children-named=1"]);
    let address = top.address("prometheus");
    let first = id(&one);
    wait_for("it to be named", || {
        has(&scrape::get(&address), &first).then_some(())
    });
    // the results that it told before are not told again
    let two = Nested::start(&top, None, &dir, "two");
    let second = id(&two);
    let _ = one.command("flux").args(["run", "false"]).output();
    one.flux(&["run", "true"]);
    one.flux(&["submit", "--cc=1-2", "sleep", "inf"]);
    two.flux(&["run", "true"]);
    two.flux(&["submit", "sleep", "inf"]);
    wait_for("the sums", || {
        let page = scrape::get(&address);
        let of = |child: &Nested| jobs(child.command("flux"));
        assert_eq!(of(&one).len() + of(&two).len(), 6);
        (agrees(&page, &first, &of(&one))
            && agrees(&page, "other", &of(&two))
            && !has(&page, &second)
            && rest(&page) == [0.0; 4])
            .then_some(())
    });
    // its place goes to the next, whose series begins then
    one.flux(&["cancel", "--all"]);
    one.end();
    top.flux(&["job", "wait-event", "-q", &one.job.to_string(), "clean"]);
    wait_for("the next to be named", || {
        let page = scrape::get(&address);
        let running = [("jobid", &*second), ("state", "run")];
        (page.sum("flux_tree_child_jobs", &running) == 1.0).then_some(())
    });
    let page = scrape::get(&address);
    assert!(!has(&page, &first) && !has(&page, "other"));
    // what the first came to: a job that completed, one that failed, and two
    // that were canceled
    assert_eq!(rest(&page), [0.0, 0.0, 0.0, 4.0]);
    two.flux(&["cancel", "--all"]);
    two.end();
    top.flux(&["module", "remove", "prometheus"]);
}
