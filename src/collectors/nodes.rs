//! Nodes by name: which are up, and since when which are drained. Two series
//! a node, so it is off unless asked for.
//!
//! Source: `resource.status`, polled.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Context;
use super::family::{Family, Spec};
use super::latest::Latest;
use crate::flux::{Error, Result};
use crate::job::Malformed;
use crate::job::idset::Ranges;
use crate::resource::hostlist;

/// An answer costs the resource module 0.2 ms, and us a microsecond a node.
const INTERVAL: f64 = 10.0;

/// More nodes than this are left out, the last by rank.
const MAX: usize = 16_384;

const UP: Spec = Spec::gauge(
    "flux_node_up",
    &["hostname", "rank"],
    "Whether the node is online and not torpid, by host and broker rank.",
);
const DRAINED: Spec = Spec::gauge(
    "flux_node_drained_timestamp_seconds",
    &["hostname", "rank"],
    "When the node was drained, in seconds since 1970; there is one for each \
     node that is drained.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[UP, DRAINED];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let health = context.health.clone();
    context.poll(c"resource.status", "{}", INTERVAL, move |reply| {
        let (nodes, dropped) = read(reply).map_err(|error| {
            Error::new(libc::EPROTO, format!("resource.status: {error}"))
        })?;
        health.count_dropped(dropped);
        latest.set(nodes);
        Ok(())
    })
}

#[derive(Debug, PartialEq)]
pub(super) struct Node {
    hostname: String,
    rank: u32,
    up: bool,
    drained: Option<f64>,
}

/// The nodes, and how many series are left out.
pub(super) fn read(
    reply: &str,
) -> std::result::Result<(Vec<Node>, u64), Malformed> {
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "R")]
        r: R,
        drain: BTreeMap<String, Drain>,
        online: String,
        /// Since 0.65.
        #[serde(default)]
        torpid: String,
    }
    #[derive(Deserialize)]
    struct Drain {
        timestamp: f64,
    }
    #[derive(Deserialize)]
    struct R {
        execution: Execution,
    }
    #[derive(Deserialize)]
    struct Execution {
        #[serde(rename = "R_lite")]
        r_lite: Vec<Lite>,
        nodelist: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Lite {
        rank: String,
    }
    let status: Status = serde_json::from_str(reply)?;
    let all: Vec<Ranges> =
        each(status.r.execution.r_lite.iter().map(|lite| &lite.rank))?;
    let count = |(first, last)| u64::from(last - first) + 1;
    let total: u64 = all.iter().flat_map(Ranges::iter).map(count).sum();
    let ranks = all.iter().flat_map(Ranges::iter);
    let ranks = ranks.flat_map(|(first, last)| first..=last).take(MAX);
    // Flux lists the hosts in the order of the ranks
    let mut ranks: Vec<u32> = ranks.collect();
    ranks.sort_unstable();
    let hosts = status.r.execution.nodelist.join(",");
    let hosts = hostlist::expand(&hosts, MAX)?;
    if hosts.len() != ranks.len() {
        return Err(Malformed::new("R has not as many hosts as ranks"));
    }
    let [online, torpid] =
        [Ranges::parse(&status.online)?, Ranges::parse(&status.torpid)?];
    let drains = status
        .drain
        .iter()
        .map(|(ranks, drain)| Ok((Ranges::parse(ranks)?, drain.timestamp)));
    let drains: Vec<_> =
        drains.collect::<std::result::Result<_, Malformed>>()?;
    let nodes = hosts.into_iter().zip(ranks).map(|(hostname, rank)| {
        let of = drains.iter().find(|(ranks, _)| ranks.contains(rank));
        let up = online.contains(rank) && !torpid.contains(rank);
        Node { hostname, rank, up, drained: of.map(|(_, time)| *time) }
    });
    let dropped = total.saturating_sub(MAX as u64) * SPECS.len() as u64;
    Ok((nodes.collect(), dropped))
}

fn each<'a>(
    sets: impl Iterator<Item = &'a String>,
) -> std::result::Result<Vec<Ranges>, Malformed> {
    sets.map(|set| Ranges::parse(set)).collect()
}

pub(super) fn show(nodes: &Vec<Node>) -> Vec<Family> {
    let (mut up, mut drained) = (UP.family(), DRAINED.family());
    for node in nodes {
        let rank = node.rank.to_string();
        let labels = [node.hostname.as_str(), &rank];
        up.add(&labels, f64::from(u8::from(node.up)));
        if let Some(time) = node.drained {
            drained.add(&labels, time);
        }
    }
    vec![up, drained]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(ranks: &str, hosts: &str) -> String {
        format!(
            r#"{{"R":{{"version":1,"execution":{{"R_lite":[{{"rank":"{ranks}",
            "children":{{"core":"0-3"}}}}],"starttime":0.0,"expiration":0.0,
            "nodelist":["{hosts}"]}}}},"drain":{{"1-2":{{"timestamp":17.5,
            "reason":"x"}}}},"online":"0-1,3","offline":"2","exclude":"",
            "torpid":"3"}}"#
        )
    }

    #[test]
    fn reads_a_real_answer() {
        let (nodes, dropped) = read(&reply("0-3", "n[0-3]")).unwrap();
        let node = |rank, up, drained| Node {
            hostname: format!("n{rank}"),
            rank,
            up,
            drained,
        };
        assert_eq!(
            nodes,
            [
                node(0, true, None),
                node(1, true, Some(17.5)),
                node(2, false, Some(17.5)),
                node(3, false, None),
            ]
        );
        assert_eq!(dropped, 0);
    }

    #[test]
    fn too_many_are_left_out() {
        let (nodes, dropped) = read(&reply("0-99999", "n[0-99999]")).unwrap();
        assert_eq!(nodes.len(), MAX);
        assert_eq!(dropped, 2 * (100_000 - MAX as u64));
    }

    #[test]
    fn bad_answers_are_refused() {
        for (ranks, hosts) in [("0-3", "n[0-2]"), ("3-1", "n0"), ("0", "n[")] {
            assert!(read(&reply(ranks, hosts)).is_err(), "{ranks} {hosts}");
        }
        assert!(read("{}").is_err());
    }
}
