//! The manual page says what the code says, and renders without a complaint.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use flux_prometheus::collectors::family::Spec;
use flux_prometheus::collectors::{NAMES, SPECS};
use flux_prometheus::config::SETTINGS;
use flux_prometheus::exposition::Families;
use flux_prometheus::http::Counts;

use super::tools;

const PAGE: &str = "man/flux-prometheus.7";

/// This one is written by hand.
const COMMAND: &str = "man/flux-metric.1";

#[test]
fn says_what_the_code_says() {
    let page = tools::text("man/flux-prometheus.7.in")
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@SETTINGS@", &settings())
        .replace("@METRICS@", &metrics())
        .replace("@STATS@", &stats());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(tools::file(PAGE), page).unwrap();
        return;
    }
    // too long to print
    assert!(page == tools::text(PAGE), "{PAGE} is out of date: `make bless`");
}

#[test]
fn renders_without_a_complaint() {
    renders(PAGE);
    renders(COMMAND);
}

/// The page of the command has its options, and no others.
#[test]
fn options_of_the_command() {
    let options = |text: &str, start: &str| -> BTreeSet<String> {
        let found = text.split(start).skip(1);
        let end = |c: char| !(c.is_ascii_lowercase() || c == '-');
        found.map(|rest| rest.split(end).next().unwrap().into()).collect()
    };
    let code = options(&tools::text("cmd/flux-metric.py"), "\"--");
    let page = tools::text(COMMAND).replace("\\fR", " ").replace('\\', "");
    let page = page.split(".SH OPTIONS").nth(1).unwrap();
    let page = page.split(".SH EXIT").next().unwrap();
    assert_eq!(code, options(page, "fB--"));
}

fn renders(page: &str) {
    let test = "man::renders_without_a_complaint";
    let page = tools::file(page);
    if let Some(groff) = tools::find("groff", test) {
        let options = ["-ww", "-man", "-Tutf8", "-z"];
        let said = tools::run(Command::new(groff).args(options).arg(&page));
        assert_eq!(said, "");
    }
    if let Some(mandoc) = tools::find("mandoc", test) {
        let options = ["-T", "lint", "-W", "warning"];
        let said = tools::run(Command::new(mandoc).args(options).arg(&page));
        assert_eq!(said, "");
    }
}

/// Text as roff takes it.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    // a line must not begin like a request
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

/// An entry of a list: what it is about, and what there is to say.
fn entry(out: &mut String, head: &str, text: &str) {
    let _ = write!(out, "\n.TP\n{head}\n{}", roff(text));
}

fn settings() -> String {
    let mut out = String::new();
    for setting in SETTINGS {
        let head = format!("\\fB{}\\fR", roff(setting.key));
        entry(&mut out, &head, setting.help);
        let _ = write!(out, "\nValue: {}.\n", roff(setting.value));
        let _ = match roff(setting.default) {
            none if none.is_empty() => write!(out, "There is no default."),
            some => write!(out, "Default: \\fB{some}\\fR."),
        };
    }
    out.trim_start().to_owned()
}

fn metrics() -> String {
    let mut out = String::new();
    assert_eq!(NAMES.len(), SPECS.len(), "one list for each collector");
    let shown = NAMES.iter().zip(SPECS).filter(|(_, all)| !all.is_empty());
    for ((name, on), specs) in shown {
        let off = if *on { "" } else { " (off by default)" };
        let _ = write!(out, "\n.SS {}{off}", roff(name));
        families(&mut out, specs);
    }
    out.push_str("\n.SS The endpoint");
    let endpoint = Families::default();
    Counts::register(&endpoint).unwrap();
    for each in endpoint.gather() {
        let kind = format!("{:?}", each.get_field_type()).to_lowercase();
        let sample = &each.get_metric()[0];
        let labels: Vec<_> =
            sample.get_label().iter().map(|label| label.name()).collect();
        family(&mut out, each.name(), &kind, &labels, each.help());
    }
    out.trim_start().to_owned()
}

fn families(out: &mut String, specs: &[Spec]) {
    for spec in specs {
        let kind = format!("{:?}", spec.kind).to_lowercase();
        family(out, spec.name, &kind, spec.labels, spec.help);
    }
}

fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    labels: &[&str],
    help: &str,
) {
    let labels = match labels {
        [] => String::new(),
        some => format!("; \\fI{}\\fR", some.join("\\fR, \\fI")),
    };
    entry(out, &format!("\\fB{name}\\fR ({kind}{labels})"), help);
}

/// What `flux module stats` prints, from the table of docs/operating.md.
fn stats() -> String {
    let page = tools::text("docs/operating.md");
    let mut out = String::new();
    let rows = page
        .lines()
        .skip_while(|line| *line != "## Troubleshooting")
        .skip_while(|line| !line.starts_with("| ---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    for row in rows {
        let row = row.replace('`', "");
        let cells: Vec<_> =
            row.trim_matches('|').split(" | ").map(str::trim).collect();
        let head = format!("\\fB{}\\fR", roff(cells[0]));
        let mut text = cells[1].to_owned();
        text[..1].make_ascii_uppercase();
        entry(&mut out, &head, &format!("{text}."));
    }
    assert!(!out.is_empty(), "no table below Troubleshooting");
    out.trim_start().to_owned()
}
