//! A server in this process, files for it, and curl to ask it.

#![allow(dead_code)] // each test program uses a part of it
#![allow(clippy::unwrap_used)] // it is test code, though not in a test

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use flux_prometheus::http::access::Settings;
use flux_prometheus::http::{
    About, Access, Address, Bound, Limits, Ownership, Server, Site, bind,
    bind_unix,
};
use prometheus::{IntGauge, Registry};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Far more than anything takes; only a failing test waits that long.
pub const LONG: Duration = Duration::from_secs(30);

/// "secret", at the least cost there is.
pub const HASH: &str =
    "$2b$04$dO5DhHTldFNkuMEyvXUNW.kWknmJqAtGl8NbFThgeeJ3bA3tzpm6C";

/// A server that serves a public family, a private one, and one of persons.
pub struct Endpoint {
    pub registry: Registry,
    pub site: Arc<Site>,
    pub server: Server,
    pub address: SocketAddr,
}

impl Endpoint {
    pub fn start(limits: Limits, settings: Settings) -> Self {
        let registry = Registry::new();
        for name in ["flux_open", "flux_persons", "flux_private"] {
            let gauge = IntGauge::new(name, "A test.").unwrap();
            registry.register(Box::new(gauge)).unwrap();
        }
        let about = About {
            name: "prometheus".into(),
            version: "0".into(),
            facts: Vec::new(),
        };
        let site = Site::new(registry.clone(), Arc::new(|| Ok(())), about)
            .unwrap()
            .with_private(|name| name == "flux_private")
            .with_persons(|name| name == "flux_persons");
        let site = Arc::new(site);
        let mut server =
            Server::start(site.clone(), limits, "prom-http").unwrap();
        let access = Access::new(settings).unwrap();
        server.set_rules(limits, Arc::new(access));
        let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let Address::Tcp(address) = server.listen(Bound::Tcp(socket)).unwrap()
        else {
            panic!("not a path");
        };
        Self { registry, site, server, address }
    }

    /// Other rules for the same server.
    pub fn set(&self, settings: Settings) {
        let access = Access::new(settings).unwrap();
        self.server.set_rules(Limits::default(), Arc::new(access));
    }

    pub fn listen_unix(&mut self, path: &Path, ownership: Ownership) {
        let (listener, file) = bind_unix(path, ownership).unwrap();
        self.server.listen(Bound::Unix(file, listener)).unwrap();
    }

    /// The status that curl gets (0: none), and the page.
    pub fn curl(&self, scheme: &str, options: &[&str]) -> (u32, String) {
        let url =
            format!("{scheme}://localhost:{}/metrics", self.address.port());
        // not by IPv6, which nobody listens on
        curl(&[&["--ipv4", url.as_str()], options].concat())
    }

    pub fn status(&self, scheme: &str, options: &[&str]) -> u32 {
        self.curl(scheme, options).0
    }

    pub fn count(&self, path: &str, code: &str) -> u64 {
        self.site.counts().requests.get(path, code.parse().unwrap())
    }

    pub fn stop(self) {
        self.server.stop(LONG).unwrap();
        assert_eq!(self.site.counts().connections.get(), 0);
        assert_eq!(Arc::strong_count(&self.site), 1);
    }
}

/// Runs curl, which must not try again by itself; 0 is no answer.
pub fn curl(options: &[&str]) -> (u32, String) {
    let output = try_curl(options);
    let text = String::from_utf8(output.stdout).unwrap();
    let (page, status) = text.rsplit_once('\n').expect(&text);
    (status.parse().unwrap(), page.to_owned())
}

pub fn try_curl(options: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "30"])
        .args(["--noproxy", "*", "--write-out", "\n%{http_code}"])
        .args(options)
        .output()
        .expect("curl")
}

/// An IPv4 address of this machine, by which it talks to others. Where there
/// is none, what other machines see is not tried, and that is said in a way
/// that the test runner does not swallow.
pub fn own_address() -> Option<IpAddr> {
    let found = outward();
    if found.is_none() {
        let line = "SKIPPED: what others see: no address but loopback\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    found
}

fn outward() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // nothing is sent
    socket.connect("192.0.2.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder that goes away.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flux-prometheus-{}-e{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where a file is, for a command line.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file that only its owner can read, at one go.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let new = self.path(".new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one; its certificate is `NAME.crt`.
    pub fn new(folder: &Folder, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let names = &mut params.distinguished_name;
        names.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        folder.write(&format!("{name}.crt"), &certificate.pem());
        Self { issuer: Issuer::new(params, key) }
    }

    /// Signs a certificate for a host name: `NAME.crt` and `NAME.key`.
    pub fn sign(&self, folder: &Folder, name: &str, host: &str) {
        let params = CertificateParams::new(vec![host.into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        folder.write(&format!("{name}.crt"), &certificate.pem());
        folder.write(&format!("{name}.key"), &key.serialize_pem());
    }
}
