//! What is served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::Result;

use super::{
    Counts, Limits, View,
    filed::Filed,
    numbers::Numbers,
    pages::Pages,
    rendering::{Failure, Rendering, Renderings},
    routes::Heads,
    view::WITHHELD,
};
use crate::exposition::{Created, Families, Format, Select};

/// Answers `/readyz`: an error says why the numbers are not to be trusted
/// yet. Called on the http thread; must not block.
pub type Ready =
    dyn Fn() -> std::result::Result<(), String> + Send + Sync + 'static;

/// What the page for people says.
#[derive(Debug, Clone)]
pub struct About {
    /// The name the module was loaded under.
    pub name: String,
    /// The version of this module.
    pub version: String,
    /// Further facts, shown as a table: what, and its value.
    pub facts: Vec<(String, String)>,
}

/// All that a server shows, shared with the thread that fills it.
pub struct Site {
    families: Families,
    is_private: fn(&str) -> bool,
    tells_of_persons: fn(&str) -> bool,
    ready: Arc<Ready>,
    elsewhere: Option<String>,
    about: About,
    counts: Counts,
    created: Mutex<Created>,
    pages: Pages,
    renderings: Renderings,
    heads: Heads,
    filed: Filed,
}

impl Site {
    /// Puts a site together and registers the server's own metrics, of which
    /// a registry can hold one set. Counters are taken to begin now, see
    /// [`created`](Self::created).
    pub fn new(
        families: impl Into<Families>,
        ready: Arc<Ready>,
        about: About,
    ) -> Result<Self> {
        let families = families.into();
        Ok(Self {
            counts: Counts::register(&families)?,
            families,
            is_private: |_| false,
            tells_of_persons: |_| false,
            ready,
            elsewhere: None,
            about,
            created: Mutex::new(Created::at(now())),
            pages: Pages::default(),
            renderings: Renderings::default(),
            heads: Heads::default(),
            filed: Filed::default(),
        })
    }

    /// Says which families are not public.
    pub fn with_private(mut self, is_private: fn(&str) -> bool) -> Self {
        self.is_private = is_private;
        self
    }

    /// Says which families, in private mode, are for the authenticated only.
    pub fn with_persons(mut self, tells_of_persons: fn(&str) -> bool) -> Self {
        self.tells_of_persons = tells_of_persons;
        self
    }

    /// Says where numbers of the whole instance are, if not here.
    pub fn with_elsewhere(mut self, text: Option<String>) -> Self {
        self.elsewhere = text;
        self
    }

    /// The server's own metrics.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Since when counters count. To be corrected for those that did not
    /// begin with the site, and when some begin anew.
    pub fn created(&self) -> MutexGuard<'_, Created> {
        // whatever it holds, it is as good as it was
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn ready(&self) -> std::result::Result<(), String> {
        (self.ready)()
    }

    fn shows(&self, view: View, name: &str) -> bool {
        let is_local = || !(self.tells_of_persons)(name);
        match view {
            View::All => true,
            View::Local => is_local(),
            View::Public => is_local() && !(self.is_private)(name),
        }
    }

    /// The metrics, for answers that show a few of them.
    pub(super) fn numbers(&self, view: View) -> Numbers {
        let gather = || self.families.gather();
        let gathered = catch_unwind(AssertUnwindSafe(gather));
        let (families, mut ready) = match gathered {
            Ok(mut families) => {
                families.retain(|family| self.shows(view, family.name()));
                (families, self.ready())
            }
            Err(_) => (Vec::new(), Err("a collector panicked".into())),
        };
        if view == View::Public {
            ready = ready.and(Err(format!("not shown: {WITHHELD}")));
        }
        let withheld = ready.err().or_else(|| self.elsewhere.clone());
        Numbers { families, withheld, now: SystemTime::now() }
    }

    /// Where the bytes that are on their way are counted.
    pub(super) fn renderings(&self) -> &Renderings {
        &self.renderings
    }

    /// The headers of the metrics.
    pub(super) fn heads(&self) -> &Heads {
        &self.heads
    }

    /// The metrics that are asked for often.
    pub(super) fn filed(&self) -> &Filed {
        &self.filed
    }

    /// The metrics, in a format.
    pub(super) async fn render(
        &self,
        format: Format,
        view: View,
        limits: &Limits,
    ) -> std::result::Result<Arc<Rendering>, Failure> {
        let encode = || {
            // observed also when it panics: that took time as well
            let _timer = self.counts.scrape_seconds.start();
            // First: a counter that begins anew meanwhile is then one that
            // went down, which is harmless. A new time and an old value
            // would count everything twice.
            let created = self.created().clone();
            let wanted = Wanted { site: self, view };
            self.pages.text(format, view, |page| {
                page.update(&self.families, wanted, &created)
            })
        };
        self.renderings.get(format, view, limits, encode).await
    }
}

/// What is shown in a view.
struct Wanted<'a> {
    site: &'a Site,
    view: View,
}

impl Select for Wanted<'_> {
    fn family(&self, name: &str) -> bool {
        self.site.shows(self.view, name)
    }

    /// They name jobs, which is as much as to tell of persons.
    fn exemplars(&self) -> bool {
        self.view == View::All
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
