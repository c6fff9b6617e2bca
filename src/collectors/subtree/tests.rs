use super::*;

#[test]
fn ranks_are_spread_over_the_period() {
    let mut phases: Vec<_> = (0..1000).map(phase).collect();
    phases.sort_by(f64::total_cmp);
    assert_eq!(phases[0], 0.0);
    for pair in phases.windows(2) {
        assert!(pair[1] - pair[0] < 0.003, "{pair:?}");
    }
}

#[test]
fn reads_a_real_rank() {
    assert_eq!(rank(r#"{"value":"1","flags":1}"#), Ok(1));
    assert!(rank(r#"{"value":"x","flags":1}"#).is_err());
}

#[test]
fn reads_a_real_topology() {
    let reply = r#"{"rank":0,"size":7,"children":[{"rank":1,"size":3,
        "children":[{"rank":3,"size":1,"children":[]},
        {"rank":4,"size":1,"children":[]}]},{"rank":2,"size":3,
        "children":[]}]}"#;
    assert_eq!(topology(reply), Ok([(1, 3), (2, 3)].into_iter().collect()));
}
