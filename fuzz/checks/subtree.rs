//! Reports of brokers: how many brokers the subtree of each child has, and a
//! line for each report, `SECONDS JSON`. One that is refused changes nothing,
//! and the sum of what was taken is one that the next broker takes.

use std::time::{Duration, Instant};

use flux_prometheus::collectors::subtree::children::Children;
use flux_prometheus::collectors::subtree::report::{
    FIGURES, MAX_WORST, Report,
};

/// How old a report may become.
const SECONDS: f64 = 100.0;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((sizes, reports)) = text.split_once('\n') else { return };
    let sizes = sizes.split(' ').filter_map(|size| size.parse().ok());
    let sizes: Vec<u32> = sizes.map(|size: u16| size.into()).collect();
    let all = 1 + sizes.iter().sum::<u32>();
    let mut children: Children = (1..).zip(sizes).collect();
    let mut now = Instant::now();
    for line in reports.lines() {
        let Some((seconds, payload)) = line.split_once(' ') else { continue };
        let seconds: u8 = seconds.parse().unwrap_or_default();
        now += Duration::from_secs(seconds.into());
        children.expire(now, SECONDS);
        let Ok(report) = serde_json::from_str::<Report>(payload) else {
            continue;
        };
        let rank = report.rank;
        let before = sum(&children, now);
        if let Err(error) = children.put(report, now) {
            assert!(!error.is_empty());
            assert_eq!(sum(&children, now), before, "{error}");
        }
        let text = serde_json::to_string(&sum(&children, now)).unwrap();
        let told: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(told.check(all), Ok(()), "{text}");
        children.forget(rank);
        let less = sum(&children, now);
        assert!(less.brokers <= told.brokers && less.age <= told.age);
    }
    children.expire(now + Duration::from_secs(1_000), SECONDS);
    assert_eq!(sum(&children, now).brokers, 1);
}

/// With a broker that has every figure.
fn sum(children: &Children, now: Instant) -> Report {
    let figures = [Some(1.0); FIGURES];
    let mut sum = Report::new((0, "node"), figures, [0; 6], MAX_WORST);
    children.add_to(&mut sum, now, MAX_WORST);
    sum
}
