//! A stand-in for a test, and what tests ask of it.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too
#![allow(dead_code)] // each test program uses a part of it

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// The module under test: `make` leaves it at target/prometheus.so.
pub fn module() -> PathBuf {
    let path = std::env::var_os("FLUX_PROMETHEUS_MODULE").map_or_else(
        || {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            here.join("../../target/prometheus.so")
        },
        PathBuf::from,
    );
    assert!(path.exists(), "{}: run `make` first", path.display());
    path
}

/// A running stand-in.
pub struct Host {
    child: Child,
    uri: String,
    stderr: std::thread::JoinHandle<String>,
}

impl Host {
    pub fn start(options: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_standin")), options)
    }

    /// The same, by a command that runs it.
    pub fn start_as(mut command: Command, options: &[&str]) -> Self {
        let mut child = command
            .arg("start")
            .args(options)
            .args(["sh", "-c", "echo $FLUX_URI; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        });
        let mut uri = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut uri).unwrap();
        Self { child, uri: uri.trim().into(), stderr }
    }

    pub fn pid(&self) -> u32 {
        self.run(&["getattr", "broker.pid"]).trim().parse().unwrap()
    }

    pub fn try_run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_standin"))
            .args(args)
            .env("FLUX_URI", &self.uri)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A command that must succeed.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command that must fail; what it says then.
    pub fn fails(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Loads the module on a free port, and returns its address.
    pub fn load(&self, name: &str) -> String {
        let path = module();
        let name_option = format!("--name={name}");
        let path = path.to_str().unwrap();
        let args = ["module", "load", &name_option, path, "listen=127.0.0.1:0"];
        self.run(&args);
        self.address(name)
    }

    pub fn remove(&self, name: &str, cancel: bool) {
        let args = ["module", "remove", "--cancel", name];
        match cancel {
            true => self.run(&args),
            false => self.run(&[args[0], args[1], name]),
        };
    }

    pub fn stats(&self, name: &str) -> Value {
        serde_json::from_str(&self.run(&["module", "stats", name])).unwrap()
    }

    pub fn address(&self, name: &str) -> String {
        let stats = self.stats(name);
        let listener = &stats["listeners"][0];
        assert_eq!(listener["state"], "listening", "{stats}");
        listener["address"].as_str().unwrap().into()
    }

    /// Ends it, and returns its exit code and what it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.child.stdin.take());
        let code = self.child.wait().unwrap().code();
        (code, self.stderr.join().unwrap())
    }

    /// Ends it; nothing may have gone wrong in it.
    pub fn ends_well(self) {
        let (code, said) = self.end();
        assert_eq!(code, Some(0), "{said}");
    }
}

/// `GET path`: the status and the body, if there was an answer.
pub fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.into()))
}

/// Waits until `f` returns something, and fails with `what` if it never does.
pub fn wait_for<T>(what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = f() {
            return value;
        }
        assert!(Instant::now() < until, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
