//! What was written last, so that only what changed is written anew: most
//! numbers stay as they are from one scrape to the next.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::slice;

use prometheus::proto::MetricFamily;

use super::created::PROCESS_START;
use super::lines::{Bounds, Lines};
use super::name::{Head, Kind, Kinds, Name};
use super::{Created, Family, Format, Select, openmetrics, protobuf};

/// Of a page of more bytes than this nothing is kept.
const MAX_KEPT: usize = 1 << 20;

/// The last page in one format.
#[derive(Default)]
pub(super) struct Page {
    families: BTreeMap<Cow<'static, str>, Kept>,
    kinds: Kinds,
    bounds: Bounds,
}

/// A family, and how it was written.
struct Kept {
    family: Family,
    /// Empty if that is yet to be done.
    bytes: Vec<u8>,
    kind: Kind,
    created: Option<f64>,
    exemplars: bool,
    /// It is on the present page.
    shown: bool,
}

impl Page {
    /// Appends our families and those of others to `page`.
    pub(super) fn write(
        &mut self,
        format: Format,
        wanted: impl Select,
        created: &Created,
        (own, others): (Vec<Family>, &[MetricFamily]),
        page: &mut Vec<u8>,
    ) -> Result<(), String> {
        let before = page.len();
        self.update(own);
        let process = self.process_start();
        let process = process.or_else(|| openmetrics::process_start(others));
        let mut all: Vec<_> =
            self.families.values_mut().map(Either::Own).collect();
        all.extend(others.iter().map(Either::Other));
        all.sort_by(|a, b| a.name().cmp(b.name()));
        let kinds = match format {
            Format::Text | Format::Protobuf => &[],
            Format::OpenMetrics => {
                // those not wanted count in this: a family is to have one name
                let heads: Vec<_> = all.iter().map(Either::head).collect();
                self.kinds.get(&heads)
            }
        };
        let mut kinds = kinds.iter();
        for family in &mut all {
            let kind = kinds.next().copied().unwrap_or(Kind::Untyped);
            let full = family.name();
            if !wanted.family(full) {
                continue;
            }
            let created = match format {
                Format::Text => None,
                // series of others come and go: since when is not known
                _ if family.is_given() => None,
                _ => created.of(full, process),
            };
            match (family, format) {
                (Either::Own(kept), _) => {
                    let exemplars =
                        wanted.exemplars() && kept.family.has_exemplars();
                    let bounds = &mut self.bounds;
                    kept.write(format, kind, created, exemplars, bounds);
                    page.extend_from_slice(&kept.bytes);
                }
                (Either::Other(family), Format::Text) => {
                    let family = slice::from_ref(*family);
                    let mut text = String::new();
                    format.encode(family, &Created::default(), &mut text)?;
                    page.extend_from_slice(text.as_bytes());
                }
                (Either::Other(family), Format::OpenMetrics) => {
                    let name = Name::new(family.name(), kind);
                    let mut text = String::new();
                    openmetrics::encode_one(family, name, created, &mut text);
                    page.extend_from_slice(text.as_bytes());
                }
                (Either::Other(family), Format::Protobuf) => {
                    protobuf::other(family, created, page);
                }
            }
        }
        if format == Format::OpenMetrics {
            page.extend_from_slice(openmetrics::END.as_bytes());
        }
        if page.len() - before > MAX_KEPT {
            self.families.clear();
        }
        Ok(())
    }

    /// Takes what is shown now, and forgets what is not.
    fn update(&mut self, families: Vec<Family>) {
        for family in families {
            match self.families.entry(family.key()) {
                Entry::Vacant(entry) => drop(entry.insert(Kept::new(family))),
                Entry::Occupied(entry) => entry.into_mut().update(family),
            }
        }
        self.families.retain(|_, kept| std::mem::take(&mut kept.shown));
    }

    fn process_start(&self) -> Option<f64> {
        let kept = self.families.get(PROCESS_START)?;
        let start = kept.family.series().next()?;
        Some(start.value())
    }
}

impl Kept {
    fn new(family: Family) -> Self {
        Self {
            family,
            bytes: Vec::new(),
            kind: Kind::Untyped,
            created: None,
            exemplars: false,
            shown: true,
        }
    }

    fn update(&mut self, family: Family) {
        self.shown = true;
        if !self.family.is_same(&family) {
            self.family = family;
            self.bytes.clear();
        }
    }

    fn write(
        &mut self,
        format: Format,
        kind: Kind,
        created: Option<f64>,
        exemplars: bool,
        bounds: &mut Bounds,
    ) {
        let same = self.kind == kind
            && self.created == created
            && self.exemplars == exemplars;
        if same && !self.bytes.is_empty() {
            return;
        }
        self.bytes.clear();
        (self.kind, self.created) = (kind, created);
        self.exemplars = exemplars;
        if format == Format::Protobuf {
            let family = &self.family;
            return protobuf::own(family, created, exemplars, &mut self.bytes);
        }
        let full = self.family.name();
        // it is empty, and keeps its capacity
        let bytes = std::mem::take(&mut self.bytes);
        let mut text = String::from_utf8(bytes).unwrap_or_default();
        let mut lines = Lines {
            format,
            text: &mut text,
            full,
            name: Name::new(full, kind),
            created,
            labels: String::new(),
            timestamp: None,
            exemplars,
        };
        lines.family(&self.family, bounds);
        self.bytes = text.into_bytes();
    }
}

/// A family on a page.
enum Either<'a> {
    Own(&'a mut Kept),
    Other(&'a MetricFamily),
}

impl<'a> Either<'a> {
    fn name(&self) -> &str {
        match self {
            Self::Own(kept) => kept.family.name(),
            Self::Other(family) => family.name(),
        }
    }

    fn is_given(&self) -> bool {
        matches!(self, Self::Own(kept) if kept.family.is_given())
    }

    fn head(&self) -> Head<'_> {
        match self {
            Self::Own(kept) => {
                let family = &kept.family;
                Head::new(family.name(), family.kind(), || {
                    family.series().all(|series| series.value() == 1.0)
                })
            }
            Self::Other(family) => openmetrics::head(family),
        }
    }
}
