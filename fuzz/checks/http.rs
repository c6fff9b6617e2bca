//! Bytes to the real server over a socket: it answers or closes, what it
//! says is HTTP, and of a connection nothing remains. Who does not send the
//! token or the password of a server that asks for them is shown nothing.
//!
//! The first byte of the input says in how many pieces the rest is sent, and
//! to which of two servers.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use flux_prometheus::http::access::Settings;
use flux_prometheus::http::{
    About, Access, Address, Bound, Limits, Server, Site, bind,
};
use prometheus::{IntGaugeVec, Opts, Registry};

/// Far more than anything takes, on a machine that has no time for it too.
const LONG: Duration = Duration::from_secs(120);

/// `prom:open sesame`, for `Authorization`, and a token.
const SECRETS: [&str; 2] =
    ["cHJvbTpvcGVuIHNlc2FtZQ", "open-sesame-open-sesame"];

/// Of the least cost.
const HASH: &str =
    "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";

struct Fixture {
    site: Arc<Site>,
    address: SocketAddr,
    _server: Mutex<Server>,
}

impl Fixture {
    fn new(settings: Settings) -> Self {
        let about =
            About { name: "x".into(), version: "0".into(), facts: Vec::new() };
        let registry = Registry::new();
        let opts = Opts::new("flux_queue_pending_jobs", "Jobs.");
        let jobs = IntGaugeVec::new(opts, &["queue"]).unwrap();
        jobs.with_label_values(&["batch"]).set(2);
        registry.register(Box::new(jobs)).unwrap();
        let site = Site::new(registry, Arc::new(|| Ok(())), about);
        let site = Arc::new(site.unwrap());
        // waiting for more is tried elsewhere
        let limits = Limits {
            linger: Duration::from_millis(20),
            requests: 20,
            ..Limits::default()
        };
        let mut server = Server::start(site.clone(), limits, "http").unwrap();
        let access = Access::new(settings).unwrap();
        server.set_rules(limits, Arc::new(access));
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = match server.listen(Bound::Tcp(listener)).unwrap() {
            Address::Tcp(address) => address,
            Address::Unix(path) => panic!("{}", path.display()),
        };
        Self { site, address, _server: Mutex::new(server) }
    }
}

/// One that is open to all, and one that is not.
fn fixtures() -> &'static [Fixture; 2] {
    static FIXTURES: OnceLock<[Fixture; 2]> = OnceLock::new();
    FIXTURES.get_or_init(|| {
        let name = format!("flux-prometheus-http-{}", std::process::id());
        let token = std::env::temp_dir().join(name);
        std::fs::write(&token, SECRETS[1]).unwrap();
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&token, owner_only).unwrap();
        let guarded = Fixture::new(Settings {
            basic_auth_users: [("prom".into(), HASH.into())].into(),
            bearer_token_file: Some(token.clone()),
            ..Settings::default()
        });
        // what was read stays in use
        std::fs::remove_file(token).unwrap();
        [Fixture::new(Settings::default()), guarded]
    })
}

pub fn check(data: &[u8]) {
    let Some((&pieces, bytes)) = data.split_first() else { return };
    let is_guarded = pieces & 4 != 0;
    let fixture = &fixtures()[usize::from(is_guarded)];
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
        let shown = answers(&answer);
        let has = |secret: &&str| find(bytes, secret.as_bytes()).is_some();
        assert!(!is_guarded || !shown || SECRETS.iter().any(has));
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

/// Whole answers and nothing else; whether any shows something.
fn answers(mut bytes: &[u8]) -> bool {
    let mut shown = false;
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").expect("a header");
        let head = std::str::from_utf8(&bytes[..end]).expect("UTF-8");
        bytes = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        let code = status.strip_prefix("HTTP/1.1 ");
        let code = code.or(status.strip_prefix("HTTP/1.0 ")).expect(status);
        let known = ["200", "400", "401", "404", "405", "413", "431", "503"];
        assert!(known.contains(&&code[..3]), "{status}");
        shown |= !["400", "401", "413", "431", "503"].contains(&&code[..3]);
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
    shown
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
