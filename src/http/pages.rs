//! The pages that somebody asks for, as they were written last.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::View;
use crate::exposition::{Format, Page};

/// For how long a page is kept that nobody asks for.
const UNUSED: Duration = Duration::from_secs(600);

/// A page that is larger is not kept.
pub(super) const KEPT: usize = 1 << 20;

/// One for each format and view that was asked for lately.
#[derive(Default)]
pub(super) struct Pages(Mutex<Vec<Kept>>);

struct Kept {
    format: Format,
    view: View,
    page: Page,
    used: Instant,
}

impl Pages {
    /// What a page says after it was brought up to date by `update`.
    pub(super) fn text(
        &self,
        format: Format,
        view: View,
        update: impl FnOnce(&mut Page) -> Result<(), String>,
    ) -> Result<Arc<Vec<u8>>, String> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &Kept| (kept.format, kept.view) == (format, view);
        // taken out: one that an error or a panic leaves behind is of no use
        let mut page = match pages.iter().position(is_it) {
            Some(at) => pages.swap_remove(at).page,
            None => Page::new(format),
        };
        update(&mut page)?;
        let text = page.text().clone();
        let used = Instant::now();
        pages.retain(|kept| used.duration_since(kept.used) < UNUSED);
        if text.len() <= KEPT {
            pages.push(Kept { format, view, page, used });
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use tokio::time::advance;

    use super::*;
    use crate::exposition::{Created, Families, Parts, Source, Spec};
    use crate::http::testing::paused;

    const SPEC: Spec = Spec::gauge("x", &["l"], "X.");

    /// Shows a label of that size, and counts how often it had to.
    #[derive(Clone, Default)]
    struct Text(Arc<[AtomicUsize; 2]>);

    impl Source for Text {
        fn specs(&self) -> Vec<Spec> {
            vec![SPEC]
        }

        fn show(&self, parts: &mut Parts) {
            let [size, shown] = &*self.0;
            parts.keep(size.load(Relaxed) as u64, || {
                shown.fetch_add(1, Relaxed);
                let mut family = SPEC.family();
                family.add(&[&"x".repeat(size.load(Relaxed))], 1.0);
                vec![family]
            });
        }
    }

    #[test]
    fn kept_while_it_is_asked_for() {
        let (text, families) = (Text::default(), Families::default());
        families.register(text.clone()).unwrap();
        let pages = Pages::default();
        let ask = |format, view| {
            let created = Created::default();
            let update = |page: &mut Page| {
                page.update(&families, |_: &str| true, &created)
            };
            pages.text(format, view, update).unwrap();
            text.0[1].load(Relaxed)
        };
        let one = || ask(Format::Text, View::All);
        paused().block_on(async {
            assert_eq!((one(), one()), (1, 1));
            assert_eq!(ask(Format::OpenMetrics, View::All), 2);
            assert_eq!(ask(Format::Text, View::Public), 3);
            advance(UNUSED - Duration::from_secs(1)).await;
            assert_eq!(one(), 3);
            advance(Duration::from_secs(1)).await;
            assert_eq!(one(), 3, "asked for a second ago");
            assert_eq!(ask(Format::Text, View::Public), 4);
            text.0[0].store(2 * KEPT, Relaxed);
            assert_eq!((one(), one()), (5, 6), "too large to be kept");
        });
    }

    #[test]
    fn what_failed_is_not_kept() {
        let pages = Pages::default();
        let fail = |_: &mut Page| Err("no".to_owned());
        let failed = pages.text(Format::Text, View::All, fail);
        assert_eq!(failed.map(|_| ()), Err("no".to_owned()));
        assert!(pages.0.lock().unwrap().is_empty());
    }
}
