//! The arithmetic of Kubernetes' HorizontalPodAutoscaler, as its controller
//! has it (pkg/controller/podautoscaler): what it makes of a number. KEDA
//! leaves this to the same controller.

use serde_json::Value;

/// A difference of so much of the number is none (its default).
const TOLERANCE: f64 = 0.1;

/// What a manifest says of it.
#[derive(Debug)]
pub struct Hpa {
    pub min: u64,
    pub max: u64,
    /// Of a metric, for each pod.
    pub target: f64,
    pub goes_down: bool,
}

impl Hpa {
    /// Of an autoscaler of Kubernetes, or of KEDA, which makes one.
    pub fn of(spec: &Value) -> Self {
        let keda = &spec["triggers"][0];
        let (min, max, behavior, target) = if keda.is_null() {
            let metric = &spec["metrics"][0];
            let at = match metric["type"].as_str().unwrap() {
                "Object" => "object",
                _ => "external",
            };
            let target = &metric[at]["target"];
            assert_eq!(target["type"], "AverageValue", "{spec}");
            (
                spec["minReplicas"].as_u64().unwrap_or(1),
                spec["maxReplicas"].as_u64().unwrap(),
                &spec["behavior"],
                &target["averageValue"],
            )
        } else {
            let metadata = &keda["metadata"];
            // by default
            let kind = keda["metricType"].as_str().unwrap_or("AverageValue");
            assert_eq!(kind, "AverageValue", "{spec}");
            (
                spec["minReplicaCount"].as_u64().unwrap_or(0).max(1),
                spec["maxReplicaCount"].as_u64().unwrap_or(100),
                &spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
                match &metadata["threshold"] {
                    Value::Null => &metadata["targetValue"],
                    threshold => threshold,
                },
            )
        };
        Self {
            min,
            max,
            target: target.as_str().unwrap().parse().unwrap(),
            goes_down: behavior["scaleDown"]["selectPolicy"] != "Disabled",
        }
    }

    /// How many pods there are once all periods of its policies are over, if
    /// the number stays what it is.
    pub fn settles(&self, pods: u64, number: f64) -> u64 {
        let mut pods = pods;
        loop {
            let next = self.next(pods, number);
            if next == pods {
                return pods;
            }
            pods = next;
        }
    }

    fn next(&self, pods: u64, number: f64) -> u64 {
        let ratio = number / (self.target * pods as f64);
        let within = (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio);
        let wanted = match within {
            true => pods,
            false => (number / self.target).ceil() as u64,
        };
        let wanted = wanted.clamp(self.min, self.max);
        match wanted < pods {
            true if self.goes_down => wanted,
            true => pods,
            // as fast as it may by default: twice as many, or four more
            false => wanted.min((2 * pods).max(pods + 4)),
        }
    }
}

#[test]
fn is_what_kubernetes_documents() {
    let hpa = Hpa { min: 1, max: 100, target: 50.0, goes_down: true };
    // desiredReplicas = ceil(currentReplicas * (current / desired)), where
    // current is the mean over the pods
    for (pods, mean) in [(1, 100.0), (2, 100.0), (4, 25.0), (3, 70.0)] {
        let wanted = (f64::from(pods) * mean / 50.0).ceil() as u64;
        let pods = u64::from(pods as u32);
        assert_eq!(hpa.settles(pods, mean * pods as f64), wanted);
    }
    // 2 * 52 / 50 is close enough to 2; and a number of nothing is the least
    assert_eq!(hpa.settles(2, 104.0), 2);
    assert_eq!(hpa.settles(2, 0.0), 1);
    let hpa = Hpa { goes_down: false, ..hpa };
    assert_eq!(hpa.settles(2, 0.0), 2);
}
