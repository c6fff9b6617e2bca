//! The heartbeat that paces the overlay network.
//!
//! Source: `heartbeat.stats-get`, since Flux 0.72, in 0.2 ms.

use serde::Deserialize;

use super::family::{Family, Spec};
use super::latest::Latest;
use super::total::Total;
use super::{Context, parse};
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
    "Time without a heartbeat after which a broker gives up its parent.",
);

/// What is exposed here.
pub const SPECS: &[Spec] = &[BEATS, PERIOD, TIMEOUT];

/// Starts the collector.
pub fn start(context: &Context) -> Result<()> {
    let latest = Latest::register(context, SPECS, show)?;
    let mut beats = Total::default();
    context.poll(c"heartbeat.stats-get", "{}", INTERVAL, move |reply| {
        latest.set(read(&mut beats, reply)?);
        Ok(())
    })
}

pub(super) fn read(beats: &mut Total, reply: &str) -> Result<(f64, Stats)> {
    let stats: Stats = parse("heartbeat.stats-get", reply)?;
    Ok((beats.follow(stats.count), stats))
}

#[derive(Deserialize)]
pub(super) struct Stats {
    count: i64,
    period: f64,
    timeout: Option<f64>,
}

pub(super) fn show((count, stats): &(f64, Stats)) -> Vec<Family> {
    let mut beats = BEATS.family();
    beats.add(&[], *count);
    let mut period = PERIOD.family();
    period.add(&[], stats.period);
    let mut timeout = TIMEOUT.family();
    if let Some(seconds) = stats.timeout {
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
        let stats: Stats = parse("heartbeat.stats-get", reply).unwrap();
        let shown = series(show(&(6.0, stats)));
        assert_eq!(shown["flux_heartbeats_total"], 6.0);
        assert_eq!(shown["flux_heartbeat_period_seconds"], 2.0);
        assert_eq!(shown["flux_heartbeat_timeout_seconds"], 300.0);
    }
}
