//! Which names metrics and labels can have.

use super::Kind;

/// The longest name, in bytes.
pub const MAX: usize = 128;

/// What names of samples end with that belong to a counter or a histogram: a
/// family with such a name could be taken for a part of another one.
pub const SUFFIXES: [&str; 5] =
    ["_total", "_bucket", "_sum", "_count", "_created"];

/// Checks the name of a metric and completes it: counters end in `_total`.
pub fn metric(name: &str, kind: Kind) -> Result<String, String> {
    plain(name)?;
    let stem = match kind {
        Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
        _ => name,
    };
    if let Some(suffix) = SUFFIXES.iter().find(|s| stem.ends_with(**s)) {
        return Err(format!(
            "a {} cannot end in {suffix}, which Prometheus reserves",
            kind.as_str()
        ));
    }
    match kind {
        Kind::Counter => Ok(format!("{stem}_total")),
        _ => Ok(name.into()),
    }
}

/// Checks the name of a label.
pub fn label(name: &str) -> Result<(), String> {
    plain(name)?;
    match name {
        "le" | "quantile" => Err("reserved by Prometheus".into()),
        _ if name.starts_with("__") => {
            Err("names that begin with __ are reserved by Prometheus".into())
        }
        _ => Ok(()),
    }
}

/// Checks the beginning of a name, or one without a colon: these are for
/// recording rules.
pub fn plain(name: &str) -> Result<(), String> {
    let letter = |c: u8| c.is_ascii_alphabetic() || c == b'_';
    let mut bytes = name.bytes();
    if name.len() > MAX {
        return Err(format!("longer than {MAX} bytes"));
    }
    let good = bytes.next().is_some_and(letter)
        && bytes.all(|c| letter(c) || c.is_ascii_digit());
    match good {
        true => Ok(()),
        false => Err("expected letters, digits and _, no digit first".into()),
    }
}

/// What the names of series begin with that Prometheus itself adds to each
/// scrape, beside [`UP`].
const SCRAPE: &str = "scrape_";

/// Whether a scrape went well, by Prometheus: a series of this name on the page
/// would be taken for it.
const UP: &str = "up";

/// Whether Prometheus itself adds a series of this name.
pub fn is_added(name: &str) -> bool {
    name == UP || name.starts_with(SCRAPE)
}

/// Whether it adds one of a name that is longer than this, and begins so.
pub fn begins_added(prefix: &str) -> bool {
    let up = UP.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    up || SCRAPE.starts_with(prefix) || prefix.starts_with(SCRAPE)
}

/// The name without a suffix: families whose names differ in nothing else
/// could be taken for parts of each other.
pub fn stem(name: &str) -> &str {
    let mut suffixes = SUFFIXES.iter().chain(&["_info"]);
    suffixes.find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_totals_and_nothing_else_is() {
        let name = |name| metric(name, Kind::Counter).unwrap();
        assert_eq!(name("steps"), "steps_total");
        assert_eq!(name("steps_total"), "steps_total");
        assert_eq!(metric("depth", Kind::Gauge).unwrap(), "depth");
        for (name, kind) in [
            ("a_total", Kind::Gauge),
            ("a_total", Kind::Histogram),
            ("a_sum", Kind::Counter),
            ("a_sum_total", Kind::Counter),
            ("a_count", Kind::Gauge),
            ("a_bucket", Kind::Gauge),
            ("a_created", Kind::Histogram),
        ] {
            let error = metric(name, kind).unwrap_err();
            assert!(error.contains("cannot end in _"), "{name}: {error}");
        }
    }

    #[test]
    fn what_prometheus_adds_is_not_to_be_made() {
        for name in ["up", "scrape_duration_seconds", "scrape_x"] {
            assert!(is_added(name), "{name}");
        }
        for name in ["u", "upload", "up_time", "scrape", "rescrape_x"] {
            assert!(!is_added(name), "{name}");
        }
        for prefix in ["u", "s", "scrape_", "scrape_d"] {
            assert!(begins_added(prefix), "{prefix}");
        }
        // what begins with the whole of it is another
        for prefix in ["up", "up_", "x", "scraped_", "site_"] {
            assert!(!begins_added(prefix), "{prefix}");
        }
    }

    #[test]
    fn names_are_those_of_prometheus() {
        let long = "x".repeat(MAX + 1);
        for bad in ["", "1a", "a-b", "a b", "a:b", "é", "a\n", &long] {
            assert!(metric(bad, Kind::Gauge).is_err(), "{bad:?}");
            assert!(label(bad).is_err(), "{bad:?}");
        }
        for bad in ["le", "quantile", "__name__", "__x"] {
            assert!(label(bad).unwrap_err().contains("reserved"), "{bad}");
        }
        for good in ["a", "_a", "a_1", "A__b", &long[1..]] {
            assert_eq!((plain(good), label(good)), (Ok(()), Ok(())));
        }
    }
}
