//! A server, and clients that speak to it in bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flux_prometheus::http::{
    About, Address, Bound, Limits, Server, Site, bind,
};
use prometheus::{IntGauge, Registry};

/// Far more than anything takes; only a failing test waits that long.
pub const LONG: Duration = Duration::from_secs(20);

/// What a prompt stop takes at most, on a machine that is busy with tests.
pub const PROMPT: Duration = Duration::from_secs(5);

pub struct Fixture {
    pub registry: Registry,
    pub ready: Arc<AtomicBool>,
    pub site: Arc<Site>,
    pub server: Server,
    pub address: SocketAddr,
}

impl Fixture {
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// One request on a connection of its own; all that comes back.
    pub fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        rest(&mut stream)
    }

    pub fn get(&self, path: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    }

    pub fn open(&self) -> i64 {
        self.site.counts().connections.get()
    }

    pub fn count(&self, path: &str, code: &str) -> u64 {
        self.site.counts().requests.get(path, code.parse().unwrap())
    }

    pub fn stop(self) {
        let begin = Instant::now();
        self.server.stop(LONG).unwrap();
        assert!(begin.elapsed() < PROMPT, "{:?}", begin.elapsed());
        // nothing holds the address or the site any more
        bind(self.address).unwrap();
        assert_eq!(self.site.counts().connections.get(), 0);
        assert_eq!(Arc::strong_count(&self.site), 1);
    }
}

/// Shows each scrape what is so at that moment.
pub fn start(limits: Limits) -> Fixture {
    start_sharing(Limits { shared: Duration::ZERO, ..limits })
}

pub fn start_sharing(limits: Limits) -> Fixture {
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

pub fn local() -> TcpListener {
    bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

pub fn tcp(address: Address) -> SocketAddr {
    match address {
        Address::Tcp(address) => address,
        Address::Unix(_) => panic!("{address} is a path"),
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Reads until the server closes.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads until the server closes, cleanly or not.
pub fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(e) = stream.read_to_end(&mut bytes) {
        assert_ne!(e.kind(), io::ErrorKind::WouldBlock, "still open");
    }
    bytes
}

/// Reads one answer with a body; the connection stays open.
pub fn answer(stream: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = header(&head, "content-length").parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

pub fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .unwrap_or_else(|| panic!("no {name} in {head}"))
        .1
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A family whose help text is as large as asked for: a large answer that is
/// cheap to make.
pub fn large(registry: &Registry, bytes: usize) {
    let gauge = IntGauge::new("flux_large", "x".repeat(bytes)).unwrap();
    registry.register(Box::new(gauge)).unwrap();
}

/// A client with a receive buffer so small that a large answer cannot hide in
/// it.
pub fn slow_reader(address: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

pub const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
