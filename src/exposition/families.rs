//! All families: the registry, and a short way past it for those that are
//! ours.
//!
//! `Registry::gather` makes a tree of strings for each series, which takes
//! most of the time of a scrape. So who keeps numbers says what it shows as a
//! [`Source`], from which a page is written directly. The registry has it
//! too, and shows the same to those who gather; what others register there is
//! on the page as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, Result};

use super::page::Page;
use super::{Created, Family, Format, Spec};

/// Keeps numbers, and shows them when asked.
pub trait Source: Send + Sync + 'static {
    /// What it may show.
    fn specs(&self) -> Vec<Spec>;

    /// What it shows at present; numbers that belong together are of one
    /// moment.
    fn show(&self) -> Vec<Family>;
}

/// What of the families is wanted. A function of their names wants exemplars
/// of those that it likes.
pub trait Select {
    /// Whether a family is.
    fn family(&self, name: &str) -> bool;

    /// Whether exemplars are, where a format can say them.
    fn exemplars(&self) -> bool {
        true
    }
}

impl<F: Fn(&str) -> bool> Select for F {
    fn family(&self, name: &str) -> bool {
        self(name)
    }
}

/// The registry and the sources in it. A clone is the same one.
#[derive(Clone, Default)]
pub struct Families(Arc<Inner>);

#[derive(Default)]
struct Inner {
    registry: Registry,
    sources: Mutex<Vec<Arc<dyn Source>>>,
    /// The thread that is writing a page, for which the registry leaves out
    /// what the sources themselves have said.
    writing: Arc<Mutex<Option<ThreadId>>>,
    /// One for each format.
    pages: Mutex<[Page; Format::COUNT]>,
}

impl From<Registry> for Families {
    /// With what is registered there already.
    fn from(registry: Registry) -> Self {
        Self(Arc::new(Inner { registry, ..Inner::default() }))
    }
}

impl Families {
    /// Adds what a source shows.
    pub fn register(&self, source: impl Source) -> Result<()> {
        let source: Arc<dyn Source> = Arc::new(source);
        let mut collected = Collected::new(source.clone());
        collected.writing = Some(self.0.writing.clone());
        self.0.registry.register(Box::new(collected))?;
        lock(&self.0.sources).push(source);
        Ok(())
    }

    /// The registry, which has all of them.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The same as [`Families::write`], where the format is text.
    pub fn write_text(
        &self,
        format: Format,
        wanted: impl Fn(&str) -> bool,
        created: &Created,
        text: &mut String,
    ) -> std::result::Result<(), String> {
        let mut page = std::mem::take(text).into_bytes();
        self.write(format, wanted, created, &mut page)?;
        *text = String::from_utf8(page).map_err(|_| super::NO_TEXT)?;
        Ok(())
    }

    /// Appends to `page` what is wanted. After an error it is of no use: half
    /// an exposition is none.
    pub fn write(
        &self,
        format: Format,
        wanted: impl Select,
        created: &Created,
        page: &mut Vec<u8>,
    ) -> std::result::Result<(), String> {
        // first, for only one thread at a time may gather
        let mut pages = lock(&self.0.pages);
        let (own, others) = self.gather();
        pages[format as usize].write(
            format,
            wanted,
            created,
            (own, &others),
            page,
        )
    }

    /// What the sources show, and what else is registered.
    fn gather(&self) -> (Vec<Family>, Vec<MetricFamily>) {
        let writing = Writing::begin(&self.0.writing);
        let others = self.0.registry.gather();
        drop(writing);
        let sources = lock(&self.0.sources);
        let families = sources.iter().flat_map(|source| source.show());
        (families.filter(|family| !family.is_empty()).collect(), others)
    }
}

/// What a source shows, by the `prometheus` crate's means.
pub fn collected(source: impl Source) -> impl Collector + 'static {
    Collected::new(Arc::new(source))
}

struct Collected {
    descs: Vec<Desc>,
    source: Arc<dyn Source>,
    writing: Option<Arc<Mutex<Option<ThreadId>>>>,
}

impl Collected {
    fn new(source: Arc<dyn Source>) -> Self {
        let descs = source.specs().iter().map(Spec::desc).collect();
        Self { descs, source, writing: None }
    }
}

impl Collector for Collected {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let writing = self.writing.as_ref().and_then(|w| *lock(w));
        if writing == Some(thread::current().id()) {
            return Vec::new();
        }
        self.source.show().into_iter().map(Family::done).collect()
    }
}

/// Says which thread writes a page, for as long as it lives.
struct Writing<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> Writing<'a> {
    fn begin(thread: &'a Mutex<Option<ThreadId>>) -> Self {
        *lock(thread) = Some(thread::current().id());
        Self(thread)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}

/// What these locks guard is whole whenever a panic can happen.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
