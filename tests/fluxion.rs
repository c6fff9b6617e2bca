//! Fluxion's own figures, where it is installed:
//! FLUX_MODULE_PATH_PREPEND=DIR tells Flux of one that is elsewhere.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use instance::{Instance, skip, skipped, wait_for};
use serde_json::Value;

const FAKE: [&str; 4] = [
    "--test-size=1",
    "--conf=fake-resources.nnodes=16",
    "--conf=fake-resources.cores-per-node=8",
    "--conf=fake-resources.gpus-per-node=1",
];
const MODULES: [&str; 2] = ["sched-fluxion-resource", "sched-fluxion-qmanager"];

#[test]
fn matches_are_as_fluxion_counts_them() {
    if skip("matches_are_as_fluxion_counts_them") {
        return;
    }
    let config = "[ingest.validator]\ndisable = true\n";
    let instance = Instance::start_with(&FAKE, config, &[]);
    // not there where Fluxion is installed beside Flux
    instance.try_flux(&["module", "remove", "sched-simple"]);
    let loaded = MODULES.iter().all(|name| {
        instance.flux(&["module", "list"]).contains(name)
            || instance.try_flux(&["module", "load", name]).status.success()
    });
    if !loaded {
        skipped("tests of Fluxion", "its modules cannot be loaded");
        return;
    }
    instance.load(&[]);
    let job = "--setattr=exec.test.run_duration=0.1s";
    instance.flux(&["submit", "--cc=1-20", "--quiet", "-n4", job, "true"]);
    // more nodes than there are: no match
    instance.flux(&["submit", "--quiet", "-N3000", "true"]);
    instance.flux(&["queue", "idle", "--quiet"]);

    let matches = |result: &str| {
        instance.scrape().sum("flux_sched_matches_total", &[("result", result)])
    };
    wait_for("Fluxion's figures", || {
        (matches("succeeded") == 20.0 && matches("failed") >= 1.0).then_some(())
    });
    let stats = instance.flux(&["module", "stats", MODULES[0]]);
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let page = instance.scrape();
    assert_eq!(page.value("flux_sched_graph_vertices"), stats["V"]);
    assert_eq!(page.value("flux_sched_graph_edges"), stats["E"]);
    let took = &stats["match"]["succeeded"]["stats"];
    for (statistic, theirs) in [("min", "min"), ("max", "max"), ("mean", "avg")]
    {
        let labels = [("result", "succeeded"), ("statistic", statistic)];
        let ours = page.sum("flux_sched_match_seconds", &labels);
        assert_eq!(ours, took[theirs], "{statistic}");
    }
    let info = format!("flux_sched_info{{module=\"{}\"}}", MODULES[1]);
    assert_eq!(page.value(&info), 1.0);
    assert_eq!(page.value("flux_nodes{state=\"free\"}"), 16.0);
    let completed = [("result", "completed")];
    assert_eq!(page.sum("flux_jobs_finished_total", &completed), 20.0);

    // the numbers go with it, and the module stays
    instance.flux(&["module", "remove", MODULES[1]]);
    instance.flux(&["module", "remove", MODULES[0]]);
    wait_for("the figures to go away", || {
        let page = instance.scrape();
        (!page.has("flux_sched_matches_total")).then_some(())
    });
    instance.flux(&["module", "remove", "prometheus"]);
}
