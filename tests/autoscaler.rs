//! A small autoscaler as one would be written against the endpoint: it reads
//! one number of one URL, and adds and removes nodes.
//!
//! A node that is off is one that is drained and has no job, which is all
//! that Flux can be told without a cloud. What the autoscaler knows of jobs
//! and nodes it has from the endpoint, and nothing from Flux.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::collections::BTreeSet;

use instance::scrape::{self, Scrape};
use instance::{Host, Instance, wait_for};
use serde_json::Value;

/// The most nodes there can be.
const NODES: u32 = 4;

const CONFIG: &str = r#"
[ingest.validator]
disable = true
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-3]"
cores = "0-3"
"#;

scenarios! {
    a_burst_scales_up_to_what_can_run_and_back_to_zero
}

/// Ranks, by what the autoscaler did to them.
struct Autoscaler<'a> {
    instance: &'a Instance,
    address: String,
    on: BTreeSet<u32>,
    /// Drained, but a job may still be on them.
    leaving: BTreeSet<u32>,
    off: BTreeSet<u32>,
    /// The most that were on at a time.
    peak: usize,
}

impl<'a> Autoscaler<'a> {
    /// Begins with nothing.
    fn new(instance: &'a Instance) -> Self {
        let address = instance.address("prometheus");
        let mut new = Self {
            instance,
            address,
            on: (0..NODES).collect(),
            leaving: BTreeSet::new(),
            off: BTreeSet::new(),
            peak: 0,
        };
        wait_for("all nodes to be off", || {
            new.step();
            (new.off.len() == NODES as usize).then_some(())
        });
        new.peak = 0;
        new
    }

    /// Asks once, and does what follows. Nothing follows where nobody knows.
    fn step(&mut self) {
        let answer = scrape::fetch(&self.address, "/autoscale");
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{}", answer.body);
            return;
        }
        let all: Value = serde_json::from_str(&answer.body).unwrap();
        let wanted = all["nodes_wanted"].as_u64().unwrap();
        let wanted = wanted.min(NODES.into()) as usize;
        let mut coming = BTreeSet::new();
        while self.on.len() < wanted {
            // those that still run first
            let of = match self.leaving.is_empty() {
                true => &mut self.off,
                false => &mut self.leaving,
            };
            let rank = of.pop_first().unwrap();
            self.on.insert(rank);
            coming.insert(rank);
        }
        self.tell("undrain", &coming);
        self.peak = self.peak.max(self.on.len());
        let mut going = BTreeSet::new();
        while self.on.len() > wanted {
            // which are free is not known, and does not have to be
            let rank = self.on.pop_last().unwrap();
            self.leaving.insert(rank);
            going.insert(rank);
        }
        self.tell("drain", &going);
        self.switch_off();
    }

    /// Those that are on are the lowest: so these are next to each other.
    fn tell(&self, verb: &str, ranks: &BTreeSet<u32>) {
        let ranks = match (ranks.first(), ranks.last()) {
            (Some(first), Some(last)) if first < last => {
                format!("{first}-{last}")
            }
            (Some(only), _) => only.to_string(),
            _ => return,
        };
        self.instance.flux(&["resource", verb, &ranks]);
    }

    /// Once no job is left on what was drained.
    fn switch_off(&mut self) {
        let page = scrape::get(&self.address);
        let are = |state| page.sum("flux_nodes", &[("state", state)]);
        let drained = self.leaving.len() + self.off.len();
        if are("draining") > 0.0 || are("drained") != drained as f64 {
            return;
        }
        for rank in std::mem::take(&mut self.leaving) {
            assert!(!busy(self.instance, rank), "a job lost rank {rank}");
            self.off.insert(rank);
        }
    }

    /// Goes on until so many jobs are over.
    fn run_until(&mut self, result: &str, jobs: f64) {
        wait_for(&format!("{jobs} jobs that {result}"), || {
            self.step();
            (self.finished(result) == jobs).then_some(())
        });
    }

    fn finished(&self, result: &str) -> f64 {
        let page: Scrape = scrape::get(&self.address);
        page.sum("flux_jobs_finished_total", &[("result", result)])
    }

    /// Goes on until nothing is on.
    fn run_down(&mut self) {
        wait_for("no node to be on", || {
            self.step();
            (self.off.len() == NODES as usize).then_some(())
        });
    }
}

/// Whether a job has the node, in Flux's own words; the stand-in has none.
fn busy(instance: &Instance, rank: u32) -> bool {
    if instance.host == Host::Standin {
        return false;
    }
    let list = ["resource", "list", "-s", "allocated", "-n", "-o", "{ranks}"];
    let ranks = instance.flux(&list);
    let ranges = ranks.trim().split(',').filter(|range| !range.is_empty());
    ranges.map(|range| range.split_once('-').unwrap_or((range, range))).any(
        |(first, last)| {
            let [first, last] = [first, last].map(|n| n.parse().unwrap());
            (first..=last).contains(&rank)
        },
    )
}

fn submit(instance: &Instance, seconds: u32, options: &[&str]) -> String {
    let run = format!("--setattr=exec.test.run_duration={seconds}s");
    let mut all = vec!["submit", &run];
    all.extend(options);
    all.push("true");
    instance.flux(&all).trim().to_owned()
}

fn a_burst_scales_up_to_what_can_run_and_back_to_zero(host: Host) {
    let options: &[&str] = match host {
        Host::Flux => &["--test-size=4", "--test-hosts=n[0-3]"],
        Host::Standin => {
            &["--nodes=4", "--conf=fake-resources.cores-per-node=4"]
        }
    };
    let instance = host.start_with(options, CONFIG, &[]);
    instance.load(&[]);
    let mut autoscaler = Autoscaler::new(&instance);

    // two nodes and one; not the four of the held one, nor the ninety
    submit(&instance, 3, &["-N2"]);
    submit(&instance, 1, &["-n4"]);
    let held = submit(&instance, 1, &["-N4", "--urgency=hold"]);
    submit(&instance, 1, &["-N90"]);
    autoscaler.run_until("completed", 2.0);
    assert_eq!(autoscaler.peak, 3, "what can run, and no more");
    autoscaler.run_down();
    assert_eq!(autoscaler.peak, 3, "a held job wants nothing");

    // then all of it
    instance.flux(&["job", "urgency", &held, "default"]);
    autoscaler.run_until("completed", 3.0);
    assert_eq!(autoscaler.peak, NODES as usize);
    autoscaler.run_down();

    // the impossible one failed; nothing else did, in whatever way
    let ends = ["completed", "failed", "canceled", "timeout", "unknown"];
    let ends = ends.map(|result| autoscaler.finished(result));
    assert_eq!(ends, [3.0, 1.0, 0.0, 0.0, 0.0]);
    instance.flux(&["module", "remove", "prometheus"]);
}
