//! Numbers that know when they were changed.

use std::ops::{Deref, DerefMut};

/// A value, and how often it was open to changes: who shows it makes nothing
/// anew while that is the same.
///
/// It is counted here, where the value is lent for changes, so that nobody can
/// forget to.
#[derive(Debug, Default)]
pub struct Versioned<T> {
    value: T,
    version: u64,
}

impl<T> Versioned<T> {
    /// A value as it is at first.
    pub fn new(value: T) -> Self {
        Self { value, version: 0 }
    }

    /// A number that is another one after each change, and a greater one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The value, to note in it that something was read, for instance. What
    /// changes by that is not to be shown by the version.
    pub fn unversioned(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Versioned<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.version += 1;
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_change_it_counts_and_what_cannot_does_not() {
        let mut list = Versioned::new(vec![1]);
        assert_eq!((list.len(), list.version()), (1, 0));
        list.push(2);
        let pushed = list.version();
        assert!(pushed > 0);
        list[0] = 3;
        assert!(list.version() > pushed);
        let before = list.version();
        assert_eq!((list.iter().sum::<i32>(), list.version()), (5, before));
        list.unversioned().clear();
        assert_eq!((list.len(), list.version()), (0, before));
    }
}
