//! The store, by itself and on a page.

mod random;

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::request::parse;
use super::*;
use crate::exposition::{
    Created, Families, Family, Format, Parts, Source, Spec,
};

const OWNER: Publisher = None;
const GUEST: Publisher = Some(1001);

fn store(series: usize) -> Store {
    Store::new(Settings { guests: true, series, ..Settings::default() })
}

fn send(
    store: &mut Store,
    by: Publisher,
    request: &Value,
    now: f64,
) -> Result<(), Refusal> {
    store.apply(by, parse(&request.to_string()).unwrap(), now)
}

/// What is on the page, a line a series.
fn page(store: &Store, format: Format) -> String {
    struct Shown(Mutex<Vec<Family>>);
    impl Source for Shown {
        fn specs(&self) -> Vec<Spec> {
            vec![Spec::gauge("unused", &[], "Unused.")]
        }
        fn show(&self, parts: &mut Parts) {
            parts.add(self.0.lock().unwrap().clone());
        }
    }
    let families = Families::default();
    families.register(Shown(Mutex::new(store.show()))).unwrap();
    let mut text = String::new();
    let created = Created::at(1.0);
    families.write_text(format, |_| true, &created, &mut text).unwrap();
    text
}

fn samples(store: &Store) -> Vec<String> {
    let page = page(store, Format::Text);
    page.lines().filter(|l| !l.starts_with('#')).map(str::to_owned).collect()
}

fn gauge(name: &str, value: f64) -> Value {
    json!({ "name": name, "type": "gauge", "value": value })
}

#[test]
fn gauges_are_set_counters_added_to_and_histograms_observed_into() {
    let mut store = store(100);
    for value in [1.0, 2.5] {
        let request = json!([
            { "name": "g", "type": "gauge", "value": value, "help": "A \"g\"." },
            { "name": "c", "type": "counter", "value": value,
              "labels": { "b": "x\\\"y", "a": "" } },
            { "name": "h", "type": "histogram", "value": value,
              "buckets": [1, 2] },
        ]);
        send(&mut store, OWNER, &request, 0.0).unwrap();
    }
    assert_eq!(
        page(&store, Format::Text),
        "# TYPE flux_custom_c_total counter\n\
         flux_custom_c_total{a=\"\",b=\"x\\\\\\\"y\"} 3.5\n\
         # HELP flux_custom_g A \"g\".\n\
         # TYPE flux_custom_g gauge\n\
         flux_custom_g 2.5\n\
         # TYPE flux_custom_h histogram\n\
         flux_custom_h_bucket{le=\"1\"} 1\n\
         flux_custom_h_bucket{le=\"2\"} 1\n\
         flux_custom_h_bucket{le=\"+Inf\"} 2\n\
         flux_custom_h_sum 3.5\n\
         flux_custom_h_count 2\n"
    );
    // since when it counts is not claimed
    let page = page(&store, Format::OpenMetrics);
    assert!(page.starts_with("# TYPE flux_custom_c counter\n"), "{page}");
    assert!(!page.contains("_created"), "{page}");
}

#[test]
fn what_differs_is_refused_and_says_how() {
    let mut store = store(100);
    let first = json!([
        { "name": "g", "type": "gauge", "value": 1, "help": "One.",
          "labels": { "a": "1" } },
        { "name": "h", "type": "histogram", "value": 1, "buckets": [1] },
    ]);
    send(&mut store, OWNER, &first, 0.0).unwrap();
    for (key, value, text) in [
        ("type", json!("histogram"), "type: is a gauge, not a histogram"),
        ("help", json!("Two."), "help: differs from \"One.\""),
        ("labels", json!({}), "labels: the family has a, not none"),
        (
            "labels",
            json!({ "a": "", "b": "" }),
            "labels: the family has a, not a, b",
        ),
    ] {
        let mut update = first[0].clone();
        update[key] = value;
        let refusal = send(&mut store, OWNER, &update, 0.0).unwrap_err();
        assert_eq!(refusal.text, format!("\"g\": {text}"));
        assert_eq!(refusal.reason, Reason::Conflict);
    }
    let mut update = first[1].clone();
    update["buckets"] = json!([2]);
    let refusal = send(&mut store, OWNER, &update, 0.0).unwrap_err();
    assert_eq!(refusal.text, "\"h\": buckets: differ from [1.0]");
    // who says nothing of it contradicts nobody, whoever comes first
    for help in [json!(""), Value::Null, json!("Late."), json!("Later.")] {
        let mut update = gauge("bare", 1.0);
        if help != Value::Null {
            update["help"] = help;
        }
        send(&mut store, OWNER, &update, 0.0).unwrap();
    }
    let mut update = first[0].clone();
    update["help"] = json!("");
    send(&mut store, OWNER, &update, 0.0).unwrap();
    // what was said once need not be said again
    let again = json!([
        { "name": "g", "type": "gauge", "value": 2, "labels": { "a": "2" } },
        { "name": "h", "type": "histogram", "value": 2 },
    ]);
    send(&mut store, OWNER, &again, 0.0).unwrap();
    let max = f64::MAX;
    let huge = json!([
        { "name": "c", "type": "counter", "value": max },
        { "name": "c", "type": "counter", "value": max },
    ]);
    let refusal = send(&mut store, OWNER, &huge, 0.0).unwrap_err();
    assert!(refusal.text.starts_with("updates[1] \"c_total\": value: the sum"));
}

#[test]
fn a_refused_request_changes_nothing() {
    let mut store = store(100);
    let good = json!([
        gauge("kept", 1.0),
        { "name": "c", "type": "counter", "value": 1 },
        { "name": "h", "type": "histogram", "value": 1, "buckets": [1] },
    ]);
    send(&mut store, OWNER, &good, 0.0).unwrap();
    let before = (page(&store, Format::Text), store.used());
    let bad = json!([
        gauge("kept", 2.0),
        gauge("new", 1.0),
        { "name": "c", "type": "counter", "value": 1 },
        { "name": "h", "type": "histogram", "value": 9 },
        gauge("kept", 3.0),
        { "name": "new", "type": "histogram", "value": 1 },
    ]);
    let refusal = send(&mut store, OWNER, &bad, 100.0).unwrap_err();
    assert_eq!(
        refusal.text,
        "updates[5] \"new\": type: is a gauge, not a histogram"
    );
    assert_eq!((page(&store, Format::Text), store.used()), before);
    // nor was anything refreshed
    store.expire(300.0);
    assert_eq!(samples(&store), [""; 0]);
    assert_eq!(store.used(), Default::default());
}

#[test]
fn series_leave_when_they_are_not_refreshed() {
    let mut store = store(100);
    let mut brief = gauge("brief", 1.0);
    brief["ttl"] = json!(10);
    send(&mut store, OWNER, &json!([gauge("a", 1.0), brief]), 0.0).unwrap();
    store.expire(9.9);
    assert_eq!(samples(&store).len(), 2);
    store.expire(10.0);
    assert_eq!(samples(&store), ["flux_custom_a 1"]);
    send(&mut store, OWNER, &gauge("a", 2.0), 299.0).unwrap();
    store.expire(598.0);
    assert_eq!(samples(&store), ["flux_custom_a 2"]);
    // a name that is free again can become something else
    let other = json!({ "name": "a", "type": "histogram", "value": 1 });
    assert!(send(&mut store, OWNER, &other, 598.0).is_err());
    send(&mut store, OWNER, &other, 599.0).unwrap();
}

#[test]
fn guests_are_told_apart_and_cannot_pretend() {
    let mut store = store(1000);
    send(&mut store, GUEST, &gauge("a", 1.0), 0.0).unwrap();
    send(&mut store, Some(1002), &gauge("a", 2.0), 0.0).unwrap();
    // the same name is no conflict with the owner's
    let counter = json!({ "name": "a", "type": "histogram", "value": 1,
                          "buckets": [1] });
    send(&mut store, OWNER, &counter, 0.0).unwrap();
    assert_eq!(
        samples(&store)[4..],
        [
            "flux_custom_user_a{userid=\"1001\"} 1",
            "flux_custom_user_a{userid=\"1002\"} 2"
        ]
    );
    let mut pretender = gauge("a", 1.0);
    pretender["labels"] = json!({ "userid": "0" });
    let refusal = send(&mut store, GUEST, &pretender, 0.0).unwrap_err();
    assert!(refusal.text.contains("userid is set by the module"));
    // of a histogram `user`, `user_count` is a sample
    for name in ["user_a", "user_", "user"] {
        let refusal = send(&mut store, OWNER, &gauge(name, 1.0), 0.0);
        assert!(refusal.unwrap_err().text.contains("are for guests"));
    }

    let list = |whose: Publisher| {
        let list = store.list(1.0, |by| by == whose);
        list["families"].as_array().unwrap().clone()
    };
    assert_eq!(list(GUEST).len(), 1);
    assert_eq!(list(GUEST)[0]["series"].as_array().unwrap().len(), 1);
    assert_eq!(list(GUEST)[0]["series"][0]["labels"]["userid"], "1001");
    assert_eq!(list(GUEST)[0]["series"][0]["expires_in"], 299.0);
    assert_eq!(list(Some(1003)), [Value::Null; 0]);

    // when guests are not admitted any more, nothing of them stays
    store
        .configure(&Settings { prefix: "site_".into(), ..Settings::default() });
    assert_eq!(samples(&store).len(), 4);
    assert_eq!(samples(&store)[0], "site_a_bucket{le=\"1\"} 1");
    store.expire(1000.0);
    assert_eq!(store.used(), Default::default());
}

/// In private mode they are not to see each other's.
#[test]
fn what_a_guest_said_is_told_to_no_other() {
    let mut store = store(1000);
    let first = json!({ "name": "a", "type": "histogram", "value": 1,
        "help": "Of the secret case.", "labels": { "secret": "1" },
        "buckets": [7.5] });
    send(&mut store, GUEST, &first, 0.0).unwrap();
    let other = Some(1002);
    let bare = json!({ "name": "a", "type": "histogram", "value": 1,
        "labels": { "secret": "" } });
    for (key, value) in [
        ("type", json!("gauge")),
        ("help", json!("x")),
        ("labels", json!({})),
        ("buckets", json!([1])),
    ] {
        let mut update = bare.clone();
        update[key] = value;
        let refusal = send(&mut store, other, &update, 0.0).unwrap_err();
        assert_eq!(refusal.reason, Reason::Conflict);
        let text = "differs from what the user gave who was first with this \
                    name: choose another name";
        assert_eq!(refusal.text, format!("\"a\": {key}: {text}"));
        // who was first is told what that was
        let refusal = send(&mut store, GUEST, &update, 0.0).unwrap_err();
        assert!(!refusal.text.contains(text), "{}", refusal.text);
    }
    send(&mut store, other, &bare, 0.0).unwrap();
    let help = |whose: Publisher| {
        let list = store.list(0.0, |by| whose.is_none() || by == whose);
        list["families"][0]["help"].clone()
    };
    assert_eq!(help(GUEST), "Of the secret case.");
    assert_eq!(help(OWNER), "Of the secret case.");
    assert_eq!(help(other), Value::Null);
}

#[test]
fn shares_are_kept_apart() {
    // a guest has 10 of these series, and guests have 80
    let mut store = store(160);
    let fill = |store: &mut Store, by: Publisher| {
        let mut made = 0;
        loop {
            let mut update = gauge("a", 1.0);
            update["labels"] = json!({ "i": made.to_string() });
            match send(store, by, &update, 0.0) {
                Ok(()) => made += 1,
                Err(refusal) => return (made, refusal),
            }
        }
    };
    for user in 0..8 {
        let (made, refusal) = fill(&mut store, Some(user));
        assert_eq!((made, refusal.reason), (10, Reason::Series));
        assert_eq!(
            refusal.text,
            "\"a\": too many series of this user: 10 in use and 1 more, of at \
             most 10 (prometheus.custom-series is 160)"
        );
    }
    let (made, refusal) = fill(&mut store, Some(8));
    assert_eq!(made, 0);
    assert!(refusal.text.contains("too many series of guests: 80"));
    // the owner has the rest, whatever they do
    let (made, refusal) = fill(&mut store, OWNER);
    assert_eq!(made, 80);
    assert!(refusal.text.contains("too many series: 160 in use"));
    // families and bytes have ceilings too
    store.expire(300.0);
    let short: Value = (0..41).map(|i| gauge(&format!("g{i}"), 1.0)).collect();
    let refusal = send(&mut store, OWNER, &short, 300.0).unwrap_err();
    assert_eq!(refusal.reason, Reason::Families);
    assert!(refusal.text.starts_with("updates[40] \"g40\": too many families"));
    let labels = |i: usize| -> BTreeMap<String, String> {
        let value = |n: usize| (format!("l{n}"), format!("{i:0250}"));
        (0..16).map(value).collect()
    };
    let long: Value = (0..20)
        .map(|i| {
            let mut update = gauge("a", 1.0);
            update["labels"] = json!(labels(i));
            update
        })
        .collect();
    let refusal = send(&mut store, OWNER, &long, 300.0).unwrap_err();
    assert_eq!(refusal.reason, Reason::Bytes);
    assert_eq!(store.used(), Default::default());
}

/// To let go of one is to look at all of them.
#[test]
fn many_that_are_over_one_by_one_are_looked_for_seldom() {
    let mut store = store(1000);
    let brief: Value = (0..1000)
        .map(|i| {
            let mut update = gauge(&format!("g{}", i / 10), 1.0);
            update["labels"] = json!({ "i": i.to_string() });
            update["ttl"] = json!(1.0 + f64::from(i) / 1000.0);
            update
        })
        .collect();
    send(&mut store, OWNER, &brief, 0.0).unwrap();
    let mut looked = 0;
    for ms in 0..2000 {
        let now = 1.0 + f64::from(ms) / 1000.0;
        looked += usize::from(store.expires(now));
        store.expire(now);
        let over = 1000 - store.used().series;
        assert!(over + 150 >= (ms as usize).min(1000), "{over} at {now}");
    }
    assert!(looked < 20, "{looked}");
    assert_eq!(store.used(), Default::default());
}

#[test]
fn a_name_of_ours_is_told_by_its_stem() {
    assert_eq!(name::stem("a_seconds_bucket"), "a_seconds");
    assert_eq!(name::stem("a_total"), "a");
    assert_eq!(name::stem("a"), "a");
}
