//! The pages below docs/ use names and files that exist.

use std::collections::BTreeSet;

use serde_json::Value;

use super::instance::Host;
use super::manifests::below;
use super::prometheus::Prometheus;
use super::{names, tools};

/// Rows of all tables of a page: what others call it, what we do.
fn rows(page: &str) -> Vec<(String, String)> {
    page.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .filter_map(|line| {
            // a bar within a cell is escaped
            let line = line.replace("\\|", "\u{1}");
            let (theirs, ours) = line.trim_matches('|').split_once(" | ")?;
            let cell = |text: &str| text.trim().replace('\u{1}', "|");
            Some((cell(theirs), cell(ours)))
        })
        .filter(|(_, ours)| ours != "here")
        .collect()
}

/// What is between backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn moving_in_leads_to_metrics_that_exist() {
    let page = tools::text("docs/moving-in.md");
    let rows = rows(&page);
    assert!(rows.len() > 80, "{} rows", rows.len());
    let known = names::documented();
    let mut seen = BTreeSet::new();
    for (theirs, ours) in rows {
        assert!(seen.insert(theirs.clone()), "twice: {theirs}");
        for each in code(&ours) {
            let unknown: Vec<_> =
                names::used(each).difference(&known).cloned().collect();
            assert!(unknown.is_empty(), "{theirs}: no such {unknown:?}");
        }
    }
    // and outside of the tables
    for each in code(&page.lines().take(30).collect::<String>()) {
        names::used(each).iter().for_each(|name| {
            assert!(known.contains(name), "{name}");
        });
    }
}

/// Label values too: a state that is not there is an empty graph.
#[test]
fn moving_in_asks_for_values_that_exist() {
    let metrics = tools::text("docs/metrics.md");
    let values: BTreeSet<_> = metrics
        .lines()
        .skip_while(|line| *line != "## Labels")
        .take_while(|line| *line != "## Definitions")
        .flat_map(code)
        .collect();
    let page = tools::text("docs/moving-in.md");
    let mut checked = 0;
    for (_, ours) in rows(&page) {
        for value in ours.split('"').skip(1).step_by(2) {
            for value in value.split('|') {
                // those of blobs are in the metric's own words
                let known = values.contains(value) || value == "dirty";
                assert!(known, "{ours}: no label value {value}");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked} values");
}

#[test]
fn the_walk_through_names_files_that_exist() {
    let page = tools::text("docs/ten-minutes.md");
    let files: BTreeSet<_> = page
        .split(|c: char| c.is_whitespace() || "`,()".contains(c))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| {
            ["dashboards/", "examples/", "rules/"]
                .iter()
                .any(|dir| word.starts_with(dir))
        })
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let path = file.trim_end_matches("*.json").trim_end_matches("/.");
        assert!(tools::file(path).exists(), "{file}");
    }
}

/// A server takes each expression of the tables for one.
pub fn moving_in_has_expressions(prometheus: &Prometheus) {
    for (_, ours) in rows(&tools::text("docs/moving-in.md")) {
        for each in code(&ours) {
            if !names::used(each).is_empty() {
                prometheus.query(each);
            }
        }
    }
}

/// `flux module stats` prints what docs/operating.md says, and no more.
#[test]
fn stats_are_as_documented() {
    let instance = Host::Standin.start(&[]);
    instance.load(&[]);
    let mut keys = BTreeSet::new();
    flatten("", &instance.stats("prometheus"), &mut keys);
    instance.flux(&["module", "remove", "prometheus"]);
    let page = tools::text("docs/operating.md");
    let documented: BTreeSet<_> = page
        .lines()
        .skip_while(|line| *line != "## Troubleshooting")
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|row| code(row)[0].to_owned())
        .collect();
    assert_eq!(keys, documented);
}

/// The keys of an object, as `flux module stats --parse` takes them; NAME is
/// any collector.
fn flatten(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    let Some(object) = value.as_object() else {
        keys.insert(path.to_owned());
        return;
    };
    for (key, value) in object {
        let key = if path == "collectors" { "NAME" } else { key };
        let below = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        flatten(&below, value, keys);
    }
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    heading.chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The headings of a page; a comment in a block of shell is none.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut in_block = false;
    page.lines()
        .filter(|line| {
            in_block ^= line.starts_with("```");
            !in_block && line.starts_with('#')
        })
        .map(anchor)
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut pages = ["README.md", "SECURITY.md", "CHANGELOG.md"]
        .map(str::to_owned)
        .to_vec();
    pages.extend(
        [
            "examples/kubernetes/README.md",
            "fuzz/README.md",
            "tests/standin/README.md",
        ]
        .map(Into::into),
    );
    pages.extend(below_docs());
    let mut checked = 0;
    for page in pages {
        let text = tools::text(&page);
        let links = text.split("](").skip(1).map(|rest| (rest, ')'));
        let pictures = text.split("src=\"").skip(1).map(|rest| (rest, '"'));
        for (rest, end) in links.chain(pictures) {
            let link = rest.split(end).next().unwrap();
            if link.starts_with("http") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let dir = page.rsplit_once('/').map_or("", |(dir, _)| dir);
            let path = match path {
                "" => tools::file(&page),
                _ => tools::file(dir).join(path),
            };
            assert!(path.exists(), "{page}: {link}");
            if !heading.is_empty() {
                let there = std::fs::read_to_string(&path).unwrap();
                assert!(anchors(&there).contains(heading), "{page}: {link}");
            }
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked} links");
}

/// What is said to be shown by a test is: where a page has "`FILE`: `TEST`",
/// with more of either after commas, the test is in the file or folder.
#[test]
fn tests_that_pages_name_exist() {
    let mut checked = 0;
    for page in ["SECURITY.md", "docs/internals.md"] {
        // a list may go on in the next line
        let text = tools::text(page);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for (at, _) in text.match_indices("`: `") {
            let path = text[..at].rsplit('`').next().unwrap();
            let code = code_below(&tools::file(path));
            let mut rest = &text[at + 4..];
            while let Some((name, after)) = rest.split_once('`') {
                let found = code.contains(&format!("fn {name}("));
                assert!(found, "{page}: no {name} in {path}");
                checked += 1;
                let Some(next) = after.strip_prefix(", `") else { break };
                rest = next;
            }
        }
        for path in code(&text) {
            let dirs = ["src/", "tests/", "scripts/", "fuzz/", "bench/"];
            let is_path = dirs.iter().any(|dir| path.starts_with(dir));
            let file = path.split(' ').next().unwrap();
            assert!(!is_path || tools::file(file).exists(), "{page}: {path}");
        }
    }
    assert!(checked > 50, "{checked} tests");
}

/// The code of a file, or of all below a folder.
fn code_below(path: &std::path::Path) -> String {
    if !path.is_dir() {
        let text = std::fs::read_to_string(path);
        return text.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    let entries = std::fs::read_dir(path).unwrap();
    entries.map(|entry| code_below(&entry.unwrap().path())).collect()
}

/// The pages below docs/, from the root.
fn below_docs() -> impl Iterator<Item = String> {
    let name = |path: std::path::PathBuf| {
        format!("docs/{}", path.file_name().unwrap().to_str().unwrap())
    };
    below("docs", ".md").into_iter().map(name)
}

/// A page that nothing leads to is not read.
#[test]
fn the_readme_leads_to_every_page() {
    let readme = tools::text("README.md");
    for page in below_docs() {
        assert!(readme.contains(&format!("| [{}]({page}) |", title(&page))));
    }
}

/// The heading at the top of a page, which is what links call it.
fn title(page: &str) -> String {
    let text = tools::text(page);
    text.lines().next().unwrap().trim_start_matches("# ").to_owned()
}
