//! What clients can make the server hold, against what SECURITY.md says: all
//! places taken, by headers and handshakes that do not end and by answers
//! that are not read.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod endpoint;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use endpoint::{Authority, Endpoint, Folder, wait_until};
use flux_prometheus::http::Limits;
use flux_prometheus::http::access::Settings;
use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// The answer, in bytes: larger than what the kernel takes for a connection,
/// so that who does not read makes us keep it.
const PAGE: usize = 8 << 20;

/// What one connection may hold, beside answers: see SECURITY.md.
const CONNECTION: usize = 192 << 10;

/// A client with the smallest of buffers.
fn attacker(server: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&server.into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_write_timeout(Some(endpoint::LONG)).unwrap();
    stream
}

/// Those that there are, as if all of us were somebody else.
fn limits() -> Limits {
    let limits = Limits::default();
    Limits { connections_per_address: limits.connections, ..limits }
}

/// Resident memory, in bytes.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// All places, held by clients that begin like this; what memory that takes.
fn attack(e: &Endpoint, begin: &[u8]) -> usize {
    attack_by(e, limits().connections, || {
        let mut stream = attacker(e.address);
        stream.write_all(begin).unwrap();
        stream
    })
}

/// All `places`, held by clients that come like this.
fn attack_by<S>(e: &Endpoint, places: usize, come: impl Fn() -> S) -> usize {
    let open = || e.site.counts().connections.get() as usize;
    wait_until("a fresh start", || open() == 0);
    let before = resident();
    let held: Vec<_> = (0..places).map(|_| come()).collect();
    wait_until("all are in", || open() == places);
    // until it grows no more
    let mut most = resident();
    wait_until("the memory settles", || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        let now = resident();
        let settled = now <= most;
        most = most.max(now);
        settled
    });
    let grown = most.saturating_sub(before);
    // one more is turned away, and costs nothing that stays
    let refused = || e.site.counts().refused.get();
    let earlier = refused();
    let mut more = attacker(e.address);
    let _ = more.write_all(b"GET /metrics HTTP/1.1");
    wait_until("it is refused", || refused() > earlier);
    drop(held);
    grown
}

/// A client that has shaken hands, asks and reads nothing.
fn asks_over_tls(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(config.clone(), name).unwrap();
    let mut stream = StreamOwned::new(tls, attacker(address));
    let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(get.as_bytes()).unwrap();
    stream.flush().unwrap();
    stream
}

fn client_of(folder: &Folder) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(folder.path("ca.crt"));
    roots.add(ca.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    config.with_root_certificates(roots).with_no_client_auth().into()
}

fn page(e: &Endpoint) {
    let gauge =
        prometheus::IntGauge::new("flux_large", "x".repeat(PAGE)).unwrap();
    e.registry.register(Box::new(gauge)).unwrap();
}

#[test]
fn memory_is_bounded() {
    let limits = limits();
    let bound = limits.connections * CONNECTION;
    let report = |what: &str, grown: usize, bound: usize| {
        println!("{what}: {} KiB of {} KiB", grown >> 10, bound >> 10);
        assert!(grown <= bound, "{what}: {grown} bytes, more than {bound}");
    };

    let e = Endpoint::start(limits, Settings::default());
    page(&e);
    let header = format!(
        "GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}",
        "x".repeat(limits.header_bytes - 100)
    );
    report("headers", attack(&e, header.as_bytes()), bound);
    // more pages for people than the kernel takes, which are not counted
    let people = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    report("pages", attack(&e, people.as_bytes()), bound);
    // one request after the other, each answer another rendering
    let many = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let answers = limits.rendered_bytes + PAGE;
    report("answers", attack(&e, many.as_bytes()), bound + answers);
    e.stop();

    let folder = Folder::new();
    Authority::new(&folder, "ca").sign(&folder, "server", "localhost");
    let tls = Settings {
        tls_cert: Some(folder.path("server.crt")),
        tls_key: Some(folder.path("server.key")),
        ..Settings::default()
    };
    let e = Endpoint::start(limits, tls.clone());
    // a hello of 64 KiB, in records, without its end
    let mut hello = Vec::new();
    for n in 0..4 {
        hello.extend([22, 3, 1, 0x3f, 0xff]);
        let mut record = vec![0; 0x3fff];
        if n == 0 {
            record[..4].copy_from_slice(&[1, 0, 0xff, 0xf0]);
        }
        hello.extend(record);
    }
    hello.truncate(0xfff0 - 64);
    report("handshakes", attack(&e, &hello), bound);
    e.stop();

    // few, for TLS would take all that they ask for if it were let to
    let few = Limits { connections: 32, ..limits };
    let e = Endpoint::start(few, tls);
    page(&e);
    let config = client_of(&folder);
    let come = || asks_over_tls(e.address, &config);
    let grown = attack_by(&e, few.connections, come);
    report("over TLS", grown, few.connections * CONNECTION + answers);
    e.stop();
}
