//! Metrics that others publish, in an instance.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod endpoint;
mod instance;
#[path = "custom/modules.rs"]
mod modules;

use std::path::Path;
use std::process::{Command, Stdio};

use endpoint::{curl, own_address};
use instance::{Host, Instance, scrape, skip, wait_for};
use serde_json::{Value, json};

scenarios! {
    updates_are_taken_whole_or_refused_by_name
    what_is_not_refreshed_leaves
    ceilings_hold_and_settings_are_reloaded
    private_mode_keeps_it_to_this_machine
}

const PAGE: &str = include_str!("../docs/extending.md");

const UPDATE: &str = "prometheus.update";

fn gauge(name: &str, value: f64) -> Value {
    json!({ "name": name, "type": "gauge", "value": value })
}

fn load(instance: &Instance, args: &[&str]) {
    instance.load_args(&[], &[&["listen=127.0.0.1:0"], args].concat());
}

fn dropped(page: &scrape::Scrape, reason: &str) -> f64 {
    page.sum("flux_exporter_custom_dropped_total", &[("reason", reason)])
}

fn updates_are_taken_whole_or_refused_by_name(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    load(&instance, &[]);
    let update = json!({ "updates": [
        { "name": "depth", "type": "gauge", "value": -2.5,
          "labels": { "of": "a \"b\" \\ c" }, "help": "How deep it is." },
        { "name": "steps", "type": "counter", "value": 2 },
        { "name": "wait", "type": "histogram", "value": 0.5,
          "buckets": [0.1, 1] },
    ]});
    assert_eq!(instance.rpc(UPDATE, &update), Ok(Value::Null));
    assert_eq!(instance.rpc(UPDATE, &update), Ok(Value::Null));
    let expected = "# HELP flux_custom_depth How deep it is.\n\
        # TYPE flux_custom_depth gauge\n\
        flux_custom_depth{of=\"a \\\"b\\\" \\\\ c\"} -2.5\n\
        # TYPE flux_custom_steps_total counter\n\
        flux_custom_steps_total 4\n\
        # TYPE flux_custom_wait histogram\n\
        flux_custom_wait_bucket{le=\"0.1\"} 0\n\
        flux_custom_wait_bucket{le=\"1\"} 2\n\
        flux_custom_wait_bucket{le=\"+Inf\"} 2\n\
        flux_custom_wait_sum 1\n\
        flux_custom_wait_count 2\n";
    let address = instance.address("prometheus");
    let page = || scrape::fetch(&address, "/metrics").body;
    assert!(page().contains(expected), "{}", page());

    // an array does as well, and the first good part of it is not applied
    let bad = json!([gauge("new", 1.0), gauge("steps_total", 1.0)]);
    let error = instance.rpc(UPDATE, &bad).unwrap_err();
    let name = "updates[1] \"steps_total\": name: a gauge cannot end in _total";
    assert!(error.contains(name), "{error}");
    let mut other = gauge("depth", 1.0);
    other["labels"] = json!({ "by": "x" });
    let error = instance.rpc(UPDATE, &other).unwrap_err();
    let differs = "\"depth\": labels: the family has of, not by";
    assert!(error.contains(differs), "{error}");
    let error = instance.rpc(UPDATE, &json!(7)).unwrap_err();
    assert!(error.contains("expected an object or an array"), "{error}");
    assert!(page().contains(expected), "{}", page());
    let shown = scrape::parse(&page());
    assert!(!shown.has("flux_custom_new"));
    assert_eq!(shown.value("flux_exporter_custom_updates_total"), 6.0);
    assert_eq!(shown.value("flux_exporter_custom_series"), 7.0);
    assert_eq!(dropped(&shown, "invalid"), 2.0);
    assert_eq!(dropped(&shown, "conflict"), 1.0);
    // also for those who want no answer
    wait_for("it is logged", || {
        let said = instance.log();
        said.contains("custom: ").then_some(())?;
        said.contains("requests refused; ").then_some(())
    });

    let list = instance.rpc("prometheus.custom-list", &json!({})).unwrap();
    let names = list["families"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["flux_custom_depth", "flux_custom_steps_total", "flux_custom_wait"]
    );
    let series = &list["families"][1]["series"][0];
    assert_eq!(
        (&series["value"], &series["ttl"]),
        (&json!(4.0), &json!(300.0))
    );
    instance.flux(&["module", "remove", "prometheus"]);
}

fn what_is_not_refreshed_leaves(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    load(&instance, &["custom-ttl=1s"]);
    let mut stays = gauge("stays", 1.0);
    stays["ttl"] = json!(3600);
    let both = json!([gauge("leaves", 1.0), stays]);
    instance.rpc(UPDATE, &both).unwrap();
    wait_for("one of them to leave", || {
        let page = instance.scrape();
        assert!(page.has("flux_custom_stays"));
        (!page.has("flux_custom_leaves")).then_some(())
    });
    // and its name is free
    let other = json!({ "name": "leaves", "type": "histogram", "value": 1 });
    instance.rpc(UPDATE, &other).unwrap();
    instance.flux(&["module", "remove", "prometheus"]);
}

fn ceilings_hold_and_settings_are_reloaded(host: Host) {
    let instance = host.start(&["--test-size=1"]);
    let configure = |text: &str| {
        let script = format!("flux config load <<'END'\n{text}\nEND\n");
        instance.command("sh").args(["-c", &script]).output().unwrap()
    };
    load(&instance, &[]);
    assert!(configure("[prometheus]\ncustom-series = 8\n").status.success());
    let series = |count: usize| -> Value {
        let one = |i: usize| {
            let mut update = gauge("g", 1.0);
            update["labels"] = json!({ "i": i.to_string() });
            update
        };
        (0..count).map(one).collect()
    };
    let error = instance.rpc(UPDATE, &series(9)).unwrap_err();
    assert!(error.contains("updates[8] \"g\": too many series: 8"), "{error}");
    assert!(!instance.scrape().has("flux_custom_g"));
    instance.rpc(UPDATE, &series(8)).unwrap();
    let histogram = json!({ "name": "h", "type": "histogram", "value": 1 });
    assert!(instance.rpc(UPDATE, &histogram).is_err());
    assert_eq!(dropped(&instance.scrape(), "series"), 2.0);

    // one more may come, and all have another name
    let good = "[prometheus]\ncustom-series = 9\ncustom-prefix = \"site_\"\n";
    assert!(configure(good).status.success());
    instance.rpc(UPDATE, &series(9)).unwrap();
    let page = instance.scrape();
    assert!(!page.has("flux_custom_g"));
    assert_eq!(page.sum("site_g", &[]), 9.0);
    // a name of ours is nobody else's
    let bad = configure("[prometheus]\ncustom-prefix = \"flux_jobs_\"\n");
    let error = String::from_utf8(bad.stderr).unwrap();
    let ours = "prometheus.custom-prefix: a name that begins with \
                \"flux_jobs_\" could be taken for flux_jobs_blocked";
    assert!(!bad.status.success() && error.contains(ours), "{error}");
    assert_eq!(instance.scrape().sum("site_g", &[]), 9.0);
    instance.flux(&["module", "remove", "prometheus"]);
}

fn private_mode_keeps_it_to_this_machine(host: Host) {
    let on = "[access]\nprivate-mode = true\n";
    let instance = host.start_with(&["--test-size=1"], on, &[]);
    instance.load_args(&[], &["listen=:0"]);
    instance.rpc(UPDATE, &gauge("g", 1.0)).unwrap();
    let address = instance.address("prometheus");
    let port = address.rsplit_once(':').unwrap().1;
    let page = |ip: &str| curl(&[&format!("http://{ip}:{port}/metrics")]).1;
    assert!(page("127.0.0.1").contains("\nflux_custom_g 1\n"));
    if let Some(ip) = own_address().map(|ip| ip.to_string()) {
        let page = page(&ip);
        assert!(page.contains("\nflux_exporter_custom_series 1\n"));
        assert!(!page.contains("flux_custom_"), "{page}");
    }
    instance.flux(&["module", "remove", "prometheus"]);
}

/// A command that finds `flux metric` where it is before it is installed.
fn command(instance: &Instance, program: &str) -> Command {
    let mut command = instance.command(program);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/cmd");
    command.env("FLUX_EXEC_PATH_PREPEND", folder);
    command
}

fn metric(instance: &Instance, script: &str) -> (Option<i32>, String) {
    let script = format!("exec 2>&1; {script}");
    let output =
        command(instance, "sh").args(["-ec", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

/// A code block of the page's section on this, by language.
fn example(language: &str) -> &'static str {
    let section = PAGE.split("\n## Publish\n").nth(1).unwrap();
    let block = section.split(&format!("```{language}\n")).nth(1).unwrap();
    block.split("```").next().unwrap()
}

#[test]
fn the_pages_examples_work() {
    if skip("the_pages_examples_work") {
        return;
    }
    let instance = Instance::start(&["--test-size=2"]);
    load(&instance, &[]);
    let (code, said) = metric(&instance, example("sh"));
    assert_eq!(code, Some(0), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("counter   "), "{said}");
    assert!(last.ends_with(" flux_custom_solver_steps_total"), "{said}");
    // from another rank
    let output = instance
        .command("flux")
        .args(["exec", "-r1", "flux", "python", "-c", example("python")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = instance.scrape();
    assert_eq!(page.value("flux_custom_solver_steps_total"), 11.0);
    assert_eq!(page.value("flux_custom_solver_residual{case=\"wing\"}"), 1e-6);
    assert_eq!(page.value("flux_custom_solver_step_seconds_count"), 1.0);
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn jobs_on_any_rank_publish() {
    if skip("jobs_on_any_rank_publish") {
        return;
    }
    let instance = Instance::start(&["--test-size=4"]);
    load(&instance, &[]);
    let (code, said) = metric(
        &instance,
        "flux run -N4 sh -c 'flux metric set from $(flux getattr rank) \
         -l rank=$(flux getattr rank) && flux metric add started --no-wait'",
    );
    assert_eq!(code, Some(0), "{said}");
    wait_for("those who did not wait", || {
        let page = instance.scrape();
        let started = page.sum("flux_custom_started_total", &[]);
        assert_eq!(page.sum("flux_custom_from", &[]), 6.0);
        (started == 4.0).then_some(())
    });
    for value in ["-1", "-2.5e-3", "-.5", "1e300"] {
        let (code, said) =
            metric(&instance, &format!("flux metric set cold {value}"));
        assert_eq!(code, Some(0), "{value}: {said}");
        let shown = instance.scrape().value("flux_custom_cold");
        assert_eq!(shown, value.parse::<f64>().unwrap());
    }
    // what is wrong is told by name, and by the exit code
    for (words, code, error) in [
        ("set from 1", 1, "\"from\": labels: the family has rank, not none"),
        ("set from nan", 2, "argument VALUE: expected a finite number"),
        ("set from 1 -l rank", 2, "expected NAME=VALUE, got 'rank'"),
        ("add from -1", 1, "\"from\": value: a counter takes none below 0"),
        ("set a 1 --rank 3", 1, "the module is not loaded on rank 3"),
        ("list --module other", 1, "the module is not loaded on rank 0"),
        ("set a 1 --ttl 8d", 1, "\"a\": ttl: expected 1 to 604800 s"),
        ("set a 1 --ttl inf", 2, "argument --ttl: expected 1s to 7d"),
    ] {
        let (got, said) = metric(&instance, &format!("flux metric {words}"));
        assert_eq!(got, Some(code), "{words}: {said}");
        assert!(said.contains(error), "{words}: {said}");
    }
    let (_, said) = metric(&instance, "flux metric list");
    assert_eq!(said.matches("flux_custom_from{rank=\"").count(), 4, "{said}");
    instance.flux(&["module", "remove", "prometheus"]);
}

#[test]
fn guests_publish_where_they_may_and_as_themselves() {
    if skip("guests_publish_where_they_may_and_as_themselves") {
        return;
    }
    let instance = Instance::start(&["--test-size=1"]);
    load(&instance, &["custom-series=320"]);
    let guest =
        [("FLUX_HANDLE_USERID", "9999"), ("FLUX_HANDLE_ROLEMASK", "0x2")];
    let send = |update: &Value| instance.rpc_as(&guest, UPDATE, update);
    let list = || instance.rpc_as(&guest, "prometheus.custom-list", &json!({}));
    let error = send(&gauge("g", 1.0)).unwrap_err();
    assert!(error.contains("guests may not publish"), "{error}");
    assert_eq!(dropped(&instance.scrape(), "invalid"), 1.0);

    instance
        .shell("echo '[prometheus]\ncustom-guests = true' | flux config load");
    instance.rpc(UPDATE, &gauge("g", 2.0)).unwrap();
    send(&gauge("g", 1.0)).unwrap();
    let mut other = gauge("g", 1.0);
    other["labels"] = json!({ "userid": "0" });
    let error = send(&other).unwrap_err();
    assert!(error.contains("userid is set by the module"), "{error}");
    let many: Value = (0..20)
        .map(|i| {
            let mut update = gauge("many", 1.0);
            update["labels"] = json!({ "i": i.to_string() });
            update
        })
        .collect();
    let error = send(&many).unwrap_err();
    assert!(error.contains("too many series of this user: 20"), "{error}");
    let page = instance.scrape();
    assert_eq!(page.value("flux_custom_g"), 2.0);
    assert_eq!(page.value("flux_custom_user_g{userid=\"9999\"}"), 1.0);
    assert!(!page.has("flux_custom_user_many"));
    let own = list().unwrap();
    assert_eq!(own["families"].as_array().unwrap().len(), 1, "{own}");
    assert_eq!(own["families"][0]["name"], "flux_custom_user_g");

    instance.shell("echo '[prometheus]' | flux config load");
    assert!(!instance.scrape().has("flux_custom_user_g"));
    assert_eq!(list().unwrap()["families"], json!([]));
    instance.flux(&["module", "remove", "prometheus"]);
}
