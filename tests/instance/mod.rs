//! An instance for a test, and what tests ask of it.
//!
//! A [`Host`] plays it: Flux, found on PATH, or the stand-in, which takes the
//! same words. Where Flux is missing the real-broker tests say so in one loud
//! line and pass without having run.

#![allow(dead_code)] // each test program uses a part of it
#![allow(clippy::unwrap_used)] // it is test code, though not in a test

pub mod scrape;

use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything in a test may take before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a real-broker test has to be skipped; says so once, in a way that
/// the test runner does not swallow.
pub fn skip(test: &str) -> bool {
    static SAID: Once = Once::new();
    let found = Command::new("flux").arg("--version").output().is_ok();
    if !found {
        SAID.call_once(|| {
            let line = format!(
                "SKIPPED: {test} and all others that need a real broker: no \
                 `flux` on PATH\n"
            );
            let _ = std::io::stderr().write_all(line.as_bytes());
        });
    }
    !found
}

/// Who plays the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Flux,
    Standin,
}

/// Makes two tests of each scenario, a function of the host: one in Flux and
/// one in the stand-in, which must agree.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod in_flux {
            $(#[test]
            fn $name() {
                if !$crate::instance::skip(stringify!($name)) {
                    super::$name($crate::instance::Host::Flux);
                }
            })*
        }
        mod in_the_standin {
            $(#[test]
            fn $name() {
                super::$name($crate::instance::Host::Standin);
            })*
        }
    };
}

impl Host {
    /// Starts an instance with these options of `flux start`.
    pub fn start(self, options: &[&str]) -> Instance {
        self.start_with(options, "", &[])
    }

    /// How a module can be run: the stand-in knows threads only.
    pub fn modes(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Flux => &[&[], &["--exec"]],
            Self::Standin => &[&[]],
        }
    }

    /// A PATH on which `flux` is this host.
    fn path(self, dir: &Path) -> OsString {
        let path = std::env::var_os("PATH").unwrap_or_default();
        if self == Self::Flux {
            return path;
        }
        // scripts say "flux"; what answers says that it is not
        let shim = dir.join("flux");
        let line = format!("#!/bin/sh\nexec {} \"$@\"\n", standin().display());
        std::fs::write(&shim, line).unwrap();
        std::fs::set_permissions(&shim, Permissions::from_mode(0o755)).unwrap();
        let mut all = dir.as_os_str().to_owned();
        all.push(":");
        all.push(path);
        all
    }
}

/// The stand-in, built beside this test.
fn standin() -> PathBuf {
    static BUILD: Once = Once::new();
    BUILD.call_once(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "standin"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "the stand-in does not build");
    });
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("standin")
}

/// The module under test: `make` leaves it at target/prometheus.so.
pub fn module() -> PathBuf {
    let path = std::env::var_os("FLUX_PROMETHEUS_MODULE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/prometheus.so"),
        PathBuf::from,
    );
    assert!(path.exists(), "{}: run `make` first", path.display());
    path
}

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

    /// Loads the module on a free loopback port.
    pub fn load(&self, options: &[&str]) {
        self.load_args(options, &["listen=127.0.0.1:0"]);
    }

    /// Loads the module with these options of `flux module load` and these
    /// arguments.
    pub fn load_args(&self, options: &[&str], args: &[&str]) {
        let output = self.try_load(options, args);
        assert!(
            output.status.success(),
            "load: {}\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
    }

    /// The same, whatever comes of it.
    pub fn try_load(&self, options: &[&str], args: &[&str]) -> Output {
        let module = module();
        let mut all = vec!["module", "load"];
        all.extend(options);
        all.push(module.to_str().unwrap());
        all.extend(args);
        self.try_flux(&all)
    }

    /// What `flux module stats` prints.
    pub fn stats(&self, name: &str) -> Value {
        serde_json::from_str(&self.flux(&["module", "stats", name])).unwrap()
    }

    /// Asks a service on rank 0, and returns its answer or its error.
    pub fn rpc(&self, topic: &str, payload: &Value) -> Result<Value, String> {
        self.rpc_as(&[], topic, payload)
    }

    /// The same with an environment, to be somebody else.
    pub fn rpc_as(
        &self,
        env: &[(&str, &str)],
        topic: &str,
        payload: &Value,
    ) -> Result<Value, String> {
        let script = "import flux, json, sys; payload = json.loads(sys.argv[2])
try: print(json.dumps(flux.Flux().rpc(sys.argv[1], payload, nodeid=0).get()))
except OSError as error: sys.exit(error.strerror)";
        let words: &[&str] = match self.host {
            Host::Flux => &["python", "-c", script],
            Host::Standin => &["rpc"],
        };
        let output = self
            .command("flux")
            .args(words)
            .args([topic, &payload.to_string()])
            .envs(env.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
        match output.status.success() {
            true => {
                Ok(serde_json::from_str(&text(output.stdout))
                    .unwrap_or_default())
            }
            false => Err(text(output.stderr)),
        }
    }

    /// The address of the first listener that listens.
    pub fn address(&self, name: &str) -> String {
        let stats = self.stats(name);
        let all = stats["listeners"].as_array().unwrap();
        all.iter()
            .find(|l| l["state"] == "listening")
            .unwrap_or_else(|| panic!("nothing listens: {stats}"))["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A scrape of the module by its default name.
    pub fn scrape(&self) -> scrape::Scrape {
        scrape::get(&self.address("prometheus"))
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

/// Waits until `f` returns something, and fails with `what` if it never does.
pub fn wait_for<T>(what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = f() {
            return value;
        }
        assert!(Instant::now() < until, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub mod tempdir {
    //! A folder that goes away with the value.
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    pub struct TempDir(PathBuf);

    impl TempDir {
        pub fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("flux-prometheus-{}-{n}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
