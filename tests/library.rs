//! What is built is what the broker may load: one exported symbol, no library
//! but libc's, and declarations that agree with flux-core's.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod instance;

use std::path::Path;
use std::process::Command;

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect(program);
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn only_mod_main_is_exported() {
    let module = instance::module();
    let symbols =
        output("nm", &["-D", "--defined-only", module.to_str().unwrap()]);
    let names: Vec<_> = symbols
        .lines()
        .map(|line| line.rsplit(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(names, ["mod_main"]);
}

/// docs/internals.md says how many functions of the broker's it takes.
#[test]
fn as_many_functions_are_taken_as_is_said() {
    let module = instance::module();
    let symbols =
        output("nm", &["-D", "--undefined-only", module.to_str().unwrap()]);
    let taken = symbols.lines().filter(|line| line.contains(" flux_")).count();
    let page = include_str!("../docs/internals.md");
    let said = format!("takes {taken} functions from the broker");
    let words: Vec<_> = page.split_whitespace().collect();
    assert!(words.join(" ").contains(&said), "{said}");
}

#[test]
fn no_flux_library_and_no_run_path_is_linked() {
    let module = instance::module();
    let dynamic = output("readelf", &["-d", module.to_str().unwrap()]);
    for what in ["libflux", "RPATH", "RUNPATH"] {
        assert!(!dynamic.contains(what), "{what} in:\n{dynamic}");
    }
}

/// A signature of ours that differs from flux-core's is a compile error that
/// names the function.
#[test]
fn a_declaration_that_differs_is_an_error() {
    let cflags = Command::new("pkg-config")
        .args(["--cflags", "flux-core"])
        .output()
        .ok()
        .filter(|output| output.status.success());
    let Some(cflags) = cflags else {
        let test = "a_declaration_that_differs_is_an_error";
        instance::skipped(test, "no headers of flux-core");
        return;
    };
    let cflags = String::from_utf8(cflags.stdout).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = std::fs::read_to_string(root.join("include/flux.h")).unwrap();
    let dir = instance::tempdir::TempDir::new();
    let compile = |header: &str| {
        std::fs::write(dir.path().join("flux.h"), header).unwrap();
        Command::new("cc")
            .args(["-fsyntax-only", "-DHAVE_FLUX_CORE", "-I"])
            .arg(dir.path())
            .args(cflags.split_whitespace())
            .arg(root.join("src/flux/run.c"))
            .output()
            .unwrap()
    };
    let same = compile(&header);
    assert!(same.status.success(), "{same:?}");

    for (ours, other, named) in [
        (
            "int flux_get_rank (flux_t *h, uint32_t",
            "int flux_get_rank (flux_t *h, uint64_t",
            "flux_get_rank",
        ),
        (
            "FLUX_RPC_STREAMING, 2",
            "FLUX_RPC_STREAMING, 4",
            "FLUX_RPC_STREAMING",
        ),
    ] {
        assert!(header.contains(ours));
        let differs = compile(&header.replace(ours, other));
        let errors = String::from_utf8_lossy(&differs.stderr);
        assert!(!differs.status.success(), "{other} was accepted");
        assert!(errors.contains(named), "{errors}");
    }
}
