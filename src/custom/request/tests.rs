use super::*;
use serde_json::json;

fn refused(value: &Value) -> String {
    let refusal = parse(&value.to_string()).unwrap_err();
    assert_eq!(refusal.reason, Reason::Invalid);
    refusal.text
}

#[test]
fn one_update_or_several() {
    let one = json!({ "name": "a", "type": "counter", "value": 2,
        "labels": { "x": "y" }, "help": "h", "ttl": 60 });
    let read = parse(&one.to_string()).unwrap();
    assert_eq!(
        read,
        [Update {
            name: "a_total".into(),
            kind: Kind::Counter,
            help: Some("h".into()),
            labels: BTreeMap::from([("x".into(), "y".into())]),
            value: 2.0,
            buckets: None,
            ttl: Some(60.0),
        }]
    );
    let two = json!([one, one]);
    assert_eq!(parse(&two.to_string()).unwrap().len(), 2);
    assert_eq!(parse(&json!({ "updates": two }).to_string()).unwrap().len(), 2);
    assert_eq!(parse("[]").unwrap(), []);
}

#[test]
fn refusals_name_the_update_and_what_is_wrong() {
    let good = json!({ "name": "a", "type": "gauge", "value": 1 });
    let with = |key: &str, value: Value| {
        let mut update = good.clone();
        update[key] = value;
        update
    };
    for (key, value, error) in [
        (
            "value",
            json!("NaN"),
            "value: expected a finite number, got a string",
        ),
        ("value", Value::Null, "value: expected a finite number, got null"),
        (
            "type",
            json!("summary"),
            "type: expected gauge, counter or histogram, got \"summary\"",
        ),
        (
            "labels",
            json!({ "le": "1" }),
            "labels: \"le\": reserved by Prometheus",
        ),
        (
            "labels",
            json!({ "a": 1 }),
            "labels: \"a\": expected a string, got a number",
        ),
        ("labels", json!(["a"]), "labels: expected an object, got an array"),
        ("buckets", json!([1]), "buckets: only histograms have them"),
        ("ttl", json!(0), "ttl: expected 1 to 604800 s, got 0"),
        (
            "help",
            json!("x".repeat(MAX_HELP + 1)),
            "help: longer than 512 bytes",
        ),
        ("help", json!("a\0b"), "help: control characters are not allowed"),
        (
            "label",
            json!({}),
            "\"label\": unknown key (known: name, type, help, labels, value, buckets, ttl)",
        ),
    ] {
        let error = format!("updates[1] \"a\": {error}");
        assert_eq!(refused(&json!([good, with(key, value)])), error);
    }
    let name = "name: expected letters, digits and _, no digit first";
    assert_eq!(
        refused(&with("name", json!("a-b"))),
        format!("\"a-b\": {name}")
    );
    assert_eq!(
        refused(&json!([1])),
        "updates[0]: expected an object, got a number"
    );
    assert_eq!(
        refused(&json!({ "value": 1, "type": "gauge" })),
        "name: missing"
    );
    assert_eq!(
        refused(&json!({ "updates": 1 })),
        "updates: expected an array, got a number"
    );
    assert_eq!(
        refused(&json!({ "updates": [], "ttl": 1 })),
        "updates: expected nothing beside it"
    );
    assert_eq!(
        refused(&json!("x")),
        "expected an object or an array, got a string"
    );
    let many: Map<_, _> =
        (0..=MAX_LABELS).map(|i| (format!("l{i}"), json!(""))).collect();
    assert_eq!(
        refused(&with("labels", many.into())),
        "\"a\": labels: expected at most 16"
    );
    assert!(parse("{").unwrap_err().text.starts_with("not JSON: "));
    // a number that no f64 is
    let huge = r#"{"name":"a","type":"gauge","value":1e999}"#;
    assert!(parse(huge).unwrap_err().text.starts_with("not JSON: "));
    let large = " ".repeat(MAX_REQUEST + 1);
    assert!(parse(&large).unwrap_err().text.contains("at most 1048576"));
}

#[test]
fn counters_and_histograms_are_not_negative() {
    for kind in ["counter", "histogram"] {
        let update = json!({ "name": "a", "type": kind, "value": -1 });
        let error =
            format!("\"a\": value: a {kind} takes none below 0, got -1");
        assert_eq!(refused(&update), error);
    }
}

#[test]
fn bounds_increase() {
    let bounds = |value: Value| bounds(&value);
    assert_eq!(bounds(json!([0, 0.5, 1])), Ok(vec![0.0, 0.5, 1.0]));
    for bad in [json!([]), json!([1, 1]), json!([-1, 1]), json!([2, 1])] {
        assert!(bounds(bad).unwrap_err().starts_with("expected "));
    }
    assert!(bounds(json!(vec![0; 65])).unwrap_err().contains("1 to 64"));
    assert!(bounds(json!("1")).unwrap_err().contains("an array"));
}
