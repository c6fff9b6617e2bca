//! What is shown at the top is the sum over all instances.

use crate::instance::scrape::{self, Scrape};
use crate::instance::tempdir::TempDir;
use crate::instance::{Instance, skip, wait_for};
use crate::{Nested, instances, jobs};

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
