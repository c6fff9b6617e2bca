use std::time::{Duration, SystemTime};

use prometheus::{GaugeVec, IntCounter, IntGauge, Opts, Registry};

use super::*;

const EXTERNAL_ROOT: &str = "/apis/external.metrics.k8s.io/v1beta1";
const CUSTOM_ROOT: &str = "/apis/custom.metrics.k8s.io/v1beta2";

/// A moment with a gauge without labels and one with two, and two families
/// that are not to be scaled by.
fn numbers() -> Numbers {
    let registry = Registry::new();
    let wanted = IntGauge::new("flux_autoscale_nodes_wanted", "x").unwrap();
    wanted.set(1000);
    let jobs = Opts::new("flux_jobs", "x");
    let jobs = GaugeVec::new(jobs, &["queue", "state"]).unwrap();
    jobs.with_label_values(&["batch", "run"]).set(2.0);
    jobs.with_label_values(&["batch", "sched"]).set(1.5);
    jobs.with_label_values(&["", "run"]).set(7.0);
    let counter = IntCounter::new("flux_jobs_submitted_total", "x").unwrap();
    let other = IntGauge::new("flux_log_ring_messages", "x").unwrap();
    registry.register(Box::new(wanted)).unwrap();
    registry.register(Box::new(jobs)).unwrap();
    registry.register(Box::new(counter)).unwrap();
    registry.register(Box::new(other)).unwrap();
    Numbers {
        families: registry.gather(),
        withheld: None,
        // 2023-11-14T22:13:20Z
        now: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_999),
    }
}

fn ask(uri: &str) -> (u16, Value) {
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    };
    let (code, value) = answer(&numbers(), path, query);
    (code.as_u16(), value)
}

#[test]
fn the_groups_are_discovered() {
    let (code, list) = ask("/apis");
    assert_eq!((code, &list["kind"]), (200, &json!("APIGroupList")));
    for group in list["groups"].as_array().unwrap() {
        let name = group["name"].as_str().unwrap();
        let (code, one) = ask(&format!("/apis/{name}"));
        assert_eq!((code, &one["kind"]), (200, &json!("APIGroup")));
        assert_eq!(one["versions"], group["versions"]);
        assert_eq!(one["preferredVersion"], one["versions"][0]);
        let version = &one["preferredVersion"]["groupVersion"];
        let (code, all) = ask(&format!("/apis/{}", version.as_str().unwrap()));
        assert_eq!((code, &all["kind"]), (200, &json!("APIResourceList")));
        assert_eq!(&all["groupVersion"], version);
    }
}

#[test]
fn what_can_be_scaled_by_is_listed() {
    let names = |root| {
        let (_, list) = ask(root);
        let all = list["resources"].as_array().unwrap().clone();
        let name = |r: &Value| r["name"].as_str().unwrap().to_owned();
        all.iter().map(name).collect::<Vec<_>>()
    };
    let external = ["flux_autoscale_nodes_wanted", "flux_jobs"];
    assert_eq!(names(EXTERNAL_ROOT), external);
    let custom = external
        .map(|name| [format!("namespaces/{name}"), format!("services/{name}")]);
    assert_eq!(names(CUSTOM_ROOT), custom.concat());
}

#[test]
fn an_external_metric() {
    let root = format!("{EXTERNAL_ROOT}/namespaces/default");
    let (code, list) = ask(&format!("{root}/flux_autoscale_nodes_wanted"));
    assert_eq!(code, 200);
    let expected = json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": "external.metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [{
            "metricName": "flux_autoscale_nodes_wanted",
            "metricLabels": {},
            "timestamp": "2023-11-14T22:13:20Z",
            "value": "1k",
        }],
    });
    assert_eq!(list, expected);
}

#[test]
fn labels_select_external_metrics() {
    let path = format!("{EXTERNAL_ROOT}/namespaces/x/flux_jobs?limit=500&");
    for (selector, values) in [
        ("", vec!["7", "2", "1500m"]),
        ("labelSelector=", vec!["7", "2", "1500m"]),
        ("labelSelector=queue%3Dbatch", vec!["2", "1500m"]),
        ("labelSelector=queue%3Dbatch%2Cstate%21%3Drun", vec!["1500m"]),
        ("labelSelector=queue+in+%28batch%2Cx%29", vec!["2", "1500m"]),
        ("labelSelector=queue%20notin%20(batch)", vec!["7"]),
        ("labelSelector=%21host", vec!["7", "2", "1500m"]),
        ("labelSelector=host", vec![]),
    ] {
        let (code, list) = ask(&format!("{path}{selector}"));
        let items = list["items"].as_array().unwrap();
        let found = items.iter().map(|item| item["value"].as_str().unwrap());
        let found: Vec<_> = found.collect();
        assert_eq!((code, found), (200, values), "{selector}");
    }
}

#[test]
fn a_custom_metric_of_an_object() {
    let path = format!("{CUSTOM_ROOT}/namespaces/ns/services/flux");
    let (code, list) = ask(&format!("{path}/flux_autoscale_nodes_wanted"));
    assert_eq!(code, 200);
    let expected = json!({
        "kind": "MetricValueList",
        "apiVersion": "custom.metrics.k8s.io/v1beta2",
        "metadata": {},
        "items": [{
            "describedObject": {
                "kind": "Service", "namespace": "ns", "name": "flux",
                "apiVersion": "v1",
            },
            "metric": {
                "name": "flux_autoscale_nodes_wanted", "selector": null,
            },
            "timestamp": "2023-11-14T22:13:20Z",
            "value": "1k",
        }],
    });
    assert_eq!(list, expected);

    let selector = "metricLabelSelector=queue%3Dbatch%2Cstate%3Drun";
    let (code, list) = ask(&format!("{path}/flux_jobs?{selector}"));
    assert_eq!((code, &list["items"][0]["value"]), (200, &json!("2")));
    let labels = json!({ "queue": "batch", "state": "run" });
    let selector = &list["items"][0]["metric"]["selector"];
    assert_eq!(selector["matchLabels"], labels);

    let path = format!("{CUSTOM_ROOT}/namespaces/ns/metrics");
    let (code, list) = ask(&format!("{path}/flux_autoscale_nodes_wanted"));
    let object = &list["items"][0]["describedObject"];
    assert_eq!((code, &object["kind"]), (200, &json!("Namespace")));
}

#[test]
fn refusals_are_statuses() {
    let external = format!("{EXTERNAL_ROOT}/namespaces/x");
    let custom = format!("{CUSTOM_ROOT}/namespaces/x/services/y");
    for (uri, code, reason) in [
        (format!("{external}/flux_x"), 404, "NotFound"),
        (format!("{external}/flux_jobs_submitted_total"), 404, "NotFound"),
        (format!("{external}/flux_log_ring_messages"), 404, "NotFound"),
        (format!("{external}/flux_jobs?labelSelector=%3D"), 400, "BadRequest"),
        (format!("{custom}/flux_x"), 404, "NotFound"),
        (format!("{custom}/flux_jobs"), 400, "BadRequest"),
        (
            format!("{custom}/flux_jobs?metricLabelSelector=queue%3Dx"),
            400,
            "BadRequest",
        ),
        (
            format!("{CUSTOM_ROOT}/namespaces/x/services/*/flux_jobs"),
            400,
            "BadRequest",
        ),
        (
            format!("{CUSTOM_ROOT}/namespaces/x/cats/y/flux_jobs"),
            404,
            "NotFound",
        ),
        ("/apis/".into(), 404, "NotFound"),
        ("/apis/metrics.k8s.io".into(), 404, "NotFound"),
        ("/apis/external.metrics.k8s.io/v1".into(), 404, "NotFound"),
    ] {
        let (got, status) = ask(&uri);
        assert_eq!(got, code, "{uri}");
        assert_eq!(status["kind"], "Status");
        assert_eq!(status["status"], "Failure");
        assert_eq!(status["reason"], reason);
        assert_eq!(status["code"], code);
        assert!(status["message"].as_str().unwrap().len() > 10);
    }
}

#[test]
fn what_is_withheld_is_unavailable() {
    let families = Vec::new();
    let withheld = Some("the journal is away".into());
    let now = SystemTime::UNIX_EPOCH;
    let numbers = Numbers { families, withheld, now };
    let path = format!("{EXTERNAL_ROOT}/namespaces/x/flux_jobs");
    let (code, status) = answer(&numbers, &path, None);
    assert_eq!(code, 503);
    assert_eq!(status["reason"], "ServiceUnavailable");
    let message = status["message"].as_str().unwrap();
    assert!(message.ends_with("the journal is away"), "{message}");
    // a group that is unavailable would keep namespaces from being deleted
    let (code, list) = answer(&numbers, EXTERNAL_ROOT, None);
    assert_eq!((code.as_u16(), &list["resources"]), (200, &json!([])));
}
