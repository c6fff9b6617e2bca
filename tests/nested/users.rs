//! Who is believed.

use std::process::Command;

use serde_json::{Value, json};

use crate::instance::scrape::Scrape;
use crate::instance::{Instance, skip, wait_for};
use crate::{instances, output};

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
    assert!(error.contains("is no running job here"), "{error}");
    // one that waits has no instance, whoever's it is
    let id = ["submit", "--urgency=hold", "sleep", "inf"];
    let waits = top.flux(&["job", "id", top.flux(&id).trim()]);
    let error = send("9999", &report(waits.trim().parse().unwrap()));
    let error = error.unwrap_err();
    assert!(error.contains("is no running job here"), "{error}");
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
    assert_eq!(["denied", "invalid", "full"].map(dropped), [3.0, 1.0, 0.0]);
    // it goes with its job
    top.flux(&["cancel", "--all"]);
    wait_for("it to leave", || {
        let page = top.scrape();
        assert_eq!(finished(&page), 3.0);
        (instances(&page, "1") == 0.0).then_some(())
    });
    top.flux(&["module", "remove", "prometheus"]);
}
