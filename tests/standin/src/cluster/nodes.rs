//! The nodes, what is free on them, and resource sets (RFC 20). Cores and
//! GPUs are counted, not told apart.

use std::collections::BTreeMap;
use std::num::ParseIntError;
use std::ops::RangeInclusive;

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

    /// What a job would get now, by rank: the first nodes that fit; or else how
    /// many cores it waits for.
    pub fn find(&self, spec: &Spec) -> Result<Vec<(u32, Share)>, u32> {
        // slots, or whole nodes, and how many of them go together
        let (unit, per_node) = match spec.is_exclusive() {
            true => (self.whole, 1),
            false => (spec.slot(), spec.slots_per_node()),
        };
        let cores = unit.cores * per_node * spec.nodes.max(1);
        if cores > self.free_cores {
            return Err(cores);
        }
        let mut left = per_node * spec.nodes.max(1);
        let mut found = Vec::new();
        for (rank, free) in (0..).zip(&self.free) {
            let taken = match free.room(unit) {
                room if spec.nodes == 0 => room.min(left),
                room if room < per_node => 0,
                _ => per_node,
            };
            if taken > 0 && !self.drained.contains_key(&rank) {
                found.push((rank, unit.times(taken)));
                left -= taken;
            }
            if left == 0 {
                return Ok(found);
            }
        }
        Err(cores)
    }

    /// Whether a job could ever run here.
    pub fn satisfies(&self, spec: &Spec) -> bool {
        let nodes = self.free.len() as u32;
        let room = self.whole.room(spec.slot());
        match spec.nodes {
            0 => spec.slots() <= nodes * room,
            count => count <= nodes && spec.slots_per_node() <= room,
        }
    }

    /// Takes what a job gets, or gives back what it had.
    pub fn change(&mut self, pieces: &[(u32, Share)], by: i32) {
        let change = |have: &mut u32, part: u32| {
            *have = have.wrapping_add_signed(by * part as i32);
        };
        for (rank, part) in pieces {
            let free = &mut self.free[*rank as usize];
            change(&mut free.cores, part.cores);
            change(&mut free.gpus, part.gpus);
            change(&mut self.free_cores, part.cores);
        }
    }
}

impl Share {
    /// How many such units have room in this.
    fn room(self, unit: Self) -> u32 {
        let by_gpus = self.gpus.checked_div(unit.gpus).unwrap_or(u32::MAX);
        by_gpus.min(self.cores / unit.cores.max(1))
    }

    fn times(self, count: u32) -> Self {
        Self { cores: self.cores * count, gpus: self.gpus * count }
    }
}

/// An idset (RFC 22) of ascending ids.
pub fn idset(ids: impl IntoIterator<Item = u32>) -> String {
    let ids: Vec<u32> = ids.into_iter().collect();
    let runs = ids.chunk_by(|id, next| id + 1 == *next);
    let range = runs.map(|run| match run {
        [first, .., last] => format!("{first}-{last}"),
        only => only.iter().map(u32::to_string).collect(),
    });
    range.collect::<Vec<_>>().join(",")
}

/// The ids in an idset that is a number or a range.
pub fn ids(idset: &str) -> Result<RangeInclusive<u32>, ParseIntError> {
    let (first, last) = idset.split_once('-').unwrap_or((idset, idset));
    Ok(first.parse()?..=last.parse()?)
}

/// R as JSON: an entry for all ranks with the same share.
pub fn r(R(pieces, start, end): &R) -> Value {
    let expiration = if end.is_finite() { *end } else { 0.0 };
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
