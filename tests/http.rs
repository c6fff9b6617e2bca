//! The server on real sockets, fed with raw bytes: what a client can do to
//! it, and what it must not be able to do.
#![allow(clippy::unwrap_used)]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use flux_prometheus::http::{
    About, Address, Bound, Limits, Server, Site, bind,
};
use prometheus::{
    Counter, IntCounter, IntGauge, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Far more than anything takes; only a failing test waits that long.
const LONG: Duration = Duration::from_secs(20);

/// What a prompt stop takes at most, on a machine that is busy with tests.
const PROMPT: Duration = Duration::from_secs(5);

struct Fixture {
    registry: Registry,
    ready: Arc<AtomicBool>,
    site: Arc<Site>,
    server: Server,
    address: SocketAddr,
}

/// Shows each scrape what is so at that moment.
fn start(limits: Limits) -> Fixture {
    start_sharing(Limits { shared: Duration::ZERO, ..limits })
}

fn start_sharing(limits: Limits) -> Fixture {
    let registry = Registry::new();
    let ready = Arc::new(AtomicBool::new(true));
    let flag = ready.clone();
    let about = About {
        name: "prometheus".into(),
        version: "0".into(),
        facts: Vec::new(),
    };
    let ready_now = move || match flag.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err("starting".to_string()),
    };
    let site = Site::new(registry.clone(), Arc::new(ready_now), about).unwrap();
    let site = Arc::new(site);
    let mut server = Server::start(site.clone(), limits, "prom-http").unwrap();
    let address = tcp(server.listen(Bound::Tcp(local())).unwrap());
    Fixture { registry, ready, site, server, address }
}

fn local() -> TcpListener {
    bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn tcp(address: Address) -> SocketAddr {
    match address {
        Address::Tcp(address) => address,
        Address::Unix(_) => panic!("{address} is a path"),
    }
}

impl Fixture {
    fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// One request on a connection of its own; all that comes back.
    fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        rest(&mut stream)
    }

    fn get(&self, path: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    fn open(&self) -> i64 {
        self.site.counts().connections.get()
    }

    fn count(&self, path: &str, code: &str) -> u64 {
        self.site.counts().requests.with_label_values(&[path, code]).get()
    }

    fn stop(self) {
        let begin = Instant::now();
        self.server.stop(LONG).unwrap();
        assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
        // nothing holds the address or the site any more
        bind(self.address).unwrap();
        assert_eq!(self.site.counts().connections.get(), 0);
        assert_eq!(Arc::strong_count(&self.site), 1);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads until the server closes.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads until the server closes, cleanly or not.
fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(e) = stream.read_to_end(&mut bytes) {
        assert_ne!(e.kind(), io::ErrorKind::WouldBlock, "still open");
    }
    bytes
}

/// Reads one answer with a body; the connection stays open.
fn answer(stream: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = header(&head, "content-length").parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .unwrap_or_else(|| panic!("no {name} in {head}"))
        .1
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A family whose help text is as large as asked for: a large answer that is
/// cheap to make.
fn large(registry: &Registry, bytes: usize) {
    let gauge = IntGauge::new("flux_large", "x".repeat(bytes)).unwrap();
    registry.register(Box::new(gauge)).unwrap();
}

/// A client with a receive buffer so small that a large answer cannot hide in
/// it.
fn slow_reader(address: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

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
    assert_eq!(f.site.counts().scrape_seconds.get_sample_count(), 1);
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

#[test]
fn an_idle_connection_outlives_the_header_timeout() {
    let ms = Duration::from_millis;
    let limits =
        Limits { header: ms(100), idle: ms(1000), ..Limits::default() };
    let f = start(limits);
    let mut stream = BufReader::new(f.connect());
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    // the point of this one is that time passes
    std::thread::sleep(ms(300));
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    let begin = Instant::now();
    assert_eq!(closed(stream.get_mut()), b"");
    assert!(begin.elapsed() > ms(500), "{:?}", begin.elapsed());
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
    let mut idle: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = BufReader::new(f.connect());
            stream.get_mut().write_all(GET).unwrap();
            answer(&mut stream);
            stream
        })
        .collect();
    // the one that filled the last place leaves it; the others may stay
    assert_eq!(closed(idle.remove(3).get_mut()), b"");
    wait_until("a place is free", || f.open() == 3);
    for stream in &mut idle {
        stream.get_mut().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        answer(stream);
    }
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

#[test]
fn listeners_come_and_go() {
    let mut f = start(Limits::default());
    let second = tcp(f.server.listen(Bound::Tcp(local())).unwrap());
    let mut stream = BufReader::new(connect(second));
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    let listening: Vec<_> = f.server.addresses().cloned().collect();
    assert_eq!(listening, [f.address.into(), second.into()]);

    assert!(f.server.close(&second.into()));
    assert!(!f.server.close(&second.into()), "there is none any more");
    TcpStream::connect(second).unwrap_err();
    // what it accepted goes on, and so does the other
    stream.get_mut().write_all(GET).unwrap();
    answer(&mut stream);
    assert!(f.get("/metrics").starts_with("HTTP/1.1 200 "));

    // the address is free at once
    let again = Bound::Tcp(bind(second).unwrap());
    assert_eq!(tcp(f.server.listen(again).unwrap()), second);
    f.stop();
}

#[test]
fn stop_waits_for_no_client() {
    let f = start(Limits::default());
    large(&f.registry, 32 << 20);
    // says nothing; half a header; idle; mid-answer; half closed; gone
    let _mute = f.connect();
    let mut half = f.connect();
    half.write_all(b"GET /metr").unwrap();
    let mut idle = BufReader::new(f.connect());
    idle.get_mut().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    answer(&mut idle);
    let mut slow = slow_reader(f.address);
    slow.write_all(GET).unwrap();
    let mut part = [0; 1000];
    slow.read_exact(&mut part).unwrap();
    let mut lingering = f.connect();
    lingering.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    wait_until("all are in", || {
        f.open() == 5 && f.count("/metrics", "200") == 1
    });
    f.stop();
    assert!(closed(&mut slow).len() < 32 << 20);
}

#[test]
fn a_server_that_is_dropped_ends_too() {
    let f = start(Limits::default());
    let mut idle = f.connect();
    wait_until("accepted", || f.open() == 1);
    drop(f.server);
    assert_eq!(closed(&mut idle), b"");
    wait_until("the site is let go", || Arc::strong_count(&f.site) == 1);
}

#[test]
fn stop_does_not_wait_for_ever() {
    let f = start(Limits::default());
    let gate = Arc::new(std::sync::Mutex::new(()));
    f.registry.register(Box::new(Gated::new(gate.clone()))).unwrap();
    let shut = gate.lock().unwrap();
    let mut stream = f.connect();
    stream.write_all(GET).unwrap();
    // both hold a reference, and the one in collect() a third
    wait_until("collecting", || Arc::strong_count(&gate) == 3);
    let still = f.server.stop(Duration::from_millis(50)).unwrap_err();
    assert!(!still.thread.is_finished());
    drop(shut);
    still.thread.join().unwrap();
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

#[test]
fn two_servers_do_not_meet() {
    let (a, b) = (start(Limits::default()), start(Limits::default()));
    a.get("/metrics");
    assert_eq!(
        (a.count("/metrics", "200"), b.count("/metrics", "200")),
        (1, 0)
    );
    a.stop();
    assert!(b.get("/metrics").starts_with("HTTP/1.1 200 "));
    b.stop();
}

#[test]
fn servers_leave_nothing_behind() {
    let held = || {
        let count = |path| std::fs::read_dir(path).unwrap().count();
        (count("/proc/self/fd"), count("/proc/self/task"))
    };
    // other tests run beside this one: compare in a process of our own
    const ALONE: &str = "FLUX_PROMETHEUS_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let status =
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "servers_leave_nothing_behind"])
                .arg("--test-threads=1")
                .env(ALONE, "1")
                .status();
        assert!(status.unwrap().success());
        return;
    }
    let before = held();
    for _ in 0..100 {
        let f = start(Limits::default());
        let mut open = f.connect();
        open.write_all(GET).unwrap();
        f.get("/metrics");
        f.stop();
    }
    // a thread that was joined is listed until the kernel has buried it
    let until = Instant::now() + Duration::from_secs(10);
    while held() != before && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!(held(), before);
}

/// Collects only while it can take the lock.
struct Gated(Arc<std::sync::Mutex<()>>, Counter);

impl Gated {
    fn new(gate: Arc<std::sync::Mutex<()>>) -> Self {
        Self(gate, Counter::new("flux_gated", "Waits.").unwrap())
    }
}

impl Collector for Gated {
    fn desc(&self) -> Vec<&Desc> {
        self.1.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let gate = self.0.clone();
        drop(gate.lock());
        self.1.collect()
    }
}

/// Takes longer than some scrapers wait.
struct Slow(Counter);

impl Slow {
    fn new() -> Self {
        Self(Counter::new("flux_slow_total", "Takes its time.").unwrap())
    }
}

impl Collector for Slow {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.collect()
    }
}

/// Panics for as long as the flag is set.
struct Panicking(Arc<AtomicBool>, Counter);

impl Panicking {
    fn new(panics: Arc<AtomicBool>) -> Self {
        Self(panics, Counter::new("flux_panicking", "Panics.").unwrap())
    }
}

impl Collector for Panicking {
    fn desc(&self) -> Vec<&Desc> {
        self.1.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        assert!(!self.0.load(Ordering::Relaxed), "expected by the test");
        self.1.collect()
    }
}
