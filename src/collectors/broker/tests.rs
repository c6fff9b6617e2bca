use super::super::testing::series;
use super::*;

fn answer(state: &str, totals: &mut Totals) -> Answer {
    let stats = r#"{"tx":{"request":6,"response":160,"event":179,
        "control":0},"rx":{"request":203,"response":18,"event":0,
        "control":0}}"#;
    let log = r#"{"ring-used":54,"count":54,"local":50,"remote":4}"#;
    let stats: Stats = parse("broker.stats-get", stats).unwrap();
    let log: Log = parse("log.stats-get", log).unwrap();
    Answer {
        info: ["0.88.0", "host", "0", "4"].map(str::to_owned),
        start_time: Some(1_795_337_387.54),
        state: state.to_owned(),
        messages: Some(totals.messages(&stats)),
        log_messages: totals.log(&log),
        log_ring: log.ring_used,
    }
}

#[test]
fn shows_real_answers() {
    let shown = series(show(&answer("run", &mut Totals::default())));
    for (series, value) in [
        (
            "flux_instance_info{version=0.88.0,hostname=host,level=0,\
             size=4}",
            1.0,
        ),
        ("flux_broker_start_time_seconds", 1_795_337_387.54),
        ("flux_broker_state{state=run}", 1.0),
        ("flux_broker_state{state=init}", 0.0),
        ("flux_broker_state{state=other}", 0.0),
        ("flux_messages_total{direction=sent,type=event}", 179.0),
        ("flux_messages_total{direction=received,type=request}", 203.0),
        ("flux_log_messages_total{origin=local}", 50.0),
        ("flux_log_messages_total{origin=remote}", 4.0),
        ("flux_log_ring_messages", 54.0),
    ] {
        assert_eq!(shown.get(series), Some(&value), "{series}: {shown:?}");
    }
    assert_eq!(shown.len(), 2 + STATES.len() + 1 + 8 + 2 + 1);
}

#[test]
fn a_state_that_is_new_is_other() {
    let shown = series(show(&answer("rest", &mut Totals::default())));
    assert_eq!(shown["flux_broker_state{state=other}"], 1.0);
    let states = shown.iter().filter(|(s, _)| s.contains("_state{"));
    assert_eq!(states.map(|(_, value)| value).sum::<f64>(), 1.0);
}

#[test]
fn an_older_broker_has_no_figures_of_its_own() {
    let replies =
        [r#"{"state":"run"}"#, "null", r#"{"ring-used":54,"count":54}"#];
    let info = [const { String::new() }; 4];
    let answer = read(&info, None, &mut Totals::default(), replies);
    let shown = series(show(&answer.unwrap()));
    assert_eq!(shown["flux_broker_state{state=run}"], 1.0);
    assert_eq!(shown["flux_log_ring_messages"], 54.0);
    assert!(!shown.keys().any(|series| series.contains("messages_total")));
}
