//! All families: the registry, and a short way past it for those that are
//! ours.
//!
//! `Registry::gather` makes a tree of strings for each series, which takes
//! most of the time of a scrape. So who keeps numbers says what it shows as a
//! [`Source`], from which a page is written directly. The registry has it
//! too, and shows the same to those who gather; what others register there is
//! on the page as well.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, Result};

use super::{Created, Family, Format, Page, Source, Spec, shown};

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
    /// Whether others may register there what is no source.
    open: AtomicBool,
    sources: Mutex<Vec<Arc<dyn Source>>>,
    /// The thread that is writing a page, for which the registry leaves out
    /// what the sources themselves have said.
    writing: Arc<Mutex<Option<ThreadId>>>,
}

impl From<Registry> for Families {
    /// With what is registered there already.
    fn from(registry: Registry) -> Self {
        let open = AtomicBool::new(true);
        Self(Arc::new(Inner { registry, open, ..Inner::default() }))
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

    /// The registry, which has all of them. Each page has to ask it from now
    /// on, for others can register there too, and that takes a while.
    pub fn registry(&self) -> &Registry {
        self.0.open.store(true, Relaxed);
        &self.0.registry
    }

    /// All families, by the `prometheus` crate's means.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.0.registry.gather()
    }

    /// Appends to `text` what is wanted, where the format is one.
    pub fn write_text(
        &self,
        format: Format,
        wanted: impl Fn(&str) -> bool,
        created: &Created,
        text: &mut String,
    ) -> std::result::Result<(), String> {
        let mut page = Page::new(format);
        page.update(self, wanted, created)?;
        let page =
            std::str::from_utf8(page.text()).map_err(|_| super::NO_TEXT)?;
        text.push_str(page);
        Ok(())
    }

    /// Those who show something. One page is written at a time.
    pub(super) fn sources(&self) -> MutexGuard<'_, Vec<Arc<dyn Source>>> {
        lock(&self.0.sources)
    }

    /// What else is registered, if anything can be. To be asked for while the
    /// sources are held, for only one thread at a time may gather.
    pub(super) fn others(&self) -> Option<Vec<MetricFamily>> {
        self.0.open.load(Relaxed).then(|| {
            let _writing = Writing::begin(&self.0.writing);
            self.0.registry.gather()
        })
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
        shown(&*self.source).into_iter().map(Family::done).collect()
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
