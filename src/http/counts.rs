//! What the server counts, since it never logs.

use hyper::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, Result,
};

use super::routes::PATHS;

/// A rendering takes 0.1 ms for an idle instance; above 10 s Prometheus has
/// given up.
const SCRAPE_BUCKETS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The server's own metrics.
#[derive(Debug, Clone)]
pub struct Counts {
    /// `flux_exporter_http_requests_total{path,code}`
    pub requests: IntCounterVec,
    /// Those of it that count what was answered with 200, for each of the
    /// [`PATHS`]: nearly all are, and to look one up by its labels takes as
    /// long as all else that is counted.
    answered: [IntCounter; PATHS.len()],
    /// `flux_exporter_scrape_duration_seconds`
    pub scrape_seconds: Histogram,
    /// `flux_exporter_http_connections`
    pub connections: IntGauge,
    /// `flux_exporter_http_connections_refused_total`
    pub refused: IntCounter,
    /// `flux_exporter_http_connections_denied_total`
    pub denied: IntCounter,
    /// `flux_exporter_http_handshakes_failed_total`
    pub handshakes_failed: IntCounter,
    /// `flux_exporter_http_files_refused_total`
    pub files_refused: IntCounter,
}

impl Counts {
    /// Makes them, at zero, and registers them.
    pub fn register(registry: &Registry) -> Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "flux_exporter_http_requests_total",
                "HTTP requests answered, by path (other for all unknown \
                 ones) and status.",
            ),
            &["path", "code"],
        )?;
        let counts = Self {
            answered: PATHS
                .map(|path| requests.with_label_values(&[path, "200"])),
            requests,
            scrape_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "flux_exporter_scrape_duration_seconds",
                    "Time to collect and encode all metrics once.",
                )
                .buckets(SCRAPE_BUCKETS.to_vec()),
            )?,
            connections: IntGauge::new(
                "flux_exporter_http_connections",
                "HTTP connections that are open.",
            )?,
            refused: IntCounter::new(
                "flux_exporter_http_connections_refused_total",
                "HTTP connections turned away because too many were open, in \
                 all or from the same address.",
            )?,
            denied: IntCounter::new(
                "flux_exporter_http_connections_denied_total",
                "HTTP connections closed because their address is not in \
                 allow.",
            )?,
            handshakes_failed: IntCounter::new(
                "flux_exporter_http_handshakes_failed_total",
                "TLS handshakes that came to nothing: broken off, too slow, \
                 not TLS, or without a good client certificate.",
            )?,
            files_refused: IntCounter::new(
                "flux_exporter_http_files_refused_total",
                "Times that changed certificates, tokens or web \
                 configurations could not be used, so that the old ones stay \
                 in use.",
            )?,
        };
        for (path, code) in [
            ("/metrics", "500"),
            ("/autoscale", "503"),
            ("/readyz", "503"),
            ("other", "404"),
        ] {
            counts.requests.with_label_values(&[path, code]);
        }
        registry.register(Box::new(counts.requests.clone()))?;
        registry.register(Box::new(counts.scrape_seconds.clone()))?;
        registry.register(Box::new(counts.connections.clone()))?;
        registry.register(Box::new(counts.refused.clone()))?;
        registry.register(Box::new(counts.denied.clone()))?;
        registry.register(Box::new(counts.handshakes_failed.clone()))?;
        registry.register(Box::new(counts.files_refused.clone()))?;
        Ok(counts)
    }

    /// Counts an answer. `path` is one of a few: see [`PATHS`].
    pub(super) fn request(&self, path: &str, code: StatusCode) {
        let known = PATHS.iter().position(|known| *known == path);
        match known {
            Some(path) if code == StatusCode::OK => self.answered[path].inc(),
            _ => {
                let labels = [path, code.as_str()];
                self.requests.with_label_values(&labels).inc();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there_at_zero() {
        let registry = Registry::new();
        let counts = Counts::register(&registry).unwrap();
        let names: Vec<String> =
            registry.gather().iter().map(|f| f.name().into()).collect();
        assert_eq!(
            names,
            [
                "flux_exporter_http_connections",
                "flux_exporter_http_connections_denied_total",
                "flux_exporter_http_connections_refused_total",
                "flux_exporter_http_files_refused_total",
                "flux_exporter_http_handshakes_failed_total",
                "flux_exporter_http_requests_total",
                "flux_exporter_scrape_duration_seconds",
            ]
        );
        let ok = counts.requests.with_label_values(&["/metrics", "200"]);
        assert_eq!(ok.get(), 0);
        assert!(Counts::register(&registry).is_err(), "once per registry");
    }
}
