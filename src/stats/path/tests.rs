use super::*;
use serde_json::json;

fn leaves(path: &str, answer: &Value) -> Result<Vec<Leaf>, String> {
    Path::parse(path).unwrap().leaves(answer)
}

fn leaf<const N: usize>(labels: [&str; N], number: f64) -> Leaf {
    (labels.map(str::to_owned).into(), number)
}

#[test]
fn keys_indexes_and_wildcards() {
    let answer = json!({
        "count": 3,
        "on": true,
        "size(KiB)": { "a.b": 1.5, "*": 2 },
        "list": [{ "n": 1 }, { "n": 2, "x": "y" }],
        "none": {},
    });
    let all = |path| leaves(path, &answer);
    assert_eq!(all("count"), Ok(vec![leaf([], 3.0)]));
    assert_eq!(all("on"), Ok(vec![leaf([], 1.0)]));
    assert_eq!(all(r"size(KiB).a\.b"), Ok(vec![leaf([], 1.5)]));
    assert_eq!(all(r"size(KiB).\*"), Ok(vec![leaf([], 2.0)]));
    assert_eq!(
        all("size(KiB).*"),
        Ok(vec![leaf(["*"], 2.0), leaf(["a.b"], 1.5)])
    );
    assert_eq!(all("list.1.n"), Ok(vec![leaf([], 2.0)]));
    assert_eq!(all("list.*.n"), Ok(vec![leaf(["0"], 1.0), leaf(["1"], 2.0)]));
    // what is no number is left out
    assert_eq!(
        all("list.*.*"),
        Ok(vec![leaf(["0", "n"], 1.0), leaf(["1", "n"], 2.0)])
    );
    assert_eq!(all("none.*"), Ok(vec![]));
}

#[test]
fn errors_name_the_part_that_is_missing() {
    let answer = json!({ "a": { "b": { "c": 1 } }, "l": [1], "s": "x" });
    for (path, error) in [
        ("x", r#"there is no "x" in the answer, but "a", "l", "s""#),
        ("a.x.c", r#"there is no "x" in "a", but "b""#),
        ("a.b.c.d", r#""a.b.c" is a number, with nothing in it"#),
        ("a.b", r#""a.b" is an object, not a number"#),
        ("s", r#""s" is a string, not a number"#),
        ("l.1", r#"there is no "1" in "l", which is an array of 1"#),
        ("a.*.x", r#"there is no "x" in "a.b", but "c""#),
        ("s.*", r#""s" is a string, with nothing in it"#),
    ] {
        assert_eq!(leaves(path, &answer).unwrap_err(), error);
    }
    let many: Vec<_> = (10..30).map(|i| (i.to_string(), json!(i))).collect();
    let many = Value::Object(many.into_iter().collect());
    let error = leaves("x", &many).unwrap_err();
    assert!(error.ends_with(r#""21", 8 more"#), "{error}");
}

#[test]
fn paths_that_are_none() {
    for bad in ["", ".", "a.", ".a", "a..b", "a*", "**", "a\\"] {
        assert!(Path::parse(bad).is_err(), "{bad}");
    }
    assert!(Path::parse(&vec!["a"; MAX + 1].join(".")).is_err());
    let path = Path::parse("a.*.b.*").unwrap();
    assert_eq!((path.wildcards(), path.to_string()), (2, "a.*.b.*".into()));
}
