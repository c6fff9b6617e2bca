//! `standin start`: an instance for as long as a command runs.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::Parser;
use parking_lot::Mutex;
use serde_json::Value;

use super::{Host, State, control};
use crate::abi::{Message, Queue, c_text};
use crate::cluster::{Cluster, Settings};
use crate::recorded::Recorded;

/// The release whose behaviour this is modelled on, and that it is not it.
const VERSION: &str = "0.88.0-standin";

/// How many seconds pass in one go at most; others want an answer meanwhile.
const BIT: f64 = 0.01;

/// Runs an instance, not of Flux, for as long as a command runs.
#[derive(Parser)]
struct Options {
    /// The command.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
    /// As in Flux; there is one broker all the same.
    #[arg(long, default_value_t = 1)]
    test_size: u32,
    /// A file with the configuration, TOML.
    #[arg(long)]
    config_path: Option<PathBuf>,
    /// One more setting, KEY=VALUE.
    #[arg(long)]
    conf: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// Plays FILE.jsonl, a recorded journal, and what FILE.json has of the
    /// same instance, instead of a simulation.
    #[arg(long, value_name = "FILE.jsonl")]
    recording: Option<PathBuf>,
    /// Skips the time in which nothing happens, as fast as modules keep up.
    #[arg(long)]
    fast: bool,
    /// How long a request takes to be answered, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u64,
}

/// Runs an instance. Returns the exit code.
pub fn start(args: Vec<String>) -> Result<i32> {
    eprintln!("This is a simulated instance, not Flux.");
    let options = Options::parse_from(args);
    // the keys are of the top table, so they are before the others
    let mut text = options.conf.join("\n") + "\n";
    if let Some(path) = &options.config_path {
        text += &std::fs::read_to_string(path)?;
    }
    let cluster = Cluster::new(&options.settings, config(&text)?, clock())?;
    let recorded = options.recording.as_deref();
    let recorded = recorded.map(Recorded::read).transpose()?;
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let own = [
        ("version", VERSION.to_owned()),
        ("rank", "0".into()),
        ("size", options.test_size.to_string()),
        ("hostname", hostname.trim().into()),
        ("instance-level", "0".into()),
        ("broker.pid", std::process::id().to_string()),
        ("broker.starttime", format!("{:.2}", clock())),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value)).into_iter();
    let theirs = recorded.iter().flat_map(|r| r.attributes.clone());
    let attributes = own.chain(theirs);
    let (folder, queue) = (tempfile::tempdir()?, Queue::new());
    let host = Arc::new(Host {
        folder: folder.path().into(),
        attributes: attributes.map(|(k, v)| (k, c_text(&v))).collect(),
        instance: queue.inbox.clone(),
        state: Mutex::new(State::default()),
        turn: Mutex::new(()),
    });
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]);
    std::thread::spawn(move || options.play(cluster, recorded, queue));
    let path = folder.path().join("control");
    control::listen(host.clone(), &path)?;
    let status = command.env("FLUX_URI", &path).status();
    host.unload_all();
    let status = status.with_context(|| format!("{command:?}"))?;
    let code = 128 + status.signal().unwrap_or(0);
    let code = status.code().unwrap_or(code);
    Ok(if host.state.lock().failed { code.max(1) } else { code })
}

/// Parses a configuration.
pub fn config(text: &str) -> Result<Value> {
    Ok(toml::from_str(text)?)
}

/// Seconds since the epoch.
fn clock() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

impl Options {
    /// The instance's thread: moves its time on, and has it answer.
    fn play(
        &self,
        mut cluster: Cluster,
        recorded: Option<Recorded>,
        mut requests: Queue,
    ) {
        let (mut skipped, mut idle) = (0.0, 0.0_f64);
        loop {
            let message = requests.wait(idle.clamp(0.0, 60.0));
            let now = clock() + skipped;
            cluster.advance(now.min(cluster.next() + BIT));
            if let Some(Message::Request(request)) = message {
                std::thread::sleep(Duration::from_millis(self.latency));
                match &recorded {
                    Some(recorded) => recorded.answer(&request),
                    None => cluster.answer(&request),
                }
            }
            idle = cluster.next() - clock() - skipped;
            if self.fast && idle.is_finite() && !cluster.is_ahead() {
                skipped += idle.max(0.0);
                idle = 0.0;
            }
        }
    }
}
