//! The latest reports of a broker's children.

use std::collections::BTreeMap;
use std::time::Instant;

use super::report::Report;

/// Direct children, by rank.
#[derive(Debug, PartialEq)]
pub struct Children {
    all: BTreeMap<u32, Child>,
    told: bool,
}

#[derive(Debug, PartialEq)]
struct Child {
    /// Brokers in its subtree, itself included.
    size: u32,
    /// And when it came.
    report: Option<(Report, Instant)>,
}

impl FromIterator<(u32, u32)> for Children {
    /// Of ranks and the sizes of their subtrees.
    fn from_iter<I: IntoIterator<Item = (u32, u32)>>(all: I) -> Self {
        let all = all.into_iter();
        let child = |(rank, size)| (rank, Child { size, report: None });
        Self { all: all.map(child).collect(), told: false }
    }
}

impl Children {
    /// Takes a report in the place of an earlier one, or says what is wrong
    /// with it.
    pub fn put(&mut self, report: Report, now: Instant) -> Result<(), String> {
        let rank = report.rank;
        let Some(child) = self.all.get_mut(&rank) else {
            return Err(format!("rank {rank} is no child of this broker"));
        };
        report.check(child.size)?;
        child.report = Some((report, now));
        self.told = true;
        Ok(())
    }

    /// Whether any has ever sent one.
    pub fn have_told(&self) -> bool {
        self.told
    }

    /// A child is known not to be there.
    pub fn forget(&mut self, rank: u32) {
        if let Some(child) = self.all.get_mut(&rank) {
            child.report = None;
        }
    }

    /// Forgets what came more than so many seconds ago.
    pub fn expire(&mut self, now: Instant, seconds: f64) {
        for child in self.all.values_mut() {
            child.report.take_if(|(_, at)| age(now, *at) > seconds);
        }
    }

    /// Adds all that is known.
    pub fn add_to(&self, report: &mut Report, now: Instant, worst: usize) {
        let known = self.all.values().filter_map(|child| child.report.as_ref());
        for (theirs, at) in known {
            report.add(theirs, age(now, *at), worst);
        }
    }
}

fn age(now: Instant, then: Instant) -> f64 {
    now.saturating_duration_since(then).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::report::FIGURES;
    use super::*;

    fn report(rank: u32) -> Report {
        Report::new((rank, "node"), [Some(1.0); FIGURES], [0; 6], 0)
    }

    fn counted(children: &Children, now: Instant) -> (u32, f64) {
        let mut sum = report(0);
        children.add_to(&mut sum, now, 0);
        (sum.brokers, sum.age)
    }

    #[test]
    fn reports_are_replaced_forgotten_and_expire() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut children: Children = [(1, 3), (2, 3)].into_iter().collect();
        assert!(!children.have_told());
        assert_eq!(counted(&children, at(0)), (1, 0.0));
        for _ in 0..2 {
            children.put(report(1), at(0)).unwrap();
        }
        children.put(report(2), at(2)).unwrap();
        assert!(children.have_told());
        assert_eq!(counted(&children, at(3)), (3, 3.0));
        children.expire(at(3), 3.0);
        assert_eq!(counted(&children, at(3)), (3, 3.0));
        children.expire(at(4), 3.0);
        assert_eq!(counted(&children, at(4)), (2, 2.0));
        children.forget(2);
        assert_eq!(counted(&children, at(4)), (1, 0.0));
        assert!(children.have_told());
    }

    #[test]
    fn only_children_count_and_for_no_more_than_they_have() {
        let mut children: Children = [(1, 2)].into_iter().collect();
        let now = Instant::now();
        let error = children.put(report(3), now).unwrap_err();
        assert!(error.contains("rank 3 is no child"), "{error}");
        let mut large = report(1);
        (2..4).for_each(|rank| large.add(&report(rank), 0.0, 0));
        assert!(children.put(large, now).is_err());
        assert_eq!(counted(&children, now), (1, 0.0));
    }

    /// As on real brokers, each broker with its children and every report as
    /// a message.
    #[test]
    fn ten_thousand_brokers_add_up() {
        const SIZE: u32 = 10_000;
        for arity in [2, 16, SIZE] {
            let now = Instant::now();
            let parent = |rank: u32| (rank - 1) / arity;
            let mut sizes = vec![1_u32; SIZE as usize];
            for rank in (1..SIZE).rev() {
                sizes[parent(rank) as usize] += sizes[rank as usize];
            }
            let mut all: Vec<Vec<(u32, u32)>> = vec![vec![]; SIZE as usize];
            for rank in 1..SIZE {
                let child = (rank, sizes[rank as usize]);
                all[parent(rank) as usize].push(child);
            }
            let mut all: Vec<Children> =
                all.into_iter().map(Children::from_iter).collect();
            for rank in (0..SIZE).rev() {
                let value = f64::from(rank);
                let host = format!("node{rank}");
                let figures = [Some(value); FIGURES];
                let mut sum = Report::new((rank, &host), figures, [0; 6], 3);
                all[rank as usize].add_to(&mut sum, now, 3);
                let text = serde_json::to_string(&sum).unwrap();
                assert!(text.len() < 2048, "{}", text.len());
                if rank > 0 {
                    let told = serde_json::from_str(&text).unwrap();
                    all[parent(rank) as usize].put(told, now).unwrap();
                    continue;
                }
                assert_eq!(sum.brokers, SIZE);
                let last = f64::from(SIZE - 1);
                let figure = sum.figures[0];
                assert_eq!(figure.sum, last * f64::from(SIZE) / 2.0);
                assert_eq!((figure.min, figure.max), (0.0, last));
                let worst = sum.worst[0].iter().map(|named| named.rank);
                let worst: Vec<_> = worst.collect();
                assert_eq!(worst, [SIZE - 1, SIZE - 2, SIZE - 3]);
            }
        }
    }
}
