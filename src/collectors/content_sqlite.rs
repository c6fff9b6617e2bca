//! The database that the instance's content is stored in.
//!
//! Source: `content-sqlite.stats-get`, which has SQL count objects: 3 to 17
//! ms and more with size.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::total::Timed;
use super::{Context, parse};
use crate::flux::Result;

const INTERVAL: f64 = 60.0;

const OBJECTS: Spec = Spec::gauge(
    "flux_content_sqlite_objects",
    &[],
    "Objects in the content database.",
);
const FILE: Spec = Spec::gauge(
    "flux_content_sqlite_file_bytes",
    &[],
    "Size of the content database's file.",
);
const FREE: Spec = Spec::gauge(
    "flux_content_sqlite_filesystem_free_bytes",
    &[],
    "Free space in the file system that the content database is in.",
);
const OPERATIONS: Spec = Spec::counter(
    "flux_content_sqlite_operations_total",
    &["operation"],
    "Objects loaded from the content database and stored in it.",
);
const SECONDS: Spec = Spec::counter(
    "flux_content_sqlite_operation_seconds_total",
    &["operation"],
    "Time spent on loading objects from the content database and storing \
     them in it.",
);
const MAX: Spec = Spec::gauge(
    "flux_content_sqlite_operation_max_seconds",
    &["operation"],
    "Longest time that loading or storing an object took since content-sqlite \
     was loaded or its figures were cleared.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[OBJECTS, FILE, FREE, OPERATIONS, SECONDS, MAX];

const STATS: &str = "content-sqlite.stats-get";

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let mut totals = Totals::default();
    let questions = [(c"content-sqlite.stats-get", "{}")];
    context.poll_all(questions, INTERVAL, move |[reply]| {
        latest.set(read(&mut totals, reply)?);
        Ok(())
    })
}

pub(super) fn read(totals: &mut Totals, reply: &str) -> Result<Answer> {
    let stats = parse(STATS, reply)?;
    Ok(Answer { totals: totals.follow(&stats), stats })
}

#[derive(Deserialize)]
struct Stats {
    object_count: i64,
    dbfile_size: i64,
    dbfile_free: i64,
    load_time: Times,
    store_time: Times,
}

/// In milliseconds.
#[derive(Deserialize)]
struct Times {
    count: i64,
    mean: f64,
    max: f64,
}

impl Stats {
    const fn operations(&self) -> [(&'static str, &Times); 2] {
        [("load", &self.load_time), ("store", &self.store_time)]
    }
}

#[derive(Default)]
pub(super) struct Totals([Timed; 2]);

impl Totals {
    /// Numbers and seconds.
    fn follow(&mut self, stats: &Stats) -> [(f64, f64); 2] {
        let mut timed = self.0.iter_mut();
        stats.operations().map(|(_, times)| {
            let timed = timed.next();
            timed.map_or((0.0, 0.0), |timed| {
                timed.follow(times.count, times.mean / 1000.0)
            })
        })
    }
}

/// What a scrape shows.
pub(super) struct Answer {
    stats: Stats,
    totals: [(f64, f64); 2],
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let Answer { stats, totals } = answer;
    let mut objects = OBJECTS.family();
    objects.add(&[], stats.object_count as f64);
    let mut file = FILE.family();
    file.add(&[], stats.dbfile_size as f64);
    let mut free = FREE.family();
    free.add(&[], stats.dbfile_free as f64);
    let mut operations = OPERATIONS.family();
    let (mut seconds, mut max) = (SECONDS.family(), MAX.family());
    for ((name, times), (count, sum)) in stats.operations().iter().zip(totals) {
        operations.add(&[name], *count);
        seconds.add(&[name], *sum);
        max.add(&[name], times.max / 1000.0);
    }
    vec![objects, file, free, operations, seconds, max]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    #[test]
    fn shows_a_real_answer() {
        let reply = r#"{"object_count":851,"current_epoch":1,
            "dbfile_size":290816,"dbfile_free":83014127616,
            "load_time":{"count":0,"min":0.0,"max":0.0,"mean":0.0,
            "stddev":0.0},"store_time":{"count":860,"min":0.002345,
            "max":0.5,"mean":0.25,"stddev":0.031},
            "config":{"journal_mode":"OFF","synchronous":"OFF"},
            "checkpoints":[]}"#;
        let stats: Stats = parse(STATS, reply).unwrap();
        let totals = Totals::default().follow(&stats);
        let shown = series(show(&Answer { stats, totals }));
        let of = |what, operation| {
            let series =
                format!("flux_content_sqlite_{what}{{operation={operation}}}");
            shown[&series]
        };
        assert_eq!(shown["flux_content_sqlite_objects"], 851.0);
        assert_eq!(shown["flux_content_sqlite_file_bytes"], 290_816.0);
        let free = shown["flux_content_sqlite_filesystem_free_bytes"];
        assert_eq!(free, 83_014_127_616.0);
        assert_eq!(of("operations_total", "load"), 0.0);
        assert_eq!(of("operations_total", "store"), 860.0);
        assert_eq!(of("operation_seconds_total", "store"), 0.215);
        assert_eq!(of("operation_max_seconds", "store"), 0.0005);
    }
}
