//! Who keeps numbers, and how it says what it shows.

use super::{Family, Spec};

/// Keeps numbers, and shows them when asked.
pub trait Source: Send + Sync + 'static {
    /// What it may show.
    fn specs(&self) -> Vec<Spec>;

    /// Says what it shows at present, in as many parts as ever and in the
    /// same order; numbers that belong together are of one moment.
    fn show(&self, parts: &mut Parts);
}

/// What a source shows at present.
pub fn shown(source: &dyn Source) -> Vec<Family> {
    let mut parts = Parts::default();
    source.show(&mut parts);
    parts.changed.into_iter().flat_map(|(_, families)| families).collect()
}

/// Takes what sources show, part by part, and of those that are known
/// already only what has changed.
#[derive(Default)]
pub struct Parts<'a> {
    known: &'a [Version],
    pub(super) versions: Vec<Version>,
    /// By the place of the part.
    pub(super) changed: Vec<(usize, Vec<Family>)>,
}

/// Of a part; none if that has to be looked at each time.
pub(super) type Version = Option<u64>;

impl<'a> Parts<'a> {
    pub(super) fn new(known: &'a [Version]) -> Self {
        let versions = Vec::with_capacity(known.len());
        Self { known, versions, changed: Vec::new() }
    }

    /// Shows what `make` makes, which is not asked while `version` is what it
    /// was: a number that changes with all that `make` reads. A sum of counts
    /// that only grow will do. It is to be read first, or under the same lock.
    pub fn keep(&mut self, version: u64, make: impl FnOnce() -> Vec<Family>) {
        let (at, version) = (self.versions.len(), Some(version));
        if self.known.get(at) != Some(&version) {
            self.changed.push((at, make()));
        }
        self.versions.push(version);
    }

    /// Shows these, which may be others each time.
    pub fn add(&mut self, families: impl IntoIterator<Item = Family>) {
        let families = families.into_iter().collect();
        self.changed.push((self.versions.len(), families));
        self.versions.push(None);
    }
}
