//! Turning the registry into bytes: once for all who ask at the same time
//! for the same format, within a budget, and without letting a panic through.
//!
//! Those who ask while nothing is being rendered wait for one turn of the
//! runtime, in which the requests that have also arrived by then join them.
//! So a burst of scrapes costs one rendering, and yet no answer is older than
//! the request it answers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper::body::Bytes;

use crate::exposition::Format;

/// All metrics, encoded.
pub(super) type Rendering = Bytes;

/// Why there are no metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A collector or the encoder failed; the reason.
    Broken(String),
    /// Too many bytes are still on their way to slow readers.
    Busy,
}

type Outcome = Result<Rendering, Failure>;

/// The renderings of one site.
#[derive(Default)]
pub(super) struct Renderings {
    /// A row for each format: answers in different ones cannot be shared.
    turns: [Turns; Format::COUNT],
    /// Bytes of renderings that somebody still holds, in whichever format.
    alive: Arc<AtomicUsize>,
}

/// The renderings in one format.
#[derive(Default)]
struct Turns {
    /// Where the requests of this turn will find their answer.
    next: Mutex<Option<Arc<OnceLock<Outcome>>>>,
    /// The size of the last one, to allocate the next one in one go.
    size: AtomicUsize,
}

impl Turns {
    fn next(&self) -> MutexGuard<'_, Option<Arc<OnceLock<Outcome>>>> {
        // an Option cannot be left half done
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renderings {
    /// Renders with `encode`, or shares what another request of the same turn
    /// and for the same format rendered.
    pub(super) async fn get(
        &self,
        format: Format,
        limit: usize,
        encode: impl FnOnce(&mut String) -> Result<(), String>,
    ) -> Outcome {
        let turns = &self.turns[format as usize];
        let turn = Arc::clone(turns.next().get_or_insert_default());
        tokio::task::yield_now().await;
        turn.get_or_init(|| {
            // who comes from here on sees a later state: the next turn's
            *turns.next() = None;
            self.render(&turns.size, limit, encode)
        })
        .clone()
    }

    fn render(
        &self,
        last_size: &AtomicUsize,
        limit: usize,
        encode: impl FnOnce(&mut String) -> Result<(), String>,
    ) -> Outcome {
        let size = last_size.load(Ordering::Relaxed);
        let alive = self.alive.load(Ordering::Relaxed);
        // a site larger than the limit is still served, to one at a time
        if alive > 0 && alive.saturating_add(size) > limit {
            return Err(Failure::Busy);
        }
        let mut text = String::with_capacity(size + size / 8);
        // What a panicking collector leaves behind is its own; the registry's
        // locks do not poison.
        catch_unwind(AssertUnwindSafe(|| encode(&mut text)))
            .unwrap_or_else(|_| Err("a collector panicked".into()))
            .map_err(Failure::Broken)?;
        last_size.store(text.len(), Ordering::Relaxed);
        Ok(Bytes::from_owner(Held::new(text, &self.alive)))
    }
}

/// A text that is accounted for until its last reader is done.
struct Held {
    text: String,
    alive: Arc<AtomicUsize>,
}

impl Held {
    fn new(text: String, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(text.len(), Ordering::Relaxed);
        Self { text, alive: Arc::clone(alive) }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::{runtime::Builder, task::LocalSet};

    use super::*;

    const TEXT: Format = Format::Text;

    fn run(test: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, test);
    }

    fn ten(text: &mut String) -> Result<(), String> {
        text.push_str("123456789\n");
        Ok(())
    }

    #[test]
    fn those_who_ask_together_share() {
        run(async {
            let renderings = Arc::new(Renderings::default());
            let count = std::rc::Rc::new(Cell::new(0));
            let ask = || {
                let renderings = Arc::clone(&renderings);
                let count = count.clone();
                tokio::task::spawn_local(async move {
                    let encode = |text: &mut String| {
                        count.set(count.get() + 1);
                        ten(text)
                    };
                    renderings.get(TEXT, 100, encode).await
                })
            };
            let together: Vec<_> = (0..5).map(|_| ask()).collect();
            for answer in together {
                answer.await.unwrap().unwrap();
            }
            assert_eq!(count.get(), 1);
            ask().await.unwrap().unwrap();
            assert_eq!(count.get(), 2, "who asks later gets a new one");
        });
    }

    #[test]
    fn formats_are_not_shared_but_their_budget_is() {
        run(async {
            let renderings = Renderings::default();
            let other = |text: &mut String| {
                text.push_str("# EOF\n");
                Ok(())
            };
            let a = renderings.get(TEXT, 100, ten);
            let b = renderings.get(Format::OpenMetrics, 100, other);
            let (mut a, mut b) = (Box::pin(a), Box::pin(b));
            std::future::poll_fn(|cx| {
                // both are waiting for their turn
                assert!(a.as_mut().poll(cx).is_pending());
                assert!(b.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            let (a, b) = (a.await.unwrap(), b.await.unwrap());
            assert_eq!(
                (&a[..], &b[..]),
                (&b"123456789\n"[..], &b"# EOF\n"[..])
            );
            drop(a);
            let busy = renderings.get(TEXT, 15, ten).await;
            assert_eq!(busy, Err(Failure::Busy));
        });
    }

    #[test]
    fn who_leaves_does_not_hold_up_the_rest() {
        run(async {
            let renderings = Renderings::default();
            {
                let mut gone = Box::pin(renderings.get(TEXT, 100, ten));
                std::future::poll_fn(|cx| {
                    assert!(gone.as_mut().poll(cx).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
            }
            assert_eq!(renderings.get(TEXT, 100, ten).await.unwrap().len(), 10);
        });
    }

    #[test]
    fn the_budget_counts_what_is_held() {
        run(async {
            let renderings = Renderings::default();
            let first = renderings.get(TEXT, 15, ten).await.unwrap();
            assert_eq!(renderings.get(TEXT, 15, ten).await, Err(Failure::Busy));
            drop(first);
            let again = renderings.get(TEXT, 15, ten).await;
            assert!(again.is_ok());
            drop(again);
            // larger than all of it, but alone
            assert!(renderings.get(TEXT, 1, ten).await.is_ok());
            assert_eq!(renderings.alive.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn a_panic_is_a_failure() {
        run(async {
            let renderings = Renderings::default();
            let failure =
                renderings.get(TEXT, 100, |_| panic!("expected")).await;
            let text = "a collector panicked".to_string();
            assert_eq!(failure, Err(Failure::Broken(text)));
            assert!(renderings.get(TEXT, 100, ten).await.is_ok());
        });
    }
}
