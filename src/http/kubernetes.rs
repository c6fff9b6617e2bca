//! `/apis/...`: the metrics APIs of Kubernetes, so that a
//! HorizontalPodAutoscaler needs no Prometheus in between.
//!
//! Two groups show the same gauges: `external.metrics.k8s.io/v1beta1`, of no
//! object, and `custom.metrics.k8s.io/v1beta2`, of any object that is asked
//! about, for all that is known here is of one instance. Namespaces are taken
//! as they come for the same reason: the API server decides who may ask.
//!
//! The types are those of <https://github.com/kubernetes/metrics>.

mod quantity;
pub mod selector;

use form_urlencoded::parse;
use hyper::StatusCode;
use prometheus::proto::MetricFamily;
use serde_json::{Value, json};

use super::numbers::{self, Numbers, Series};
use quantity::quantity;
use selector::Selector;

/// Below which all of this is.
pub(super) const ROOT: &str = "/apis";

const EXTERNAL: &str = "external.metrics.k8s.io";
const EXTERNAL_VERSION: &str = "external.metrics.k8s.io/v1beta1";
const CUSTOM: &str = "custom.metrics.k8s.io";
const CUSTOM_VERSION: &str = "custom.metrics.k8s.io/v1beta2";

/// How the families begin that can be scaled by.
const SCALABLE: [&str; 6] = [
    "flux_autoscale_",
    "flux_queue_",
    "flux_job",
    "flux_nodes",
    "flux_cores",
    "flux_gpus",
];

/// The kinds of objects that can be asked about: what a path calls them, the
/// kind and its API.
const OBJECTS: [(&str, &str, &str); 6] = [
    ("services", "Service", "v1"),
    ("pods", "Pod", "v1"),
    ("jobs.batch", "Job", "batch/v1"),
    ("deployments.apps", "Deployment", "apps/v1"),
    ("statefulsets.apps", "StatefulSet", "apps/v1"),
    (
        "miniclusters.flux-framework.org",
        "MiniCluster",
        "flux-framework.org/v1alpha2",
    ),
];

/// A code, and why; it becomes a `Status`.
type Refusal = (StatusCode, String);

/// Answers a request for a path, which begins with [`ROOT`].
pub(super) fn answer(
    numbers: &Numbers,
    path: &str,
    query: Option<&str>,
) -> (StatusCode, Value) {
    match Apis(numbers).find(path, query.unwrap_or_default()) {
        Ok(value) => (StatusCode::OK, value),
        Err((code, why)) => (code, status(code, &why)),
    }
}

/// What can be asked.
struct Apis<'a>(&'a Numbers);

impl Apis<'_> {
    fn find(&self, path: &str, query: &str) -> Result<Value, Refusal> {
        let parts: Vec<_> = path.split('/').skip(2).collect();
        match parts[..] {
            [] => Ok(json!({
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    group(CUSTOM, CUSTOM_VERSION),
                    group(EXTERNAL, EXTERNAL_VERSION),
                ],
            })),
            [EXTERNAL] => Ok(api_group(EXTERNAL, EXTERNAL_VERSION)),
            [CUSTOM] => Ok(api_group(CUSTOM, CUSTOM_VERSION)),
            [EXTERNAL, "v1beta1"] => {
                let kind = "ExternalMetricValueList";
                Ok(self.resources(EXTERNAL_VERSION, kind, &[("", true)]))
            }
            [EXTERNAL, "v1beta1", "namespaces", _, name] => self.external(
                self.metric(name)?,
                &selector(query, "labelSelector")?,
            ),
            [CUSTOM, "v1beta2"] => {
                let of = [("namespaces/", false), ("services/", true)];
                Ok(self.resources(CUSTOM_VERSION, "MetricValueList", &of))
            }
            [CUSTOM, "v1beta2", "namespaces", name, "metrics", of] => {
                let object = json!({
                    "kind": "Namespace", "name": name, "apiVersion": "v1",
                });
                self.custom(object, self.metric(of)?, query)
            }
            [CUSTOM, "v1beta2", "namespaces", space, resource, name, of] => {
                let object = described(resource, space, name)?;
                self.custom(object, self.metric(of)?, query)
            }
            _ => Err(missing(&format!("no such path: {path}"))),
        }
    }

    fn scalable(&self) -> impl Iterator<Item = &MetricFamily> {
        self.0.families.iter().filter(|family| {
            let name = family.name();
            SCALABLE.iter().any(|start| name.starts_with(start))
                && numbers::of(family).next().is_some()
        })
    }

    fn metric(&self, name: &str) -> Result<&MetricFamily, Refusal> {
        let found = self.scalable().find(|family| family.name() == name);
        found.ok_or_else(|| match &self.0.withheld {
            Some(why) => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("no metric {name} at present: {why}"),
            ),
            None => missing(&format!(
                "no metric {name} at present: {ROOT}/{EXTERNAL_VERSION} \
                 lists those that there are"
            )),
        })
    }

    /// What can be asked: each metric, of these objects, which are in a
    /// namespace or not.
    fn resources(
        &self,
        version: &str,
        kind: &str,
        of: &[(&str, bool)],
    ) -> Value {
        let all = self.scalable().flat_map(|family| {
            of.iter().map(move |(object, namespaced)| {
                json!({
                    "name": format!("{object}{}", family.name()),
                    "singularName": "",
                    "namespaced": namespaced,
                    "kind": kind,
                    "verbs": ["get"],
                })
            })
        });
        json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": version,
            "resources": all.collect::<Value>(),
        })
    }

    fn external(
        &self,
        family: &MetricFamily,
        selector: &Selector,
    ) -> Result<Value, Refusal> {
        let items = selected(family, selector).map(|series| {
            json!({
                "metricName": family.name(),
                "metricLabels": series.labels().collect::<Labels>(),
                "timestamp": self.timestamp(),
                "value": quantity(series.value),
            })
        });
        Ok(json!({
            "kind": "ExternalMetricValueList",
            "apiVersion": EXTERNAL_VERSION,
            "metadata": {},
            "items": items.collect::<Value>(),
        }))
    }

    fn custom(
        &self,
        object: Value,
        family: &MetricFamily,
        query: &str,
    ) -> Result<Value, Refusal> {
        let selector = selector(query, "metricLabelSelector")?;
        let found: Vec<_> = selected(family, &selector).collect();
        let [series] = &found[..] else {
            let name = family.name();
            return Err((
                StatusCode::BAD_REQUEST,
                format!(
                    "metricLabelSelector selects {} series of {name}: an \
                     object has one value",
                    found.len()
                ),
            ));
        };
        let given = parameter(query, "metricLabelSelector").is_some();
        let labels = given.then(|| {
            let labels = series.labels().collect::<Labels>();
            json!({ "matchLabels": labels })
        });
        Ok(json!({
            "kind": "MetricValueList",
            "apiVersion": CUSTOM_VERSION,
            "metadata": {},
            "items": [{
                "describedObject": object,
                "metric": { "name": family.name(), "selector": labels },
                "timestamp": self.timestamp(),
                "value": quantity(series.value),
            }],
        }))
    }

    fn timestamp(&self) -> String {
        humantime::format_rfc3339_seconds(self.0.now).to_string()
    }
}

type Labels<'a> = std::collections::BTreeMap<&'a str, &'a str>;

fn selected<'a>(
    family: &'a MetricFamily,
    selector: &Selector,
) -> impl Iterator<Item = Series<'a>> {
    numbers::of(family)
        .filter(|series| selector.matches(|name| series.label(name)))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let mut all = parse(query.as_bytes());
    all.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn selector(query: &str, name: &str) -> Result<Selector, Refusal> {
    Selector::parse(&parameter(query, name).unwrap_or_default())
        .map_err(|why| (StatusCode::BAD_REQUEST, format!("{name}: {why}")))
}

/// The object that a metric is asked of.
fn described(
    resource: &str,
    namespace: &str,
    name: &str,
) -> Result<Value, Refusal> {
    let object = OBJECTS.iter().find(|(of, ..)| *of == resource);
    let Some((_, kind, version)) = object else {
        let known = OBJECTS.map(|(of, ..)| of).join(", ");
        let why = format!("no metrics of {resource}: there are of {known}");
        return Err(missing(&why));
    };
    if name == "*" {
        let why = "all numbers are of one instance: name an object, not *";
        return Err((StatusCode::BAD_REQUEST, why.into()));
    }
    Ok(json!({
        "kind": kind, "namespace": namespace, "name": name,
        "apiVersion": version,
    }))
}

fn group(name: &str, version: &str) -> Value {
    let short = version.rsplit('/').next();
    let version = json!({ "groupVersion": version, "version": short });
    json!({ "name": name, "versions": [version], "preferredVersion": version })
}

fn api_group(name: &str, version: &str) -> Value {
    let mut group = group(name, version);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    group
}

fn missing(why: &str) -> Refusal {
    (StatusCode::NOT_FOUND, why.into())
}

/// What Kubernetes says instead of what was asked for.
fn status(code: StatusCode, why: &str) -> Value {
    let reason = match code {
        StatusCode::BAD_REQUEST => "BadRequest",
        StatusCode::NOT_FOUND => "NotFound",
        _ => "ServiceUnavailable",
    };
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": why,
        "reason": reason,
        "code": code.as_u16(),
    })
}

#[cfg(test)]
mod tests;
