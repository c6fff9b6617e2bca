//! Passwords, by their bcrypt hashes.
//!
//! bcrypt is slow on purpose, so it runs on a thread of its own (the
//! runtime's, which ends with it), for one password after the other, and a
//! password that was right is remembered. What is waiting to be checked is
//! limited, in all and for each client.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bcrypt::HashParts;

use super::{super::Peer, secret::Secret};

/// The highest cost that is accepted: twice the time for each more. At 14 it
/// is about a second, during which the module could not be unloaded.
pub const MAX_COST: u32 = 14;

/// How many passwords may be waiting, one of them being checked.
const MAX_WAITING: usize = 4;

/// Whether a text is a bcrypt hash that can be checked in reasonable time.
pub fn check_hash(hash: &str) -> Result<(), String> {
    let parts: HashParts = hash.parse().map_err(|_| {
        "not a bcrypt hash (htpasswd -nBC 10 USER prints one)".to_owned()
    })?;
    match parts.get_cost() {
        4..=MAX_COST => Ok(()),
        cost => Err(format!(
            "a bcrypt hash of cost {cost}; expected 4 to {MAX_COST}, for each \
             more takes twice the time"
        )),
    }
}

/// What a password was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many are being checked.
    Busy,
}

/// Who has a password.
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// Chooses a hash for names that are not there.
    strangers: RandomState,
    /// What was right once, by name: never more than there are hashes.
    remembered: Mutex<HashMap<String, Secret>>,
    checks: Checks,
}

impl Users {
    /// None without users. The hashes have been [checked](check_hash).
    pub(super) fn new(hashes: &BTreeMap<String, String>) -> Option<Self> {
        (!hashes.is_empty()).then(|| Self {
            hashes: hashes.clone(),
            strangers: RandomState::new(),
            remembered: Mutex::default(),
            checks: Checks::default(),
        })
    }

    pub(super) async fn check(
        &self,
        name: &str,
        password: &[u8],
        peer: Peer,
    ) -> Verdict {
        if self.remembered().get(name).is_some_and(|it| it.is(password)) {
            return Verdict::Right;
        }
        let Some(check) = self.checks.begin(peer) else {
            return Verdict::Busy;
        };
        let known = self.hashes.get(name);
        let Some(hash) = known.or_else(|| self.stranger(name)).cloned() else {
            return Verdict::Wrong;
        };
        let copy = password.to_vec();
        let right = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(copy, &hash).unwrap_or(false);
            // here, for who asked may be gone, and this goes on
            drop(check);
            right
        });
        // Were there no thread to be had, that would be a panic, which costs
        // the client its connection and nobody else anything.
        let right = right.await.unwrap_or(false);
        if !right || known.is_none() {
            return Verdict::Wrong;
        }
        if let Ok(secret) = Secret::new(password) {
            self.remembered().insert(name.to_owned(), secret);
        }
        Verdict::Right
    }

    /// The hash to check the password of a name with that is not there: one
    /// of those there are, and for a name always the same one. It takes as
    /// long then as it does for some name that is there, whatever their costs.
    fn stranger(&self, name: &str) -> Option<&String> {
        let nth = self.strangers.hash_one(name) % self.hashes.len() as u64;
        self.hashes.values().nth(usize::try_from(nth).ok()?)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, Secret>> {
        // whatever is lost is checked again
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is having a password checked.
#[derive(Clone, Default)]
struct Checks(Arc<Mutex<HashSet<Peer>>>);

impl Checks {
    /// None if this client has one going, or too many others have.
    fn begin(&self, peer: Peer) -> Option<Check> {
        let origin = peer.origin();
        let mut all = self.all();
        if all.len() >= MAX_WAITING || !all.insert(origin) {
            return None;
        }
        drop(all);
        Some(Check { checks: self.clone(), origin })
    }

    fn all(&self) -> MutexGuard<'_, HashSet<Peer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is going, until it is dropped.
struct Check {
    checks: Checks,
    origin: Peer,
}

impl Drop for Check {
    fn drop(&mut self) {
        self.checks.all().remove(&self.origin);
    }
}

#[cfg(test)]
mod tests;
