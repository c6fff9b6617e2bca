//! TLS: handshakes and certificates, of the server and of clients.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use flux_prometheus::http::Limits;
use flux_prometheus::http::access::Settings;

use crate::endpoint::{Authority, Endpoint, Folder, LONG, wait_until};
use crate::settings::{rest, tls};

#[test]
fn tls_is_spoken_and_nothing_else() {
    let folder = Folder::new();
    let e = Endpoint::start(Limits::default(), tls(&folder));
    let ca = folder.text("ca.crt");
    let (status, page) = e.curl("https", &["--cacert", &ca]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_private 0\n"), "{page}");
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let max = version.trim_start_matches("--tlsv");
        let options = ["--cacert", &ca, version, "--tls-max", max];
        assert_eq!(e.status("https", &options), 200, "{version}");
    }
    // who does not know the authority does not trust it
    assert_eq!(e.status("https", &[]), 0);
    // plain HTTP is told so, and closed
    let (status, page) = e.curl("http", &[]);
    assert_eq!((status, page.as_str()), (400, "this port expects HTTPS\n"));
    // and so is nonsense
    let mut stream = TcpStream::connect(e.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x00\x05hello").unwrap();
    assert!(rest(&mut stream).len() < 100);
    wait_until("all closed", || e.site.counts().connections.get() == 0);
    assert_eq!(e.site.counts().handshakes_failed.get(), 3);
    e.stop();
}

#[test]
fn a_handshake_has_to_come_to_its_end() {
    let folder = Folder::new();
    let header = Duration::from_millis(200);
    let limits = Limits { header, ..Limits::default() };
    let e = Endpoint::start(limits, tls(&folder));
    // nothing; the begin of a hello; drips of one
    for begin in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut stream = TcpStream::connect(e.address).unwrap();
        stream.write_all(begin).unwrap();
        assert_eq!(rest(&mut stream), b"");
    }
    let begin = Instant::now();
    let mut stream = TcpStream::connect(e.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc").unwrap();
    while stream.write_all(b"x").is_ok() {
        assert!(begin.elapsed() < LONG, "kept open by drips");
        std::thread::sleep(Duration::from_millis(20));
    }
    wait_until("all closed", || e.site.counts().connections.get() == 0);
    assert_eq!(e.site.counts().handshakes_failed.get(), 3);
    e.stop();
}

#[test]
fn over_tls_too_who_does_not_read_is_cut() {
    let folder = Folder::new();
    let write = Duration::from_millis(300);
    let e =
        Endpoint::start(Limits { write, ..Limits::default() }, tls(&folder));
    let help = "x".repeat(32 << 20);
    let gauge = prometheus::IntGauge::new("flux_large", help).unwrap();
    e.registry.register(Box::new(gauge)).unwrap();
    let ca = folder.text("ca.crt");
    let url = format!("https://localhost:{}/metrics", e.address.port());
    let mut reader = std::process::Command::new("sh")
        .arg("-c")
        // what is not taken stays in the pipe, which stays open
        .arg(format!(
            "curl -sN4 --noproxy '*' --cacert {ca} {url} | \
             {{ head -c 1K >/dev/null; exec sleep 60; }}"
        ))
        .process_group(0)
        .spawn()
        .unwrap();
    wait_until("it reads", || e.count("/metrics", "200") == 1);
    wait_until("cut", || e.site.counts().connections.get() == 0);
    let group = format!("-{}", reader.id());
    let kill = std::process::Command::new("kill").args(["--", &group]).status();
    assert!(kill.unwrap().success());
    reader.wait().unwrap();
    let (status, page) = e.curl("https", &["--cacert", &ca]);
    assert_eq!(status, 200);
    assert!(page.len() > 32 << 20);
    e.stop();
}

#[test]
fn clients_need_a_certificate() {
    let folder = Folder::new();
    let ours = Authority::new(&folder, "clients");
    ours.sign(&folder, "prom", "prometheus.example");
    Authority::new(&folder, "others").sign(&folder, "mallory", "x.example");
    let settings = Settings {
        tls_client_ca: Some(folder.path("clients.crt")),
        ..tls(&folder)
    };
    let e = Endpoint::start(Limits::default(), settings);
    let ca = folder.text("ca.crt");
    let ask = |name: &str, version| {
        let (cert, key) = (
            folder.text(&format!("{name}.crt")),
            folder.text(&format!("{name}.key")),
        );
        let options = [
            "--cacert",
            &ca,
            "--cert",
            &cert,
            "--key",
            &key,
            "--tls-max",
            version,
        ];
        e.status("https", &options)
    };
    for version in ["1.2", "1.3"] {
        assert_eq!(ask("prom", version), 200);
        assert_eq!(ask("mallory", version), 0);
        let none = ["--cacert", &ca, "--tls-max", version];
        assert_eq!(e.status("https", &none), 0);
    }
    assert_eq!(e.site.counts().handshakes_failed.get(), 4);
    assert_eq!(e.count("/metrics", "200"), 2);
    e.stop();
}

#[test]
fn certificates_are_renewed_without_a_reload() {
    let folder = Folder::new();
    let e = Endpoint::start(Limits::default(), tls(&folder));
    let old = std::fs::read(folder.path("ca.crt")).unwrap();
    std::fs::write(folder.path("old.crt"), old).unwrap();
    let trusts =
        |ca: &str| e.status("https", &["--cacert", &folder.text(ca)]) == 200;
    assert!(trusts("old.crt"));
    // a key without its certificate is not used
    Authority::new(&folder, "ca").sign(&folder, "next", "localhost");
    std::fs::rename(folder.path("next.key"), folder.path("server.key"))
        .unwrap();
    wait_until("the key is looked at", || {
        assert!(trusts("old.crt"), "the old one is used");
        e.site.counts().files_refused.get() == 1
    });
    std::fs::rename(folder.path("next.crt"), folder.path("server.crt"))
        .unwrap();
    wait_until("the new one is used", || trusts("ca.crt"));
    assert!(!trusts("old.crt"));
    e.stop();
}
