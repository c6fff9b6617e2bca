//! What a client can hold, and for how long.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flux_prometheus::http::Limits;

use crate::fixture::{
    GET, LONG, answer, closed, header, large, rest, slow_reader, start,
    wait_until,
};

#[test]
fn a_header_has_to_come_to_its_end() {
    let header = Duration::from_millis(200);
    let f = start(Limits { header, ..Limits::default() });
    // not a byte; a part; a part after a complete request
    for begin in [&b""[..], b"GET /metrics HT"] {
        let mut stream = f.connect();
        stream.write_all(begin).unwrap();
        assert_eq!(closed(&mut stream), b"");
    }
    let mut stream = BufReader::new(f.connect());
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    stream.get_mut().write_all(b"GET ").unwrap();
    assert_eq!(closed(stream.get_mut()), b"");
    // one byte at a time does not help
    let begin = Instant::now();
    let mut stream = f.connect();
    while stream.write_all(b"x").is_ok() {
        assert!(begin.elapsed() < LONG, "kept open by drips");
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_until("all closed", || f.open() == 0);
    f.stop();
}

/// For how long it may, `src/http/socket/tests.rs` has.
#[test]
fn an_idle_connection_outlives_the_header_timeout() {
    let header = Duration::from_millis(200);
    let f = start(Limits { header, ..Limits::default() });
    let mut stream = BufReader::new(f.connect());
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    // the point of this one is that time passes
    std::thread::sleep(2 * header);
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    f.stop();
}

#[test]
fn who_does_not_read_is_cut() {
    let write = Duration::from_millis(200);
    let f = start(Limits { write, ..Limits::default() });
    large(&f.registry, 32 << 20);
    let mut stream = slow_reader(f.address);
    stream.write_all(GET).unwrap();
    wait_until("accepted", || f.count("/metrics", "200") == 1);
    wait_until("cut", || f.open() == 0);
    assert!(closed(&mut stream).len() < 32 << 20);
    // who reads gets all of it
    assert!(f.get("/metrics").len() > 32 << 20);
    f.stop();
}

#[test]
fn slow_readers_cannot_fill_the_memory() {
    let limits = Limits { rendered_bytes: 40 << 20, ..Limits::default() };
    let f = start(limits);
    large(&f.registry, 32 << 20);
    let mut slow = slow_reader(f.address);
    slow.write_all(GET).unwrap();
    wait_until("served", || f.count("/metrics", "200") == 1);
    let text = f.get("/metrics");
    assert!(text.starts_with("HTTP/1.1 503 "), "{text:.100}");
    assert_eq!(header(&text, "retry-after"), "1");
    drop(slow);
    wait_until("given up", || f.open() == 0);
    assert!(f.get("/metrics").starts_with("HTTP/1.1 200 "));
    f.stop();
}

#[test]
fn connections_are_limited_and_the_limit_recovers() {
    let f = start(Limits { connections: 3, ..Limits::default() });
    let mut held: Vec<TcpStream> = (0..3).map(|_| f.connect()).collect();
    wait_until("three open", || f.open() == 3);
    let text = rest(&mut f.connect());
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(text.ends_with("\r\n\r\ntoo many open connections\n"), "{text}");
    assert_eq!(f.site.counts().refused.get(), 1);
    // those that are in are served
    held[0].write_all(GET).unwrap();
    answer(&mut BufReader::new(held.remove(0)));
    wait_until("one left", || f.open() == 2);
    assert!(f.get("/metrics").starts_with("HTTP/1.1 200 "));
    f.stop();
}

#[test]
fn idle_connections_make_room() {
    let idle_crowded = Duration::from_millis(200);
    let f = start(Limits { connections: 4, idle_crowded, ..Limits::default() });
    let mut idle: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = BufReader::new(f.connect());
            stream.get_mut().write_all(GET).unwrap();
            answer(&mut stream);
            stream
        })
        .collect();
    // one that came when there was room leaves when there is none
    let mut last = BufReader::new(f.connect());
    wait_until("all places are taken", || f.open() == 4);
    wait_until("a place is free", || f.open() == 3);
    last.get_mut().write_all(GET).unwrap();
    answer(&mut last);
    // the others may stay
    let stayed = idle.iter_mut().filter_map(|stream| {
        let mut line = String::new();
        stream.get_mut().write_all(GET).ok()?;
        stream.read_line(&mut line).ok().filter(|length| *length > 0)
    });
    assert_eq!(stayed.count(), 2);
    f.stop();
}

#[test]
fn who_lingers_is_closed() {
    let linger = Duration::from_millis(100);
    let f = start(Limits { linger, ..Limits::default() });
    let mut stream = f.connect();
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.0 200 "));
    // this end is still open
    wait_until("closed", || f.open() == 0);
    drop(stream);
    f.stop();
}
