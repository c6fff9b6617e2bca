//! What is served.

use std::sync::Arc;

use prometheus::{Registry, Result};

use super::{
    Counts,
    rendering::{Failure, Rendering, Renderings},
};

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
    registry: Registry,
    ready: Arc<Ready>,
    about: About,
    counts: Counts,
    renderings: Renderings,
}

impl Site {
    /// Puts a site together and registers the server's own metrics, of which
    /// a registry can hold one set.
    pub fn new(
        registry: Registry,
        ready: Arc<Ready>,
        about: About,
    ) -> Result<Self> {
        Ok(Self {
            counts: Counts::register(&registry)?,
            registry,
            ready,
            about,
            renderings: Renderings::default(),
        })
    }

    /// The server's own metrics.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn ready(&self) -> std::result::Result<(), String> {
        (self.ready)()
    }

    /// All metrics, as text. `limit` bounds the bytes of the answers that are
    /// still on their way.
    pub(super) async fn render(
        &self,
        limit: usize,
    ) -> std::result::Result<Rendering, Failure> {
        let encode = |text: &mut String| {
            // observed also when it panics: that took time as well
            let _timer = self.counts.scrape_seconds.start_timer();
            prometheus::TextEncoder::new()
                .encode_utf8(&self.registry.gather(), text)
                .map_err(|e| e.to_string())
        };
        self.renderings.get(limit, encode).await
    }
}
