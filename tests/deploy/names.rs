//! The names of metrics that exist, and those that a text uses.

use std::collections::BTreeSet;

use super::tools;

/// Every family of docs/metrics.md; another test compares it with the code.
pub fn documented() -> BTreeSet<String> {
    let page = tools::text("docs/metrics.md");
    page.lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|rest| rest.split('`').next())
        .filter(|name| is_ours(name))
        .map(str::to_owned)
        .collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("flux_") || name.starts_with("process_")
}

/// Every name of ours in a text, without what a histogram adds to it.
pub fn used(text: &str) -> BTreeSet<String> {
    let known = documented();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    text.split(|c| !is_word(c))
        .filter(|word| is_ours(word))
        .map(|word| {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| word.strip_suffix(suffix));
            family.filter(|name| known.contains(*name)).unwrap_or(word)
        })
        .map(str::to_owned)
        .collect()
}

/// Fails if a text uses a name that does not exist.
pub fn check(what: &str, text: &str) {
    let used = used(text);
    assert!(!used.is_empty(), "{what}: uses no metric at all");
    let unknown: Vec<_> = used.difference(&documented()).cloned().collect();
    assert!(unknown.is_empty(), "{what}: no such metrics: {unknown:?}");
}
