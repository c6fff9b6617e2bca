//! Lines as the job journal sends them, in any order, and what else happens
//! to a table. Lines that are not of the journal say so in a word: `lost`,
//! `begin`, `sentinel`, `bounds`, `scrape`; a line `status {...}` is an
//! answer of the resource module, `resolve {...}` a line of an eventlog.

use std::sync::{Arc, Mutex};

use flux_prometheus::collectors::Jobs;
use flux_prometheus::collectors::jobs::metrics::Metrics;
use flux_prometheus::exposition::{Created, Families, Format, Page};
use flux_prometheus::job::resources::Allocation;
use flux_prometheus::job::{Table, Time};
use flux_prometheus::resource::{Requires, Status};

use super::strict;
use super::totals::{Counters, recount};

/// Ranks are told apart up to a million. That is a test of its own and not
/// one for each input.
const RANKS: u32 = 4_096;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let jobs = Jobs::new(Table::new([1.0, 10.0, 100.0].into()));
    let mut counters = Counters::default();
    let clock = Arc::new(Mutex::new(Time::ZERO));
    let families = Families::default();
    let of = clock.clone();
    let metrics = Metrics::with_clock(&jobs, move || *of.lock().unwrap());
    families.register(metrics).unwrap();
    let mut pages = [Format::Text, Format::OpenMetrics].map(Page::new);
    jobs.lock().begin();
    for (i, line) in (0_u32..).zip(text.lines()) {
        let now = Time::from_secs(1.7e9 + f64::from(i));
        let mut table = jobs.lock();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "lost" => table.lost(now),
            "begin" => table.begin(),
            "sentinel" => drop(table.apply(r#"{"id":-1,"events":[]}"#, now)),
            "bounds" => {
                table.set_bounds([2.0].into());
                counters.forget();
            }
            "stopped" => table.set_stopped(&[rest]),
            "queues" => table.set_queues(&[rest]),
            "settle" => table.settle(now),
            "forget" => table.forget_nodes(),
            "status" => {
                if let Some(status) = status(rest) {
                    table.set_nodes(status, Requires::default(), now);
                }
            }
            "resolve" => {
                for id in table.take_vanished() {
                    table.resolve(id, rest, None);
                    table.resolve_unknown(id, now);
                }
            }
            "scrape" => {
                drop(table);
                *clock.lock().unwrap() = now;
                page(&families, &mut pages);
                continue;
            }
            _ if is_huge(line) => continue,
            _ => {
                let applied = table.apply(line, now);
                for problem in applied.problems {
                    assert!(!problem.text.is_empty());
                }
            }
        }
        recount(&table);
        counters.grow(&mut table, now);
    }
}

/// What is kept of the last page does not show in this one.
fn page(families: &Families, pages: &mut [Page]) {
    let gathered = families.gather();
    let created = Created::at(1.7e9);
    for (format, page) in
        [Format::Text, Format::OpenMetrics].into_iter().zip(pages)
    {
        page.update(families, |_: &str| true, &created).unwrap();
        let mut anew = String::new();
        format.encode(&gathered, &created, &mut anew).unwrap();
        assert_eq!(std::str::from_utf8(page.text()).unwrap(), anew);
    }
    strict::both(&gathered);
}

fn status(text: &str) -> Option<Status> {
    if is_huge(text) { None } else { Status::parse(text).ok() }
}

/// Whether a line has an R of more ranks than a table should have here.
fn is_huge(line: &str) -> bool {
    line.match_indices("\"R\"").any(|(at, _)| {
        let text = line[at + 3..].trim_start_matches([' ', ':']);
        let mut values = serde_json::Deserializer::from_str(text)
            .into_iter::<&serde_json::value::RawValue>();
        let Some(Ok(r)) = values.next() else { return false };
        let spans = Allocation::parse(r.get()).map(|a| a.spans);
        spans.is_ok_and(|spans| spans.iter().any(|s| s.last > RANKS))
    })
}
