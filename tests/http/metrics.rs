//! What a scrape gets: the numbers, in the format and coding it asks for.

use std::io::{BufReader, Read, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use flux_prometheus::http::Limits;
use prometheus::IntCounter;

use crate::collectors::Slow;
use crate::fixture::{
    GET, LONG, answer, header, large, slow_reader, start, start_sharing,
};

#[test]
fn metrics() {
    let f = start(Limits { shared: Duration::ZERO, ..Limits::default() });
    let counter = IntCounter::new("flux_test_total", "A test.").unwrap();
    f.registry.register(Box::new(counter.clone())).unwrap();
    for n in 1..=3 {
        counter.inc();
        let text = f.get("/metrics");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let kind = header(&text, "content-type");
        assert_eq!(kind, "text/plain; version=0.0.4");
        let length: usize = header(&text, "content-length").parse().unwrap();
        assert_eq!(length, body.len());
        assert!(body.ends_with('\n'));
        // no scrape is served what was true before it
        assert!(body.contains(&format!("\nflux_test_total {n}\n")), "{body}");
    }
    f.stop();
}

/// From the third time on it is sent from a file.
#[test]
fn what_is_asked_for_often_is_the_same_each_time() {
    let f = start_sharing(Limits { shared: LONG, ..Limits::default() });
    large(&f.registry, 500_000);
    let readers = || BufReader::new(slow_reader(f.address));
    let mut streams: Vec<_> = std::iter::repeat_with(readers).take(3).collect();
    let mut all = Vec::new();
    for _ in 0..3 {
        for stream in &mut streams {
            stream.get_mut().write_all(GET).unwrap();
        }
        all.extend(streams.iter_mut().map(|stream| answer(stream).1));
    }
    assert!(all[0].ends_with(b"\n"));
    assert!(all.iter().all(|body| *body == all[0]));
    f.stop();
}

#[test]
fn metrics_in_the_format_asked_for() {
    let f = start(Limits { shared: Duration::ZERO, ..Limits::default() });
    let counter = IntCounter::new("flux_test_total", "A test.").unwrap();
    f.registry.register(Box::new(counter.clone())).unwrap();
    f.site.created().set("flux_test_total", Some(1_763_840_636.5));
    let text = "text/plain; version=0.0.4";
    let openmetrics =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut stream = BufReader::new(f.connect());
    for (accept, kind) in [
        // what curl and browsers send, and what is no Accept at all
        ("Accept: */*", text),
        ("Accept: text/html,application/xml;q=0.9,*/*;q=0.8", text),
        ("Accept: \u{fffd};;,q=", text),
        ("X: y", text),
        // Prometheus
        (
            "Accept: application/openmetrics-text;version=1.0.0;q=0.5,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            openmetrics,
        ),
        ("accept: application/openmetrics-text; version=0.0.1", openmetrics),
        ("Accept: application/openmetrics-text; q=0", text),
    ] {
        counter.inc();
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (head, body) = answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 "), "{accept}: {head}");
        assert_eq!(header(&head, "content-type"), kind, "{accept}");
        assert_eq!(header(&head, "vary"), "Accept, Accept-Encoding");
        let body = String::from_utf8(body).unwrap();
        let sample = format!("\nflux_test_total {}\n", counter.get());
        assert!(body.contains(&sample), "{accept}: {body}");
        let is_openmetrics = kind == openmetrics;
        assert_eq!(body.ends_with("\n# EOF\n"), is_openmetrics, "{accept}");
        let created = "\nflux_test_created 1763840636.5\n";
        assert_eq!(body.contains(created), is_openmetrics, "{accept}");
    }
    f.stop();
}

#[test]
fn scrapes_share_for_a_while() {
    let f = start_sharing(Limits { shared: LONG, ..Limits::default() });
    let counter = IntCounter::new("flux_test_total", "A test.").unwrap();
    f.registry.register(Box::new(counter.clone())).unwrap();
    let body = || {
        let text = f.get("/metrics");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    };
    let first = body();
    counter.inc();
    assert_eq!(body(), first);
    assert_eq!(f.site.counts().scrape_seconds.count(), 1);
    // what is true of the server itself never waits
    f.ready.store(false, Ordering::Relaxed);
    assert!(f.get("/readyz").starts_with("HTTP/1.1 503 "));
    f.stop();
}

#[test]
fn compressed_for_who_asks() {
    // so that both are of the same numbers
    let f = start_sharing(Limits { shared: LONG, ..Limits::default() });
    let mut stream = BufReader::new(f.connect());
    let mut get = |method: &str, accept: &str| {
        let request = format!(
            "{method} /metrics HTTP/1.1\r\nHost: x\r\n\
             Accept-Encoding: {accept}\r\n\r\n"
        );
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        answer(&mut stream)
    };
    let (head, plain) = get("GET", "identity");
    assert!(!head.contains("content-encoding"), "{head}");
    let (head, body) = get("GET", "gzip, deflate, br");
    assert_eq!(header(&head, "content-encoding"), "gzip");
    assert_eq!(header(&head, "content-type"), "text/plain; version=0.0.4");
    assert_eq!(header(&head, "vary"), "Accept, Accept-Encoding");
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*body).read_to_end(&mut text).unwrap();
    assert!(text == plain && body.len() < plain.len() / 2);
    let (head, body) = get("GET", "gzip;q=0.5, zstd");
    assert_eq!(header(&head, "content-encoding"), "zstd");
    assert!(zstd::decode_all(&*body).unwrap() == plain);
    let (head, body) = get("GET", "br;q=1.0, gzip;q=0, *;q=0");
    assert!(!head.contains("content-encoding"), "{head}");
    assert!(body == plain);
    drop(stream);
    f.stop();
}

#[test]
fn an_answer_that_would_be_late_is_none() {
    let f = start(Limits::default());
    f.registry.register(Box::new(Slow::new())).unwrap();
    for (timeout, code) in [
        ("0.001", 503),
        ("60", 200),
        ("0", 200),
        ("-1", 200),
        ("soon", 200),
        ("NaN", 200),
    ] {
        let text = f.send(&format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             X-Prometheus-Scrape-Timeout-Seconds: {timeout}\r\n\r\n"
        ));
        let status = format!("HTTP/1.1 {code} ");
        assert!(text.starts_with(&status), "{timeout}: {text}");
    }
    f.stop();
}
