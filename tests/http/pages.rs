//! The other pages, and what is no page.

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flux_prometheus::http::Limits;

use crate::collectors::Panicking;
use crate::fixture::{GET, answer, header, start};

#[test]
fn head_has_the_headers_and_no_body() {
    let f = start(Limits::default());
    for path in ["/metrics", "/healthz", "/", "/nothing"] {
        let text = f.send(&format!(
            "HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ));
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        let length: usize = header(&text, "content-length").parse().unwrap();
        assert!(length > 0, "{text}");
        header(&text, "content-type");
    }
    f.stop();
}

#[test]
fn other_pages_and_methods() {
    let f = start(Limits::default());
    assert!(f.get("/").contains("<a href=\"metrics\">"));
    assert!(f.get("/healthz").ends_with("\r\n\r\nok\n"));
    assert!(f.get("/metrics?x=y").starts_with("HTTP/1.1 200 "));
    assert!(f.get("/nothing").starts_with("HTTP/1.1 404 "));
    let text = f.send(
        "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
    assert_eq!(header(&text, "allow"), "GET, HEAD");
    assert_eq!(f.count("other", "404"), 1);
    assert_eq!(f.count("/metrics", "405"), 1);
    f.stop();
}

#[test]
fn readiness_follows() {
    let f = start(Limits::default());
    assert!(f.get("/readyz").starts_with("HTTP/1.1 200 "));
    f.ready.store(false, Ordering::Relaxed);
    let text = f.get("/readyz");
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(text.ends_with("\r\n\r\nstarting\n"), "{text}");
    f.ready.store(true, Ordering::Relaxed);
    assert!(f.get("/readyz").starts_with("HTTP/1.1 200 "));
    f.stop();
}

#[test]
fn a_panicking_collector_costs_a_500() {
    let f = start(Limits::default());
    let panics = Arc::new(AtomicBool::new(true));
    f.registry.register(Box::new(Panicking::new(panics.clone()))).unwrap();
    let mut stream = BufReader::new(f.connect());
    for _ in 0..2 {
        stream.get_mut().write_all(GET).unwrap();
        let (head, body) = answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
        assert_eq!(body, b"a collector panicked\n");
    }
    panics.store(false, Ordering::Relaxed);
    stream.get_mut().write_all(GET).unwrap();
    let (head, body) = answer(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let body = String::from_utf8(body).unwrap();
    let counted = "path=\"/metrics\"} 2\n";
    assert!(
        body.contains(&format!(
            "flux_exporter_http_requests_total{{code=\"500\",{counted}"
        )),
        "{body}"
    );
    f.stop();
}
