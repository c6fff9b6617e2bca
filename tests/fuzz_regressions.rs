//! The checks that the fuzzer runs, on its seeds and on every input that ever
//! failed one; they need no nightly Rust. See fuzz/README.md.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::panic::catch_unwind;
use std::path::Path;

/// Runs a check on the files of its own in `seeds` and in `regressions`.
fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut failed = Vec::new();
    let mut count = 0;
    for kind in ["seeds", "regressions"] {
        let dir = fuzz.join(kind).join(target);
        // most targets have no regression
        for file in std::fs::read_dir(dir).into_iter().flatten() {
            let path = file.unwrap().path();
            let data = std::fs::read(&path).unwrap();
            if catch_unwind(|| check(&data)).is_err() {
                failed.push(path);
            }
            count += 1;
        }
    }
    assert!(count > 0, "no seeds of {target}");
    assert!(failed.is_empty(), "{failed:#?}");
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name), checks::$name::check);
        })*
    };
}

targets! {
    allow authorization config custom http idset jobspec journal life negotiation
    openmetrics paths r replies resource sans selector subtree tree web_config
}
