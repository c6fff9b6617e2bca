//! How long a scraper waits for its answer.

use std::time::Duration;

use hyper::{HeaderMap, header::HeaderName};
use tokio::time::Instant;

/// What Prometheus says it in, as seconds.
const TIMEOUT: HeaderName =
    HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// When an answer is of no use any more, if the client said so.
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    /// Counts from now. What is no time to wait for is ignored.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        // of so few, each is looked at in less time than a name is hashed
        let header = headers.iter().find(|(name, _)| **name == TIMEOUT);
        let seconds = header.and_then(|(_, value)| value.to_str().ok());
        let seconds = seconds.and_then(|v| v.trim().parse::<f64>().ok());
        let wait = seconds
            .filter(|seconds| *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Self(wait.and_then(|wait| Instant::now().checked_add(wait)))
    }

    /// Whether an answer that begins now is too late.
    pub(super) fn is_past(&self) -> bool {
        self.0.is_some_and(|deadline| deadline <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use tokio::time::advance;

    use super::*;
    use crate::http::testing::paused;

    fn deadline(value: &str) -> Deadline {
        let mut headers = HeaderMap::new();
        headers.insert(TIMEOUT, HeaderValue::from_str(value).unwrap());
        Deadline::new(&headers)
    }

    #[test]
    fn it_passes_when_the_client_says() {
        paused().block_on(async {
            let ten = deadline("10");
            let half = deadline(" 0.5 ");
            let tiny = deadline("1e-3");
            assert!(!tiny.is_past());
            advance(Duration::from_millis(499)).await;
            assert!(tiny.is_past() && !half.is_past());
            advance(Duration::from_millis(1)).await;
            assert!(half.is_past() && !ten.is_past());
            advance(Duration::from_secs(10)).await;
            assert!(ten.is_past());
        });
    }

    #[test]
    fn nonsense_is_ignored() {
        for value in
            ["", "0", "-1", "NaN", "inf", "-inf", "1e300", "1e19", "ten", "1s"]
        {
            assert!(deadline(value).0.is_none(), "{value}");
        }
        assert!(Deadline::new(&HeaderMap::new()).0.is_none());
    }
}
