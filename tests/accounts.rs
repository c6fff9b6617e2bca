//! Users, banks and projects: who is told apart, and that the sums are those
//! of the instance.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use instance::scrape::{self, Scrape};
use instance::{Host, Instance, wait_for};

scenarios! {
    sums_are_those_of_the_instance
    what_is_needed_of_others_is_named
}

const FAKE: [&str; 3] = [
    "--test-size=1",
    "--conf=fake-resources.nnodes=8",
    "--conf=fake-resources.cores-per-node=8",
];
const STATES: [&str; 5] = ["depend", "priority", "sched", "run", "cleanup"];
const KINDS: [(&str, &str); 3] =
    [("user", "userid"), ("bank", "bank"), ("project", "project")];

/// Everything on one page is of one moment, so the sums agree at any time.
fn agrees(page: &Scrape) {
    for (kind, label) in KINDS {
        let sum = |name: &str, labels: &[(&str, &str)]| {
            page.sum(&format!("flux_{kind}_{name}"), labels)
        };
        for state in STATES {
            let labels = [("state", state)];
            let all = page.sum("flux_jobs", &labels);
            assert_eq!(sum("jobs", &labels), all, "{state} by {kind}");
        }
        let has = |state| page.sum("flux_job_nodes", &[("state", state)]);
        assert_eq!(sum("nodes", &[]), has("run") + has("cleanup"));
        let all = page.sum("flux_job_node_seconds_total", &[]);
        let ours = sum("node_seconds_total", &[])
            + sum("retired_node_seconds_total", &[]);
        assert!((ours - all).abs() < 1e-6 * all.max(1.0), "{ours}, not {all}");
        let other = format!("flux_{kind}_nodes{{{label}=\"other\"}}");
        assert!(page.get(&other).is_some(), "{other}");
    }
}

/// Submits jobs that run until they are canceled.
fn submit(instance: &Instance, bank: &str, nodes: u32) {
    let nodes = format!("-N{nodes}");
    let bank = format!("--setattr=bank={bank}");
    let mut args = vec!["submit", &nodes];
    args.push("--setattr=exec.test.run_duration=600s");
    // the stand-in knows no attributes but those
    if instance.host == Host::Flux {
        args.extend([&bank, "--setattr=project=p"]);
    }
    args.push("true");
    instance.flux(&args);
}

fn sums_are_those_of_the_instance(host: Host) {
    let instance = host.start(&FAKE);
    let before = if host == Host::Flux { "a" } else { "" };
    submit(&instance, "a", 2);
    let args =
        ["listen=127.0.0.1:0", "collectors=users,banks,projects", "top=2"];
    instance.load_args(&[], &args);
    let address = instance.address("prometheus");
    let page = |what: &str, done: &dyn Fn(&Scrape) -> bool| {
        wait_for(what, || {
            let page = scrape::get(&address);
            if page.has("flux_jobs") {
                agrees(&page);
            }
            done(&page).then_some(page)
        })
    };
    // who has jobs already is shown as soon as anything is
    let of = |name: &str, label: &str, value: &str| {
        format!("flux_{name}_nodes{{{label}=\"{value}\"}}")
    };
    let a = of("bank", "bank", before);
    page("a job that runs", &|p| p.get(&a) == Some(2.0));
    submit(&instance, "b", 1);
    submit(&instance, "c", 1);
    submit(&instance, "a", 8);
    let all = page("four jobs", &|p| {
        p.sum("flux_jobs", &[("state", "run")]) == 3.0
            && p.sum("flux_jobs", &[]) == 4.0
    });
    let user = instance.command("id").arg("-u").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let user = if host == Host::Flux { user.trim() } else { "0" };
    assert_eq!(all.value(&of("user", "userid", user)), 4.0);
    assert_eq!(all.value(&of("user", "userid", "other")), 0.0);
    if host == Host::Flux {
        assert_eq!(all.value(&of("project", "project", "p")), 4.0);
        let banks = ["a", "b", "other"].map(|bank| of("bank", "bank", bank));
        assert_eq!(banks.map(|bank| all.value(&bank)), [2.0, 1.0, 1.0]);
        assert!(all.get(&of("bank", "bank", "c")).is_none());
    }
    // the counters go on
    let series = format!("flux_user_node_seconds_total{{userid=\"{user}\"}}");
    let later = page("time to pass", &|p| p.get(&series) > all.get(&series));
    let other = "flux_user_node_seconds_total{userid=\"other\"}";
    assert_eq!(later.get(other), all.get(other));

    instance.flux(&["cancel", "--all"]);
    page("no jobs", &|p| p.sum("flux_jobs", &[]) == 0.0);
    let (code, log) = {
        instance.flux(&["module", "remove", "prometheus"]);
        instance.end()
    };
    assert_eq!(code, Some(0), "{log}");
}

fn what_is_needed_of_others_is_named(host: Host) {
    let instance = host.start(&FAKE);
    let off = "collectors=-jobs,users,banks,projects";
    instance.load_args(&[], &["listen=127.0.0.1:0", off]);
    let all = instance.stats("prometheus")["collectors"].clone();
    for name in ["users", "banks", "projects", "autoscale"] {
        let problem = &all[name]["problem"];
        assert_eq!(
            problem,
            &format!(
                "needs jobs, which the setting collectors has off: add that, \
                 or \"-{name}\""
            )
        );
    }
    instance.flux(&["module", "remove", "prometheus"]);
    let (code, log) = instance.end();
    assert_eq!(code, Some(0), "{log}");
}
