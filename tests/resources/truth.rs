//! Nodes by state as a scrape shows them, beside what Flux prints.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::instance::Instance;
use super::instance::scrape::Scrape;

pub const STATES: [&str; 6] =
    ["free", "allocated", "draining", "drained", "down", "excluded"];

pub fn by_state(page: &Scrape, family: &str) -> BTreeMap<&'static str, f64> {
    let value = |state| page.value(&format!("{family}{{state=\"{state}\"}}"));
    STATES.iter().map(|state| (*state, value(state))).collect()
}

/// All differences between a scrape and what Flux prints of its nodes.
fn differences(page: &Scrape, instance: &Instance) -> Vec<String> {
    let [nodes, cores, gpus] = ["flux_nodes", "flux_cores", "flux_gpus"]
        .map(|family| by_state(page, family));
    let mut wrong = Vec::new();
    let mut check = |what: String, ours: f64, theirs: f64| {
        if ours != theirs {
            wrong.push(format!("{what}: {ours}, Flux says {theirs}"));
        }
    };

    let status =
        instance.flux(&["resource", "status", "-no", "{state} {nnodes}"]);
    let mut theirs: BTreeMap<&str, f64> = BTreeMap::new();
    for line in status.lines() {
        let (state, n) = line.trim().split_once(' ').unwrap();
        // a star is for what is offline as well
        let state = match state {
            "exclude" | "exclude*" => "excluded",
            "torpid" => "down",
            other if other.ends_with('*') => "down",
            other => other,
        };
        *theirs.entry(state).or_default() += n.trim().parse::<f64>().unwrap();
    }
    for state in ["draining", "drained", "down", "excluded"] {
        let theirs = theirs.get(state).copied().unwrap_or_default();
        check(format!("{state} nodes"), nodes[state], theirs);
    }
    let avail = theirs.get("avail").copied().unwrap_or_default();
    check("nodes".into(), nodes["free"] + nodes["allocated"], avail);

    let list = instance.flux(&[
        "resource",
        "list",
        "-no",
        "{state} {nnodes} {ncores} {ngpus}",
    ]);
    let bad = ["drained", "draining", "down"];
    let used = ["allocated", "draining"];
    for line in list.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [n, c, g] = [1, 2, 3].map(|i| fields[i].parse::<f64>().unwrap());
        // theirs overlap: a draining node is allocated and down
        let of = |ours: &BTreeMap<&str, f64>| match fields[0] {
            "free" => ours["free"],
            "allocated" => used.map(|state| ours[state]).iter().sum(),
            "down" => bad.map(|state| ours[state]).iter().sum(),
            other => panic!("state {other}"),
        };
        // theirs are free as long as a core is
        if fields[0] != "free" {
            check(format!("nodes listed as {}", fields[0]), of(&nodes), n);
        }
        check(format!("cores listed as {}", fields[0]), of(&cores), c);
        check(format!("GPUs listed as {}", fields[0]), of(&gpus), g);
    }
    wrong
}

/// Waits until a page agrees with Flux and passes the test.
pub fn agrees(
    what: &str,
    instance: &Instance,
    ok: impl Fn(&Scrape) -> bool,
) -> Scrape {
    let mut last = Vec::new();
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        let page = instance.scrape();
        // those for autoscalers are back within a second of these
        let all = ["flux_nodes", "flux_autoscale_free_nodes"];
        if all.iter().all(|family| page.has(family)) && ok(&page) {
            last = differences(&page, instance);
            if last.is_empty() {
                return page;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let page = instance.scrape();
    panic!("{what}: {last:?}: {:?}", by_state(&page, "flux_nodes"));
}

/// Whether the nodes are in these states.
pub fn are(want: [u64; 6]) -> impl Fn(&Scrape) -> bool {
    move |page| {
        let nodes = by_state(page, "flux_nodes");
        STATES.iter().zip(want).all(|(state, n)| nodes[state] == n as f64)
    }
}
