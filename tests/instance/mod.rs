//! An instance for a test, and what tests ask of it.
//!
//! A [`Host`] plays it: Flux, found on PATH, or the stand-in, which takes the
//! same words. Where Flux is missing the real-broker tests say so in one loud
//! line and pass without having run.

#![allow(dead_code)] // each test program uses a part of it
#![allow(clippy::unwrap_used)] // it is test code, though not in a test

mod host;
mod module;
mod running;
pub mod scrape;
pub mod tempdir;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

pub use host::Host;
pub use running::Instance;

/// The longest that anything in a test may take before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a real-broker test has to be skipped; says so once.
pub fn skip(test: &str) -> bool {
    static SAID: Once = Once::new();
    let found = Command::new("flux").arg("--version").output().is_ok();
    if !found {
        SAID.call_once(|| {
            let all = format!("{test} and all others that need a real broker");
            skipped(&all, "no `flux` on PATH");
        });
    }
    !found
}

/// Says that a test was not run, in a way that the test runner does not
/// swallow.
pub fn skipped(test: &str, why: &str) {
    let line = format!("SKIPPED: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
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

/// The module under test: `make` leaves it at target/prometheus.so.
pub fn module() -> PathBuf {
    let path = std::env::var_os("FLUX_PROMETHEUS_MODULE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/prometheus.so"),
        PathBuf::from,
    );
    assert!(path.exists(), "{}: run `make` first", path.display());
    path
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
