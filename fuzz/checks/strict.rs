//! A strict reader of both formats, which shares nothing with the encoders.

use std::collections::{BTreeMap, BTreeSet};

use flux_prometheus::exposition::{Created, Format};
use prometheus::proto::MetricFamily;

/// A series, its labels in order, with `le` as a number.
pub type Series = (String, Vec<(String, String)>);

/// Encodes in both formats and compares: the same series, the same values.
pub fn both(families: &[MetricFamily]) -> BTreeMap<Series, f64> {
    let encode = |format: Format| {
        let mut text = String::new();
        let created = Created::at(1.7e9);
        format.encode(families, &created, &mut text).map(|()| text)
    };
    let openmetrics = openmetrics(&encode(Format::OpenMetrics).unwrap());
    let text = text(&encode(Format::Text).unwrap());
    let known = |(name, labels): &Series| {
        text.contains_key(&(name.clone(), labels.clone()))
    };
    for (series, value) in &openmetrics {
        if !known(series) {
            assert!(series.0.ends_with("_created"), "{series:?}");
            assert_eq!(*value, 1.7e9);
        }
    }
    for (series, value) in &text {
        let other = openmetrics.get(series);
        let other = *other.unwrap_or_else(|| panic!("no {series:?}"));
        let same = value == &other || (value.is_nan() && other.is_nan());
        assert!(same, "{series:?}: {value}, {other}");
    }
    text
}

fn text(page: &str) -> BTreeMap<Series, f64> {
    let mut all = BTreeMap::new();
    assert!(page.is_empty() || page.ends_with('\n'));
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (series, value, rest) = sample(line);
        assert_eq!(rest, "", "{line}");
        let before = all.insert(series, value);
        assert!(before.is_none(), "twice: {line}");
    }
    all
}

fn openmetrics(page: &str) -> BTreeMap<Series, f64> {
    let mut all = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let (mut family, mut kind) = (String::new(), String::new());
    let page = page.strip_suffix("# EOF\n").expect("ends with the mark");
    assert!(page.is_empty() || page.ends_with('\n'));
    // not by lines(), which would pass over a carriage return
    for line in page.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut parts = rest.splitn(3, ' ');
            let mut next = || parts.next().unwrap();
            let (what, name, value) = (next(), next(), next());
            match what {
                "TYPE" => {
                    assert!(is_name(name), "{line}");
                    assert!(families.insert(name.to_owned()), "again: {line}");
                    (family, kind) = (name.to_owned(), value.to_owned());
                }
                "UNIT" => assert!(family.ends_with(&format!("_{value}"))),
                "HELP" => drop(unescape(value)),
                _ => panic!("{line}"),
            }
            assert_eq!(name, family, "{line}");
            continue;
        }
        let (series, value, rest) = sample(line);
        assert_eq!(rest, "", "{line}");
        let suffix = series.0.strip_prefix(&*family).expect(line);
        let allowed: &[&str] = match &*kind {
            "counter" => &["_total", "_created"],
            "gauge" | "unknown" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count", "_created"],
            _ => panic!("type {kind}"),
        };
        assert!(allowed.contains(&suffix), "{kind}: {line}");
        let owner = owners.entry(series.0.clone()).or_insert(family.clone());
        assert_eq!(*owner, family, "{line}");
        assert!(all.insert(series, value).is_none(), "twice: {line}");
    }
    all
}

/// `name{label="value",...} number`, and what follows.
fn sample(line: &str) -> (Series, f64, &str) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"").expect(line);
            assert!(is_label(label), "{line}");
            let end = quote(value).expect(line);
            let mut text = unescape(&value[..end]);
            if label == "le" {
                let bound: f64 = text.parse().expect(line);
                text = format!("{bound:?}");
            }
            labels.push((label.to_owned(), text));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect(line);
    }
    labels.sort();
    assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0), "{line}");
    let rest = rest.strip_prefix(' ').expect(line);
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    ((name.to_owned(), labels), number.parse().expect(line), rest)
}

/// Where the first quote is that no backslash is before.
fn quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        end.then_some(at)
    })
}

fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("escape {other:?} in {text:?}"),
            },
            c => c,
        });
    }
    plain
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit()) && {
        let fine = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
        !text.is_empty() && text.chars().all(fine)
    }
}

fn is_label(text: &str) -> bool {
    is_name(text) && !text.contains(':')
}
