//! The cache of content blobs, which is in front of the instance's storage.
//!
//! Source: `content.stats-get`, in 0.3 ms.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::{Context, has_version, parse};
use crate::flux::Result;

const INTERVAL: f64 = 30.0;

const BLOBS: Spec = Spec::gauge(
    "flux_content_cache_blobs",
    &["state"],
    "Blobs in the broker's content cache: clean ones are stored elsewhere \
     too, dirty ones are not yet, loading ones are on their way here.",
);
const BYTES: Spec = Spec::gauge(
    "flux_content_cache_bytes",
    &[],
    "Size of the blobs in the broker's content cache.",
);
const FLUSHING: Spec = Spec::gauge(
    "flux_content_flushing_blobs",
    &[],
    "Blobs that are being stored elsewhere at the moment.",
);
const MAPPED: Spec = Spec::gauge(
    "flux_content_mapped_blobs",
    &[],
    "Blobs that are served from files mapped with flux archive.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[BLOBS, BYTES, FLUSHING, MAPPED];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let handle = context.scope.handle();
    // before Flux 0.80 the question is the end of any other broker
    if handle.rank()? > 0 && !has_version(handle, (0, 80)) {
        context.health.report(handle, Ok(()));
        return Ok(());
    }
    let questions = [(c"content.stats-get", "{}")];
    context.poll_all(questions, INTERVAL, move |[reply]| {
        latest.set(read(reply)?);
        Ok(())
    })
}

pub(super) fn read(reply: &str) -> Result<Stats> {
    parse("content.stats-get", reply)
}

#[derive(Deserialize)]
pub(super) struct Stats {
    count: i64,
    valid: i64,
    dirty: i64,
    size: i64,
    #[serde(rename = "flush-batch-count")]
    flushing: i64,
    /// Rank 0 only.
    mmap: Option<Mmap>,
}

#[derive(Deserialize)]
struct Mmap {
    blobs: i64,
}

pub(super) fn show(stats: &Stats) -> Vec<Family> {
    let mut blobs = BLOBS.family();
    blobs.add(&["clean"], stats.valid as f64 - stats.dirty as f64);
    blobs.add(&["dirty"], stats.dirty as f64);
    blobs.add(&["loading"], stats.count as f64 - stats.valid as f64);
    let mut bytes = BYTES.family();
    bytes.add(&[], stats.size as f64);
    let mut flushing = FLUSHING.family();
    flushing.add(&[], stats.flushing as f64);
    let mut mapped = MAPPED.family();
    if let Some(mmap) = &stats.mmap {
        mapped.add(&[], mmap.blobs as f64);
    }
    vec![blobs, bytes, flushing, mapped]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    fn shown(mmap: &str) -> std::collections::BTreeMap<String, f64> {
        let reply = format!(
            r#"{{"count":851,"valid":850,"dirty":20,"size":245018,
                "flush-batch-count":3,"mmap":{mmap}}}"#
        );
        series(show(&parse("content.stats-get", &reply).unwrap()))
    }

    #[test]
    fn shows_real_answers() {
        let shown = shown(r#"{"tags":{},"blobs":2}"#);
        for (series, value) in [
            ("flux_content_cache_blobs{state=clean}", 830.0),
            ("flux_content_cache_blobs{state=dirty}", 20.0),
            ("flux_content_cache_blobs{state=loading}", 1.0),
            ("flux_content_cache_bytes", 245_018.0),
            ("flux_content_flushing_blobs", 3.0),
            ("flux_content_mapped_blobs", 2.0),
        ] {
            assert_eq!(shown.get(series), Some(&value), "{series}: {shown:?}");
        }
    }

    #[test]
    fn other_ranks_map_nothing() {
        assert_eq!(shown("null").len(), 5);
    }
}
