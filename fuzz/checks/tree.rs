//! Reports of instances that are jobs, a line for each, `SECONDS JSON`; where
//! the JSON is a number, the job with that id ends. What is told comes back
//! unchanged, no count of finished jobs falls, the sums are within what a
//! parent takes, and what there is at present goes with the jobs. Two are
//! shown by name, and with the others they are what the first level is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use flux_prometheus::collectors::children::{
    Level, MAX_DEPTH, Refused, Report, Store,
};

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut store = Store::default();
    store.set_places(2);
    let mut now = Instant::now();
    let mut told = BTreeMap::new();
    let mut before = store.levels();
    for line in text.lines() {
        let Some((seconds, payload)) = line.split_once(' ') else { continue };
        let seconds: u16 = seconds.parse().unwrap_or_default();
        now += Duration::from_secs(seconds.into());
        if let Ok(over) = payload.parse::<u64>() {
            told.remove(&over);
        }
        store.settle(now, |job| told.contains_key(&job));
        match Report::read(payload) {
            Ok(report) => {
                let again = serde_json::to_string(&report).unwrap();
                let mut back = Report::read(&again).unwrap();
                // serde_json reads a fraction to within its last bit
                let bit = report.period * f64::EPSILON;
                assert!((back.period - report.period).abs() <= bit);
                back.period = report.period;
                assert_eq!(back, report);
                let (job, depth) = (report.jobid, report.levels.len());
                match store.take(report, f64::from(seconds), now) {
                    Ok(()) => drop(told.insert(job, depth)),
                    Err(refused) => assert_eq!(refused, Refused::Absurd),
                }
            }
            Err(error) => assert!(!error.text.is_empty()),
        }
        let levels = store.levels();
        compare(&before, &levels);
        let deepest = told.values().max();
        assert!(levels.len() <= MAX_DEPTH);
        assert!(deepest.is_none_or(|deepest| levels.len() >= *deepest));
        assert!(levels[0].instances <= told.len() as u64);
        add_up(&store, &levels[0], told.len());
        repeat(&levels);
        before = levels;
    }
    store.settle(now, |_| false);
    for (level, last) in store.levels().iter().zip(&before) {
        let finished = last.finished;
        assert_eq!(*level, Level { finished, ..Level::default() });
    }
}

/// All that there is is in one of the parts, of which few have a name.
fn add_up(store: &Store, level: &Level, jobs: usize) {
    let parts = store.parts();
    assert!((1..=jobs.min(2) + 1).contains(&parts.len()));
    let mut sum = Level::default();
    for part in &parts {
        part.present.iter().for_each(|level| sum.add(level));
    }
    let finished = level.finished;
    assert_eq!(Level { finished, ..sum }, *level);
}

/// No level goes, and no count falls.
fn compare(before: &[Level], after: &[Level]) {
    assert!(after.len() >= before.len());
    for (before, after) in before.iter().zip(after) {
        let pairs = before.finished.iter().zip(after.finished);
        pairs.for_each(|(before, after)| assert!(after >= *before));
    }
}

/// What an instance says of its children its parent takes.
fn repeat(levels: &[Level]) {
    let mut all = vec![Level { instances: 1, ..Level::default() }];
    all.extend_from_slice(&levels[..levels.len().min(MAX_DEPTH - 1)]);
    all.iter_mut().for_each(Level::bound);
    let report = Report { levels: all, ..Report::new(1, 1, 10.0) };
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::read(&text), Ok(report));
}
