//! The nodes, what is free on them, and resource sets (RFC 20).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::job::{R, Spec};

/// A rank and what of it, as bits: its cores, and above them its GPUs.
pub type Piece = (u32, u128);

const CORES: u128 = (1 << 96) - 1;

/// All nodes, each with the same.
#[derive(Default)]
pub struct Nodes {
    pub whole: u128,
    /// By rank.
    pub free: Vec<u128>,
    pub free_cores: u64,
    /// Since when and why, by rank.
    pub drained: BTreeMap<u32, Value>,
}

impl Nodes {
    pub fn new(count: u32, cores: u32, gpus: u32) -> Self {
        let whole = lowest(CORES, cores) | lowest(!CORES, gpus);
        let free = vec![whole; count as usize];
        let free_cores = u64::from(count) * cores_of(whole);
        Self { whole, free, free_cores, drained: BTreeMap::new() }
    }

    /// How many cores a job takes.
    pub fn cores_for(&self, spec: &Spec) -> u64 {
        match spec.is_exclusive() {
            true => u64::from(spec.nodes) * cores_of(self.whole),
            false => u64::from(spec.slots()) * u64::from(spec.cores),
        }
    }

    /// What a job would get now: the first nodes that fit, and on them the
    /// lowest ids.
    pub fn find(&self, spec: &Spec) -> Option<Vec<Piece>> {
        if self.cores_for(spec) > self.free_cores {
            return None;
        }
        let per_node = spec.slots_per_node();
        let whole = spec.is_exclusive();
        let mut left = if spec.nodes > 0 { spec.nodes } else { spec.slots() };
        let mut found = Vec::new();
        for (rank, &free) in (0..).zip(&self.free) {
            let room = slots_in(free, spec);
            // how many of `left` this node is, and the slots on it
            let (counts, slots) = match spec.nodes {
                0 => (room.min(left), room.min(left)),
                _ => (u32::from(room >= per_node), per_node),
            };
            let taken = whole && free != self.whole;
            if counts == 0 || taken || self.drained.contains_key(&rank) {
                continue;
            }
            let cores = lowest(free & CORES, slots * spec.cores);
            let gpus = lowest(free & !CORES, slots * spec.gpus);
            let part = if whole { free } else { cores | gpus };
            found.push((rank, part));
            left -= counts;
            if left == 0 {
                return Some(found);
            }
        }
        None
    }

    /// Whether a job could ever run here.
    pub fn satisfies(&self, spec: &Spec) -> bool {
        let (nodes, room) = (self.free.len(), slots_in(self.whole, spec));
        match spec.nodes {
            0 => spec.slots() as usize <= nodes * room as usize,
            n => n as usize <= nodes && spec.slots_per_node() <= room,
        }
    }

    pub fn take(&mut self, pieces: &[Piece]) {
        for &(rank, bits) in pieces {
            self.free[rank as usize] &= !bits;
            self.free_cores -= cores_of(bits);
        }
    }

    pub fn give(&mut self, pieces: &[Piece]) {
        for &(rank, bits) in pieces {
            self.free[rank as usize] |= bits;
            self.free_cores += cores_of(bits);
        }
    }

    /// All of them.
    pub fn all(&self) -> R {
        let ranks = 0..self.free.len() as u32;
        R(ranks.map(|rank| (rank, self.whole)).collect(), 0.0, 0.0)
    }
}

pub fn cores_of(bits: u128) -> u64 {
    (bits & CORES).count_ones().into()
}

/// How many slots of the job have room in this.
fn slots_in(bits: u128, spec: &Spec) -> u32 {
    let by_cores = (bits & CORES).count_ones() / spec.cores.max(1);
    let by_gpus = (bits & !CORES).count_ones().checked_div(spec.gpus);
    by_cores.min(by_gpus.unwrap_or(u32::MAX))
}

/// The lowest `count` bits that are set.
fn lowest(all: u128, count: u32) -> u128 {
    // each step clears the lowest
    let rest = (0..count).fold(all, |bits, _| bits & bits.wrapping_sub(1));
    all & !rest
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

/// R as JSON: an entry for all ranks with the same cores and GPUs.
pub fn r(R(pieces, start, expiration): &R) -> Value {
    let mut alike: BTreeMap<u128, Vec<u32>> = BTreeMap::new();
    for (rank, bits) in pieces {
        alike.entry(*bits).or_default().push(*rank);
    }
    let entry = |(bits, ranks): (u128, Vec<u32>)| {
        let ids = |from: u32, count: u32| {
            idset((0..count).filter(|id| bits >> (from + id) & 1 == 1))
        };
        let mut children = json!({ "core": ids(0, 96) });
        if bits & !CORES != 0 {
            children["gpu"] = ids(96, 32).into();
        }
        json!({ "rank": idset(ranks), "children": children })
    };
    let lite: Vec<Value> = alike.into_iter().map(entry).collect();
    let nodes = idset(pieces.iter().map(|piece| piece.0));
    json!({ "version": 1, "execution": {
        "R_lite": lite, "nodelist": [format!("fake[{nodes}]")],
        "starttime": start, "expiration": expiration,
    }})
}
