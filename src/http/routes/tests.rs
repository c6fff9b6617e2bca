//! Every route, without a socket.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http_body_util::BodyExt;
use prometheus::{IntGauge, Registry};

use super::*;
use crate::http::About;

fn site(ready: Arc<AtomicBool>) -> Site {
    let registry = Registry::new();
    let gauge = IntGauge::new("flux_test", "A \"test\".").unwrap();
    registry.register(Box::new(gauge)).unwrap();
    let ready = move || match ready.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("no baseline yet".into()),
    };
    let about = About {
        name: "prometheus".into(),
        version: "1.2.3".into(),
        facts: vec![("rank".into(), "<0>".into())],
    };
    Site::new(registry, Arc::new(ready), about).unwrap()
}

fn ask_of(
    site: &Site,
    method: &str,
    uri: &str,
    body: &str,
) -> (Answer, String) {
    send(site, Request::builder().method(method).uri(uri), body)
}

fn send(
    site: &Site,
    request: hyper::http::request::Builder,
    body: &str,
) -> (Answer, String) {
    let body = Full::new(Bytes::from(body.to_owned()));
    let request = request.header("Host", "x").body(body).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let limits = Limits::default();
        let deadline = Deadline::new(request.headers());
        let answer = answer(site, &limits, &request, View::All, deadline).await;
        let bytes = answer.clone().into_body().collect().await.unwrap();
        let text = String::from_utf8(bytes.to_bytes().to_vec()).unwrap();
        (answer, text)
    })
}

fn ask(method: &str, uri: &str, body: &str) -> (Answer, String) {
    ask_of(&site(Arc::new(AtomicBool::new(true))), method, uri, body)
}

fn header(answer: &Answer, name: HeaderName) -> &str {
    answer.headers()[name].to_str().unwrap()
}

#[test]
fn metrics_are_text_0_0_4() {
    for uri in ["/metrics", "/metrics?x=1", "http://node7:8080/metrics"] {
        let (answer, text) = ask("GET", uri, "");
        assert_eq!(answer.status(), StatusCode::OK);
        let kind = header(&answer, CONTENT_TYPE);
        assert_eq!(kind, "text/plain; version=0.0.4");
        assert_eq!(header(&answer, VARY), "Accept, Accept-Encoding");
        assert!(text.ends_with('\n'));
        assert!(text.contains("\nflux_test 0\n"), "{text}");
    }
}

#[test]
fn metrics_are_openmetrics_for_who_asks() {
    let site = site(Arc::new(AtomicBool::new(true)));
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";
    for method in ["GET", "HEAD"] {
        let request = Request::builder()
            .method(method)
            .uri("/metrics")
            .header("Accept", accept);
        let (answer, text) = send(&site, request, "");
        assert_eq!(answer.status(), StatusCode::OK);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(header(&answer, CONTENT_TYPE), kind);
        assert_eq!(header(&answer, VARY), "Accept, Accept-Encoding");
        assert!(text.starts_with("# TYPE flux_"), "{text}");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        assert!(text.contains("\nflux_test 0\n"), "{text}");
    }
    // the site's own counters began with it
    let request = Request::builder().uri("/metrics").header("Accept", accept);
    let (_, text) = send(&site, request, "");
    let name = "\nflux_exporter_scrape_duration_seconds_created ";
    let created = text.split_once(name).unwrap().1.lines().next().unwrap();
    let created: f64 = created.parse().unwrap();
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    // it has milliseconds, perhaps of the next one
    assert!((-0.001..600.0).contains(&(since - created)), "{created}");
    // other pages come in one kind
    let request = Request::builder().uri("/healthz").header("Accept", accept);
    let (answer, _) = send(&site, request, "");
    assert_eq!(header(&answer, CONTENT_TYPE), TEXT);
    assert!(!answer.headers().contains_key(VARY));
}

#[test]
fn health_and_readiness() {
    let ready = Arc::new(AtomicBool::new(false));
    let site = site(ready.clone());
    let (answer, text) = ask_of(&site, "GET", "/readyz", "");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text, "no baseline yet\n");
    let (answer, text) = ask_of(&site, "GET", "/healthz", "");
    assert_eq!((answer.status(), &*text), (StatusCode::OK, "ok\n"));
    ready.store(true, Ordering::Relaxed);
    let (answer, text) = ask_of(&site, "GET", "/readyz", "");
    assert_eq!((answer.status(), &*text), (StatusCode::OK, "ready\n"));
}

#[test]
fn the_page_escapes_and_loads_nothing() {
    let (answer, text) = ask("GET", "/", "");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, CONTENT_TYPE), "text/html; charset=utf-8");
    assert!(text.contains("1.2.3"));
    assert!(text.contains("&lt;0&gt;"), "{text}");
    for link in PATHS.iter().filter(|p| **p != "/") {
        let href = format!("href=\"{}\"", link.trim_start_matches('/'));
        assert!(text.contains(&href), "{text}");
    }
    // these are names, not addresses
    let text = text.replace("http://www.w3.org/", "");
    for outside in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!text.contains(outside), "{outside}");
    }
    let policy = header(&answer, CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
}

#[test]
fn autoscalers_are_answered_in_json() {
    let site = site(Arc::new(AtomicBool::new(false)));
    let metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/x/flux_jobs";
    for (uri, code) in [
        ("/autoscale", 503),
        ("/apis", 200),
        ("/apis/custom.metrics.k8s.io/v1beta2?timeout=32s", 200),
        (metric, 503),
        ("/apis/x", 404),
    ] {
        let (answer, text) = ask_of(&site, "GET", uri, "");
        assert_eq!(answer.status(), code, "{uri}");
        assert_eq!(header(&answer, CONTENT_TYPE), "application/json");
        assert_eq!(answer.headers().contains_key(RETRY_AFTER), code == 503);
        let value: Value = serde_json::from_str(&text).unwrap();
        let why = "no baseline yet";
        assert_eq!(value.to_string().contains(why), code == 503, "{value}");
        let (head, _) = ask_of(&site, "HEAD", uri, "");
        assert_eq!(head.status(), code);
    }
    let count = |path, code| site.counts().requests.get(path, code);
    assert_eq!((count("/apis", 200), count("/apis", 404)), (4, 2));
    assert_eq!(count("/autoscale", 503), 2);
}

/// As those that are rendered do.
#[test]
fn answers_to_autoscalers_count_while_they_are_read() {
    let site = site(Arc::new(AtomicBool::new(true)));
    let limits = Limits { rendered_bytes: 1, ..Limits::default() };
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = |uri: &str| {
        let request = Request::builder().uri(uri).header("Host", "x");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let deadline = Deadline::new(request.headers());
        let answer = answer(&site, &limits, &request, View::All, deadline);
        runtime.block_on(answer)
    };
    for uri in ["/apis", "/autoscale"] {
        // one is always made
        let held = ask(uri);
        assert_ne!(held.headers()[CONTENT_TYPE], TEXT);
        for other in ["/apis", "/autoscale", "/metrics"] {
            let answer = ask(other);
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(header(&answer, CONTENT_TYPE), TEXT, "{other}");
            assert_eq!(header(&answer, RETRY_AFTER), "1");
        }
        drop(held);
        assert_eq!(ask("/apis").status(), StatusCode::OK);
    }
}

#[test]
fn refusals() {
    for (method, uri, body, code) in [
        ("GET", "/metric", "", 404),
        ("GET", "/metrics/", "", 404),
        ("GET", "/apisx", "", 404),
        ("POST", "/nothing", "", 404),
        ("OPTIONS", "*", "", 404),
        ("CONNECT", "node7:80", "", 404),
        ("POST", "/metrics", "", 405),
        ("DELETE", "/", "", 405),
        ("POST", "/apis/x", "", 405),
        ("GET", "/metrics", "x", 413),
        ("POST", "/metrics", "x", 413),
    ] {
        let (answer, text) = ask(method, uri, body);
        assert_eq!(answer.status(), code, "{method} {uri}");
        assert_eq!(header(&answer, CONTENT_TYPE), TEXT);
        assert!(text.ends_with('\n') && text.len() > 10, "{text}");
        match code {
            405 => assert_eq!(header(&answer, ALLOW), "GET, HEAD"),
            413 => assert_eq!(header(&answer, CONNECTION), "close"),
            _ => (),
        }
    }
}

#[test]
fn requests_are_counted_under_few_names() {
    let site = site(Arc::new(AtomicBool::new(true)));
    ask_of(&site, "GET", "/metrics", "");
    for n in 0..10 {
        ask_of(&site, "GET", &format!("/{n}"), "");
    }
    let count = |path, code| site.counts().requests.get(path, code);
    assert_eq!(count("/metrics", 200), 1);
    assert_eq!(count("other", 404), 10);
    assert_eq!(site.counts().scrape_seconds.count(), 1);
}
