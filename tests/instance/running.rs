//! A running instance: commands in it, and its end.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::{Host, PATIENCE, tempdir};

/// An instance; it ends with the value.
pub struct Instance {
    pub host: Host,
    path: OsString,
    broker: Child,
    stdin: Option<ChildStdin>,
    uri: String,
    log: PathBuf,
    _dir: tempdir::TempDir,
}

impl Instance {
    /// Starts one of Flux with these options of `flux start`.
    pub fn start(options: &[&str]) -> Self {
        Host::Flux.start(options)
    }

    /// Starts one of Flux with a configuration and an environment.
    pub fn start_with(
        options: &[&str],
        config: &str,
        env: &[(&str, &str)],
    ) -> Self {
        Host::Flux.start_with(options, config, env)
    }
}

impl Host {
    /// Starts an instance with a configuration and an environment.
    pub fn start_with(
        self,
        options: &[&str],
        config: &str,
        env: &[(&str, &str)],
    ) -> Instance {
        let dir = tempdir::TempDir::new();
        let log = dir.path().join("broker.log");
        let conf = dir.path().join("conf.toml");
        std::fs::write(&conf, config).unwrap();
        let stderr = std::fs::File::create(&log).unwrap();
        let path = self.path(dir.path());
        let mut broker = Command::new("flux")
            .arg("start")
            .args(options)
            .arg(format!("--config-path={}", conf.display()))
            .args(["sh", "-c", "echo $FLUX_URI; exec cat >/dev/null"])
            .envs(env.iter().copied())
            .env("PATH", &path)
            .env_remove("FLUX_URI")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .expect("flux start");
        let mut uri = String::new();
        BufReader::new(broker.stdout.take().unwrap())
            .read_line(&mut uri)
            .unwrap();
        let uri = uri.trim().to_owned();
        if uri.is_empty() {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            panic!("no instance: {text}");
        }
        let stdin = broker.stdin.take();
        Instance { host: self, path, broker, stdin, uri, log, _dir: dir }
    }
}

impl Instance {
    /// The broker's process id: that of `flux start`'s child, by the broker.
    pub fn broker_pid(&self) -> u32 {
        self.flux(&["getattr", "broker.pid"]).trim().parse().unwrap()
    }

    /// A command in the instance.
    pub fn command(&self, program: &str) -> Command {
        self.within(program, "60")
    }

    /// A command in the instance that may take minutes.
    pub fn patient(&self, program: &str) -> Command {
        self.within(program, "600")
    }

    /// A command in the instance, ended after so many seconds.
    pub fn within(&self, program: &str, seconds: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args([seconds, program]).env("FLUX_URI", &self.uri);
        command.env("PATH", &self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Runs `flux ARGS`, whatever comes of it.
    pub fn try_flux(&self, args: &[&str]) -> Output {
        self.command("flux").args(args).output().unwrap()
    }

    /// Runs `flux ARGS`, which must succeed, and returns what it prints.
    pub fn flux(&self, args: &[&str]) -> String {
        let output = self.try_flux(args);
        assert!(
            output.status.success(),
            "flux {args:?}: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a shell script in the instance; it must succeed.
    pub fn shell(&self, script: &str) -> String {
        let output = self.command("sh").args(["-ec", script]).output().unwrap();
        assert!(
            output.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The broker's log.
    pub fn log(&self) -> String {
        let dmesg = self.try_flux(&["dmesg"]).stdout;
        String::from_utf8_lossy(&dmesg).into_owned()
    }

    /// Ends the instance as its owner would, and returns its exit code.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        let code = loop {
            if let Some(status) = self.broker.try_wait().unwrap() {
                break status.code();
            }
            assert!(Instant::now() < until, "the instance does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        (code, std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        while let Ok(None) = self.broker.try_wait() {
            if Instant::now() > until {
                // the brokers too: they are in the group of `flux start`
                let group = format!("-{}", self.broker.id());
                let _ =
                    Command::new("kill").args(["-KILL", "--", &group]).status();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
