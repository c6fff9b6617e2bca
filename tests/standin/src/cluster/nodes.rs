//! The nodes, what is free on them, and resource sets (RFC 20). Cores and
//! GPUs are counted, not told apart.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::{R, Spec};

/// What a node has, or what of it is free, or what a job has of it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Share {
    pub cores: u32,
    pub gpus: u32,
}

/// All nodes, each with the same.
#[derive(Default)]
pub struct Nodes {
    pub whole: Share,
    /// By rank.
    pub free: Vec<Share>,
    pub free_cores: u32,
    /// Since when and why, by rank.
    pub drained: BTreeMap<u32, Value>,
}

impl Nodes {
    pub fn new(count: u32, cores: u32, gpus: u32) -> Self {
        let whole = Share { cores, gpus };
        let free = vec![whole; count as usize];
        Self { whole, free, free_cores: count * cores, ..Self::default() }
    }

    /// How many cores a job takes.
    pub fn cores_for(&self, spec: &Spec) -> u32 {
        match spec.is_exclusive() {
            true => spec.nodes * self.whole.cores,
            false => spec.slots() * spec.cores,
        }
    }

    /// What a job would get now, by rank: the first nodes that fit.
    pub fn find(&self, spec: &Spec) -> Option<Vec<(u32, Share)>> {
        if self.cores_for(spec) > self.free_cores {
            return None;
        }
        let (per_node, whole) = (spec.slots_per_node(), spec.is_exclusive());
        let mut left = per_node * spec.nodes.max(1);
        let mut found = Vec::new();
        for (rank, &free) in (0..).zip(&self.free) {
            let slots = match room(free, spec) {
                room if spec.nodes == 0 => room.min(left),
                room if room < per_node => 0,
                _ => per_node,
            };
            let taken = whole && free != self.whole;
            if slots == 0 || taken || self.drained.contains_key(&rank) {
                continue;
            }
            let (cores, gpus) = (slots * spec.cores, slots * spec.gpus);
            let part = if whole { free } else { Share { cores, gpus } };
            found.push((rank, part));
            left -= slots;
            if left == 0 {
                return Some(found);
            }
        }
        None
    }

    /// Whether a job could ever run here.
    pub fn satisfies(&self, spec: &Spec) -> bool {
        let (nodes, room) = (self.free.len() as u32, room(self.whole, spec));
        match spec.nodes {
            0 => spec.slots() <= nodes * room,
            count => count <= nodes && spec.slots_per_node() <= room,
        }
    }

    pub fn take(&mut self, pieces: &[(u32, Share)]) {
        for (rank, part) in pieces {
            let free = &mut self.free[*rank as usize];
            free.cores -= part.cores;
            free.gpus -= part.gpus;
            self.free_cores -= part.cores;
        }
    }

    pub fn give(&mut self, pieces: &[(u32, Share)]) {
        for (rank, part) in pieces {
            let free = &mut self.free[*rank as usize];
            free.cores += part.cores;
            free.gpus += part.gpus;
            self.free_cores += part.cores;
        }
    }
}

/// How many slots of the job have room in this.
fn room(free: Share, spec: &Spec) -> u32 {
    let by_gpus = free.gpus.checked_div(spec.gpus).unwrap_or(u32::MAX);
    by_gpus.min(free.cores / spec.cores.max(1))
}

/// An idset (RFC 22) of ascending ids.
pub fn idset(ids: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => ranges.push((id, id)),
        }
    }
    let range = |&(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

/// The ids in an idset that is a number or a range.
pub fn ids(idset: &str) -> Result<std::ops::RangeInclusive<u32>, String> {
    let (first, last) = idset.split_once('-').unwrap_or((idset, idset));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => Err(format!("{idset}: not a number or a range")),
    }
}

/// R as JSON: an entry for all ranks with the same share.
pub fn r(R(pieces, start, expiration): &R) -> Value {
    let mut alike: BTreeMap<Share, Vec<u32>> = BTreeMap::new();
    for (rank, part) in pieces {
        alike.entry(*part).or_default().push(*rank);
    }
    let entry = |(part, ranks): (Share, Vec<u32>)| {
        let mut children = json!({ "core": idset(0..part.cores) });
        if part.gpus > 0 {
            children["gpu"] = idset(0..part.gpus).into();
        }
        json!({ "rank": idset(ranks), "children": children })
    };
    let nodes = idset(pieces.iter().map(|piece| piece.0));
    json!({ "version": 1, "execution": {
        "R_lite": alike.into_iter().map(entry).collect::<Vec<_>>(),
        "nodelist": [format!("fake[{nodes}]")],
        "starttime": start, "expiration": expiration,
    }})
}
