//! A module beside the other one, which speaks TLS, and whose certificate is
//! replaced all the time: by good ones, by halves of a pair, by rubbish.
//!
//! Who trusts its authority is served at every moment. After a good pair the
//! new one is shown, after anything else the last good one.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
};

use super::clients::{Random, answer, check};
use super::endpoint::{Authority, Folder};
use super::instance::scrape;

/// Those who only read, beside the one who replaces.
const SCRAPERS: u64 = 4;

/// In which a change is seen: files are looked at once a second, by who
/// comes next.
const SEEN: Duration = Duration::from_secs(20);

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What was done and met.
#[derive(Default, Debug)]
pub struct Swaps {
    pub good: AtomicU64,
    pub bad: AtomicU64,
    /// Pages, over connections that were verified.
    pub scrapes: AtomicU64,
}

/// The files, and who signs them.
pub struct Certificates {
    pub folder: Folder,
    authority: Authority,
    /// That of the module.
    pub address: SocketAddr,
}

impl Certificates {
    pub fn new(address: SocketAddr) -> Certificates {
        let folder = Folder::new();
        let authority = Authority::new(&folder, "ca");
        authority.sign(&folder, "server", "localhost");
        let all = Certificates { folder, authority, address };
        all.keep();
        all
    }

    /// The one that was shown last.
    fn last(&self) -> CertificateDer<'static> {
        certificate(&self.folder.path("last.crt"))
    }

    fn keep(&self) {
        let path = |name| self.folder.path(name);
        std::fs::copy(path("server.crt"), path("last.crt")).unwrap();
    }

    /// The arguments of the module.
    pub fn arguments(&self) -> [String; 3] {
        [
            format!("listen={}", self.address),
            format!("tls-cert={}", self.folder.text("server.crt")),
            format!("tls-key={}", self.folder.text("server.key")),
        ]
    }

    fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.folder.path("ca.crt"))).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// Those who read and replace, until they are stopped.
pub struct Swapping {
    swaps: Arc<Swaps>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Swapping {
    pub fn start(certificates: &Arc<Certificates>, seed: u64) -> Swapping {
        let swaps = Arc::new(Swaps::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (of, config) = (certificates.clone(), certificates.config());
        let client =
            Client { address: of.address, config, swaps: swaps.clone() };
        let mut threads = Vec::new();
        for n in 0..SCRAPERS {
            let (client, stop) = (client.clone(), stop.clone());
            let mut random = Random(seed + n + 1);
            threads.push(std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    client.scrape(&mut random);
                }
            }));
        }
        let (until, mut random) = (stop.clone(), Random(seed));
        threads.push(std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                client.bad(&of, random.below(5));
                pause(&mut random, 1_000);
                client.good(&of);
                pause(&mut random, 1_000);
            }
        }));
        Swapping { swaps, stop, threads }
    }

    /// Fails with what any of them met that must not be.
    pub fn stop(self) -> Arc<Swaps> {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.threads.into_iter().filter_map(|t| t.join().err());
        assert_eq!(failed.count(), 0, "TLS was not as it should: see above");
        self.swaps
    }
}

fn pause(random: &mut Random, most: u64) {
    std::thread::sleep(Duration::from_millis(random.below(most)));
}

#[derive(Clone)]
struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
    swaps: Arc<Swaps>,
}

impl Client {
    /// Shakes hands, which never fails.
    fn connect(&self) -> Tls {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(self.config.clone(), name).unwrap();
        let mut tls = StreamOwned::new(tls, stream);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).expect("a handshake");
        }
        tls
    }

    /// A page; none on a connection that was made with another certificate.
    fn page(tls: &mut Tls) -> Option<Vec<u8>> {
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        tls.write_all(request).ok()?;
        let (head, body) = answer(tls)?;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        check(&head, &body);
        Some(body)
    }

    /// Reads a few pages over one connection.
    fn scrape(&self, random: &mut Random) {
        let mut tls = self.connect();
        for _ in 0..=random.below(4) {
            if Self::page(&mut tls).is_none() {
                return;
            }
            self.swaps.scrapes.fetch_add(1, Ordering::Relaxed);
            pause(random, 1_000);
        }
    }

    /// Comes anew, until `seen` says so of the certificate that is shown and
    /// of the number of files that were refused.
    fn until(
        &self,
        what: &str,
        mut seen: impl FnMut(&CertificateDer, f64) -> bool,
    ) {
        let until = Instant::now() + SEEN;
        loop {
            let mut tls = self.connect();
            let shown = tls.conn.peer_certificates().unwrap()[0].clone();
            // what is refused is refused before it is counted here
            let page = Self::page(&mut tls);
            let page = page.map(|body| String::from_utf8(body).unwrap());
            let refused = page.map_or(0.0, |page| {
                scrape::parse(&page)
                    .value("flux_exporter_http_files_refused_total")
            });
            if seen(&shown, refused) {
                return;
            }
            assert!(Instant::now() < until, "never: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A new pair, one file after the other.
    fn good(&self, of: &Certificates) {
        let before = of.last();
        of.authority.sign(&of.folder, "server", "localhost");
        let after = certificate(&of.folder.path("server.crt"));
        self.until("the new certificate is shown", |shown, _| {
            assert!(*shown == before || *shown == after, "a third one");
            *shown == after
        });
        of.keep();
        self.swaps.good.fetch_add(1, Ordering::Relaxed);
    }

    /// What cannot be used.
    fn bad(&self, of: &Certificates, kind: u64) {
        let last = of.last();
        let mut before = 0.0;
        self.until("a page", |_, refused| {
            before = refused;
            true
        });
        let (crt, key) =
            (of.folder.path("server.crt"), of.folder.path("server.key"));
        match kind {
            0 => drop(of.folder.write("server.crt", "rubbish")),
            1 => drop(of.folder.write("server.crt", "")),
            2 => std::fs::remove_file(&crt).unwrap(),
            3 => std::fs::remove_file(&key).unwrap(),
            // a pair of two pairs
            _ => {
                of.authority.sign(&of.folder, "other", "localhost");
                std::fs::rename(of.folder.path("other.key"), &key).unwrap();
            }
        }
        self.until("it is refused", |shown, refused| {
            assert!(*shown == last, "not the last good one");
            refused > before
        });
        self.swaps.bad.fetch_add(1, Ordering::Relaxed);
    }
}
