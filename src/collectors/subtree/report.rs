//! What a broker tells its parent of itself and all below it.

use serde::{Deserialize, Serialize};

/// Of another version nothing is taken.
const VERSION: u32 = 1;

/// The names of hosts are no longer than this.
const MAX_NAME: usize = 255;

/// The most brokers that are named in a list of the worst.
pub const MAX_WORST: usize = 16;

/// More than any broker has of anything, and so little that no sum over
/// brokers overflows.
const MAX_VALUE: f64 = 1e18;

/// How many figures there are, see [`super::metrics`].
pub const FIGURES: usize = 6;

/// The figures of which the worst are named, and whether low ones are bad.
pub const WORST: [(usize, bool); 5] =
    [(0, false), (1, false), (2, false), (4, true), (5, false)];

/// Children of brokers by status, as in `flux_overlay_children`.
pub type ByStatus = [u64; 6];

/// One message; its size does not grow with the tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    version: u32,
    /// Who sends it.
    pub rank: u32,
    /// How many brokers it is about.
    pub brokers: u32,
    /// Of the oldest figures in it when it was sent, in seconds.
    pub age: f64,
    /// Each over the brokers that have it.
    pub figures: [Spread; FIGURES],
    /// Added up over the brokers.
    pub children: ByStatus,
    /// In the order of [`WORST`], the worst first.
    pub worst: [Vec<Named>; WORST.len()],
}

/// A figure over several brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Brokers that have it; the rest is 0 if none has.
    pub count: u32,
    /// Over them.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// The figure of one broker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// The figure.
    pub value: f64,
    /// Of the broker.
    pub rank: u32,
    /// Where it runs.
    pub hostname: String,
}

impl Spread {
    fn of(value: Option<f64>) -> Self {
        value.map_or_else(Self::default, |value| Self {
            count: 1,
            sum: value,
            min: value,
            max: value,
        })
    }

    fn add(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
        } else if other.count > 0 {
            self.count += other.count;
            self.sum += other.sum;
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
        }
    }

    fn is_possible(&self, brokers: u32) -> bool {
        let Self { count, sum, min, max } = *self;
        let n = f64::from(count);
        // sums of many numbers are rounded
        let slack = 1e-6 * n * max;
        count <= brokers
            && [sum, min, max].iter().all(|v| v.is_finite() && *v >= 0.0)
            && min <= max
            && max <= MAX_VALUE
            && (n * min - slack..=n * max + slack).contains(&sum)
    }
}

impl Report {
    /// About one broker, a rank and its host.
    pub fn new(
        (rank, hostname): (u32, &str),
        figures: [Option<f64>; FIGURES],
        children: ByStatus,
        worst: usize,
    ) -> Self {
        let named = |(figure, _): (usize, bool)| {
            let value = figures[figure].filter(|_| worst > 0);
            let hostname = hostname.to_owned();
            value.map(|value| Named { value, rank, hostname })
        };
        Self {
            version: VERSION,
            rank,
            brokers: 1,
            age: 0.0,
            figures: figures.map(Spread::of),
            children,
            worst: WORST.map(|figure| named(figure).into_iter().collect()),
        }
    }

    /// Adds what a child told `age` seconds ago.
    pub fn add(&mut self, child: &Self, age: f64, worst: usize) {
        self.brokers += child.brokers;
        self.age = self.age.max(child.age + age);
        for (own, theirs) in self.figures.iter_mut().zip(&child.figures) {
            own.add(theirs);
        }
        for (own, theirs) in self.children.iter_mut().zip(child.children) {
            *own += theirs;
        }
        for (i, own) in self.worst.iter_mut().enumerate() {
            own.extend(child.worst[i].iter().cloned());
            let by_value = |a: &Named, b: &Named| match WORST[i].1 {
                true => a.value.total_cmp(&b.value),
                false => b.value.total_cmp(&a.value),
            };
            own.sort_by(|a, b| by_value(a, b).then(a.rank.cmp(&b.rank)));
            own.truncate(worst);
        }
    }

    /// What is wrong with one of a subtree of so many brokers.
    pub fn check(&self, subtree: u32) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "a report of version {}, and this module knows {VERSION}: \
                 load the same one on all brokers",
                self.version
            ));
        }
        if self.brokers == 0 || self.brokers > subtree {
            return Err(format!(
                "a report about {} brokers of a subtree of {subtree}",
                self.brokers
            ));
        }
        let brokers = self.brokers;
        let ages = (0.0..=MAX_VALUE).contains(&self.age);
        let figures = self.figures.iter().all(|f| f.is_possible(brokers));
        // each broker but the first is at most one's child
        let children = self.children.iter().all(|n| *n <= subtree.into());
        let worst = self.worst.iter().all(|named| {
            named.len() <= MAX_WORST && named.iter().all(Named::is_possible)
        });
        match ages && figures && children && worst {
            true => Ok(()),
            false => Err("a report with numbers that cannot be".into()),
        }
    }
}

impl Named {
    fn is_possible(&self) -> bool {
        let name = &self.hostname;
        self.value.abs() <= MAX_VALUE
            && name.len() <= MAX_NAME
            && !name.contains(|c: char| c.is_control())
    }
}

#[cfg(test)]
mod tests;
