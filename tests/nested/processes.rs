//! The module as a process of its own, above, below, or both.

use crate::instance::tempdir::TempDir;
use crate::instance::{Host, Instance, skip, wait_for};
use crate::{Kind, Nested, instances};

#[test]
fn threads_and_processes_tell_each_other() {
    if skip("threads_and_processes_tell_each_other") {
        return;
    }
    let top = Instance::start(&["--test-size=1"]);
    let dir = TempDir::new();
    let modes = Host::Flux.modes();
    let pairs = modes.iter().flat_map(|a| modes.iter().map(move |b| (a, b)));
    // two threads are what the other tests have
    for (n, (above, below)) in pairs.enumerate().skip(1) {
        top.load(above);
        let options = below.first().copied().unwrap_or_default();
        let kind = Kind { options, ..Kind::default() };
        let name = format!("child{n}");
        let child = Nested::start_as(&kind, &top, None, &dir, &name);
        wait_for("its totals", || {
            (instances(&top.scrape(), "1") == 1.0).then_some(())
        });
        assert_eq!(child.collector()["problem"], serde_json::Value::Null);
        child.flux(&["run", "true"]);
        let done = [("depth", "1"), ("result", "completed")];
        let told = || {
            let page = top.scrape();
            page.sum("flux_tree_jobs_finished_total", &done) == 1.0
        };
        // a thread tells it at the end; a process that is not removed before
        // the end, as here, is killed then
        if !below.is_empty() {
            wait_for("it to be told", || told().then_some(()));
        }
        child.end();
        let job = child.job.to_string();
        top.flux(&["job", "wait-event", "-q", &job, "clean"]);
        wait_for("it to leave", || {
            (instances(&top.scrape(), "1") == 0.0 && told()).then_some(())
        });
        assert!(!child.log().contains("does not return"), "{}", child.log());
        top.flux(&["module", "remove", "prometheus"]);
    }
}
