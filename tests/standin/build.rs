//! Compiles the C parts, and exports the two flux_* functions that must be C.

use std::path::PathBuf;
use std::{env, fs};

/// A variadic function, and the one that pthread_cancel(3) unwinds.
const EXPORTS: &str = "{ global: flux_log; flux_reactor_run; };\n";

fn main() {
    let source = "src/abi/parts.c";
    println!("cargo::rerun-if-changed={source}");
    cc::Build::new()
        .file(source)
        .warnings(true)
        .link_lib_modifier("+whole-archive")
        .compile("standin_c");

    // rustc exports Rust's own symbols alone; linkers merge the two lists
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let script = PathBuf::from(out).join("exports.map");
    fs::write(&script, EXPORTS).expect("OUT_DIR can be written");
    println!(
        "cargo::rustc-link-arg-cdylib=-Wl,--version-script={}",
        script.display()
    );
}
