//! The active jobs by id, packed.
//!
//! They stand one after the other in a list, and a hash table has only their
//! places in it, so the slack that a hash table needs is a few bytes a job. The
//! list is of pieces that never move: growing takes no second copy, which the
//! allocator would then keep.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::JobId;
use super::active::Job;

/// Jobs in a piece of the list; a piece is below what malloc maps by itself.
const PIECE: usize = 1024;

#[derive(Debug)]
pub(super) struct Jobs {
    list: List,
    /// Where in the list each is; four billion jobs would be 350 GB.
    places: HashTable<u32>,
    /// So that nobody can choose ids that collide.
    seed: u64,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            list: List::default(),
            places: HashTable::new(),
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl Jobs {
    fn place(&self, id: JobId) -> Option<u32> {
        let is_it = |&at: &u32| self.list.id(at) == id;
        self.places.find(hash(id, self.seed), is_it).copied()
    }

    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.place(id).map(|at| &self.list.at(at).1)
    }

    pub(super) fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.place(id).map(|at| &mut self.list.at_mut(at).1)
    }

    /// Adds a job, or replaces it.
    pub(super) fn insert(&mut self, id: JobId, job: Job) {
        if let Some(known) = self.get_mut(id) {
            *known = job;
            return;
        }
        let Self { list, places, seed } = self;
        let at = list.push((id, job));
        let again = |&at: &u32| hash(list.id(at), *seed);
        places.insert_unique(hash(id, *seed), at, again);
    }

    pub(super) fn remove(&mut self, id: JobId) -> Option<Job> {
        let Self { list, places, seed } = self;
        let is_it = |&at: &u32| list.id(at) == id;
        let entry = places.find_entry(hash(id, *seed), is_it).ok()?;
        let (at, _) = entry.remove();
        let (last, mut taken) = list.pop()?;
        if last != at {
            // the last one takes its place
            let moved = hash(taken.0, *seed);
            std::mem::swap(list.at_mut(at), &mut taken);
            if let Some(place) = places.find_mut(moved, |&at| at == last) {
                *place = at;
            }
        }
        // after a flood, and seldom enough to cost nothing
        if places.capacity() > 8 * places.len().max(1024) {
            let again = |&at: &u32| hash(list.id(at), *seed);
            places.shrink_to(2 * places.len(), again);
        }
        Some(taken.1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.list.0.iter().flatten().map(|(id, job)| (*id, job))
    }

    pub(super) fn iter_mut(
        &mut self,
    ) -> impl Iterator<Item = (JobId, &mut Job)> {
        self.list.0.iter_mut().flatten().map(|(id, job)| (*id, job))
    }

    pub(super) fn into_jobs(self) -> impl Iterator<Item = (JobId, Job)> {
        self.list.0.into_iter().flatten()
    }
}

type Entry = (JobId, Job);

/// Pieces, all but the last of which are full; none is empty.
#[derive(Debug, Default)]
struct List(Vec<Vec<Entry>>);

impl List {
    fn at(&self, at: u32) -> &Entry {
        &self.0[at as usize / PIECE][at as usize % PIECE]
    }

    fn at_mut(&mut self, at: u32) -> &mut Entry {
        &mut self.0[at as usize / PIECE][at as usize % PIECE]
    }

    fn id(&self, at: u32) -> JobId {
        self.at(at).0
    }

    fn len(&self) -> usize {
        let last = self.0.last().map_or(PIECE, Vec::len);
        (self.0.len() * PIECE + last).saturating_sub(PIECE)
    }

    /// Returns the place.
    fn push(&mut self, entry: Entry) -> u32 {
        let at = self.len() as u32;
        match self.0.last_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push(entry),
            None => {
                // the first grows as it must, for most have few jobs
                let room = if self.0.is_empty() { 0 } else { PIECE };
                let mut piece = Vec::with_capacity(room);
                piece.push(entry);
                self.0.push(piece);
            }
        }
        at
    }

    /// Takes out the last one; returns the place too.
    fn pop(&mut self) -> Option<(u32, Entry)> {
        let piece = self.0.last_mut()?;
        let entry = piece.pop()?;
        if piece.is_empty() {
            self.0.pop();
        }
        Some((self.len() as u32, entry))
    }
}

/// Folds a product, so that all bits of an id reach all bits of its hash.
fn hash(id: JobId, seed: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(id ^ seed) * u128::from(ODD);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::Random;

    fn job(seen: u32) -> Job {
        Job { seen, ..Job::new(0, 0) }
    }

    /// Compares with a map, through thousands of arrivals and departures.
    #[test]
    fn like_a_map() {
        let (mut jobs, mut map) = (Jobs::default(), BTreeMap::new());
        let mut random = Random(1);
        for round in 0..20_000_u32 {
            let id = random.below(3_000) << 24;
            // first it fills, then it empties
            match random.below(4) < if round < 10_000 { 3 } else { 1 } {
                true => {
                    jobs.insert(id, job(round));
                    map.insert(id, round);
                }
                false => {
                    let gone = jobs.remove(id).map(|job| job.seen);
                    assert_eq!(gone, map.remove(&id));
                }
            }
            let id = random.below(3_000) << 24;
            let found = jobs.get(id).map(|job| job.seen);
            assert_eq!(found, map.get(&id).copied());
        }
        let mut all: Vec<_> = jobs.iter().map(|(i, j)| (i, j.seen)).collect();
        all.sort_unstable();
        assert!(all.len() > 100);
        assert_eq!(all, map.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn memory_is_given_back() {
        let mut jobs = Jobs::default();
        for id in 0..100_000 {
            jobs.insert(id, job(0));
        }
        for id in 0..99_000 {
            jobs.remove(id);
        }
        assert_eq!(jobs.list.len(), 1_000);
        assert_eq!(jobs.list.0.len(), 1);
        assert!(jobs.places.capacity() < 20_000);
        assert!((99_000..100_000).all(|id| jobs.get(id).is_some()));
    }
}
