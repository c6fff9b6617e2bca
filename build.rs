//! Finds flux-core if it is there, generates its bindings, compiles `run.c`.
//!
//! Nothing is linked: the broker that loads the module has libflux-core
//! already, so the module needs no run path and works with the Flux that
//! loads it, wherever that one lives.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::{env, fs};

/// What the module uses of libflux-core; include/flux.h declares the same.
const FUNCTIONS: &[&str] = &[
    "flux_attr_get",
    "flux_aux_get",
    "flux_close",
    "flux_future_destroy",
    "flux_future_error_string",
    "flux_future_reset",
    "flux_future_then",
    "flux_future_wait_for",
    "flux_get_rank",
    "flux_get_reactor",
    "flux_log",
    "flux_msg_get_rolemask",
    "flux_msg_get_userid",
    "flux_msg_handler_allow_rolemask",
    "flux_msg_handler_create",
    "flux_msg_handler_destroy",
    "flux_msg_handler_start",
    "flux_open",
    "flux_request_decode",
    "flux_respond",
    "flux_respond_error",
    "flux_rpc",
    "flux_rpc_get",
    "flux_timer_watcher_create",
    "flux_watcher_destroy",
    "flux_watcher_start",
];

const CONSTANTS: &str = "FLUX_(MSGTYPE_REQUEST|MATCHTAG_NONE|NODEID_ANY|NODEID_UPSTREAM|RPC_STREAMING|ROLE_.*)";

fn main() {
    for file in ["include/flux.h", "src/flux/run.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for name in ["FLUX_PREFIX", "PKG_CONFIG_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }

    let flux = find_flux();
    let mut bindings = bindgen::Builder::default()
        .header("include/flux.h")
        .allowlist_var(CONSTANTS)
        .prepend_enum_name(false)
        .layout_tests(true);
    let mut helper = cc::Build::new();
    helper.file("src/flux/run.c").include("include").warnings(true);

    if let Some(include) = &flux {
        bindings = bindings
            .clang_arg("-DHAVE_FLUX_CORE")
            .clang_arg(format!("-I{}", include.display()));
        helper.define("HAVE_FLUX_CORE", None).include(include);
    }
    for name in FUNCTIONS {
        bindings = bindings.allowlist_function(name);
    }

    // The compiler goes first: its message names a signature that differs.
    helper.compile("flux_prometheus_run");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // without libclang it does not return, but panics
    let generated = catch_unwind(AssertUnwindSafe(|| bindings.generate()));
    let Ok(Ok(bindings)) = generated else {
        if let Ok(Err(error)) = generated {
            eprintln!("bindgen cannot read include/flux.h: {error}");
        }
        eprintln!(
            "\nbindgen needs libclang with the headers of clang: libclang-dev \
             on Debian, clang-devel on Fedora and RHEL. `make deps` installs \
             what is needed on Debian."
        );
        exit(1);
    };
    fs::write(out.join("bindings.rs"), bindings.to_string())
        .expect("OUT_DIR can be written");
}

/// The folder that holds `flux/core.h`: under `FLUX_PREFIX`, or where
/// pkg-config says, or `None` on a machine without Flux.
fn find_flux() -> Option<PathBuf> {
    if let Some(prefix) = env::var_os("FLUX_PREFIX").filter(|p| !p.is_empty()) {
        let include = Path::new(&prefix).join("include");
        assert!(
            include.join("flux/core.h").exists(),
            "FLUX_PREFIX: no {}/flux/core.h",
            include.display()
        );
        return Some(include);
    }
    let library = pkg_config::Config::new()
        .cargo_metadata(false)
        .env_metadata(false)
        .atleast_version("0.63")
        .probe("flux-core");
    match library {
        Ok(library) => library
            .include_paths
            .into_iter()
            .chain(["/usr/include".into()])
            .find(|path| path.join("flux/core.h").exists()),
        Err(_) => {
            println!(
                "cargo::warning=flux-core not found by pkg-config: built \
                 from the declarations in include/flux.h"
            );
            None
        }
    }
}
