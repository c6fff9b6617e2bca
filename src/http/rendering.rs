//! Turning the registry into bytes: once for all who ask at about the same
//! time for the same, within a budget, and without letting a panic through.
//!
//! A rendering of no more than a mebibyte is shared for [`Limits::shared`],
//! and so are its compressed forms. Those who ask while there is none wait for one turn of the runtime,
//! in which the requests that have also arrived by then join them: however
//! long a rendering takes, a burst of scrapes costs one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper::body::Bytes;
use tokio::time::Instant;

use super::{
    Limits, View,
    coding::{Coding, WORTHWHILE},
    pages::KEPT,
};
use crate::exposition::Format;

/// Why there are no metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A collector or the encoder failed; the reason.
    Broken(String),
    /// Too many bytes are still on their way to slow readers.
    Busy,
}

type Outcome = Result<Arc<Rendering>, Failure>;

/// Metrics, encoded.
#[derive(Debug)]
pub(super) struct Rendering {
    /// Its numbers are no older.
    begun: Instant,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    zstd: OnceLock<Bytes>,
    alive: Arc<AtomicUsize>,
}

impl Rendering {
    /// Its bytes as they are.
    pub(super) fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Its bytes, coded as asked for or, where that is not worth it, as they
    /// are.
    pub(super) fn coded(&self, coding: Coding) -> (Coding, Bytes) {
        let cache = match coding {
            _ if self.plain.len() < WORTHWHILE => None,
            Coding::Identity => None,
            Coding::Gzip => Some(&self.gzip),
            Coding::Zstd => Some(&self.zstd),
        };
        let coded = cache.map(|cache| {
            cache.get_or_init(|| match coding.encode(&self.plain) {
                Ok(bytes) => Held::share(bytes.into(), &self.alive),
                // cannot be, as nothing is read or written
                Err(_) => Bytes::new(),
            })
        });
        match coded {
            Some(bytes) if !bytes.is_empty() => (coding, bytes.clone()),
            _ => (Coding::Identity, self.plain.clone()),
        }
    }
}

/// The renderings of one site.
#[derive(Default)]
pub(super) struct Renderings {
    /// For each format and view: different answers cannot be shared.
    rows: [Row; View::COUNT * Format::COUNT],
    /// Bytes of renderings that somebody still holds, in whichever row.
    alive: Arc<AtomicUsize>,
}

/// The renderings in one format, of one view.
#[derive(Default)]
struct Row {
    /// The last one, to be shared for a while.
    last: Mutex<Option<Arc<Rendering>>>,
    /// Where the requests of this turn will find their answer.
    turn: Mutex<Option<Arc<OnceLock<Outcome>>>>,
    /// The size of the last one: the next one will be about as large.
    size: AtomicUsize,
}

impl Renderings {
    /// Renders with `encode`, or shares what was rendered for another request
    /// for the same.
    pub(super) async fn get(
        &self,
        format: Format,
        view: View,
        limits: &Limits,
        encode: impl FnOnce() -> Result<Arc<Vec<u8>>, String>,
    ) -> Outcome {
        let row = &self.rows[format as usize * View::COUNT + view as usize];
        if let Some(last) = &*lock(&row.last) {
            if last.begun.elapsed() < limits.shared {
                return Ok(last.clone());
            }
        }
        let turn = Arc::clone(lock(&row.turn).get_or_insert_default());
        tokio::task::yield_now().await;
        turn.get_or_init(|| {
            // who comes from here on sees a later state: the next turn's
            *lock(&row.turn) = None;
            self.render(row, limits.rendered_bytes, encode)
        })
        .clone()
    }

    /// Whether another answer can be made, whatever it is.
    pub(super) fn have_room(&self, limits: &Limits) -> bool {
        self.make_room(0, limits.rendered_bytes)
    }

    /// Counts the bytes of an answer that is none of these, but goes to the
    /// same readers.
    pub(super) fn count(&self, bytes: Vec<u8>) -> Bytes {
        Held::share(bytes.into(), &self.alive)
    }

    fn render(
        &self,
        row: &Row,
        limit: usize,
        encode: impl FnOnce() -> Result<Arc<Vec<u8>>, String>,
    ) -> Outcome {
        // its bytes too may be changed then, unless somebody reads them yet
        *lock(&row.last) = None;
        let size = row.size.load(Ordering::Relaxed);
        if !self.make_room(size, limit) {
            return Err(Failure::Busy);
        }
        let begun = Instant::now();
        // What a panicking collector leaves behind is its own; the registry's
        // locks do not poison.
        let page = catch_unwind(AssertUnwindSafe(encode))
            .unwrap_or_else(|_| Err("a collector panicked".into()))
            .map_err(Failure::Broken)?;
        let size = page.len();
        row.size.store(size, Ordering::Relaxed);
        let rendering = Arc::new(Rendering {
            begun,
            plain: Held::share(page, &self.alive),
            gzip: OnceLock::new(),
            zstd: OnceLock::new(),
            alive: self.alive.clone(),
        });
        if size <= KEPT {
            *lock(&row.last) = Some(rendering.clone());
        }
        Ok(rendering)
    }

    /// Whether there is room for `size` more bytes, if need be without those
    /// that nobody reads: they must not count against who wants to.
    fn make_room(&self, size: usize, limit: usize) -> bool {
        if self.is_full(size, limit) {
            self.rows.iter().for_each(|row| *lock(&row.last) = None);
        }
        !self.is_full(size, limit)
    }

    /// Whether there is no room for `size` more bytes. A site larger than the
    /// limit is still served, to one at a time.
    fn is_full(&self, size: usize, limit: usize) -> bool {
        let alive = self.alive.load(Ordering::Relaxed);
        alive > 0 && alive.saturating_add(size) > limit
    }
}

/// What these locks guard cannot be left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that are accounted for, with the room that they have, until their last
/// reader is done.
struct Held {
    bytes: Arc<Vec<u8>>,
    alive: Arc<AtomicUsize>,
}

impl Held {
    fn share(bytes: Arc<Vec<u8>>, alive: &Arc<AtomicUsize>) -> Bytes {
        alive.fetch_add(bytes.capacity(), Ordering::Relaxed);
        Bytes::from_owner(Self { bytes, alive: Arc::clone(alive) })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes.capacity(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
