//! Instances that are jobs tell their parents their totals: what is shown at
//! the top is the sum over them, and stays what it was when they end.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod away;
#[path = "../instance/mod.rs"]
mod instance;
mod named;
mod tree;
mod users;

use std::path::{Path, PathBuf};
use std::process::Command;

use instance::scrape::Scrape;
use instance::tempdir::TempDir;
use instance::{Instance, wait_for};
use serde_json::Value;

/// What an instance below the first runs, until its file END is there.
const INITIAL: &str = r#"
flux module load $LOAD "$MODULE" listen=none parent-period=1s $ARGS
echo $FLUX_URI >"$0.new" && mv "$0.new" "$0.uri"
until [ -e "$0.end" ]; do sleep 0.1; done
"#;

/// An instance that is a job.
struct Nested<'a> {
    top: &'a Instance,
    uri: String,
    /// Its job in the instance that it is a job of, in decimal.
    job: u64,
    file: PathBuf,
}

impl<'a> Nested<'a> {
    /// A job of the instance with this URI, or of the top one.
    fn start(
        top: &'a Instance,
        of: Option<&Nested>,
        dir: &TempDir,
        name: &str,
    ) -> Self {
        Self::start_with(top, of, dir, name, "", "")
    }

    /// The same with options and arguments of `flux module load`.
    fn start_with(
        top: &'a Instance,
        of: Option<&Nested>,
        dir: &TempDir,
        name: &str,
        options: &str,
        args: &str,
    ) -> Self {
        let file = dir.path().join(name);
        let mut submit = top.command("flux");
        submit.args(["submit", "-n1", "flux", "start", "sh", "-ec", INITIAL]);
        submit.arg(&file).env("MODULE", instance::module());
        submit.env("LOAD", options).env("ARGS", args);
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
