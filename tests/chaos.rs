//! Everything at once on real Flux: jobs, scrapers, hostile clients, reloads
//! of the module, of its settings and of Flux's own modules, a log that
//! cannot be written, and a clock that jumps; and beside it a second load that
//! speaks TLS, whose certificates are replaced. `make chaos` runs it.
//!
//! `CHAOS_SECONDS=600` is how long; without it nothing is run. `SEED=7` makes
//! other choices. `CHAOS_ALONE=1` does it without the module and its clients,
//! and shows what Flux itself comes to hold.
//!
//! All the while the broker has to live and to beat its heart in time. In the
//! end it has to hold no more than before, and the counts have to be Flux's.
//!
//! `tests/chaos/chaos.py` acts on Flux from inside; what is true it knows from
//! `tests/differential`. Faults of Flux 0.88 it keeps clear of: it reloads a
//! scheduler only while no allocation is on its way (`sched.alloc-response:
//! already allocated`), and does not wait with `flux queue idle` (job-manager,
//! when reloaded, may count less than no running jobs).

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "chaos/certificates.rs"]
mod certificates;
#[path = "chaos/clients.rs"]
mod clients;
#[path = "differential/compare.rs"]
mod compare;
mod endpoint;
mod instance;
#[path = "chaos/judge.rs"]
mod judge;
#[path = "chaos/reactors.rs"]
mod reactors;
#[path = "chaos/watch.rs"]
mod watch;

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use certificates::{Certificates, Swapping};
use clients::Clients;
use instance::tempdir::TempDir;
use instance::{Instance, module, scrape, skip};
use serde_json::Value;
use watch::{Heartbeat, Watch};

/// A broker for each node: fake nodes cannot be drained so that Flux says so.
const CONFIG: &str = r#"
[ingest.validator]
disable = true
[queues.batch]
[queues.debug]
requires = ["low"]
[resource]
noverify = true
[[resource.config]]
hosts = "n[0-3]"
cores = "0-7"
gpus = "0-1"
[[resource.config]]
hosts = "n[0-1]"
properties = ["low"]
[prometheus]
"#;

/// Two polls of everything that is polled, and some.
const PATIENCE: Duration = Duration::from_secs(15);

#[test]
fn everything_at_once() {
    if skip("everything_at_once") {
        return;
    }
    let Ok(seconds) = std::env::var("CHAOS_SECONDS") else {
        instance::skipped("everything_at_once", "runs with CHAOS_SECONDS=600");
        return;
    };
    let seconds: f64 = seconds.parse().expect("CHAOS_SECONDS is a number");
    let seed = std::env::var("SEED").unwrap_or_else(|_| "1".into());
    let mut wrong = chaos(seconds, &seed);
    wrong.retain(|line| !line.is_empty());
    assert!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
}

/// Returns all that was wrong.
fn chaos(seconds: f64, seed: &str) -> Vec<String> {
    let [address, secure] = [free_address(), free_address()];
    let certificates = Arc::new(Certificates::new(secure));
    let dir = TempDir::new();
    let clock = Clock::find(dir.path());
    let instance = start(address, &clock);
    let watch = Watch::start(instance.broker_pid());
    let mut heartbeat = Heartbeat::listen(&instance);
    let swap_seed = seed.parse().unwrap_or(1);
    let alone = std::env::var_os("CHAOS_ALONE").is_some();
    if !alone {
        let arguments = certificates.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        instance.load_args(&["--name=secure"], &arguments);
    }
    let mut driver = Driver::start(&instance, seconds, seed, address, &clock);
    let mut wrong = Vec::new();

    driver.expect("warm-up");
    let start_clients = || {
        let swapping = || Swapping::start(&certificates, swap_seed);
        (!alone).then(|| (Clients::start(address), swapping()))
    };
    let stop_clients = |(clients, swapping): (Clients, Swapping)| {
        let swaps = swapping.stop();
        (clients.stop(), swaps)
    };
    let clients = start_clients();
    driver.go();
    driver.expect("calm");
    clients.map(stop_clients);
    driver.go();

    driver.expect("rest");
    let (before, left_before) = (watch.now(), watch.left());
    heartbeat.intervals();
    driver.go();

    driver.expect("chaos");
    let control = heartbeat.intervals();
    driver.go();
    let clients = start_clients();

    driver.expect("calm");
    let met = clients.map(stop_clients);
    let beats = heartbeat.intervals();
    driver.go();
    if !alone {
        wrong.extend(driver.counts(address));
    }

    let rest = driver.expect("rest");
    let (after, left) = (watch.now(), watch.left());
    driver.go();
    driver.end();
    let (most, module) = watch.stop();
    drop(heartbeat);

    println!("{seconds} s of everything, seed {seed}:");
    println!("  done to Flux: {}", rest["did"]);
    wrong.extend(said(&rest["wrong"]));
    wrong.extend(
        met.map_or(Vec::new(), |(met, swaps)| judge::clients(&met, &swaps)),
    );
    wrong.extend(judge::heart(&control, &beats));
    wrong.extend(judge::broker(before, most, after, [&left_before, &left]));
    wrong
        .extend((!alone).then(|| judge::module(&module)).into_iter().flatten());
    wrong.push(farewell(instance));
    wrong
}

fn free_address() -> SocketAddr {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap()
}

fn start(address: SocketAddr, clock: &Clock) -> Instance {
    let config = format!("{CONFIG}listen = [\"{address}\"]\n");
    let options =
        ["--test-size=4", "--test-hosts=n[0-3]", "-Slog-filename=/dev/full"];
    let env: Vec<_> = clock.env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    Instance::start_with(&options, &config, &env)
}

/// A clock of the brokers' own, if libfaketime is installed.
struct Clock {
    /// What it is off by is written there.
    file: String,
    env: Vec<(&'static str, String)>,
}

impl Clock {
    fn find(dir: &Path) -> Clock {
        let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
        if !Path::new(library).exists() {
            println!("no clock steps: {library} is missing (faketime)");
            return Clock { file: String::new(), env: Vec::new() };
        }
        let file = dir.join("clock").to_str().unwrap().to_owned();
        std::fs::write(&file, "+0\n").unwrap();
        let env = vec![
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", file.clone()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        Clock { file, env }
    }
}

/// What acts on Flux, in a process of its own.
struct Driver {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Driver {
    fn start(
        instance: &Instance,
        seconds: f64,
        seed: &str,
        address: SocketAddr,
        clock: &Clock,
    ) -> Driver {
        let script =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chaos/chaos.py");
        let mut child = instance
            .within("flux", &format!("{}", seconds * 3.0 + 300.0))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["python", script, &seconds.to_string(), seed])
            .arg(match std::env::var_os("CHAOS_ALONE") {
                Some(_) => std::path::PathBuf::new(),
                None => module(),
            })
            .args([&address.port().to_string(), &clock.file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Driver { child, stdin, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("chaos.py ended: see above");
        serde_json::from_str(&line.unwrap()).unwrap()
    }

    fn expect(&mut self, phase: &str) -> Value {
        let said = self.next();
        assert_eq!(said["phase"], phase);
        said
    }

    fn say(&mut self, word: &str) {
        let _ = writeln!(self.stdin, "{word}");
    }

    fn go(&mut self) {
        self.say("go");
    }

    /// Compares what is served with what is true; what remains different.
    fn counts(&mut self, address: SocketAddr) -> Vec<String> {
        let address = address.to_string();
        for last in [false, true] {
            let truth = self.next();
            let until = Instant::now() + PATIENCE;
            loop {
                let page = scrape::get(&address);
                let differ = compare::differences(&page, &truth);
                if differ.is_empty() || (last && Instant::now() > until) {
                    let series = truth["want"].as_object().unwrap().len();
                    let jobs = &truth["jobs"];
                    println!("  compared: {series} series, {jobs} jobs");
                    self.say("ok");
                    return differ;
                }
                if Instant::now() > until {
                    break;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            // was it quiet after all?
            self.say("again");
        }
        Vec::new()
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().unwrap().success(), "chaos.py failed");
    }
}

fn said(wrong: &Value) -> Vec<String> {
    let all = wrong.as_array().into_iter().flatten();
    all.map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Ends the instance; what was wrong with that.
fn farewell(instance: Instance) -> String {
    instance.try_flux(&["module", "remove", "prometheus"]);
    instance.try_flux(&["module", "remove", "secure"]);
    // with no job left it counts from zero again: see the head of this file
    instance.shell(
        "flux module reload -f job-manager; \
         until flux module list | grep -q job-list; do \
            flux module load job-list || sleep 0.1; done",
    );
    match instance.end() {
        (Some(0), _) => String::new(),
        (code, log) => format!("the instance ended with {code:?}: {log}"),
    }
}
