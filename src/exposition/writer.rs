//! Families as bytes, in one format, whoever they are from.

use std::slice;

use prometheus::proto::MetricFamily;

use super::created::PROCESS_START;
use super::lines::{Bounds, Lines};
use super::name::{self, Head, Kind, Name};
use super::{Created, Family, Format, openmetrics, protobuf};

/// Writes families.
pub(super) struct Writer {
    pub(super) format: Format,
    /// Whether exemplars are shown.
    pub(super) exemplars: bool,
    bounds: Bounds,
    /// That of the last family, for its capacity.
    text: String,
}

/// What the bytes of a family follow from, other than itself.
#[derive(Clone, Copy)]
pub(super) struct How {
    pub(super) kind: Kind,
    pub(super) created: Option<f64>,
}

impl Writer {
    pub(super) fn new(format: Format) -> Self {
        let (bounds, text) = (Bounds::default(), String::new());
        Self { format, exemplars: false, bounds, text }
    }

    /// Appends a family of ours.
    pub(super) fn own(
        &mut self,
        family: &Family,
        how: How,
        bytes: &mut Vec<u8>,
    ) {
        let How { kind, created } = how;
        let exemplars = self.exemplars && family.has_exemplars();
        if self.format == Format::Protobuf {
            return protobuf::own(family, created, exemplars, bytes);
        }
        self.text.clear();
        let full = family.name();
        let mut lines = Lines {
            format: self.format,
            text: &mut self.text,
            full,
            name: Name::new(full, kind),
            created,
            labels: String::new(),
            timestamp: None,
            exemplars,
        };
        lines.family(family, &mut self.bounds);
        bytes.extend_from_slice(self.text.as_bytes());
    }

    /// Appends a family of others.
    pub(super) fn other(
        &mut self,
        family: &MetricFamily,
        how: How,
        bytes: &mut Vec<u8>,
    ) -> Result<(), String> {
        let How { kind, created } = how;
        self.text.clear();
        match self.format {
            Format::Text => {
                let family = slice::from_ref(family);
                let created = Created::default();
                self.format.encode(family, &created, &mut self.text)?;
            }
            Format::OpenMetrics => {
                let name = Name::new(family.name(), kind);
                openmetrics::encode_one(family, name, created, &mut self.text);
            }
            Format::Protobuf => protobuf::other(family, created, bytes),
        }
        bytes.extend_from_slice(self.text.as_bytes());
        Ok(())
    }

    /// Of which types families are.
    pub(super) fn kinds(&self, all: &[Any]) -> Vec<Kind> {
        match self.format {
            Format::Text | Format::Protobuf => vec![Kind::Untyped; all.len()],
            Format::OpenMetrics => {
                let heads: Vec<_> = all.iter().map(Any::head).collect();
                name::all(&heads).iter().map(|name| name.kind).collect()
            }
        }
    }

    /// What comes after all families.
    pub(super) fn end(&self) -> &'static [u8] {
        match self.format {
            Format::Text | Format::Protobuf => &[],
            Format::OpenMetrics => openmetrics::END.as_bytes(),
        }
    }
}

/// A family, ours or not.
pub(super) enum Any<'a> {
    /// And which one of its part it is.
    Own(&'a Family, (usize, usize)),
    Other(&'a MetricFamily),
}

impl Any<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Own(family, _) => family.name(),
            Self::Other(family) => family.name(),
        }
    }

    /// Where it is from, if it is ours.
    pub(super) fn at(&self) -> Option<(usize, usize)> {
        match self {
            Self::Own(_, at) => Some(*at),
            Self::Other(_) => None,
        }
    }

    /// Whether nobody knew of it when this was compiled, and a source shows
    /// it.
    pub(super) fn is_given(&self) -> bool {
        matches!(self, Self::Own(family, _) if family.is_given())
    }

    /// When the process began, if this says so.
    pub(super) fn process_start(&self) -> Option<f64> {
        match self {
            Self::Own(family, _) if family.name() == PROCESS_START => {
                Some(family.series().next()?.value())
            }
            Self::Own(..) => None,
            Self::Other(family) => {
                openmetrics::process_start(slice::from_ref(family))
            }
        }
    }

    /// What decides on its name.
    fn head(&self) -> Head<'_> {
        match self {
            Self::Own(family, _) => {
                Head::new(family.name(), family.kind(), || {
                    family.series().all(|series| series.value() == 1.0)
                })
            }
            Self::Other(family) => openmetrics::head(family),
        }
    }
}
