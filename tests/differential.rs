//! A random driver against real Flux: whenever Flux is quiet, what is served
//! is compared with Flux's own word, family by family.
//!
//! `tests/differential/drive.py` drives and says what is true; see there.
//! `SEEDS=50 JOBS=1000` runs that many seeds with that many jobs each, from
//! `SEED=1` on; without it none, for Flux 0.88's scheduler may jam when it is
//! reloaded at random, which is no fault of ours. Seeds that ever found something are in
//! `tests/differential/seeds.txt` and always run.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "differential/compare.rs"]
mod compare;
mod instance;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use compare::differences;
use instance::scrape;
use instance::{Instance, module, skip};
use serde_json::{Value, json};

/// Two polls of everything that is polled, and some.
const PATIENCE: Duration = Duration::from_secs(12);

/// Queues and nodes; a broker for each node, because fake nodes cannot be
/// drained so that Flux says so.
const NODES: &str = r#"
[ingest.validator]
disable = true
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-3]"
cores = "0-7"
gpus = "0-1"
[[resource.config]]
hosts = "n[0-1]"
properties = ["low"]
"#;
const BROKERS: [&str; 2] = ["--test-size=4", "--test-hosts=n[0-3]"];
const QUEUES: &str = "[queues.batch]\n[queues.debug]\nrequires = [\"low\"]\n";
const FAKE: [&str; 4] = [
    "--test-size=1",
    "--conf=fake-resources.nnodes=4",
    "--conf=fake-resources.cores-per-node=8",
    "--conf=fake-resources.gpus-per-node=2",
];
const BARE: &str = "[ingest.validator]\ndisable = true\n";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |n| n.parse().expect("a number is wanted"))
}

#[test]
fn random_seeds_make_no_difference() {
    if skip("random_seeds_make_no_difference") {
        return;
    }
    let kept = include_str!("differential/seeds.txt").lines();
    let kept = kept.filter(|line| !line.starts_with('#') && !line.is_empty());
    let first = number("SEED", 1);
    let seeds: BTreeSet<u64> = kept
        .map(|line| line.parse().expect(line))
        .chain(first..first + number("SEEDS", 0))
        .collect();
    if seeds.is_empty() {
        let line = "differential: no seed kept; SEEDS=2 runs two\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    let jobs = number("JOBS", 300);
    let mut wrong = Vec::new();
    for seed in seeds {
        let began = Instant::now();
        let ran = Driver::run(seed, jobs);
        let took = began.elapsed().as_secs_f64();
        match ran {
            Ok(text) => println!("seed {seed}: {text} in {took:.0} s"),
            Err(differences) => {
                let text = differences.join("\n  ");
                println!("seed {seed} FAILED: {took:.0} s\n  {text}");
                wrong.push(seed);
            }
        }
    }
    assert!(wrong.is_empty(), "seeds that make a difference: {wrong:?}");
}

struct Driver {
    instance: Instance,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Driver {
    /// Runs a seed, and tells how much there was, or the differences.
    fn run(seed: u64, jobs: u64) -> Result<String, Vec<String>> {
        let mut driver = Self::start(seed, jobs);
        let (mut known, mut series, mut points) = (0, 0, 0);
        let mut again = false;
        while let Some(line) = driver.lines.next() {
            let truth = parse(&line.unwrap());
            let mut differences = driver.compare(&truth);
            if !differences.is_empty() && !again {
                // was it quiet after all?
                let text = differences.join("\n  ");
                println!("seed {seed}: {} again\n  {text}", truth["what"]);
                driver.say("again");
                again = true;
                continue;
            }
            if !differences.is_empty() {
                differences.insert(0, format!("at {}:", truth["what"]));
                driver.say("enough");
                let _ = driver.child.wait();
                driver.unload();
                return Err(differences);
            }
            driver.say("ok");
            again = false;
            points += 1;
            known = truth["jobs"].as_u64().unwrap();
            series += truth["want"].as_object().unwrap().len();
        }
        let status = driver.child.wait().unwrap();
        driver.unload();
        match status.success() {
            true => Ok(format!(
                "{known} jobs, {series} series at {points} quiet points"
            )),
            false => Err(vec![format!("drive.py ended after point {points}")]),
        }
    }

    fn start(seed: u64, jobs: u64) -> Self {
        let (instance, queues) = match seed % 4 {
            // the anonymous queue, and fake nodes
            0 => (Instance::start_with(&FAKE, BARE, &[]), json!({ "": [] })),
            _ => (
                Instance::start_with(&BROKERS, &[QUEUES, NODES].concat(), &[]),
                json!({ "batch": [], "debug": ["low"] }),
            ),
        };
        let rounds = number("ROUNDS", jobs.div_ceil(300).max(2));
        let numbers = [seed, jobs, rounds].map(|n| n.to_string());
        let script =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/drive.py");
        let mut child = instance
            .patient("flux")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["python", script])
            .args(numbers)
            .arg(module())
            .arg(queues.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Driver { instance, child, stdin, lines }
    }

    fn say(&mut self, word: &str) {
        let _ = writeln!(self.stdin, "{word}");
    }

    /// What remains different after all has been polled.
    fn compare(&self, truth: &Value) -> Vec<String> {
        let address = self.instance.address("prometheus");
        let until = Instant::now() + PATIENCE;
        loop {
            let differences = differences(&scrape::get(&address), truth);
            if differences.is_empty() || Instant::now() > until {
                return differences;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn unload(&self) {
        // it may have ended while it was being loaded again
        self.instance.try_flux(&["module", "remove", "prometheus"]);
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).expect(line)
}
