//! The key-value store: its cache, its namespaces and the primary one.
//!
//! Source: `kvs.stats-get`. Every running job has a namespace, and the answer
//! has them all: with 3,000 running jobs it holds the kvs module up for 28 to
//! 464 ms. Hence it is asked once a minute, and only if it is wished for.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::total::Total;
use super::{Context, parse};
use crate::flux::Result;

const INTERVAL: f64 = 60.0;

const OBJECTS: Spec = Spec::gauge(
    "flux_kvs_cache_objects",
    &["state"],
    "Objects in the broker's KVS cache: dirty ones are not stored yet, \
     incomplete ones are being loaded, clean ones are neither.",
);
const BYTES: Spec = Spec::gauge(
    "flux_kvs_cache_bytes",
    &[],
    "Size of the objects in the broker's KVS cache.",
);
const FAULTS: Spec = Spec::counter(
    "flux_kvs_cache_faults_total",
    &[],
    "Objects that were not in the broker's KVS cache when wanted.",
);
/// One of them is the primary one.
pub const NAMESPACES: Spec = Spec::gauge(
    "flux_kvs_namespaces",
    &[],
    "KVS namespaces that the broker knows: the primary one, and one for each \
     running job.",
);
const COMMITS: Spec = Spec::counter(
    "flux_kvs_commits_total",
    &[],
    "KVS transactions that the broker committed, in all namespaces (Flux \
     0.71 and later).",
);
const REQUESTS: Spec = Spec::gauge(
    "flux_kvs_pending_requests",
    &[],
    "Requests that the broker's KVS module has yet to answer.",
);
const VERSION: Spec = Spec::gauge(
    "flux_kvs_primary_version",
    &[],
    "Version of the primary KVS namespace, which each change increases.",
);
const TRANSACTIONS: Spec = Spec::gauge(
    "flux_kvs_primary_transactions",
    &[],
    "Transactions on the primary KVS namespace that are under way.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[
    OBJECTS,
    BYTES,
    FAULTS,
    NAMESPACES,
    COMMITS,
    REQUESTS,
    VERSION,
    TRANSACTIONS,
];

const STATS: &str = "kvs.stats-get";

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let mut totals = Totals::default();
    let questions = [(c"kvs.stats-get", "{}")];
    context.poll_all(questions, INTERVAL, move |[reply]| {
        latest.set(read(&mut totals, reply)?);
        Ok(())
    })
}

pub(super) fn read(totals: &mut Totals, reply: &str) -> Result<Answer> {
    Ok(answer(totals, parse(STATS, reply)?))
}

#[derive(Default)]
pub(super) struct Totals {
    faults: Total,
    commits: Total,
}

fn answer(totals: &mut Totals, stats: Stats) -> Answer {
    let Namespaces { primary, others } = stats.namespaces;
    Answer {
        faults: totals.faults.follow(stats.cache.faults),
        commits: stats
            .opcounts
            .map(|counts| totals.commits.follow(counts.commit.count)),
        namespaces: others.len() + usize::from(primary.is_some()),
        requests: stats.pending_requests,
        primary,
        cache: stats.cache,
    }
}

/// What a scrape shows.
pub(super) struct Answer {
    cache: Cache,
    primary: Option<Namespace>,
    namespaces: usize,
    faults: f64,
    commits: Option<f64>,
    requests: Option<i64>,
}

#[derive(Deserialize)]
struct Stats {
    cache: Cache,
    #[serde(rename = "namespace")]
    namespaces: Namespaces,
    /// Since Flux 0.71.
    #[serde(rename = "transaction-opcount")]
    opcounts: Option<OpCounts>,
    pending_requests: Option<i64>,
}

#[derive(Deserialize)]
struct Cache {
    #[serde(rename = "obj size total (MiB)")]
    mebibytes: f64,
    #[serde(rename = "obj size (KiB)")]
    sizes: Count,
    #[serde(rename = "#obj dirty")]
    dirty: i64,
    #[serde(rename = "#obj incomplete")]
    incomplete: i64,
    #[serde(rename = "#faults")]
    faults: i64,
}

#[derive(Deserialize)]
struct OpCounts {
    commit: Count,
}

#[derive(Deserialize)]
struct Count {
    count: i64,
}

#[derive(Deserialize)]
struct Namespaces {
    primary: Option<Namespace>,
    /// Their names are not for show.
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(rename = "#transactions")]
    transactions: i64,
    #[serde(rename = "store revision")]
    revision: i64,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let cache = &answer.cache;
    let mut objects = OBJECTS.family();
    // the incomplete have no size yet
    let clean = cache.sizes.count as f64 - cache.dirty as f64;
    objects.add(&["clean"], clean);
    objects.add(&["dirty"], cache.dirty as f64);
    objects.add(&["incomplete"], cache.incomplete as f64);
    let mut bytes = BYTES.family();
    bytes.add(&[], (cache.mebibytes * 1_048_576.0).round());
    let mut faults = FAULTS.family();
    faults.add(&[], answer.faults);
    let mut namespaces = NAMESPACES.family();
    namespaces.add(&[], answer.namespaces as f64);
    let mut commits = COMMITS.family();
    if let Some(count) = answer.commits {
        commits.add(&[], count);
    }
    let mut requests = REQUESTS.family();
    if let Some(pending) = answer.requests {
        requests.add(&[], pending as f64);
    }
    let mut version = VERSION.family();
    let mut transactions = TRANSACTIONS.family();
    if let Some(primary) = &answer.primary {
        version.add(&[], primary.revision as f64);
        transactions.add(&[], primary.transactions as f64);
    }
    vec![
        objects,
        bytes,
        faults,
        namespaces,
        commits,
        requests,
        version,
        transactions,
    ]
}

#[cfg(test)]
mod tests;
