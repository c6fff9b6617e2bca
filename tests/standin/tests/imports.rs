//! The stand-in has the functions that the module imports, and no others;
//! the module exports `mod_main`, and nothing else.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod host;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn symbols(which: &str, library: &Path) -> BTreeSet<String> {
    let output =
        Command::new("nm").args(["-D", which]).arg(library).output().unwrap();
    assert!(output.status.success(), "nm {}: {output:?}", library.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

#[test]
fn it_has_what_the_module_imports_and_no_more() {
    let flux = |mut names: BTreeSet<String>| {
        names.retain(|name| name.starts_with("flux_"));
        names
    };
    let standin = Path::new(env!("CARGO_BIN_EXE_standin"));

    let ours = flux(symbols("--defined-only", standin));
    let wanted = flux(symbols("--undefined-only", &host::module()));
    assert!(!wanted.is_empty());
    let missing: Vec<_> = wanted.difference(&ours).collect();
    assert!(missing.is_empty(), "the stand-in lacks {missing:?}");
    let unused: Vec<_> = ours.difference(&wanted).collect();
    assert!(unused.is_empty(), "no module needs {unused:?}");
}

#[test]
fn the_module_exports_its_entry_and_nothing_else() {
    let exports = symbols("--defined-only", &host::module());
    assert_eq!(exports.into_iter().collect::<Vec<_>>(), ["mod_main"]);
}
