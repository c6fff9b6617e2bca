//! What the server counts, since it never logs.

mod families;
mod requests;
mod times;

use hyper::StatusCode;
use prometheus::{IntCounter, IntGauge, Result};

use super::routes::{OTHER, PATHS};
use crate::exposition::{Families, Spec};
use families::{
    CONNECTIONS, DENIED, FILES_REFUSED, HANDSHAKES_FAILED, REFUSED,
};
pub use requests::Requests;
pub use times::Times;

/// The server's own metrics.
#[derive(Debug, Clone)]
pub struct Counts {
    /// `flux_exporter_http_requests_total{path,code}`
    pub requests: Requests,
    /// `flux_exporter_scrape_duration_seconds`
    pub scrape_seconds: Times,
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
    pub fn register(families: &Families) -> Result<Self> {
        let counter = |spec: Spec| IntCounter::new(spec.name, spec.help);
        let counts = Self {
            requests: Requests::default(),
            scrape_seconds: Times::default(),
            connections: IntGauge::new(CONNECTIONS.name, CONNECTIONS.help)?,
            refused: counter(REFUSED)?,
            denied: counter(DENIED)?,
            handshakes_failed: counter(HANDSHAKES_FAILED)?,
            files_refused: counter(FILES_REFUSED)?,
        };
        for path in PATHS {
            counts.requests.add(path, StatusCode::OK, 0);
        }
        for (path, code) in [
            ("/metrics", StatusCode::INTERNAL_SERVER_ERROR),
            ("/autoscale", StatusCode::SERVICE_UNAVAILABLE),
            ("/readyz", StatusCode::SERVICE_UNAVAILABLE),
            (OTHER, StatusCode::NOT_FOUND),
        ] {
            counts.requests.add(path, code, 0);
        }
        families.register(counts.clone())?;
        Ok(counts)
    }

    /// Counts an answer. `path` is one of a few: see [`PATHS`].
    pub(super) fn request(&self, path: &'static str, code: StatusCode) {
        self.requests.add(path, code, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there_at_zero() {
        let families = Families::default();
        let counts = Counts::register(&families).unwrap();
        let names: Vec<String> =
            families.gather().iter().map(|f| f.name().into()).collect();
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
        let ok = counts.requests.get("/metrics", 200);
        assert_eq!(ok, 0);
        assert!(Counts::register(&families).is_err(), "once per registry");
    }
}
