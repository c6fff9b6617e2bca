//! The broker's place in the overlay network: its children and what is under
//! way.
//!
//! Source: `overlay.health` and `overlay.stats-get`, both of which look at
//! direct children only. Each broker tells of its own, so the whole tree is
//! seen where the module is loaded on every rank.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::{Context, parse};
use crate::flux::Result;

const INTERVAL: f64 = 5.0;

/// What Flux says of a subtree.
pub const STATUSES: [&str; 5] =
    ["full", "partial", "degraded", "lost", "offline"];

const HEALTH: Spec = Spec::gauge(
    "flux_overlay_health",
    &["status"],
    "Whether the broker and all below it are of the status: full, or partial \
     (some are offline) or degraded (some are lost); other is one that this \
     module does not know.",
);
const CHILDREN: Spec = Spec::gauge(
    "flux_overlay_children",
    &["status"],
    "Direct children of the broker by the status of their subtree: lost ones \
     disconnected without a goodbye, offline ones are not there; other is a \
     status that this module does not know.",
);
const CONNECTED: Spec = Spec::gauge(
    "flux_overlay_children_connected",
    &[],
    "Direct children that are connected to the broker.",
);
const RPCS: Spec = Spec::gauge(
    "flux_overlay_rpcs_in_flight",
    &["direction"],
    "Requests that the broker passed on and that are not answered yet, to its \
     parent or to its children.",
);
const QUEUE: Spec = Spec::gauge(
    "flux_overlay_queue_messages",
    &["direction"],
    "Messages in the queues between the broker and its overlay module.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[HEALTH, CHILDREN, CONNECTED, RPCS, QUEUE];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let questions = [(c"overlay.health", "{}"), (c"overlay.stats-get", "{}")];
    context.poll_all(questions, INTERVAL, move |replies| {
        latest.set(read(replies)?);
        Ok(())
    })
}

pub(super) fn read([health, stats]: [&str; 2]) -> Result<Answer> {
    let health = health_of(health)?;
    let stats = parse("overlay.stats-get", stats)?;
    Ok(Answer { health, stats })
}

/// What a scrape shows.
pub(super) struct Answer {
    health: Health,
    stats: Stats,
}

/// What `overlay.health` answers.
#[derive(Deserialize)]
pub struct Health {
    status: String,
    children: Vec<Child>,
}

#[derive(Deserialize)]
struct Child {
    rank: u32,
    status: String,
}

/// Reads the answer of `overlay.health`.
pub fn health_of(reply: &str) -> Result<Health> {
    parse("overlay.health", reply)
}

impl Health {
    /// How many children there are of each of [`STATUSES`], and of others.
    pub fn children(&self) -> [u64; STATUSES.len() + 1] {
        let mut counts = [0; STATUSES.len() + 1];
        for child in &self.children {
            let known = STATUSES.iter().position(|s| *s == child.status);
            counts[known.unwrap_or(STATUSES.len())] += 1;
        }
        counts
    }

    /// The ranks of children that are not there.
    pub fn gone(&self) -> impl Iterator<Item = u32> {
        let gone =
            |child: &&Child| ["lost", "offline"].contains(&&*child.status);
        self.children.iter().filter(gone).map(|child| child.rank)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stats {
    child_connected: i64,
    parent_rpc: i64,
    child_rpc: i64,
    /// Since overlay is a module of its own.
    interthread: Option<Queues>,
}

#[derive(Deserialize)]
struct Queues {
    sendq: i64,
    recvq: i64,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let Answer { health, stats } = answer;
    let mut own = HEALTH.family();
    let known = STATUSES.contains(&&*health.status);
    let status = if known { &*health.status } else { "other" };
    let mut children = CHILDREN.family();
    let statuses = STATUSES.into_iter().chain(["other"]);
    for (name, count) in statuses.zip(health.children()) {
        own.add(&[name], f64::from(u8::from(name == status)));
        children.add(&[name], count as f64);
    }
    let mut connected = CONNECTED.family();
    connected.add(&[], stats.child_connected as f64);
    let mut rpcs = RPCS.family();
    rpcs.add(&["parent"], stats.parent_rpc as f64);
    rpcs.add(&["children"], stats.child_rpc as f64);
    let mut queue = QUEUE.family();
    if let Some(queues) = &stats.interthread {
        queue.add(&["send"], queues.sendq as f64);
        queue.add(&["receive"], queues.recvq as f64);
    }
    vec![own, children, connected, rpcs, queue]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    fn shown(stats: &str) -> std::collections::BTreeMap<String, f64> {
        let health = r#"{"rank":0,"status":"degraded","duration":11.4,
            "children":[{"rank":1,"status":"full","duration":11.4},
            {"rank":2,"status":"lost","duration":1.9,"error":"no heartbeat"},
            {"rank":3,"status":"full","duration":11.4},
            {"rank":4,"status":"odd","duration":11.4}]}"#;
        let health = health_of(health).unwrap();
        assert_eq!(health.gone().collect::<Vec<_>>(), [2]);
        let stats = parse("overlay.stats-get", stats).unwrap();
        series(show(&Answer { health, stats }))
    }

    #[test]
    fn shows_real_answers() {
        let shown = shown(
            r#"{"child-count":4,"child-connected":3,"parent-count":0,
                "parent-rpc":0,"child-rpc":5,
                "interthread":{"sendq":1,"recvq":2}}"#,
        );
        for (series, value) in [
            ("flux_overlay_health{status=degraded}", 1.0),
            ("flux_overlay_health{status=full}", 0.0),
            ("flux_overlay_children{status=full}", 2.0),
            ("flux_overlay_children{status=lost}", 1.0),
            ("flux_overlay_children{status=offline}", 0.0),
            ("flux_overlay_children{status=other}", 1.0),
            ("flux_overlay_children_connected", 3.0),
            ("flux_overlay_rpcs_in_flight{direction=parent}", 0.0),
            ("flux_overlay_rpcs_in_flight{direction=children}", 5.0),
            ("flux_overlay_queue_messages{direction=send}", 1.0),
            ("flux_overlay_queue_messages{direction=receive}", 2.0),
        ] {
            assert_eq!(shown.get(series), Some(&value), "{series}: {shown:?}");
        }
    }

    #[test]
    fn older_brokers_have_no_queues() {
        let shown = shown(
            r#"{"child-count":4,"child-connected":3,"parent-count":0,
                "parent-rpc":0,"child-rpc":5}"#,
        );
        assert!(!shown.keys().any(|series| series.contains("queue")));
    }
}
