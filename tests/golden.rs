//! Journal lines in, exposition out.
//!
//! `tests/golden/NAME.prom` is what a scrape shows after the recorded journal
//! `NAME.jsonl`, one second after the last event. `make bless` writes those
//! anew: the diff is the review of any change to a metric.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod recording;

use flux_prometheus::exposition::{Created, Format};
use prometheus::TextEncoder;

/// Fails with the lines that differ.
fn compare(name: &str) {
    let families = recording::replay(name);
    let mut page = String::new();
    let created = Created::default();
    families.write_text(Format::Text, |_| true, &created, &mut page).unwrap();
    // the crate that the registry is from says the same
    let gathered = families.gather();
    let crates = TextEncoder::new().encode_to_string(&gathered).unwrap();
    assert_eq!(page, crates);
    let path = recording::path(&format!("{name}.prom"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, page).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    let differ: Vec<_> = golden
        .lines()
        .filter(|line| !page.lines().any(|l| l == *line))
        .map(|line| format!("-{line}"))
        .chain(
            page.lines()
                .filter(|line| !golden.lines().any(|l| l == *line))
                .map(|line| format!("+{line}")),
        )
        .collect();
    assert!(differ.is_empty(), "{name}.prom:\n{}", differ.join("\n"));
    assert_eq!(golden, page, "{name}.prom: the same lines in another order");
}

#[test]
fn one_of_everything() {
    compare("mixed");
}

#[test]
fn a_job_manager_that_was_reloaded() {
    compare("gap");
}

#[test]
fn lines_that_do_not_parse_and_jobs_that_do_not_behave() {
    compare("awkward");
}
