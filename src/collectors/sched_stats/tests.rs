//! Answers of real schedulers.

use std::collections::BTreeMap;

use super::super::testing::series;
use super::*;

fn shown(reply: &str) -> BTreeMap<String, f64> {
    let stats = parse(STATS, reply).unwrap();
    let totals = Totals::default().follow(&stats);
    series(show(&Answer { stats, totals }))
}

fn all<const N: usize>(expected: [(&str, f64); N]) -> BTreeMap<String, f64> {
    expected.map(|(series, value)| (series.to_owned(), value)).into()
}

#[test]
fn sched_simple() {
    let shown = shown(
        r#"{"sched_passes":8,"sched_yields":11,"forecast_passes":1,
            "forecast_yields":2,"sched_delay":0.25,
            "sched_duration_ewma":0.5,"sched_interval_ewma":0.458,
            "pending_jobs":3}"#,
    );
    let expected = all([
        ("flux_sched_passes_total{kind=schedule}", 8.0),
        ("flux_sched_passes_total{kind=forecast}", 1.0),
        ("flux_sched_yields_total{kind=schedule}", 11.0),
        ("flux_sched_yields_total{kind=forecast}", 2.0),
        ("flux_sched_delay_seconds", 0.25),
        ("flux_sched_pass_duration_seconds", 0.5),
        ("flux_sched_pass_interval_seconds", 0.458),
        ("flux_sched_pending_jobs", 3.0),
    ]);
    assert_eq!(shown, expected);
}

#[test]
fn sched_simple_before_0_84_says_nothing() {
    let tx = r#"{"request":6,"response":1,"event":0,"control":0}"#;
    assert!(shown(&format!(r#"{{"tx":{tx},"rx":{tx}}}"#)).is_empty());
}

#[test]
fn fluxion() {
    let shown = shown(
        r#"{"V":1217,"E":1216,"by_rank":{"[0-63]":19},"load-time":0.021380316,
            "graph-uptime":2,"time-since-reset":2,"match":{
            "succeeded":{"njobs":5,"njobs-reset":5,
            "max-match-jobid":6559891456,"max-match-iters":1,
            "stats":{"min":0.000125,"max":0.000358,"avg":0.00019,
            "variance":7.7136819437600034e-9}},
            "failed":{"njobs":3,"njobs-reset":3,
            "max-match-jobid":10821304320,"max-match-iters":2,
            "stats":{"min":0.00017961,"max":0.00065,"avg":0.00037,
            "variance":4.1874907789555551e-8}}}}"#,
    );
    let time = |result, statistic| {
        shown[&format!(
            "flux_sched_match_seconds{{result={result},statistic={statistic}}}"
        )]
    };
    assert_eq!(shown["flux_sched_graph_vertices"], 1217.0);
    assert_eq!(shown["flux_sched_graph_edges"], 1216.0);
    assert_eq!(shown["flux_sched_graph_load_seconds"], 0.021380316);
    assert_eq!(shown["flux_sched_matches_total{result=succeeded}"], 5.0);
    assert_eq!(shown["flux_sched_matches_total{result=failed}"], 3.0);
    assert_eq!(time("succeeded", "max"), 0.000358);
    assert_eq!(time("failed", "min"), 0.00017961);
    assert_eq!(time("failed", "mean"), 0.00037);
    assert_eq!(shown.len(), 3 + 2 + 6);
}

/// It has no least and no mean of a single match, and says 0.
#[test]
fn fluxion_tells_no_times_before_there_are_two() {
    let matches = |all, timed, max| {
        format!(
            r#"{{"njobs":{all},"njobs-reset":{timed},"stats":{{"min":0.0,
            "max":{max},"avg":0.0,"variance":0.0}}}}"#
        )
    };
    let [one, cleared] = [matches(1, 1, 0.5), matches(7, 0, 0.0)];
    let shown = shown(&format!(
        r#"{{"match":{{"succeeded":{one},"failed":{cleared}}}}}"#
    ));
    let expected = all([
        ("flux_sched_matches_total{result=succeeded}", 1.0),
        ("flux_sched_matches_total{result=failed}", 7.0),
    ]);
    assert_eq!(shown, expected);
}

#[test]
fn fluxion_of_old() {
    let shown = shown(
        r#"{"V":10,"E":9,"by_rank":{},"load-time":0.5,"njobs":4,
            "min-match":0.1,"max-match":0.3,"avg-match":0.2}"#,
    );
    let expected = all([
        ("flux_sched_graph_vertices", 10.0),
        ("flux_sched_graph_edges", 9.0),
        ("flux_sched_graph_load_seconds", 0.5),
        ("flux_sched_matches_total{result=succeeded}", 4.0),
        ("flux_sched_match_seconds{result=succeeded,statistic=min}", 0.1),
        ("flux_sched_match_seconds{result=succeeded,statistic=max}", 0.3),
        ("flux_sched_match_seconds{result=succeeded,statistic=mean}", 0.2),
    ]);
    assert_eq!(shown, expected);
}

#[test]
fn counters_go_on_when_the_scheduler_is_loaded_again() {
    let mut totals = Totals::default();
    for (passes, total) in [(8, 8.0), (2, 10.0), (3, 11.0)] {
        let reply = format!(r#"{{"sched_passes":{passes}}}"#);
        let stats = parse(STATS, &reply).unwrap();
        assert_eq!(totals.follow(&stats)[0][0], Some(total));
    }
}
