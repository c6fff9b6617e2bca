//! Requests that are refused, and odd ones that are not.

use std::io::{BufReader, Write};
use std::net::Shutdown;

use flux_prometheus::http::Limits;

use crate::fixture::{GET, answer, header, rest, start};

#[test]
fn a_body_is_refused_and_the_refusal_arrives() {
    let f = start(Limits::default());
    let body = "x".repeat(100_000);
    for head in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let text = f.send(&format!(
            "GET /metrics HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}"
        ));
        assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
        assert_eq!(header(&text, "connection"), "close");
    }
    // one that asks first is told before it sends anything
    let text = f.send(
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    f.stop();
}

#[test]
fn what_is_not_http_is_400() {
    let f = start(Limits::default());
    for garbage in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        // a TLS hello
        "\x16\x03\x01\x02\x00\x01\x00\x01",
    ] {
        let text = f.send(garbage);
        assert!(text.starts_with("HTTP/1.1 400 "), "{garbage:?}: {text}");
    }
    assert_eq!(f.count("other", "400"), 6);
    // HTTP/2 with prior knowledge: closed
    f.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(f.get("/metrics").starts_with("HTTP/1.1 200 "));
    f.stop();
}

#[test]
fn a_host_is_named_once() {
    let f = start(Limits::default());
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n"] {
        let text = f.send(&format!("GET /healthz HTTP/1.1\r\n{hosts}\r\n"));
        assert!(text.starts_with("HTTP/1.1 400 "), "{hosts}: {text}");
        assert_eq!(header(&text, "connection"), "close");
    }
    // HTTP/1.0 knows of none
    let text = f.send("GET /healthz HTTP/1.0\r\n\r\n");
    assert!(text.starts_with("HTTP/1.0 200 "), "{text}");
    f.stop();
}

#[test]
fn headers_have_a_size() {
    let f = start(Limits::default());
    let long = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    let many = "X: y\r\n".repeat(65);
    for headers in [long, many] {
        let text = f.send(&format!("GET /metrics HTTP/1.1\r\n{headers}\r\n"));
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    }
    assert_eq!(f.count("other", "431"), 2);
    // a browser with its cookies gets through
    let cookie = "x".repeat(8 * 1024);
    let text = f.send(&format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\
         Connection: close\r\n\r\n"
    ));
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    f.stop();
}

#[test]
fn http_1_0_and_clients_that_close_their_half() {
    let f = start(Limits::default());
    let text = f.send("GET /metrics HTTP/1.0\r\n\r\n");
    assert!(text.starts_with("HTTP/1.0 200 "), "{text}");
    let mut stream = f.connect();
    stream.write_all(GET).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200 "));
    f.stop();
}

#[test]
fn a_connection_serves_many_requests() {
    let f = start(Limits::default());
    let mut stream = BufReader::new(f.connect());
    for path in ["/metrics", "/nothing", "/healthz", "/metrics"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        answer(&mut stream);
    }
    // and several sent at once
    stream.get_mut().write_all(&GET.repeat(20)).unwrap();
    for _ in 0..20 {
        let (head, _) = answer(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
    assert_eq!(f.open(), 1);
    f.stop();
}

#[test]
fn but_not_for_ever() {
    let f = start(Limits { requests: 3, ..Limits::default() });
    let mut stream = f.connect();
    stream.write_all(&GET.repeat(5)).unwrap();
    let text = rest(&mut stream);
    assert_eq!(text.matches("HTTP/1.1 200 ").count(), 3);
    assert_eq!(text.matches("connection: close").count(), 1);
    f.stop();
}
