//! Passwords and tokens.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use flux_prometheus::http::Limits;
use flux_prometheus::http::access::Settings;

use crate::endpoint::{Endpoint, Folder, curl, wait_until};
use crate::settings::{rest, with_users};

#[test]
fn passwords() {
    let e = Endpoint::start(Limits::default(), with_users(Settings::default()));
    for (user, status) in [
        ("prom:secret", 200),
        ("prom:secret", 200),
        ("prom:Secret", 401),
        ("prom:", 401),
        ("other:secret", 401),
    ] {
        assert_eq!(e.status("http", &["--user", user]), status, "{user}");
    }
    let (status, answer) = e.curl("http", &["--include"]);
    assert_eq!(status, 401);
    let head = answer.to_lowercase();
    assert!(head.contains("www-authenticate: basic realm="), "{answer}");
    assert!(!answer.contains("flux_"), "{answer}");
    let said = "who are you? a name and a password, please\n";
    assert!(answer.ends_with(said), "{answer}");
    // all pages are behind it
    for path in ["", "healthz", "readyz", "nothing"] {
        let url = format!("http://localhost:{}/{path}", e.address.port());
        assert_eq!(curl(&[&url]).0, 401, "{path}");
    }
    assert_eq!(e.count("/metrics", "401"), 4);
    e.stop();
}

/// Nor a place, by asking again and again.
#[test]
fn who_is_refused_is_closed() {
    let e = Endpoint::start(Limits::default(), with_users(Settings::default()));
    let mut stream = TcpStream::connect(e.address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // to its end
    let answer = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    e.stop();
}

/// bcrypt takes a second at this cost, on a fast machine.
const SLOW: &str =
    "$2b$14$dO5DhHTldFNkuMEyvXUNW.PbmvK9oOX7BThGlZCRGvVvqQ36m9dZi";

#[test]
fn guessing_passwords_holds_up_nobody() {
    let folder = Folder::new();
    let token = folder.write("token", "0123456789abcdef");
    let settings = Settings {
        basic_auth_users: [("prom".to_owned(), SLOW.to_owned())].into(),
        bearer_token_file: Some(token),
        ..Settings::default()
    };
    let e = Endpoint::start(Limits::default(), settings);
    let guess = || {
        let mut stream = TcpStream::connect(e.address).unwrap();
        stream
            .write_all(
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                  Authorization: Basic YTpi\r\n\r\n",
            )
            .unwrap();
        stream
    };
    let mut first = guess();
    wait_until("it came in", || e.site.counts().connections.get() == 1);
    // one at a time from an address; the next is not queued
    let answer = String::from_utf8(rest(&mut guess())).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    // who needs no bcrypt is served meanwhile
    for _ in 0..5 {
        let mut stream = TcpStream::connect(e.address).unwrap();
        stream
            .write_all(
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                  Authorization: Bearer 0123456789abcdef\r\n\r\n",
            )
            .unwrap();
        assert!(rest(&mut stream).starts_with(b"HTTP/1.1 200 "));
    }
    assert_eq!(e.count("/metrics", "401"), 0, "the guess is still checked");
    assert!(rest(&mut first).starts_with(b"HTTP/1.1 401 "));
    // and the server ends with one under way, its thread joined
    let _last = guess();
    wait_until("it came in", || e.site.counts().connections.get() == 1);
    e.stop();
}

/// Who waits for an answer waits for the check of the password too.
#[test]
fn an_answer_that_a_check_makes_late_is_none() {
    // a thousand rounds, which no machine does in a millisecond
    let hash = bcrypt::hash("secret", 10).unwrap();
    let settings = Settings {
        basic_auth_users: [("prom".to_owned(), hash)].into(),
        ..Settings::default()
    };
    let e = Endpoint::start(Limits::default(), settings);
    let ask = |seconds: &str| {
        let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {seconds}");
        e.status("http", &["--user", "prom:secret", "--header", &header])
    };
    assert_eq!(ask("0.001"), 503);
    assert_eq!(ask("60"), 200);
    e.stop();
}

#[test]
fn a_token() {
    let folder = Folder::new();
    let token = folder.write("token", "0123456789abcdef\n");
    let settings =
        Settings { bearer_token_file: Some(token), ..Settings::default() };
    let e = Endpoint::start(Limits::default(), settings);
    let ask = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        e.status("http", &["--header", &header])
    };
    assert_eq!(ask("0123456789abcdef"), 200);
    assert_eq!(ask("0123456789abcdeF"), 401);
    let (status, answer) = e.curl("http", &[]);
    assert_eq!(status, 401);
    assert_eq!(answer, "who are you? a token, please\n");
    folder.write("token", "another-secret-word");
    wait_until("the new one is used", || ask("another-secret-word") == 200);
    assert_eq!(ask("0123456789abcdef"), 401);
    // one that others can read is not: they may have
    let path = folder.write("token", "a-third-secret-word");
    let all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path, all).unwrap();
    wait_until("it is refused", || {
        assert_eq!(ask("another-secret-word"), 200);
        e.site.counts().files_refused.get() >= 1
    });
    assert_eq!(ask("a-third-secret-word"), 401);
    e.stop();
}
