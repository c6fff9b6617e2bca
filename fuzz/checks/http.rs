//! Bytes to the real server over a socket: it answers or closes, what it
//! says is HTTP, and of a connection nothing remains.
//!
//! The first byte of the input says in how many pieces the rest is sent.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use flux_prometheus::http::{
    About, Address, Bound, Limits, Server, Site, bind,
};
use prometheus::Registry;

/// Far more than anything takes.
const LONG: Duration = Duration::from_secs(10);

struct Fixture {
    site: Arc<Site>,
    address: SocketAddr,
    _server: Mutex<Server>,
}

fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let about =
            About { name: "x".into(), version: "0".into(), facts: Vec::new() };
        let site = Site::new(Registry::new(), Arc::new(|| Ok(())), about);
        let site = Arc::new(site.unwrap());
        // waiting for more is tried elsewhere
        let limits = Limits {
            linger: Duration::from_millis(20),
            requests: 20,
            ..Limits::default()
        };
        let mut server = Server::start(site.clone(), limits, "http").unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = match server.listen(Bound::Tcp(listener)).unwrap() {
            Address::Tcp(address) => address,
            Address::Unix(path) => panic!("{}", path.display()),
        };
        Fixture { site, address, _server: Mutex::new(server) }
    })
}

pub fn check(data: &[u8]) {
    let Some((&pieces, bytes)) = data.split_first() else { return };
    let fixture = fixture();
    let mut stream = TcpStream::connect(fixture.address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream.set_nodelay(true).unwrap();
    let size = bytes.len().div_ceil(usize::from(pieces % 4) + 1).max(1);
    // a server that has enough may close first
    let sent = bytes.chunks(size).try_for_each(|c| stream.write_all(c));
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let reset = match stream.read_to_end(&mut answer) {
        Ok(_) => sent.is_err(),
        Err(e) if e.kind() == ErrorKind::ConnectionReset => true,
        Err(e) => panic!("neither an answer nor an end: {e}"),
    };
    // what is on its way when it is reset may get lost
    if !reset {
        answers(&answer);
    }
    // a reset leaves no port waiting
    socket_reset(&stream);
    drop(stream);
    let until = Instant::now() + LONG;
    while fixture.site.counts().connections.get() > 0 {
        assert!(Instant::now() < until, "the connection is still there");
        std::thread::yield_now();
    }
}

fn socket_reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Whole answers and nothing else.
fn answers(mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").expect("a header");
        let head = std::str::from_utf8(&bytes[..end]).expect("UTF-8");
        bytes = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        let code = status.strip_prefix("HTTP/1.1 ");
        let code = code.or(status.strip_prefix("HTTP/1.0 ")).expect(status);
        let known = ["200", "400", "404", "405", "413", "431", "503"];
        assert!(known.contains(&&code[..3]), "{status}");
        let mut length = 0;
        for line in lines {
            let (name, value) = line.split_once(": ").expect(line);
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().expect(line);
            }
        }
        // HEAD has a length and no body: the next answer follows at once
        if bytes.len() < length || bytes.starts_with(b"HTTP/1.") {
            assert!(bytes.is_empty() || bytes.starts_with(b"HTTP/1."));
            continue;
        }
        bytes = &bytes[length..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
