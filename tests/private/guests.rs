//! What guests of the instance get and may do.

use serde_json::{Value, json};

use super::instance::{self, Host, wait_for};
use super::{accepted, guest_stats};

/// They quote what modules said, which may be of jobs. In the stand-in all who
/// ask are the owner.
#[test]
fn problems_are_not_for_guests() {
    if instance::skip("problems_are_not_for_guests") {
        return;
    }
    let on = "[access]\nprivate-mode = true\n";
    let entry = "[[prometheus.stats]]\ntopic = \"job-exec.stats-get\"\n\
                 path = \"jobs.none\"\nname = \"x\"\ninterval = \"1s\"\n";
    let config = format!("{on}{entry}");
    let instance = Host::Flux.start_with(&["--test-size=1"], &config, &[]);
    let job = instance.flux(&["submit", "sleep", "inf"]);
    instance.load(&[]);
    let problem = |stats: Value| stats["collectors"]["stats"].clone();
    wait_for("the job to be named", || {
        let known = problem(instance.stats("prometheus"));
        known["problem"].as_str()?.contains(job.trim()).then_some(())
    });
    let told = problem(guest_stats(&instance));
    assert_eq!((&told["up"], &told["problem"]), (&json!(false), &Value::Null));
    accepted(&instance, entry);
    let told = problem(guest_stats(&instance));
    assert!(told["problem"].is_string(), "{told}");
    instance.flux(&["cancel", job.trim()]);
    instance.flux(&["module", "remove", "prometheus"]);
}

/// In the stand-in all who ask are the owner.
#[test]
fn guests_change_nothing() {
    if instance::skip("guests_change_nothing") {
        return;
    }
    let config = "[prometheus]\nlisten = \"127.0.0.1:0\"\n";
    let instance = Host::Flux.start_with(&["--test-size=1"], config, &[]);
    instance.load_args(&[], &[]);
    let before = instance.stats("prometheus")["listeners"].clone();
    let reload = |roles: &str| {
        let script = "import flux; flux.Flux().rpc('prometheus.config-reload', \
                      {'prometheus': {'listen': '127.0.0.2:0'}}).get()";
        let mut command = instance.command("flux");
        command.args(["python", "-c", script]);
        command.env("FLUX_HANDLE_ROLEMASK", roles).output().unwrap()
    };
    let output = reload("0x2");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("PermissionError"), "{said}");
    assert_eq!(instance.stats("prometheus")["listeners"], before);
    // the same is done for the owner
    reload("0x1");
    assert!(instance.address("prometheus").starts_with("127.0.0.2:"));
}
