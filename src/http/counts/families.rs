//! What the server counts, as a scrape shows it.

use super::Counts;
use super::times::BOUNDS;
use crate::exposition::{Family, Parts, Source, Spec};

pub(super) const REQUESTS: Spec = Spec::counter(
    "flux_exporter_http_requests_total",
    &["code", "path"],
    "HTTP requests answered, by path (other for all unknown ones) and status.",
);
pub(super) const SECONDS: Spec = Spec::histogram(
    "flux_exporter_scrape_duration_seconds",
    &[],
    "Time to collect and encode all metrics once.",
);
pub(super) const CONNECTIONS: Spec = Spec::gauge(
    "flux_exporter_http_connections",
    &[],
    "HTTP connections that are open.",
);
pub(super) const REFUSED: Spec = Spec::counter(
    "flux_exporter_http_connections_refused_total",
    &[],
    "HTTP connections turned away because too many were open, in all or from \
     the same address.",
);
pub(super) const DENIED: Spec = Spec::counter(
    "flux_exporter_http_connections_denied_total",
    &[],
    "HTTP connections closed because their address is not in allow.",
);
pub(super) const HANDSHAKES_FAILED: Spec = Spec::counter(
    "flux_exporter_http_handshakes_failed_total",
    &[],
    "TLS handshakes that came to nothing: broken off, too slow, not TLS, or \
     without a good client certificate.",
);
pub(super) const FILES_REFUSED: Spec = Spec::counter(
    "flux_exporter_http_files_refused_total",
    &[],
    "Times that changed certificates, tokens or web configurations could not \
     be used, so that the old ones stay in use.",
);

impl Source for Counts {
    fn specs(&self) -> Vec<Spec> {
        [
            REQUESTS,
            SECONDS,
            CONNECTIONS,
            REFUSED,
            DENIED,
            HANDSHAKES_FAILED,
            FILES_REFUSED,
        ]
        .into()
    }

    fn show(&self, parts: &mut Parts) {
        let single = |spec: Spec, value: f64| {
            let mut family = spec.family();
            family.add(&[], value);
            family
        };
        let open = single(CONNECTIONS, self.connections.get() as f64);
        parts.add([self.requests(), self.seconds(), open]);
        let counts = [
            (REFUSED, self.refused.get()),
            (DENIED, self.denied.get()),
            (HANDSHAKES_FAILED, self.handshakes_failed.get()),
            (FILES_REFUSED, self.files_refused.get()),
        ];
        parts.keep(counts.iter().map(|(_, count)| count).sum(), || {
            counts.map(|(spec, count)| single(spec, count as f64)).into()
        });
    }
}

impl Counts {
    fn requests(&self) -> Family {
        let mut requests = REQUESTS.family();
        for ((code, path), count) in self.requests.lock().iter() {
            requests.add(&[code.as_str(), path], *count as f64);
        }
        requests
    }

    fn seconds(&self) -> Family {
        let mut seconds = SECONDS.family();
        let observed = self.scrape_seconds.lock();
        seconds.add_histogram(&[], &BOUNDS, &observed.counts, observed.sum);
        seconds
    }
}
