//! How autoscalers get at a number: each as its source has it.

use serde_json::Value;

use super::instance::{scrape, wait_for};
use super::prometheus::{Prometheus, encoded};
use super::tools;

/// Metadata that KEDA's scalers know of those that the examples have
/// (pkg/scalers/metrics_api_scaler.go, prometheus_scaler.go). It passes over
/// what it does not know.
const METADATA: [(&str, &[&str]); 2] = [
    ("metrics-api", &["url", "valueLocation", "targetValue"]),
    (
        "prometheus",
        &["serverAddress", "query", "threshold", "ignoreNullValues"],
    ),
];

/// A trigger of KEDA that has what its scaler needs, and no more.
pub fn check_trigger(name: &str, trigger: &Value) {
    let kind = text(&trigger["type"]);
    let (_, known) = METADATA.iter().find(|(name, _)| *name == kind).unwrap();
    let metadata = trigger["metadata"].as_object().unwrap();
    for key in metadata.keys() {
        assert!(known.contains(&key.as_str()), "{name}: {key}");
    }
    for key in *known {
        assert!(metadata.contains_key(*key), "{name}: no {key}");
    }
}

/// KEDA's metrics-api scaler: the number at `valueLocation` in what the URL
/// answers. It knows other formats from 2.14 on; JSON is what it takes by
/// default, and before.
pub fn metrics_api(address: &str, metadata: &Value) -> Option<f64> {
    let url = text(&metadata["url"]);
    let path = url.strip_prefix("http://").unwrap().split_once('/').unwrap().1;
    let answer = scrape::fetch(address, &format!("/{path}"));
    if answer.status != 200 {
        return None;
    }
    let location = text(&metadata["valueLocation"]);
    let value = gjson::get(&answer.body, location);
    (value.kind() == gjson::Kind::Number).then(|| value.f64())
}

/// The one number that a query of Prometheus has.
pub fn query(prometheus: &Prometheus, query: &str) -> Option<f64> {
    match prometheus.query(query)[..] {
        [value] if value.is_finite() => Some(value),
        _ => None,
    }
}

/// The API server's answer to the autoscaler: the sum over what a selector
/// selects. The module gives it, or prometheus-adapter would.
pub fn external_api(address: &str, metric: &Value) -> Option<f64> {
    let labels = selector(metric).join(",");
    let path = format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/{}\
         ?labelSelector={}",
        text(&metric["name"]),
        encoded(&labels)
    );
    let answer = scrape::fetch(address, &path);
    if answer.status != 200 {
        return None;
    }
    let list: Value = serde_json::from_str(&answer.body).unwrap();
    let items = list["items"].as_array().unwrap();
    let values = items.iter().map(|item| quantity(text(&item["value"])));
    // none is an error to the autoscaler
    (!items.is_empty()).then(|| values.sum())
}

/// Labels that a metric of an autoscaler is selected by, `name=value`.
fn selector(metric: &Value) -> Vec<String> {
    let labels = metric["selector"]["matchLabels"].as_object();
    labels
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect()
}

/// Those of Kubernetes, as far as they are written here.
fn quantity(text: &str) -> f64 {
    match text.strip_suffix('m') {
        Some(milli) => milli.parse::<f64>().unwrap() / 1000.0,
        None => text.parse().unwrap(),
    }
}

/// What prometheus-adapter makes of the rules of the examples
/// (pkg/naming/metrics_query.go), for the service of the examples.
pub struct Adapter<'a>(&'a Value);

impl<'a> Adapter<'a> {
    pub fn new(values: &'a Value) -> Self {
        let rules = &values["rules"];
        for rule in
            list(&rules["custom"]).iter().chain(list(&rules["external"]))
        {
            // it refuses keys that it does not know
            for key in rule.as_object().unwrap().keys() {
                let known =
                    ["seriesQuery", "resources", "name", "metricsQuery"];
                assert!(known.contains(&key.as_str()), "adapter: {key}");
            }
        }
        Self(rules)
    }

    /// The query for a metric of an autoscaler that one of the rules serves.
    pub fn query(
        &self,
        group: &str,
        metric: &Value,
        prometheus: &Prometheus,
    ) -> Option<String> {
        let name = text(&metric["name"]);
        list(&self.0[group]).iter().find_map(|rule| {
            let found = text(&rule["seriesQuery"]);
            let series = wait_for(found, || {
                let found = prometheus.label_values(found, "__name__");
                (!found.is_empty()).then_some(found)
            });
            let series = match rule["name"]["as"].as_str() {
                Some(other) if other == name => series.first(),
                Some(_) => None,
                None => series.iter().find(|series| *series == name),
            }?;
            let mut matchers: Vec<_> = selector(metric)
                .iter()
                .map(|pair| format!("{}\"", pair.replacen('=', "=\"", 1)))
                .chain([r#"namespace="default""#.to_owned()])
                .collect();
            let by = match group {
                "custom" => {
                    matchers.push(r#"service="flux-sample-metrics""#.into());
                    "service"
                }
                // external metrics are of no object
                _ => "",
            };
            let query = text(&rule["metricsQuery"]);
            Some(
                query
                    .replace("<<.Series>>", series)
                    .replace("<<.LabelMatchers>>", &matchers.join(","))
                    .replace("<<.GroupBy>>", by),
            )
        })
    }
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}: no text"))
}

/// The service that a URL of the examples names is that of service.yaml.
pub fn leads_to_the_service(url: &str) {
    let service = tools::text("examples/kubernetes/service.yaml");
    let host = url.strip_prefix("http://").unwrap();
    let (host, port) = host.split_once('/').unwrap().0.split_once(':').unwrap();
    let (name, rest) = host.split_once('.').unwrap();
    assert_eq!(rest, "default.svc", "{url}");
    assert!(service.contains(&format!("name: {name}\n")), "{url}");
    assert!(service.contains(&format!("port: {port}\n")), "{url}");
}
