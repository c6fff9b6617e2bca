//! The active jobs by id, packed.
//!
//! They stand one after the other in a list, and a hash table has only their
//! places in it. So the slack that a hash table needs is a few bytes a job,
//! and a list that grows does not take memory before it is used.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::JobId;
use super::active::Job;

#[derive(Debug)]
pub(super) struct Jobs {
    list: Vec<(JobId, Job)>,
    /// Where in the list each is; four billion jobs would be 350 GB.
    places: HashTable<u32>,
    /// So that nobody can choose ids that collide.
    seed: u64,
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs {
            list: Vec::new(),
            places: HashTable::new(),
            seed: RandomState::new().hash_one(0),
        }
    }
}

impl Jobs {
    fn place(&self, id: JobId) -> Option<usize> {
        let is_it = |&at: &u32| self.list[at as usize].0 == id;
        self.places.find(hash(id, self.seed), is_it).map(|&at| at as usize)
    }

    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.place(id).map(|at| &self.list[at].1)
    }

    pub(super) fn get_mut(&mut self, id: JobId) -> Option<&mut Job> {
        self.place(id).map(|at| &mut self.list[at].1)
    }

    /// Adds a job, or replaces it.
    pub(super) fn insert(&mut self, id: JobId, job: Job) {
        if let Some(known) = self.get_mut(id) {
            *known = job;
            return;
        }
        let Self { list, places, seed } = self;
        let at = list.len() as u32;
        list.push((id, job));
        let again = |&at: &u32| hash(list[at as usize].0, *seed);
        places.insert_unique(hash(id, *seed), at, again);
    }

    pub(super) fn remove(&mut self, id: JobId) -> Option<Job> {
        let Self { list, places, seed } = self;
        let is_it = |&at: &u32| list[at as usize].0 == id;
        let entry = places.find_entry(hash(id, *seed), is_it).ok()?;
        let (at, _) = entry.remove();
        let (_, job) = list.swap_remove(at as usize);
        // the last one has taken its place
        if let Some(&(moved, _)) = list.get(at as usize) {
            let last = list.len() as u32;
            let it = places.find_mut(hash(moved, *seed), |&at| at == last);
            if let Some(place) = it {
                *place = at;
            }
        }
        self.shrink();
        Some(job)
    }

    /// Gives memory back after a flood of jobs, seldom enough to cost nothing.
    fn shrink(&mut self) {
        let Self { list, places, seed } = self;
        if list.capacity() > 8 * list.len().max(1024) {
            list.shrink_to(2 * list.len());
            let again = |&at: &u32| hash(list[at as usize].0, *seed);
            places.shrink_to(2 * list.len(), again);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (JobId, &Job)> {
        self.list.iter().map(|(id, job)| (*id, job))
    }

    pub(super) fn iter_mut(
        &mut self,
    ) -> impl Iterator<Item = (JobId, &mut Job)> {
        self.list.iter_mut().map(|(id, job)| (*id, job))
    }

    pub(super) fn into_jobs(self) -> impl Iterator<Item = (JobId, Job)> {
        self.list.into_iter()
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

    fn job(slots: u32) -> Job {
        Job { slots, ..Job::new(0, 0) }
    }

    /// Compares with a map, through thousands of arrivals and departures.
    #[test]
    fn like_a_map() {
        let (mut jobs, mut map) = (Jobs::default(), BTreeMap::new());
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            state >> 33
        };
        for round in 0..20_000_u32 {
            let id = (random() % 3_000) << 24;
            // first it fills, then it empties
            match random() % 4 < if round < 10_000 { 3 } else { 1 } {
                true => {
                    jobs.insert(id, job(round));
                    map.insert(id, round);
                }
                false => {
                    let gone = jobs.remove(id).map(|job| job.slots);
                    assert_eq!(gone, map.remove(&id));
                }
            }
            let id = (random() % 3_000) << 24;
            let found = jobs.get(id).map(|job| job.slots);
            assert_eq!(found, map.get(&id).copied());
        }
        let mut all: Vec<_> = jobs.iter().map(|(i, j)| (i, j.slots)).collect();
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
        assert!(jobs.list.capacity() < 20_000);
        assert!(jobs.places.capacity() < 20_000);
        assert!((99_000..100_000).all(|id| jobs.get(id).is_some()));
    }
}
