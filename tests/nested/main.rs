//! Instances that are jobs tell their parents their totals: what is shown at
//! the top is the sum over them, and stays what it was when they end.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod away;
mod dying;
#[path = "../instance/mod.rs"]
mod instance;
mod named;
mod processes;
mod tree;
mod users;

use std::path::{Path, PathBuf};
use std::process::Command;

use instance::scrape::Scrape;
use instance::tempdir::TempDir;
use instance::{Instance, wait_for};
use serde_json::Value;

/// What an instance below the first runs, until its file END is there, or the
/// folder is not.
const INITIAL: &str = r#"
flux module load $OPTIONS "$MODULE" listen=none parent-period=1s $ARGUMENTS
echo $FLUX_URI >"$0.new" && mv "$0.new" "$0.uri"
while [ -e "$0.uri" ] && [ ! -e "$0.end" ]; do sleep 0.1; done
"#;

/// How an instance is started.
#[derive(Default)]
struct Kind {
    /// Options of `flux start`.
    start: Vec<String>,
    /// Options of `flux module load`.
    options: &'static str,
    /// Further arguments of the module.
    arguments: &'static str,
}

/// An instance that is a job.
struct Nested<'a> {
    top: &'a Instance,
    uri: String,
    /// Its job in the instance that it is a job of, in decimal.
    job: u64,
    file: PathBuf,
}

impl<'a> Nested<'a> {
    /// A job of another such instance, or of the top one.
    fn start(
        top: &'a Instance,
        of: Option<&Nested>,
        dir: &TempDir,
        name: &str,
    ) -> Self {
        Self::start_as(&Kind::default(), top, of, dir, name)
    }

    /// The same, of a kind.
    fn start_as(
        kind: &Kind,
        top: &'a Instance,
        of: Option<&Nested>,
        dir: &TempDir,
        name: &str,
    ) -> Self {
        let file = dir.path().join(name);
        let log = format!("-Slog-filename={}", with(&file, "log").display());
        let mut submit = top.command("flux");
        submit.args(["submit", "-n1", "flux", "start", &log]);
        submit.args(&kind.start).args(["sh", "-ec", INITIAL]).arg(&file);
        submit.env("MODULE", instance::module());
        submit.env("OPTIONS", kind.options).env("ARGUMENTS", kind.arguments);
        if let Some(of) = of {
            submit.env("FLUX_URI", &of.uri);
        }
        let job = output(&mut submit);
        let job = output(top.command("flux").args(["job", "id", job.trim()]));
        let uri = wait_for(&format!("{name} to start"), || {
            std::fs::read_to_string(with(&file, "uri")).ok()
        });
        let uri = uri.trim().to_owned();
        Self { top, uri, job: job.trim().parse().unwrap(), file }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.top.command(program);
        command.env("FLUX_URI", &self.uri);
        command
    }

    fn flux(&self, args: &[&str]) -> String {
        output(self.command("flux").args(args))
    }

    /// How the collector is doing.
    fn collector(&self) -> Value {
        let stats = self.flux(&["module", "stats", "prometheus"]);
        let stats: Value = serde_json::from_str(&stats).unwrap();
        stats["collectors"]["parent"].clone()
    }

    fn broker_pid(&self) -> String {
        self.flux(&["getattr", "broker.pid"]).trim().to_owned()
    }

    /// What its broker logged so far, also when that is not there any more.
    fn log(&self) -> String {
        std::fs::read_to_string(with(&self.file, "log")).unwrap()
    }

    fn end(&self) {
        std::fs::write(with(&self.file, "end"), "").unwrap();
    }
}

fn with(file: &Path, extension: &str) -> PathBuf {
    file.with_extension(extension)
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What Flux says of jobs: their states, and the results of those that ended.
fn jobs(mut command: Command) -> Vec<String> {
    let list = ["jobs", "-a", "-n", "--format={state} {result}"];
    let list = output(command.args(list));
    let word = |line: &str| line.trim().to_lowercase();
    list.lines().map(word).collect()
}

fn instances(page: &Scrape, depth: &str) -> f64 {
    page.sum("flux_tree_instances", &[("depth", depth)])
}
