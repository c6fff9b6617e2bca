//! The heartbeat that paces the overlay network.
//!
//! Source: `heartbeat.stats-get`, since Flux 0.72, in 0.2 ms.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::total::Total;
use super::{Context, has_version, parse};
use crate::flux::Result;

const INTERVAL: f64 = 5.0;

const BEATS: Spec = Spec::counter(
    "flux_heartbeats_total",
    &[],
    "Heartbeats that rank 0 sent, or that another rank received.",
);
const PERIOD: Spec = Spec::gauge(
    "flux_heartbeat_period_seconds",
    &[],
    "Time from one heartbeat to the next.",
);
const TIMEOUT: Spec = Spec::gauge(
    "flux_heartbeat_timeout_seconds",
    &[],
    "Time without a heartbeat after which a broker gives up its parent; none \
     where it never does.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[BEATS, PERIOD, TIMEOUT];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let handle = context.scope.handle();
    // before Flux 0.72 other ranks have no such module
    if handle.rank()? > 0 && !has_version(handle, (0, 72)) {
        context.health.report(handle, Ok(()));
        return Ok(());
    }
    let mut beats = Total::default();
    context.poll(c"heartbeat.stats-get", "{}", INTERVAL, move |reply| {
        latest.set(read(&mut beats, reply)?);
        Ok(())
    })
}

/// What there is to show: before Flux 0.72, where the answer is that of any
/// module, nothing.
pub(super) type Answer = Option<(f64, Stats)>;

pub(super) fn read(beats: &mut Total, reply: &str) -> Result<Answer> {
    #[derive(Deserialize)]
    struct Any {
        count: Option<i64>,
    }
    let topic = "heartbeat.stats-get";
    let Some(count) = parse::<Any>(topic, reply)?.count else {
        return Ok(None);
    };
    Ok(Some((beats.follow(count), parse(topic, reply)?)))
}

#[derive(Deserialize)]
pub(super) struct Stats {
    period: f64,
    timeout: Option<f64>,
}

pub(super) fn show(answer: &Answer) -> Vec<Family> {
    let Some((count, stats)) = answer else { return Vec::new() };
    let mut beats = BEATS.family();
    beats.add(&[], *count);
    let mut period = PERIOD.family();
    period.add(&[], stats.period);
    let mut timeout = TIMEOUT.family();
    // below zero is never
    if let Some(seconds) = stats.timeout.filter(|timeout| *timeout >= 0.0) {
        timeout.add(&[], seconds);
    }
    vec![beats, period, timeout]
}

#[cfg(test)]
mod tests {
    use super::super::testing::series;
    use super::*;

    #[test]
    fn shows_a_real_answer() {
        let reply =
            r#"{"period":2.0,"timeout":300.0,"count":6,"warn_thresh":3}"#;
        let answer = read(&mut Total::default(), reply).unwrap();
        let shown = series(show(&answer));
        assert_eq!(shown["flux_heartbeats_total"], 6.0);
        assert_eq!(shown["flux_heartbeat_period_seconds"], 2.0);
        assert_eq!(shown["flux_heartbeat_timeout_seconds"], 300.0);
    }

    /// As with `heartbeat.timeout = "infinity"`.
    #[test]
    fn who_never_gives_up_has_no_timeout() {
        let reply =
            r#"{"period":2.0,"timeout":-1.0,"count":6,"warn_thresh":3}"#;
        let answer = read(&mut Total::default(), reply).unwrap();
        let shown = series(show(&answer));
        assert_eq!(shown["flux_heartbeat_period_seconds"], 2.0);
        assert!(!shown.contains_key("flux_heartbeat_timeout_seconds"));
    }

    #[test]
    fn an_older_answer_is_nothing_to_show() {
        let reply = r#"{"tx":{"request":1},"rx":{"request":2}}"#;
        let answer = read(&mut Total::default(), reply).unwrap();
        assert!(show(&answer).is_empty());
        // one that has a part of it is not an answer of 0.72
        assert!(read(&mut Total::default(), r#"{"count":6}"#).is_err());
    }
}
