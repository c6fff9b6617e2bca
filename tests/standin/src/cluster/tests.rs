//! The simulation against what a real journal looks like, and against itself.

use std::ffi::CString;

use serde_json::json;

use super::job::{Event, Job, RESULTS, STATES, State};
use super::*;
use crate::abi::{Message, Queue as Messages, Request, c_text};

/// A cluster and all that its journal said.
struct Watched {
    cluster: Cluster,
    journal: Messages,
    now: f64,
    lines: Vec<Value>,
}

impl Watched {
    /// With 8 nodes and the queues batch and debug, both started.
    fn new(seed: u64, rate: f64, jobs: usize) -> Self {
        let config = json!({
            "queues": { "batch": {}, "debug": {} },
            "fake-resources": { "cores-per-node": 8, "gpus-per-node": 2 },
        });
        let settings = Settings { nodes: 8, seed, rate, jobs };
        let now = 1.0e9;
        let cluster = Cluster::new(&settings, config, now).unwrap();
        let journal = Messages::new();
        let mut this = Self { cluster, journal, now, lines: vec![] };
        this.open();
        this.run("queue start --all");
        this
    }

    fn open(&mut self) {
        self.lines.clear();
        self.journal = Messages::new();
        let topic = c_text("job-manager.events-journal");
        let reply = self.journal.reply(0);
        let request = Request::new(topic, c_text(r#"{"full":true}"#), reply);
        self.cluster.answer(&request);
        self.listen();
    }

    /// Takes what the journal said.
    fn listen(&mut self) {
        while let Some(Message::Response(_, said)) = self.journal.pop() {
            match said {
                Ok(line) => self.lines.push(parse(line)),
                Err((error, _)) => assert_eq!(error, libc::ENODATA),
            }
        }
    }

    /// Lets time pass in steps.
    fn pass(&mut self, seconds: f64, steps: u32) {
        let began = self.now;
        for step in 1..=steps {
            self.now = began + seconds * f64::from(step) / f64::from(steps);
            self.cluster.advance(self.now);
            self.listen();
        }
    }

    fn try_run(&mut self, line: &str) -> Result<String> {
        let args: Vec<_> = line.split(' ').collect();
        let text = self.cluster.command(&args);
        self.listen();
        Ok(text?.trim().to_owned())
    }

    fn run(&mut self, line: &str) -> String {
        self.try_run(line).unwrap()
    }

    fn ask(&mut self, topic: &str) -> Value {
        let mut queue = Messages::new();
        let (topic, payload) = (c_text(topic), c_text("{}"));
        let request = Request::new(topic, payload, queue.reply(0));
        self.cluster.answer(&request);
        drop(request);
        match queue.pop() {
            Some(Message::Response(_, Ok(text))) => parse(text),
            Some(Message::Response(_, Err((error, text)))) => {
                json!([error, text.to_str().unwrap()])
            }
            _ => panic!("no answer"),
        }
    }

    /// All events, with the id of their jobs.
    fn events(&self) -> impl Iterator<Item = (u64, &Value)> {
        self.lines.iter().flat_map(|line| {
            let events = line["events"].as_array().unwrap();
            let id = line["id"].as_u64().unwrap_or(0);
            events.iter().map(move |event| (id, event))
        })
    }

    /// The names of a job's events so far.
    fn life(&self, id: &str) -> String {
        let events = self.events().filter(|event| event.0.to_string() == id);
        let names = events.map(|event| event.1["name"].as_str().unwrap());
        names.collect::<Vec<_>>().join(" ")
    }

    /// What the events add up to agrees with job-stats.
    fn agrees(&mut self) {
        let mut jobs: BTreeMap<u64, Job> = BTreeMap::new();
        for (id, event) in self.events() {
            let name = event["name"].as_str().unwrap().to_owned();
            let event = Event::new(name.leak(), event["context"].clone());
            jobs.entry(id).or_default().apply(event);
        }
        let stats = self.ask("job-list.job-stats");
        let count = |f: &dyn Fn(&Job) -> bool| {
            json!(jobs.values().filter(|job| f(job)).count())
        };
        for (i, name) in STATES.iter().enumerate() {
            let ours = count(&|job| job.state as usize == i);
            assert_eq!(ours, stats["job_states"][*name], "{name}");
        }
        for (i, name) in RESULTS.iter().enumerate() {
            let is = |job: &Job| job.state == State::Inactive;
            let ours = count(&|job| is(job) && job.result.unwrap_or(1) == i);
            assert_eq!(ours, stats[*name], "{name}");
        }
    }
}

fn parse(line: CString) -> Value {
    serde_json::from_slice(line.to_bytes()).unwrap()
}

/// The orders are those of a journal of Flux 0.88.
#[test]
fn events_come_as_from_flux() {
    let mut it = Watched::new(1, 0.0, 0);
    let mut check = |line: &str, then: &str, life: &str| {
        let id = it.run(&format!("submit -qbatch {line}"));
        it.pass(1.0, 7);
        if !then.is_empty() {
            it.run(&then.replace("ID", &id));
            it.pass(1.0, 7);
        }
        assert_eq!(it.life(&id), life, "{line}");
        id
    };
    let ready = "submit validate depend priority";
    let over = "finish release free clean";
    let plain = format!("{ready} alloc start {over}");
    let raised = format!("{ready} alloc start exception {over}");
    let refused = format!("{ready} exception clean");
    let moved = format!("{ready} jobspec-update priority");
    let freed = format!("{ready} urgency priority alloc start {over}");
    check("true", "", &plain);
    check("-N2 -n4 -c2 -g 1 true", "", &plain);
    check("--setattr=exec.test.run_duration=100s", "cancel ID", &raised);
    check("-t 0.2s --setattr=exec.test.run_duration=9s", "", &raised);
    check("--setattr=exec.test.mock_exception=run true", "", &raised);
    check("-N 100000 true", "", &refused);
    let hold = "--urgency=hold true";
    check(hold, "cancel ID", &refused);
    check(hold, "job urgency ID default", &freed);
    let id = check(hold, "update ID queue=debug", &moved);
    let added = "submit dependency-add validate";
    let met = format!("{added} dependency-remove {}", &plain[16..]);
    let waits = check(&format!("--dependency=afterany:{id} true"), "", added);
    let doomed = check(&format!("--dependency=afterok:{id} true"), "", added);
    it.run(&format!("cancel {id}"));
    it.pass(1.0, 1);
    assert_eq!(it.life(&waits), met);
    assert_eq!(it.life(&doomed), format!("{added} exception clean"));
    let late = format!("submit -qbatch --dependency=afterok:{id} true");
    assert!(it.try_run(&late).is_err());
    it.pass(1.0, 1);
    let (last, _) = it.events().last().unwrap();
    assert_eq!(it.life(&last.to_string()), "submit invalidate");
    assert_eq!(it.run("queue idle"), "true");
}

#[test]
fn the_journal_adds_up_to_job_stats_over_reloads() {
    let mut it = Watched::new(1, 2.0, 100);
    let mut drained = 0;
    for _ in 0..5 {
        for _ in 0..20 {
            it.pass(5.0, 1);
            drained +=
                it.ask("resource.status")["drain"].as_object().unwrap().len();
        }
        it.agrees();
        it.run("module remove job-manager");
        it.pass(3.0, 2);
        let text = "No service matching job-manager.x is registered";
        assert_eq!(it.ask("job-manager.x"), json!([38, text]));
        it.run("module load job-manager");
        it.run("module load job-list");
        it.open();
        it.pass(1.0, 1);
        it.agrees();
    }
    it.cluster.rate = 1e-9;
    it.pass(1e5, 1);
    it.run("cancel --all");
    it.pass(1.0, 1);
    it.agrees();
    let stats = it.ask("job-list.job-stats");
    for what in RESULTS {
        assert!(stats[what].as_u64().unwrap() > 5, "{stats}");
    }
    assert_eq!(it.ask("job-manager.stats-get")["active_jobs"], 0);
    assert!(drained > 0, "no node ever broke");
}

#[test]
fn nothing_is_given_out_twice() {
    for seed in 0..8 {
        let mut it = Watched::new(seed, 2.0, 0);
        let mut least = u32::MAX;
        for _ in 0..1000 {
            it.pass(0.5, 1);
            let nodes = &it.cluster.nodes;
            let mut left = vec![nodes.whole; 8];
            for (_, id) in it.cluster.running.keys() {
                let r = it.cluster.jobs[id].r.as_ref().unwrap();
                for (rank, bits) in &r.0 {
                    let left = &mut left[*rank as usize];
                    left.cores -= bits.cores;
                    left.gpus -= bits.gpus;
                }
            }
            assert_eq!(left, nodes.free);
            least = least.min(nodes.free_cores);
        }
        assert!(least < 16, "{least} cores free at least");
    }
}

#[test]
fn drained_nodes_get_no_jobs() {
    let mut it = Watched::new(1, 0.0, 0);
    it.run("resource drain 0-6 bad");
    let id = it.run("submit -qbatch -N2");
    it.pass(1.0, 1);
    assert_eq!(it.life(&id), "submit validate depend priority");
    it.run("resource undrain 3");
    it.pass(1.0, 1);
    assert!(it.life(&id).contains("alloc"));
    let r = it.cluster.jobs.values().next().unwrap().r.as_ref().unwrap();
    let ranks: Vec<u32> = r.0.iter().map(|piece| piece.0).collect();
    assert_eq!(ranks, [3, 7]);
}

#[test]
fn a_seed_decides_all() {
    let play = |seed, steps| {
        let mut it = Watched::new(seed, 5.0, 50);
        it.pass(60.0, steps);
        it.lines
    };
    assert_eq!(play(3, 1), play(3, 997));
    assert_ne!(play(3, 1), play(4, 1));
}

/// A job that has to wait is not put off by those that overtake it.
#[test]
fn backfill_delays_nobody() {
    let mut it = Watched::new(1, 0.0, 0);
    let [_, blocked, long, short] = [
        "-N6 -t 60s --setattr=exec.test.run_duration=60s",
        "-N8 -t 60s --setattr=exec.test.run_duration=30s",
        "-N1 -t 90s --setattr=exec.test.run_duration=90s",
        "-N1 -t 9s",
    ]
    .map(|what| {
        let id = it.run(&format!("submit -qbatch {what}"));
        it.pass(0.5, 1);
        id
    });
    let begun = |it: &Watched, id: &str| it.life(id).contains("alloc");
    assert!(begun(&it, &short) && !begun(&it, &blocked));
    assert!(!begun(&it, &long));
    it.pass(60.0, 1);
    assert!(begun(&it, &blocked) && !begun(&it, &long));
}
