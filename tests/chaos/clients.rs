//! Clients, good and bad, until they are told to stop.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::instance::scrape;

const SCRAPERS: u64 = 50;

/// What the clients met.
#[derive(Default, Debug)]
pub struct Met {
    /// Pages that were whole, and right in what can be checked of one.
    pub scrapes: AtomicU64,
    /// Turned away, with 503.
    pub refused: AtomicU64,
    /// No connection, or one that broke: the module was away.
    pub away: AtomicU64,
    /// Connections of those who mean no good.
    pub hostile: AtomicU64,
}

fn count(of: &AtomicU64) {
    of.fetch_add(1, Ordering::Relaxed);
}

/// All clients.
pub struct Clients {
    pub met: Arc<Met>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Clients {
    pub fn start(address: SocketAddr) -> Clients {
        let met = Arc::new(Met::default());
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let mut start = |f: fn(&mut Client), seed: u64| {
            let mut client =
                Client { address, met: met.clone(), random: Random(seed) };
            let stop = stop.clone();
            threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    f(&mut client);
                }
            }));
        };
        for seed in 0..SCRAPERS {
            start(Client::scrape, seed);
        }
        let bad = [
            Client::garbage,
            Client::slow_header,
            Client::slow_reader,
            Client::half_open,
            Client::flood,
            Client::reset,
        ];
        for (seed, f) in (100..).zip(bad) {
            start(f, seed);
        }
        Clients { met, stop, threads }
    }

    /// Stops them; fails with what any of them saw that must not be.
    pub fn stop(self) -> Arc<Met> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.into_iter();
        let failed = threads.filter_map(|thread| thread.join().err()).count();
        assert_eq!(failed, 0, "clients were answered wrongly: see above");
        self.met
    }
}

/// Knuth's MMIX generator; the high bits are good enough here.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn bytes(&mut self, n: u64) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }
}

struct Client {
    address: SocketAddr,
    met: Arc<Met>,
    random: Random,
}

impl Client {
    fn connect(&mut self) -> Option<TcpStream> {
        let stream = TcpStream::connect(self.address);
        let Ok(stream) = stream else {
            count(&self.met.away);
            self.pause(200);
            return None;
        };
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        Some(stream)
    }

    fn pause(&mut self, most: u64) {
        let wait = Duration::from_millis(self.random.below(most));
        std::thread::sleep(wait);
    }

    /// Scrapes a few times over one connection, as a Prometheus would.
    fn scrape(&mut self) {
        let accept = match self.random.below(3) {
            0 => "application/openmetrics-text;version=1.0.0",
            1 => "text/plain",
            _ => "*/*",
        };
        let gzip = self.random.below(2) == 0;
        let encoding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let Some(mut stream) = self.connect() else { return };
        for _ in 0..=self.random.below(4) {
            let request = format!(
                "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\
                 {encoding}\r\n"
            );
            let sent = stream.write_all(request.as_bytes()).is_ok();
            let Some((head, body)) =
                sent.then(|| answer(&mut stream)).flatten()
            else {
                count(&self.met.away);
                break;
            };
            match head.split(' ').nth(1) {
                Some("200") => {
                    check(&head, &body);
                    count(&self.met.scrapes);
                }
                Some("503") => {
                    assert!(head.contains("Retry-After") || body.len() < 200);
                    count(&self.met.refused);
                    break;
                }
                _ => panic!("{head}"),
            }
            self.pause(1_500);
        }
        self.pause(500);
    }

    fn garbage(&mut self) {
        let Some(mut stream) = self.connect() else { return };
        let n = self.random.below(40_000);
        let mut bytes = self.random.bytes(n);
        if self.random.below(2) == 0 {
            bytes.splice(0..0, *b"GET /metrics HTTP/1.1\r\nX: ");
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        self.hostile(20);
    }

    fn hostile(&mut self, pause: u64) {
        count(&self.met.hostile);
        self.pause(pause);
    }

    /// A byte now and then, until the server has had enough.
    fn slow_header(&mut self) {
        let Some(mut stream) = self.connect() else { return };
        for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: yyyyyyyyyyyyyyy" {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            self.pause(300);
        }
        self.hostile(1);
    }

    /// Asks for a lot and takes a little of it.
    fn slow_reader(&mut self) {
        let Some(mut stream) = self.connect() else { return };
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        let _ = stream.write_all(&request.repeat(200));
        for _ in 0..10 {
            if stream.read(&mut [0; 512]).unwrap_or(0) == 0 {
                break;
            }
            self.pause(500);
        }
        self.hostile(1);
    }

    /// Says nothing, or half of something, and stays.
    fn half_open(&mut self) {
        let Some(mut stream) = self.connect() else { return };
        match self.random.below(3) {
            0 => drop(stream.write_all(b"GET /met")),
            1 => drop(stream.shutdown(Shutdown::Write)),
            _ => {}
        }
        self.pause(5_000);
        self.hostile(1);
    }

    /// More connections at once than are allowed.
    fn flood(&mut self) {
        let all: Vec<_> = (0..150).filter_map(|_| self.connect()).collect();
        self.pause(1_500);
        let n = all.len() as u64;
        self.met.hostile.fetch_add(n, Ordering::Relaxed);
        drop(all);
        self.pause(6_000);
    }

    /// Asks and is gone.
    fn reset(&mut self) {
        let Some(mut stream) = self.connect() else { return };
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        let none = Some(Duration::ZERO);
        let _ = socket2::SockRef::from(&stream).set_linger(none);
        drop(stream);
        self.hostile(50);
    }
}

/// Reads one answer; none when the connection broke.
pub fn answer(stream: &mut impl Read) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let lower = head.to_ascii_lowercase();
            let (_, length) = lower.split_once("content-length: ")?;
            let length = length.lines().next()?;
            let length: usize = length.trim().parse().unwrap();
            let body = &bytes[end + 4..];
            assert!(body.len() <= length, "more than was announced");
            if body.len() == length {
                return Some((head, body.to_vec()));
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend(&part[..n]),
        }
    }
}

/// What can be said of a page on its own.
pub fn check(head: &str, body: &[u8]) {
    if head.to_ascii_lowercase().contains("content-encoding: gzip") {
        let mut whole = Vec::new();
        flate2::read::GzDecoder::new(body).read_to_end(&mut whole).unwrap();
        return check("", &whole);
    }
    let text = std::str::from_utf8(body).unwrap();
    if head.contains("openmetrics") {
        assert!(text.ends_with("# EOF\n"), "the end is missing");
    }
    let page = scrape::parse(text);
    for (family, sum) in [("flux_nodes", 4.0), ("flux_cores", 32.0)] {
        if page.has(family) {
            assert_eq!(page.sum(family, &[]), sum, "{family} by state");
        }
    }
}
