//! Programs of others: where they are, and what is said when they are not.

use std::path::{Path, PathBuf};
use std::process::Command;

pub use super::instance::skipped;

/// A file of this repository.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The text of a file of this repository.
pub fn text(path: &str) -> String {
    let path = file(path);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program on PATH, or among those that scripts/deps unpacks; says so if it
/// is missing.
pub fn find(program: &str, test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([file("target/tools/usr/bin")])
        .map(|dir| dir.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        skipped(test, &format!("no {program} here (scripts/deps gets it)"));
    }
    found
}

/// Runs a command, which must succeed, and returns all that it prints.
pub fn run(command: &mut Command) -> String {
    let output = command.output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}
