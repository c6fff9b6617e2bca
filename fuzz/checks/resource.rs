//! Answers about nodes: `resource.status`, `config.get` and responses of
//! `resource.journal`, a line each and in any order, and jobs in between.

use flux_prometheus::job::{Table, Time};
use flux_prometheus::resource::journal::Said;
use flux_prometheus::resource::{Requires, Status};
use serde_json::Value;

use super::totals::{Counters, recount};

/// Ranks are told apart up to a million; see `journal`.
const RANKS: u64 = 4_096;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut table = Table::new([1.0].into());
    let mut counters = Counters::default();
    let mut requires = Requires::default();
    table.begin();
    table.apply(r#"{"id":-1,"events":[]}"#, at(0));
    for (i, line) in (1_u32..).zip(text.lines()) {
        if let Ok(Said::News(counts)) = Said::parse(line) {
            assert!(counts.iter().all(|&n| n < 1 << 63));
        }
        if let Ok(parsed) = Requires::parse(line) {
            assert!(parsed.0.values().all(|all| !all.is_empty()));
            requires = parsed;
        }
        if let Ok(status) = Status::parse(line) {
            let Some(inventory) = inventory(line) else { continue };
            table.set_nodes(status, requires.clone(), at(i));
            let nodes = table.totals().nodes.all();
            assert_eq!(nodes.nodes.iter().sum::<u64>(), inventory);
        }
        table.forget_nodes();
        recount(&table);
        counters.grow(&mut table, at(i));
    }
}

fn at(seconds: u32) -> Time {
    Time::from_secs(1.7e9 + f64::from(seconds))
}

/// How many ranks there are, unless they are too many for a quick test.
fn inventory(status: &str) -> Option<u64> {
    use flux_prometheus::job::resources::Allocation;
    let value: Value = serde_json::from_str(status).ok()?;
    let r = Allocation::parse(&value["R"].to_string()).ok()?;
    let mut ranks = std::collections::BTreeSet::new();
    for span in r.spans {
        if u64::from(span.last) > RANKS {
            return None;
        }
        ranks.extend(span.first..=span.last);
    }
    Some(ranks.len() as u64)
}
