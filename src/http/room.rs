//! How many connections are open, in all and from each address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Limits, Peer};

/// Counts what all listeners of a server accepted.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Only those that have any: no larger than `all`.
    each: HashMap<Peer, usize>,
}

/// Why there is no place for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many are open.
    All,
    /// Too many are from this address.
    Address,
}

impl Room {
    /// A place for one more connection, if there is one.
    pub(super) fn enter(
        &self,
        peer: Peer,
        limits: &Limits,
    ) -> Result<Place, Full> {
        let origin = peer.origin();
        let mut taken = self.taken();
        let of_origin = taken.each.get(&origin).copied().unwrap_or(0);
        if of_origin >= limits.connections_per_address {
            return Err(Full::Address);
        }
        if taken.all >= limits.connections {
            return Err(Full::All);
        }
        taken.all += 1;
        taken.each.insert(origin, of_origin + 1);
        drop(taken);
        Ok(Place { room: self.clone(), origin })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // nothing in here can panic half way
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    origin: Peer,
}

impl Place {
    /// Whether more than three quarters of the places are taken, or of those
    /// that this address can have.
    pub(super) fn is_crowded(&self, limits: &Limits) -> bool {
        let taken = self.room.taken();
        let of_origin = taken.each.get(&self.origin).copied().unwrap_or(0);
        let crowded = |taken: usize, most: usize| {
            most.saturating_sub(taken).saturating_mul(4) < most
        };
        crowded(taken.all, limits.connections)
            || crowded(of_origin, limits.connections_per_address)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= 1;
        if let Some(of_origin) = taken.each.get_mut(&self.origin) {
            *of_origin -= 1;
            if *of_origin == 0 {
                taken.each.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_all_and_by_origin() {
        let limits = Limits {
            connections: 3,
            connections_per_address: 2,
            ..Limits::default()
        };
        let room = Room::default();
        let at = |ip: &str| Peer::at(ip.parse().unwrap());
        let enter = |peer| room.enter(peer, &limits);
        let first = enter(at("10.0.0.1")).unwrap();
        let _second = enter(at("::ffff:10.0.0.1")).unwrap();
        assert_eq!(enter(at("10.0.0.1")).unwrap_err(), Full::Address);
        let third = enter(Peer::Unix).unwrap();
        assert_eq!(enter(Peer::Unix).unwrap_err(), Full::All);
        // three of four in all, and of one address's places: one, two
        let more = |connections, connections_per_address| Limits {
            connections,
            connections_per_address,
            ..limits
        };
        assert!(!third.is_crowded(&more(4, 2)));
        assert!(third.is_crowded(&more(3, 2)));
        assert!(third.is_crowded(&more(4, 1)));
        assert!(first.is_crowded(&more(4, 2)));
        assert!(!first.is_crowded(&more(4, 3)));
        drop(first);
        let _again = enter(at("10.0.0.1")).unwrap();
        assert_eq!(room.taken().each.len(), 2);
        drop((_second, third, _again));
        let taken = room.taken();
        assert_eq!((taken.all, taken.each.len()), (0, 0));
    }
}
