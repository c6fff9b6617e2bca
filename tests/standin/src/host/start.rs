//! `standin start`: an instance for as long as a command runs.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use clap::Parser;
use parking_lot::Mutex;
use serde_json::Value;

use super::player::{Player, clock};
use super::{Host, State, control};
use crate::abi::c_text;
use crate::cluster::{Cluster, Settings};
use crate::instance::Instance;
use crate::recorded::Recorded;

/// The release whose behaviour this is modelled on, and that it is not it.
const VERSION: &str = "0.88.0-standin";

/// Runs an instance, not of Flux, for as long as a command runs.
#[derive(Parser)]
struct Options {
    /// The command.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
    /// As in Flux; there is one broker all the same.
    #[arg(short = 's', long, default_value_t = 1)]
    test_size: u32,
    /// A file with the configuration, TOML.
    #[arg(long)]
    config_path: Option<PathBuf>,
    /// One more setting, KEY=VALUE.
    #[arg(long)]
    conf: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// Plays a recorded journal instead of a simulation.
    #[arg(long, requires = "answers")]
    recording: Option<PathBuf>,
    /// What else the recorded instance answers.
    #[arg(long, requires = "recording")]
    answers: Option<PathBuf>,
    /// Time passes as fast as the module keeps up.
    #[arg(long)]
    fast: bool,
    /// How long a service takes to answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u64,
}

/// Runs an instance. Returns the exit code.
pub fn start(args: Vec<String>) -> Result<i32, String> {
    eprintln!("This is a simulated instance, not Flux.");
    let options = Options::parse_from(args);
    let instance = options.instance()?;
    let mut attributes = attributes(options.test_size);
    attributes.extend(instance.attributes());
    let attributes = attributes.into_iter();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (work, to_do) = mpsc::channel();
    let host = Arc::new(Host {
        folder: folder.path().into(),
        attributes: attributes.map(|(k, v)| (k, c_text(&v))).collect(),
        work,
        state: Mutex::new(State::default()),
        turn: Mutex::new(()),
    });
    let player = Player {
        instance,
        now: clock(),
        fast: options.fast,
        latency: Duration::from_millis(options.latency),
        waiting: VecDeque::new(),
        streams: Vec::new(),
    };
    std::thread::spawn(move || player.play(&to_do));
    let path = folder.path().join("control");
    control::listen(host.clone(), &path).map_err(|error| error.to_string())?;
    let (program, args) = (&options.command[0], &options.command[1..]);
    let uri = format!("{}{}", control::SCHEME, path.display());
    let status = Command::new(program).args(args).env("FLUX_URI", uri).status();
    host.unload_all();
    let status = status.map_err(|error| format!("{program}: {error}"))?;
    let code = 128 + status.signal().unwrap_or(0);
    let code = status.code().unwrap_or(code);
    Ok(if host.state().failed { code.max(1) } else { code })
}

impl Options {
    fn instance(&self) -> Result<Box<dyn Instance>, String> {
        if let (Some(journal), Some(answers)) = (&self.recording, &self.answers)
        {
            let recorded = Recorded::new(&read(journal)?, &read(answers)?);
            return Ok(Box::new(recorded.map_err(|e| e.to_string())?));
        }
        let file = self.config_path.as_deref().map(read).transpose()?;
        // the keys are of the top table, so they are before the others
        let text = self.conf.join("\n") + "\n" + &file.unwrap_or_default();
        let cluster = Cluster::new(&self.settings, config(&text)?, clock());
        Ok(Box::new(cluster))
    }
}

/// Parses a configuration.
pub fn config(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn attributes(size: u32) -> BTreeMap<String, String> {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname");
    [
        ("version", VERSION.to_owned()),
        ("rank", "0".into()),
        ("size", size.to_string()),
        ("hostname", hostname.unwrap_or_default().trim().into()),
        ("instance-level", "0".into()),
        ("broker.pid", std::process::id().to_string()),
        ("broker.starttime", format!("{:.2}", clock())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
