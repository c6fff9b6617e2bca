use std::time::{Duration, SystemTime};

use prometheus::{Gauge, GaugeVec, Opts, Registry};

use super::*;

fn numbers(registry: &Registry, withheld: Option<&str>) -> Numbers {
    Numbers {
        families: registry.gather(),
        withheld: withheld.map(str::to_owned),
        now: SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_250_999),
    }
}

fn gauge(registry: &Registry, name: &str, value: f64) {
    let gauge = Gauge::new(name, "x").unwrap();
    gauge.set(value);
    registry.register(Box::new(gauge)).unwrap();
}

fn gauges(registry: &Registry, name: &str, all: &[(&[&str], f64)]) {
    let labels = &["queue", "state"][..all[0].0.len()];
    let gauges = GaugeVec::new(Opts::new(name, "x"), labels).unwrap();
    for (labels, value) in all {
        gauges.with_label_values(labels).set(*value);
    }
    registry.register(Box::new(gauges)).unwrap();
}

#[test]
fn one_object() {
    let registry = Registry::new();
    gauge(&registry, "flux_autoscale_nodes_wanted", 5.0);
    gauge(&registry, "flux_autoscale_idle_seconds", 0.25);
    gauge(&registry, "flux_autoscale_free_nodes", 2.0);
    let wanted = [(&["batch"][..], 4.0), (&[""], 1.0)];
    gauges(&registry, "flux_queue_nodes_wanted", &wanted);
    // not of autoscaling
    gauges(&registry, "flux_queue_started", &[(&["batch"], 1.0)]);
    let nodes = [
        (&["batch", "free"][..], 2.0),
        (&["batch", "down"], 3.0),
        (&["", "free"], 0.0),
    ];
    gauges(&registry, "flux_queue_nodes", &nodes);
    let (code, object) = answer(&numbers(&registry, None));
    assert_eq!(code, 200);
    let expected = json!({
        "version": 1,
        "timestamp_seconds": 1500.25,
        "nodes_wanted": 5,
        "idle_seconds": 0.25,
        "free_nodes": 2,
        "queues": {
            "batch": { "nodes_wanted": 4, "free_nodes": 2 },
            "": { "nodes_wanted": 1, "free_nodes": 0 },
        },
    });
    assert_eq!(object, expected);
}

#[test]
fn no_numbers_are_no_zeros() {
    let registry = Registry::new();
    // what is known of nodes alone is nothing to scale by
    gauges(&registry, "flux_queue_nodes", &[(&["batch", "free"], 2.0)]);
    let why = "the job journal is not caught up";
    for (withheld, error) in [(Some(why), why), (None, UNKNOWN)] {
        let (code, object) = answer(&numbers(&registry, withheld));
        assert_eq!(code, 503);
        assert_eq!(object, json!({ "version": 1, "error": error }));
    }
}
