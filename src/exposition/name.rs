//! What families are called in OpenMetrics, and of which type they are.
//!
//! There a counter `x_total` is a family `x`, and so is the information
//! `x_info`: the suffix belongs to the sample alone. The samples keep the
//! names they have in the text format, always. Where that needs it, a family
//! is of a type that claims less.

use std::collections::HashSet;

use prometheus::proto::MetricType;

/// The units that a name may end with: base units, as the specification
/// wants them.
const UNITS: [&str; 9] = [
    "seconds", "bytes", "ratio", "celsius", "joules", "grams", "meters",
    "volts", "amperes",
];

/// How the name of what is there for its labels ends.
pub(super) const INFO: &str = "_info";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
    Summary,
    /// A counter whose name does not let it be one.
    Unknown,
    /// What has no type to begin with.
    Untyped,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
            Self::Summary => "summary",
            Self::Unknown | Self::Untyped => "unknown",
        }
    }

    /// What is cut off the full name for that of the family.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => INFO,
            _ => "",
        }
    }

    /// Whether its series say when they began.
    pub(super) const fn is_created(self) -> bool {
        matches!(self, Self::Counter | Self::Histogram | Self::Summary)
    }

    /// What follows the family's name in those of its samples, and in those
    /// that no other family may have for this one's sake.
    const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge | Self::Unknown | Self::Untyped => &[""],
            Self::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
            Self::Info => &["", INFO],
            Self::Summary => &["", "_count", "_sum", "_created"],
        }
    }
}

/// What a family's name and type in OpenMetrics follow from, and nothing
/// else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    /// The full name.
    pub(super) name: &'a str,
    pub(super) kind: MetricType,
    /// Whether it is a gauge that is there for its labels.
    pub(super) info: bool,
}

impl<'a> Head<'a> {
    /// `ones` tells whether all values are 1.
    pub(super) fn new(
        name: &'a str,
        kind: MetricType,
        ones: impl FnOnce() -> bool,
    ) -> Self {
        let gauge = kind == MetricType::GAUGE;
        Self { name, kind, info: gauge && name.ends_with(INFO) && ones() }
    }
}

/// A family's name and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// Without the suffix.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

impl<'a> Name<'a> {
    /// That of the family with a full name, given its type.
    pub(super) fn new(full: &'a str, kind: Kind) -> Self {
        let name = full.strip_suffix(kind.suffix()).unwrap_or(full);
        Self { name, kind }
    }

    /// The unit that the name ends with, if it does and the type may have
    /// one.
    pub(super) fn unit(&self) -> Option<&'a str> {
        let (_, last) = self.name.rsplit_once('_')?;
        (self.kind != Kind::Info && UNITS.contains(&last)).then_some(last)
    }

    /// The name that it would have if no other were in the way.
    fn wanted(head: &Head<'a>) -> Self {
        let kind = match head.kind {
            MetricType::COUNTER => Kind::Counter,
            MetricType::GAUGE if head.info => Kind::Info,
            MetricType::GAUGE => Kind::Gauge,
            MetricType::HISTOGRAM => Kind::Histogram,
            MetricType::SUMMARY => Kind::Summary,
            MetricType::UNTYPED => Kind::Untyped,
        };
        match head.name.strip_suffix(kind.suffix()) {
            Some(name) if !name.is_empty() => Self { name, kind },
            _ => Self::modest(head),
        }
    }

    /// The name it has in any case.
    fn modest(head: &Head<'a>) -> Self {
        let kind = match head.kind {
            MetricType::GAUGE => Kind::Gauge,
            // a counter by another name cannot be one here
            _ => Kind::Unknown,
        };
        Self { name: head.name, kind }
    }
}

/// The names of all families, in their order.
pub(super) fn all<'a>(heads: &[Head<'a>]) -> Vec<Name<'a>> {
    let mut names: Vec<_> = heads.iter().map(Name::wanted).collect();
    let mut taken = HashSet::new();
    let is_whole = |name: &Name, head: &Head| name.name == head.name;
    // first those that have no choice
    for (name, head) in names.iter().zip(heads) {
        if is_whole(name, head) {
            taken.extend(samples(name));
        }
    }
    for (name, head) in names.iter_mut().zip(heads) {
        if is_whole(name, head) {
            continue;
        }
        if samples(name).any(|sample| taken.contains(&sample)) {
            *name = Name::modest(head);
        }
        taken.extend(samples(name));
    }
    names
}

fn samples(name: &Name) -> impl Iterator<Item = String> {
    let suffixes = name.kind.suffixes().iter();
    suffixes.map(|suffix| format!("{}{suffix}", name.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(families: &[(&str, MetricType)]) -> Vec<(String, Kind)> {
        let heads = families.iter();
        let heads: Vec<_> =
            heads.map(|(name, kind)| Head::new(name, *kind, || true)).collect();
        let names = all(&heads);
        for (name, head) in names.iter().zip(&heads) {
            assert_eq!(*name, Name::new(head.name, name.kind));
        }
        names.iter().map(|n| (n.name.to_owned(), n.kind)).collect()
    }

    #[test]
    fn suffixes_are_left_to_the_samples() {
        use MetricType::{COUNTER, GAUGE, HISTOGRAM};
        let names = named(&[
            ("a_total", COUNTER),
            ("b_info", GAUGE),
            ("c", GAUGE),
            ("d_seconds", HISTOGRAM),
            ("e", COUNTER),
            ("_total", COUNTER),
        ]);
        let expected = [
            ("a", Kind::Counter),
            ("b", Kind::Info),
            ("c", Kind::Gauge),
            ("d_seconds", Kind::Histogram),
            ("e", Kind::Unknown),
            ("_total", Kind::Unknown),
        ];
        assert_eq!(names, expected.map(|(n, k)| (n.to_owned(), k)));
    }

    #[test]
    fn who_would_clash_keeps_its_name() {
        use MetricType::{COUNTER, GAUGE, HISTOGRAM};
        let names = named(&[
            ("a_total", COUNTER),
            ("a", GAUGE),
            ("b_info", GAUGE),
            ("b_total", COUNTER),
            ("c_created", GAUGE),
            ("c_total", COUNTER),
            ("d", HISTOGRAM),
            ("d_info", GAUGE),
        ]);
        let expected = [
            ("a_total", Kind::Unknown),
            ("a", Kind::Gauge),
            ("b", Kind::Info),
            ("b_total", Kind::Unknown),
            ("c_created", Kind::Gauge),
            ("c_total", Kind::Unknown),
            ("d", Kind::Histogram),
            ("d_info", Kind::Gauge),
        ];
        assert_eq!(names, expected.map(|(n, k)| (n.to_owned(), k)));
    }

    #[test]
    fn units_are_at_the_end() {
        let unit = |name, kind| Name { name, kind }.unit();
        assert_eq!(unit("a_seconds", Kind::Counter), Some("seconds"));
        assert_eq!(unit("a_bytes", Kind::Gauge), Some("bytes"));
        assert_eq!(unit("a_seconds_total", Kind::Unknown), None);
        assert_eq!(unit("a_milliseconds", Kind::Gauge), None);
        assert_eq!(unit("seconds", Kind::Gauge), None);
        assert_eq!(unit("a_seconds", Kind::Info), None);
        assert_eq!(unit("a_nodes", Kind::Gauge), None);
    }
}
