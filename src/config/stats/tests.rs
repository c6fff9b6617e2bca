use super::*;
use serde_json::json;

fn good() -> Value {
    json!({ "topic": "a.stats-get", "path": "b.*.c", "name": "a_b_total",
            "type": "counter", "labels": ["kind"], "factor": 0.001,
            "help": "B.", "interval": "5s" })
}

fn read(value: Value) -> Result<Vec<Entry>, String> {
    let config = json!({ "prometheus": { "stats": value } });
    match Config::from_json(&config, &[]) {
        Ok(config) => Ok(config.stats),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn an_entry_is_read() {
    let all = read(json!([good()])).unwrap();
    let [entry] = &all[..] else { panic!("{all:?}") };
    assert_eq!(entry.topic, "a.stats-get");
    assert_eq!(entry.path.to_string(), "b.*.c");
    assert_eq!((entry.factor, entry.interval), (0.001, 5.0));
    assert_eq!(entry.given.name, "a_b_total");
    assert_eq!(entry.given.labels, ["kind"]);
    let least = json!({ "topic": "a.stats-get", "path": "b", "name": "x" });
    let least = &read(json!([least])).unwrap()[0];
    assert_eq!(least.given.help, "b of a.stats-get.");
    assert_eq!((least.kind, least.interval), (Kind::Gauge, 30.0));
    assert_eq!(read(json!([])), Ok(vec![]));
}

#[test]
fn refusals_name_the_entry_and_the_key() {
    for (key, value, error) in [
        (
            "topic",
            json!("a.shutdown"),
            "topic: expected MODULE.stats-get, got \"a.shutdown\"",
        ),
        (
            "topic",
            json!(".stats-get"),
            "topic: expected MODULE.stats-get, got \".stats-get\"",
        ),
        ("topic", json!(1), "topic: expected a string, got integer"),
        ("path", json!("b..c"), "path: a key between dots is empty"),
        (
            "name",
            json!("a b"),
            "name: expected letters, digits and _, no digit first",
        ),
        ("name", json!("a_b"), "name: a counter is called a_b_total, not a_b"),
        (
            "name",
            json!("flux_heartbeats_total"),
            "name: flux_heartbeats_total could be taken for flux_heartbeats_total, which is ours",
        ),
        (
            "name",
            json!("flux_jobs_total"),
            "name: flux_jobs_total could be taken for flux_jobs, which is ours",
        ),
        (
            "name",
            json!("process_x_total"),
            "name: process_x_total could be taken for process_, which is ours",
        ),
        (
            "name",
            json!("scrape_x_total"),
            "name: scrape_x_total is what Prometheus itself adds",
        ),
        (
            "name",
            json!("flux_custom_x_total"),
            "name: flux_custom_x_total begins as custom-prefix does",
        ),
        (
            "type",
            json!("histogram"),
            "type: expected gauge or counter, got \"histogram\"",
        ),
        (
            "labels",
            json!([]),
            "labels: expected 1, as many as the path has *, got 0",
        ),
        ("labels", json!(["le"]), "labels: \"le\": reserved by Prometheus"),
        ("factor", json!(0), "factor: expected a number above 0, got 0"),
        (
            "interval",
            json!("0.5s"),
            "interval: expected 1s to 1d, got \"0.5s\"",
        ),
        ("help", json!("a\nb"), "help: expected a line of at most 512 bytes"),
        (
            "pth",
            json!(""),
            "pth: unknown key (known: topic, path, name, type, labels, help, factor, interval)",
        ),
    ] {
        let mut entry = good();
        entry[key] = value;
        let mut first = good();
        first["name"] = json!("first_total");
        let expected = format!("prometheus.stats[1].{error}");
        assert_eq!(read(json!([first, entry])).unwrap_err(), expected);
    }
    let error = read(json!([good(), good()])).unwrap_err();
    assert_eq!(
        error,
        "prometheus.stats[1].name: a_b_total could be taken for that of stats[0]"
    );
    assert_eq!(
        read(json!([{}])).unwrap_err(),
        "prometheus.stats[0].topic: missing"
    );
    let up = json!({ "topic": "a.stats-get", "path": "b", "name": "up" });
    assert_eq!(
        read(json!([up])).unwrap_err(),
        "prometheus.stats[0].name: up is what Prometheus itself adds"
    );
    assert_eq!(
        read(json!([1])).unwrap_err(),
        "prometheus.stats[0]: expected a table, got integer"
    );
    assert_eq!(
        read(json!({})).unwrap_err(),
        "prometheus.stats: expected an array of tables, got table"
    );
    let many = vec![good(); MAX + 1];
    assert_eq!(
        read(json!(many)).unwrap_err(),
        "prometheus.stats: expected at most 200, got 201"
    );
    let error = Config::from_json(&Value::Null, &["stats=x".into()]);
    let error = error.unwrap_err().to_string();
    assert_eq!(
        error,
        "argument stats: cannot be an argument; use [[prometheus.stats]]"
    );
}
