use super::super::testing::series;
use super::*;

const REPLY: &str = r##"{"cache":{"obj size total (MiB)":0.5,
    "obj size (KiB)":{"count":851,"min":0,"mean":0.28,"stddev":0.4,
    "max":3},"#obj dirty":1,"#obj incomplete":2,"#faults":4},
    "namespace":{"job-28051505152":{"#versionwaiters":0,
    "#no-op stores":0,"#transactions":0,"#readytransactions":0,
    "store revision":6},"primary":{"#versionwaiters":0,
    "#no-op stores":9,"#transactions":3,"#readytransactions":0,
    "store revision":84}},"transaction-opcount":{"commit":{"count":163,
    "min":1,"mean":1.4,"stddev":1.0,"max":6}},"pending_requests":5}"##;

#[test]
fn shows_a_real_answer() {
    let answer = answer(&mut Totals::default(), parse(STATS, REPLY).unwrap());
    let expected = [
        ("flux_kvs_cache_bytes", 524_288.0),
        ("flux_kvs_cache_faults_total", 4.0),
        ("flux_kvs_cache_objects{state=clean}", 850.0),
        ("flux_kvs_cache_objects{state=dirty}", 1.0),
        ("flux_kvs_cache_objects{state=incomplete}", 2.0),
        ("flux_kvs_commits_total", 163.0),
        ("flux_kvs_namespaces", 2.0),
        ("flux_kvs_pending_requests", 5.0),
        ("flux_kvs_primary_transactions", 3.0),
        ("flux_kvs_primary_version", 84.0),
    ];
    let expected = expected.map(|(series, value)| (series.into(), value));
    assert_eq!(series(show(&answer)), expected.into());
}

/// As a broker says it that was not asked for anything in the KVS yet.
#[test]
fn an_empty_cache_is_zeros() {
    let stats = parse(
        STATS,
        r##"{"cache":{"obj size total (MiB)":0.0,"obj size (KiB)":{
        "count":0,"min":0,"mean":0.0,"stddev":0.0,"max":0},
        "#obj dirty":0,"#obj incomplete":0,"#faults":0},"namespace":{
        "primary":{"#watchers":0,"#no-op stores":0,"#transactions":0,
        "#readytransactions":0,"store revision":0}},
        "transaction-opcount":{"commit":{"count":0,"min":0,"mean":0.0,
        "stddev":0.0,"max":0}},"pending_requests":0}"##,
    );
    let answer = answer(&mut Totals::default(), stats.unwrap());
    assert_eq!(series(show(&answer))["flux_kvs_primary_version"], 0.0);
}

#[test]
fn an_older_answer_has_no_commits() {
    let (older, _) = REPLY.split_once(r#","transaction-opcount""#).unwrap();
    let answer = read(&mut Totals::default(), &format!("{older}}}"));
    let shown = series(show(&answer.unwrap()));
    assert_eq!(shown["flux_kvs_primary_version"], 84.0);
    assert!(!shown.contains_key("flux_kvs_commits_total"));
}
