use super::*;

impl Store {
    /// Takes a report of an old instance.
    pub fn put(&mut self, report: Report, now: Instant) -> Result<(), Refused> {
        self.take(report, AWAY, now)
    }
}

fn level(jobs: u64, finished: u64) -> Level {
    Level {
        instances: 1,
        jobs: [jobs; 5],
        nodes: [jobs; 6],
        nodes_wanted: jobs,
        finished: [finished; 5],
    }
}

fn report(jobid: JobId, seq: u64, levels: Vec<Level>) -> Report {
    Report { seq, levels, ..Report::new(jobid, 1, 10.0) }
}

#[test]
fn levels_add_up_by_depth() {
    let now = Instant::now();
    let mut store = Store::default();
    assert_eq!(store.levels(), [Level::default()]);
    store.put(report(1, 0, vec![level(1, 10), level(2, 20)]), now).unwrap();
    store.put(report(2, 0, vec![level(4, 40)]), now).unwrap();
    let mut both = level(5, 50);
    both.instances = 2;
    assert_eq!(store.levels(), [both, level(2, 20)]);
}

#[test]
fn results_count_once_and_stay() {
    let now = Instant::now();
    let mut store = Store::default();
    let finished = |store: &Store| store.levels()[0].finished[0];
    store.put(report(1, 0, vec![level(9, 2)]), now).unwrap();
    // again, for its answer was lost
    store.put(report(1, 0, vec![level(3, 2)]), now).unwrap();
    assert_eq!((finished(&store), store.levels()[0].jobs[0]), (2, 3));
    store.put(report(1, 1, vec![level(3, 5)]), now).unwrap();
    assert_eq!(finished(&store), 7);
    // the module was loaded anew
    let mut other = report(1, 1, vec![level(3, 1)]);
    other.load = 2;
    store.put(other, now).unwrap();
    assert_eq!(finished(&store), 8);
    store.settle(now, |_| false);
    let gone = Level { finished: [8; 5], ..Level::default() };
    assert_eq!(store.levels(), [gone]);
}

#[test]
fn gauges_leave_with_the_last_report_or_for_want_of_one() {
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let mut store = Store::default();
    let there = |store: &Store| store.levels()[0].instances;
    store.put(report(1, 0, vec![level(1, 0)]), now).unwrap();
    store.settle(at(39), |_| true);
    assert_eq!(there(&store), 1);
    store.settle(at(40), |_| true);
    assert_eq!(there(&store), 0);
    store.put(report(1, 1, vec![level(1, 0)]), at(41)).unwrap();
    assert_eq!(there(&store), 1);
    let last = Report { last: true, ..report(1, 2, vec![level(1, 3)]) };
    store.put(last, at(42)).unwrap();
    assert_eq!((there(&store), store.levels()[0].finished[0]), (0, 3));
}

#[test]
fn nobody_finishes_more_than_can_be() {
    let now = Instant::now();
    let at = |seconds| now + Duration::from_secs(seconds);
    let mut store = Store::default();
    let many = |seq, n| report(1, seq, vec![level(1, n)]);
    let full = (RATE * AWAY) as u64 / 5;
    store.put(many(0, full), now).unwrap();
    // again, for its answer was lost
    store.put(many(0, full), now).unwrap();
    let one_more = store.put(many(1, 1), now);
    assert_eq!(one_more, Err(Refused::Absurd));
    assert_eq!(store.levels()[0].finished, [full; 5]);
    store.put(many(1, 2_000), at(1)).unwrap();
    assert!(store.put(many(2, 2_001), at(2)).is_err());
    // it does not add up for ever
    assert!(store.put(many(2, full + 1), at(100_000)).is_err());
    store.put(many(2, full), at(100_000)).unwrap();
    // nor has one that has just begun finished any number of them
    let young = |n| report(2, 0, vec![level(0, n)]);
    let most = (RATE * (1.0 + SLACK)) as u64 / 5;
    let refused = store.take(young(most + 1), 1.0, now);
    assert_eq!(refused, Err(Refused::Absurd));
    store.take(young(most), 1.0, now).unwrap();
}

#[test]
fn children_are_bounded() {
    let now = Instant::now();
    let mut store = Store::default();
    for job in 0..MAX_CHILDREN as u64 {
        store.put(report(job, 0, vec![level(1, 1)]), now).unwrap();
    }
    let one = |job| report(job, 1, vec![level(1, 1)]);
    assert_eq!(store.put(one(u64::MAX), now), Err(Refused::Full));
    assert_eq!(store.put(one(0), now), Ok(()));
    store.settle(now, |job| job != 5);
    assert_eq!(store.put(one(u64::MAX), now), Ok(()));
}

#[test]
fn so_many_are_named_and_the_others_make_the_sums_right() {
    let now = Instant::now();
    let mut store = Store::default();
    store.put(report(1, 0, vec![level(1, 1)]), now).unwrap();
    assert_eq!(store.parts(), []);
    store.set_places(2);
    // the sums over the parts are those of the level
    let check = |store: &Store, gone: u64| {
        let (mut sum, mut finished) = (Level::default(), [0; 5]);
        for part in store.parts() {
            part.present.iter().for_each(|level| sum.add(level));
            add(&mut finished, &part.finished);
        }
        finished.iter_mut().for_each(|n| *n += gone);
        sum.finished = finished;
        assert_eq!(sum, store.levels()[0]);
    };
    let named = |store: &Store| -> Vec<_> {
        let named = |p: Part| p.job.map(|job| (job, p.finished[0]));
        store.parts().into_iter().filter_map(named).collect()
    };
    for (seq, job) in [(0, 7), (0, 5), (0, 3), (1, 3), (1, 7)] {
        let levels = vec![level(job, job), level(9, 9)];
        store.put(report(job, seq, levels), now).unwrap();
        // told before any were named
        check(&store, 0);
    }
    assert_eq!(named(&store), [(5, 5), (7, 14)]);
    // one that is silent keeps its place, and what it came to
    let long = now + Duration::from_secs(60);
    store.settle(long, |_| true);
    assert_eq!(named(&store), [(5, 5), (7, 14)]);
    assert_eq!(store.parts()[0].present, None);
    check(&store, 0);
    // one that has ended makes room for who comes next
    store.settle(long, |job| job != 7);
    store.put(report(3, 2, vec![level(3, 30)]), long).unwrap();
    store.put(report(2, 0, vec![level(2, 2)]), long).unwrap();
    assert_eq!(named(&store), [(3, 30), (5, 5)]);
    check(&store, 14);
    store.settle(long, |_| false);
    assert_eq!(named(&store), []);
}
