use super::*;

fn report(rank: u32, value: f64, worst: usize) -> Report {
    let figures = [Some(value); FIGURES];
    Report::new((rank, "node"), figures, [1, 0, 0, 0, 0, 0], worst)
}

#[test]
fn spreads_add_up() {
    let mut sum = report(0, 5.0, 0);
    sum.add(&report(1, 2.0, 0), 1.0, 0);
    let mut other = report(2, 9.0, 0);
    other.figures[1] = Spread::default();
    other.age = 3.0;
    sum.add(&other, 4.0, 0);
    let all = Spread { count: 3, sum: 16.0, min: 2.0, max: 9.0 };
    assert_eq!(sum.figures[0], all);
    let known = Spread { count: 2, sum: 7.0, min: 2.0, max: 5.0 };
    assert_eq!(sum.figures[1], known);
    assert_eq!((sum.brokers, sum.age), (3, 7.0));
    assert_eq!(sum.children, [3, 0, 0, 0, 0, 0]);
    // one that does not know it itself
    let mut sum = Spread::default();
    sum.add(&known);
    assert_eq!(sum, known);
}

#[test]
fn the_worst_are_kept_in_order() {
    let mut sum = report(0, 5.0, 2);
    for (rank, value) in [(1, 2.0), (2, 9.0), (3, 9.0), (4, 1.0)] {
        sum.add(&report(rank, value, 2), 0.0, 2);
    }
    let ranks =
        |i: usize| sum.worst[i].iter().map(|n| n.rank).collect::<Vec<_>>();
    assert_eq!(ranks(0), [2, 3]);
    assert_eq!(ranks(3), [4, 1]); // memory that is left: the least
}

#[test]
fn the_message_is_bounded_and_comes_back() {
    let long = "h".repeat(MAX_NAME);
    let figures = [Some(1.0e17 / 3.0); FIGURES];
    let one = Report::new((9999, &long), figures, [1; 6], MAX_WORST);
    let mut sum = one.clone();
    (0..1000).for_each(|_| sum.add(&one, 1.0, MAX_WORST));
    let text = serde_json::to_string(&sum).unwrap();
    assert!(text.len() < 32 * 1024, "{}", text.len());
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), sum);
    assert_eq!(sum.check(1001), Ok(()));
    let small = serde_json::to_string(&report(9999, 1e9, 0)).unwrap();
    assert!(small.len() < 600, "{small}");
}

#[test]
fn no_sum_of_what_is_taken_overflows() {
    assert!(report(1, 1.7e308, 0).check(1).is_err());
    let mut sum = report(0, MAX_VALUE, 1);
    for rank in 1..1000 {
        let other = report(rank, MAX_VALUE, 1);
        assert_eq!(other.check(1), Ok(()));
        sum.add(&other, MAX_VALUE / 2.0, 1);
    }
    assert_eq!(sum.check(1000), Ok(()));
}

#[test]
fn what_cannot_be_is_refused() {
    let good = || {
        let mut sum = report(1, 5.0, 1);
        sum.add(&report(2, 7.0, 1), 1.0, 1);
        sum
    };
    assert_eq!(good().check(2), Ok(()));
    assert!(good().check(1).unwrap_err().contains("subtree of 1"));
    let changes: [fn(&mut Report); 14] = [
        |r| r.version = 2,
        |r| r.brokers = 0,
        |r| r.age = -1.0,
        |r| r.age = f64::INFINITY,
        |r| r.age = 1.7e308,
        |r| r.worst[0][0].value = 1.7e308,
        |r| r.figures[0].count = 3,
        |r| r.figures[0].sum = 15.0,
        |r| r.figures[0].min = 8.0,
        |r| r.figures[1].max = f64::NAN,
        |r| r.figures[2].min = -1.0,
        |r| r.children[3] = 3,
        |r| r.worst[0][0].hostname = "a\nb".into(),
        |r| r.worst[1] = vec![r.worst[1][0].clone(); MAX_WORST + 1],
    ];
    for (i, change) in changes.iter().enumerate() {
        let mut report = good();
        change(&mut report);
        assert!(report.check(2).is_err(), "change {i}");
    }
}
