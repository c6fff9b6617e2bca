//! The brokers of the instance: how many are there, and respond.
//!
//! Source: `groups.get` on rank 0, polled: its streaming form falls silent
//! for good when groups is unloaded.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::{Context, parse};
use crate::flux::{Error, Result};

const INTERVAL: f64 = 5.0;

const BROKERS: Spec = Spec::gauge(
    "flux_brokers",
    &["status"],
    "Brokers of the instance by status: online, torpid (online, and slow to \
     respond) or offline. They add up to the size of the instance.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[BROKERS];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let size = context.scope.handle().attr(c"size");
    let size = size
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| Error::invalid("the attribute size is no number"))?;
    let questions = [
        (c"groups.get", r#"{"name":"broker.online"}"#),
        (c"groups.get", r#"{"name":"broker.torpid"}"#),
    ];
    context.poll_all(questions, INTERVAL, move |[online, torpid]| {
        latest.set(read([online, torpid], size)?);
        Ok(())
    })
}

pub(super) fn read(
    [online, torpid]: [&str; 2],
    size: usize,
) -> Result<Brokers> {
    let [online, torpid] = [members(online, size)?, members(torpid, size)?];
    Ok(Brokers::new(&online, &torpid))
}

#[derive(Debug, PartialEq)]
pub(super) struct Brokers {
    online: usize,
    torpid: usize,
    offline: usize,
}

impl Brokers {
    fn new(online: &[bool], torpid: &[bool]) -> Self {
        let there = online.iter().filter(|online| **online).count();
        let both = online.iter().zip(torpid).filter(|(a, b)| **a && **b);
        let torpid = both.count();
        Self { online: there - torpid, torpid, offline: online.len() - there }
    }
}

pub(super) fn show(brokers: &Brokers) -> Vec<Family> {
    let mut family = BROKERS.family();
    family.add(&["online"], brokers.online as f64);
    family.add(&["torpid"], brokers.torpid as f64);
    family.add(&["offline"], brokers.offline as f64);
    vec![family]
}

/// Whether each rank is in a group.
fn members(reply: &str, size: usize) -> Result<Vec<bool>> {
    #[derive(Deserialize)]
    struct Group<'a> {
        members: &'a str,
    }
    let group: Group = parse("groups.get", reply)?;
    let mut is_member = vec![false; size];
    for part in group.members.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let ranks = first.parse::<usize>().ok().zip(last.parse().ok());
        let ranks = ranks.and_then(|(a, b)| is_member.get_mut(a..=b));
        let ranks = ranks.ok_or_else(|| {
            let text = format!("groups.get: {part} are no ranks");
            Error::new(libc::EPROTO, text)
        })?;
        ranks.fill(true);
    }
    Ok(is_member)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brokers(online: &str, torpid: &str, size: usize) -> Result<Brokers> {
        let [online, torpid] = [online, torpid].map(|members| {
            super::members(&format!(r#"{{"members":"{members}"}}"#), size)
        });
        Ok(Brokers::new(&online?, &torpid?))
    }

    #[test]
    fn brokers_add_up_to_the_size() {
        for (online, torpid, expected) in [
            ("0-3", "", (4, 0, 0)),
            ("0,2-3", "", (3, 0, 1)),
            ("0-3", "1,3", (2, 2, 0)),
            // one that went away while torpid is away
            ("0-1", "1-2", (1, 1, 2)),
            ("", "", (0, 0, 4)),
        ] {
            let (online_, torpid_, offline) = expected;
            let expected =
                Brokers { online: online_, torpid: torpid_, offline };
            assert_eq!(brokers(online, torpid, 4), Ok(expected), "{online}");
        }
    }

    #[test]
    fn what_are_no_ranks_is_an_error() {
        for text in ["4", "0-4", "3-1", "x", "0-", "0-4294967295"] {
            let error = brokers(text, "", 4).unwrap_err();
            assert_eq!(error.errno, libc::EPROTO, "{text}");
        }
    }
}
