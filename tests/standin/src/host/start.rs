//! `standin start`: an instance for as long as a command runs.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;

use super::driver::{self, Pace};
use super::log::Log;
use super::modules::Modules;
use super::{Host, config, control, lock};
use crate::cluster::{Cluster, Settings};
use crate::instance::Instance;
use crate::recorded::Recorded;

/// The release whose behaviour this is modelled on, and that it is not it.
const VERSION: &str = "0.88.0-standin";

/// What the options say.
struct Options {
    config: Value,
    config_path: Option<PathBuf>,
    size: u32,
    pace: Pace,
    settings: Settings,
    recording: Option<PathBuf>,
    answers: Option<PathBuf>,
    command: Vec<String>,
}

/// Runs an instance. Returns the exit code.
pub fn start(args: &[String]) -> i32 {
    eprintln!("This is a simulated instance, not Flux.");
    match Options::parse(args).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("standin: start: {error}");
            1
        }
    }
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            config: Value::Object(serde_json::Map::new()),
            config_path: None,
            size: 1,
            pace: Pace::default(),
            settings: Settings::default(),
            recording: None,
            answers: None,
            command: Vec::new(),
        };
        let mut conf = Vec::new();
        let mut rest = args.iter();
        let settings = &mut options.settings;
        for arg in rest.by_ref() {
            let (key, value) = arg.split_once('=').unwrap_or((arg, ""));
            match key {
                "--test-size" | "-s" => options.size = number(arg, value)?,
                "--config-path" => {
                    options.config = config::read(Path::new(value))?;
                    options.config_path = Some(value.into());
                }
                "--conf" => conf.push(value),
                "--nodes" => settings.nodes = number(arg, value)?,
                "--cores-per-node" => {
                    settings.cores_per_node = number(arg, value)?;
                }
                "--gpus-per-node" => {
                    settings.gpus_per_node = number(arg, value)?;
                }
                "--seed" => settings.seed = number(arg, value)?,
                "--rate" => settings.rate = number(arg, value)?,
                "--jobs" => settings.jobs = number(arg, value)?,
                "--recording" => options.recording = Some(value.into()),
                "--answers" => options.answers = Some(value.into()),
                "--fast" => options.pace.fast = true,
                "--latency" => {
                    let seconds = number(arg, value)?;
                    options.pace.latency = Duration::try_from_secs_f64(seconds)
                        .map_err(|error| format!("{arg}: {error}"))?;
                }
                _ if key.starts_with('-') => {
                    return Err(format!("{arg}: unknown option"));
                }
                _ => {
                    options.command.push(arg.clone());
                    break;
                }
            }
        }
        options.command.extend(rest.cloned());
        for setting in conf {
            config::set(&mut options.config, setting)?;
        }
        options.fake_resources();
        options.settings.config = options.config.clone();
        Ok(options)
    }

    /// The settings that mean the same in Flux.
    fn fake_resources(&mut self) {
        let fake = &self.config["fake-resources"];
        for (key, setting) in [
            ("nnodes", &mut self.settings.nodes),
            ("cores-per-node", &mut self.settings.cores_per_node),
            ("gpus-per-node", &mut self.settings.gpus_per_node),
        ] {
            let value = fake[key].as_u64().and_then(|n| n.try_into().ok());
            *setting = value.unwrap_or(*setting);
        }
    }
}

fn number<T: FromStr>(arg: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{arg}: not a number it can be"))
}

fn run(options: Options) -> Result<i32, String> {
    let (program, args) =
        options.command.split_first().ok_or("no command to run")?;
    let (driver, tasks) = mpsc::channel();
    let pace = options.pace;
    let instance: Box<dyn Instance> = match &options.recording {
        None => Box::new(Cluster::new(options.settings, driver::clock())),
        Some(path) => {
            let answers = options.answers.as_deref().map(text).transpose()?;
            Recorded::new(&text(path)?, answers.as_deref(), !pace.fast)
                .map(Box::new)
                .map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let mut attributes = attributes(options.size);
    attributes.extend(instance.attributes());
    let host = Arc::new(Host {
        attributes,
        folder: control::folder()
            .map_err(|error| format!("control socket: {error}"))?,
        log: Log::default(),
        config: Mutex::new(options.config),
        config_path: options.config_path,
        modules: Modules::default(),
        driver,
        failed: AtomicBool::new(false),
    });
    std::thread::spawn(move || driver::run(instance, &tasks, pace));
    let uri = control::listen(host.clone())
        .map_err(|error| format!("control socket: {error}"))?;

    let status = Command::new(program).args(args).env("FLUX_URI", uri).status();
    host.unload_all();
    host.clean_up();
    let status = status.map_err(|error| format!("{program}: {error}"))?;
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, signal) => 128 + signal.unwrap_or(0),
    };
    let failed = host.failed.load(Ordering::Relaxed);
    Ok(if failed { code.max(1) } else { code })
}

fn text(path: &Path) -> Result<String, String> {
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
        ("broker.starttime", format!("{:.2}", driver::clock())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl Host {
    /// Reads the configuration file again, where there is one.
    pub fn reread(&self) -> Result<(), String> {
        let table = match &self.config_path {
            Some(path) => config::read(path)?,
            None => lock(&self.config).clone(),
        };
        self.configure(table)
    }
}
