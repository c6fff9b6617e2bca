//! A page: what a scrape gets, and how it is brought up to date.
//!
//! Most numbers stay as they are from one scrape to the next, and what was
//! not touched for a while is slow to touch. So a page is kept as the bytes
//! that it was, with the versions of what it shows; of a part that has
//! another version, families that differ are written over what they were.
//! Where families come or go, all is written anew.

use std::ops::Range;
use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::created::PROCESS_START;
use super::name::INFO;
use super::renumber::renumber;
use super::source::Version;
use super::splice::splice;
use super::writer::{Any, How, Writer};
use super::{Created, Families, Family, Format, Parts, Select, Source};

/// A page in one format, for who wants the same of it each time.
pub struct Page {
    text: Arc<Vec<u8>>,
    /// Where each family on it ends, in their order.
    ends: Vec<usize>,
    /// Of each part.
    versions: Vec<Version>,
    families: Vec<Vec<Written>>,
    created: Created,
    writer: Writer,
}

/// A family of a part, as it was written last.
struct Written {
    family: Family,
    /// The order of its series.
    order: Vec<usize>,
    /// Which one on the page, if it is on it, and how.
    row: Option<(usize, How)>,
}

impl Page {
    /// An empty page.
    pub fn new(format: Format) -> Self {
        Self {
            text: Arc::default(),
            ends: Vec::new(),
            versions: Vec::new(),
            families: Vec::new(),
            created: Created::default(),
            writer: Writer::new(format),
        }
    }

    /// What it says. Who holds it for long makes the next update a copy.
    pub fn text(&self) -> &Arc<Vec<u8>> {
        &self.text
    }

    /// Writes what is wanted of the families at present, which is the same
    /// each time. After an error, or a panic in a source, it is of no use.
    pub fn update(
        &mut self,
        families: &Families,
        wanted: impl Select,
        created: &Created,
    ) -> Result<(), String> {
        let sources = families.sources();
        let others = families.others();
        let known = !self.versions.is_empty() && self.created == *created;
        self.writer.exemplars = wanted.exemplars();
        if known && others.is_none() && self.patch(&sources) {
            return Ok(());
        }
        self.created = created.clone();
        self.write(&sources, &others.unwrap_or_default(), wanted)
    }

    /// Writes what has changed over what there was, unless there is more to
    /// it than that.
    fn patch(&mut self, sources: &[Arc<dyn Source>]) -> bool {
        let mut parts = Parts::new(&self.versions);
        sources.iter().for_each(|source| source.show(&mut parts));
        let Parts { versions, changed, .. } = parts;
        if versions.len() != self.versions.len() {
            return false;
        }
        self.versions = versions;
        let (mut fresh, mut rows) = (Vec::new(), Vec::new());
        for (part, families) in changed {
            let mut before = self.families[part].iter_mut();
            for family in families.into_iter().filter(|f| !f.is_empty()) {
                let Some(was) = before.next().filter(|was| was.is_of(&family))
                else {
                    return false;
                };
                if was.family == family {
                    continue;
                }
                if let Some((row, how)) = was.row {
                    let text = &self.text[place(&self.ends, row)];
                    let (start, writer) = (fresh.len(), &mut self.writer);
                    was.write(&family, how, text, writer, &mut fresh);
                    rows.push((row, start..fresh.len()));
                }
                was.family = family;
            }
            if before.next().is_some() {
                return false;
            }
        }
        rows.sort_unstable_by_key(|(row, _)| *row);
        self.replace(&rows, &fresh);
        true
    }

    /// Puts bytes, a part of `fresh` each, in the place of families.
    fn replace(&mut self, rows: &[(usize, Range<usize>)], fresh: &[u8]) {
        let edits = rows.iter().map(|(row, bytes)| {
            (place(&self.ends, *row), &fresh[bytes.clone()])
        });
        let edits: Vec<_> = edits.collect();
        splice(Arc::make_mut(&mut self.text), &edits);
        let (mut old, mut new) = (0, 0);
        let mut changed = rows.iter().zip(&edits).peekable();
        let Some(((first, _), _)) = changed.peek() else { return };
        for (row, end) in self.ends.iter_mut().enumerate().skip(*first) {
            if let Some((_, (was, is))) =
                changed.next_if(|((changed, _), _)| *changed == row)
            {
                (old, new) = (old + was.len(), new + is.len());
            }
            *end = *end + new - old;
        }
    }

    /// Writes all of it.
    fn write(
        &mut self,
        sources: &[Arc<dyn Source>],
        others: &[MetricFamily],
        wanted: impl Select,
    ) -> Result<(), String> {
        let mut parts = Parts::default();
        sources.iter().for_each(|source| source.show(&mut parts));
        self.versions = parts.versions;
        let keep = |(_, families): (_, Vec<Family>)| {
            let there = families.into_iter().filter(|f| !f.is_empty());
            there.map(Written::new).collect::<Vec<_>>()
        };
        let mut kept: Vec<_> = parts.changed.into_iter().map(keep).collect();
        let mut all = Vec::new();
        for (part, families) in kept.iter().enumerate() {
            let families = families.iter().enumerate();
            all.extend(families.map(|(i, w)| Any::Own(&w.family, (part, i))));
        }
        all.extend(others.iter().map(Any::Other));
        // of one name, which only what is not ours can have, the last
        all.sort_by(|a, b| a.name().cmp(b.name()).then(b.at().cmp(&a.at())));
        all.dedup_by(|a, b| a.name() == b.name() && a.at().is_some());
        let process = all.iter().find_map(Any::process_start);
        let kinds = self.writer.kinds(&all);
        let text = Arc::make_mut(&mut self.text);
        text.clear();
        self.ends.clear();
        let mut rows = Vec::new();
        for (any, kind) in all.iter().zip(kinds) {
            if !wanted.family(any.name()) {
                continue;
            }
            let created = match self.writer.format {
                Format::Text => None,
                // series of others come and go: since when is not known
                _ if any.is_given() => None,
                _ => self.created.of(any.name(), process),
            };
            let how = How { kind, created };
            match any {
                Any::Other(family) => self.writer.other(family, how, text)?,
                Any::Own(family, at) => {
                    self.writer.own(family, how, text);
                    rows.push((*at, (self.ends.len(), how)));
                }
            }
            self.ends.push(text.len());
        }
        text.extend(self.writer.end());
        for ((part, i), row) in rows {
            kept[part][i].row = Some(row);
        }
        self.families = kept;
        Ok(())
    }
}

/// Where the bytes of a family are.
fn place(ends: &[usize], row: usize) -> Range<usize> {
    let start = if row == 0 { 0 } else { ends[row - 1] };
    start..ends[row]
}

impl Written {
    fn new(family: Family) -> Self {
        Self { order: family.order(), family, row: None }
    }

    /// Whether the family can be written in its place, and no other has to be
    /// written otherwise for that.
    fn is_of(&self, family: &Family) -> bool {
        self.family.shape().is(family.shape())
            && tells(&self.family) == tells(family)
    }

    /// Appends the family, given how the one before was written.
    fn write(
        &mut self,
        family: &Family,
        how: How,
        text: &[u8],
        writer: &mut Writer,
        out: &mut Vec<u8>,
    ) {
        if writer.format == Format::Protobuf
            || !self.family.differs_by_values(family)
        {
            self.order = family.order();
            return writer.own(family, how, out);
        }
        let dated = how.created.is_some() && how.kind.is_created();
        let both = [&self.family, family];
        renumber(text, writer.format, both, &self.order, dated, out);
    }
}

/// What of its numbers decides how families are written.
fn tells(family: &Family) -> Option<f64> {
    let values = || family.series().map(|series| series.value());
    match family.name() {
        PROCESS_START => values().next(),
        name if name.ends_with(INFO) => {
            values().all(|value| value == 1.0).then_some(1.0)
        }
        _ => None,
    }
}
