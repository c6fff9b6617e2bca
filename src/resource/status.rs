//! The answer to `resource.status`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Span;
use super::node::Condition;
use crate::job::Malformed;
use crate::job::idset::Ranges;
use crate::job::resources::Allocation;

/// What there is, and what is the matter with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    inventory: Vec<Span>,
    properties: BTreeMap<String, Ranges>,
    online: Ranges,
    torpid: Ranges,
    drain: Vec<Ranges>,
    exclude: Ranges,
}

/// What the answer says of one rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    pub cores: u32,
    pub gpus: u32,
    pub condition: Condition,
}

impl Status {
    /// Reads the answer.
    pub fn parse(reply: &str) -> Result<Status, Malformed> {
        #[derive(Deserialize)]
        struct Reply<'a> {
            #[serde(rename = "R", borrow)]
            r: &'a serde_json::value::RawValue,
            /// By idset: nodes of one time and reason are one entry.
            drain: BTreeMap<String, serde::de::IgnoredAny>,
            online: String,
            exclude: String,
            /// Since 0.65.
            #[serde(default)]
            torpid: String,
        }
        #[derive(Deserialize)]
        struct R {
            execution: Execution,
        }
        #[derive(Deserialize)]
        struct Execution {
            #[serde(default)]
            properties: BTreeMap<String, String>,
        }
        let reply: Reply<'_> = serde_json::from_str(reply)?;
        let r: R = serde_json::from_str(reply.r.get())?;
        let ranges = |(name, ranks): (String, String)| {
            // a property may be qualified by where it came from
            let name = name.split('@').next().unwrap_or_default().to_owned();
            Ok((name, Ranges::parse(&ranks)?))
        };
        let properties = r.execution.properties.into_iter().map(ranges);
        let drain = reply.drain.keys().map(|ranks| Ranges::parse(ranks));
        Ok(Status {
            inventory: Allocation::parse(reply.r.get())?.spans,
            properties: properties.collect::<Result<_, Malformed>>()?,
            online: Ranges::parse(&reply.online)?,
            torpid: Ranges::parse(&reply.torpid)?,
            drain: drain.collect::<Result<_, _>>()?,
            exclude: Ranges::parse(&reply.exclude)?,
        })
    }

    /// One more than the highest rank in the inventory.
    pub(super) fn end(&self) -> u64 {
        let last = self.inventory.iter().map(|span| u64::from(span.last) + 1);
        last.max().unwrap_or(0)
    }

    /// What it says of the ranks below `end`. A node is up only if it is
    /// said to be online, and the last of these that applies wins: drained,
    /// torpid or not online, excluded.
    pub(super) fn describe(&self, end: usize) -> Vec<Described> {
        let mut all = vec![Described::default(); end];
        for span in &self.inventory {
            let ranks = Ranges::one(span.first, span.last);
            each(&mut all, &ranks, |node| {
                node.cores = span.cores;
                node.gpus = span.gpus;
                node.condition = Condition::Down;
            });
        }
        let mut set = |ranks: &Ranges, from: &[Condition], to: Condition| {
            each(&mut all, ranks, |node| {
                if from.contains(&node.condition) {
                    node.condition = to;
                }
            });
        };
        use Condition::{Down, Drain, Excluded, Up};
        set(&self.online, &[Down], Up);
        for ranks in &self.drain {
            set(ranks, &[Up], Drain);
        }
        set(&self.torpid, &[Up, Drain], Down);
        set(&self.exclude, &[Up, Drain, Down], Excluded);
        all
    }

    /// Which ranks below `end` have all of these properties; a leading `^`
    /// means not to have it.
    pub(super) fn having(
        &self,
        properties: &[String],
        end: usize,
    ) -> Vec<bool> {
        let mut having = vec![true; end];
        for property in properties {
            let (name, want) = match property.strip_prefix('^') {
                Some(name) => (name, false),
                None => (&**property, true),
            };
            let mut has = vec![false; end];
            if let Some(ranks) = self.properties.get(name) {
                each(&mut has, ranks, |has| *has = true);
            }
            for (having, has) in having.iter_mut().zip(has) {
                *having &= has == want;
            }
        }
        having
    }
}

/// Does something to each of these ranks that `all` has.
fn each<T>(all: &mut [T], ranks: &Ranges, mut f: impl FnMut(&mut T)) {
    for (first, last) in ranks.iter() {
        let end = all.len().min((last as usize).saturating_add(1));
        all.get_mut(first as usize..end).into_iter().flatten().for_each(&mut f);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = r#"{"R":{"version":1,"execution":{"R_lite":[
        {"rank":"0-5","children":{"gpu":"0-1","core":"0-7"}},
        {"rank":"6","children":{"core":"0-3"}}],"starttime":0.0,
        "expiration":0.0,"nodelist":["fake[0-6]"],
        "properties":{"batch":"0-3","fast@x":"2-4"}}},
        "drain":{"1,3":{"timestamp":1795338107.0,"reason":"x"},
        "5-6":{"timestamp":1795338108.0,"reason":""}},
        "online":"0-4,6","offline":"5","exclude":"0,3","torpid":"4"}"#;

    #[test]
    fn reads_a_real_answer() {
        use Condition::*;
        let status = Status::parse(REPLY).unwrap();
        assert_eq!(status.end(), 7);
        let nodes = status.describe(8);
        let conditions: Vec<_> = nodes.iter().map(|n| n.condition).collect();
        assert_eq!(
            conditions,
            [Excluded, Drain, Up, Excluded, Down, Down, Drain, Absent]
        );
        assert_eq!((nodes[5].cores, nodes[5].gpus), (8, 2));
        assert_eq!((nodes[6].cores, nodes[6].gpus), (4, 0));
    }

    #[test]
    fn finds_the_nodes_of_a_queue() {
        let status = Status::parse(REPLY).unwrap();
        let having = |properties: &[&str]| {
            let all: Vec<_> = properties.iter().map(|&p| p.into()).collect();
            let having = status.having(&all, 6);
            (0..6).filter(|&rank| having[rank]).collect::<Vec<_>>()
        };
        assert_eq!(having(&[]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(having(&["batch"]), [0, 1, 2, 3]);
        assert_eq!(having(&["batch", "fast"]), [2, 3]);
        assert_eq!(having(&["^batch"]), [4, 5]);
        assert_eq!(having(&["unknown"]), Vec::<usize>::new());
    }

    #[test]
    fn ranks_that_are_not_there_do_no_harm() {
        let status = Status::parse(
            r#"{"R":{"execution":{"R_lite":[]}},"online":"0-4294967295",
            "offline":"","exclude":"7","drain":{"":{}}}"#,
        )
        .unwrap();
        assert_eq!(status.end(), 0);
        assert_eq!(status.describe(2), [Described::default(); 2]);
    }

    #[test]
    fn bad_answers_are_refused() {
        for bad in ["", "{}", &REPLY.replace("0,3", "3,0")] {
            assert!(Status::parse(bad).is_err(), "{bad}");
        }
    }
}
