//! Who is let in, as curl sees it: TLS, certificates, passwords, tokens,
//! networks, Unix sockets and the exporter-toolkit's file.

#![allow(clippy::unwrap_used)] // helpers of tests are test code too

mod endpoint;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use endpoint::{
    Authority, Endpoint, Folder, HASH, LONG, curl, own_address, wait_until,
};
use flux_prometheus::http::access::Settings;
use flux_prometheus::http::{Limits, Ownership};

/// Settings with a certificate, in a folder with its authority.
fn tls(folder: &Folder) -> Settings {
    Authority::new(folder, "ca").sign(folder, "server", "localhost");
    Settings {
        tls_cert: Some(folder.path("server.crt")),
        tls_key: Some(folder.path("server.key")),
        ..Settings::default()
    }
}

fn with_users(settings: Settings) -> Settings {
    let basic_auth_users = [("prom".to_owned(), HASH.to_owned())].into();
    Settings { basic_auth_users, ..settings }
}

fn web_config(folder: &Folder, text: &str) -> Settings {
    let path = folder.write("web.yml", text);
    Settings { web_config_file: Some(path), ..Settings::default() }
}

/// What there is to read on a connection until it is closed.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut bytes = Vec::new();
    // a reset is an end as well
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

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

#[test]
fn passwords() {
    let e = Endpoint::start(Limits::default(), with_users(Settings::default()));
    for (user, status) in [
        ("prom:secret", 200),
        ("prom:secret", 200),
        ("prom:Secret", 401),
        ("prom:", 401),
        ("other:secret", 401),
    ] {
        assert_eq!(e.status("http", &["--user", user]), status, "{user}");
    }
    let (status, answer) = e.curl("http", &["--include"]);
    assert_eq!(status, 401);
    let head = answer.to_lowercase();
    assert!(head.contains("www-authenticate: basic realm="), "{answer}");
    assert!(!answer.contains("flux_"), "{answer}");
    // all pages are behind it
    for path in ["", "healthz", "readyz", "nothing"] {
        let url = format!("http://localhost:{}/{path}", e.address.port());
        assert_eq!(curl(&[&url]).0, 401, "{path}");
    }
    assert_eq!(e.count("/metrics", "401"), 4);
    e.stop();
}

/// bcrypt takes a second at this cost, on a fast machine.
const SLOW: &str =
    "$2b$14$dO5DhHTldFNkuMEyvXUNW.PbmvK9oOX7BThGlZCRGvVvqQ36m9dZi";

#[test]
fn guessing_passwords_holds_up_nobody() {
    let folder = Folder::new();
    let token = folder.write("token", "0123456789abcdef");
    let settings = Settings {
        basic_auth_users: [("prom".to_owned(), SLOW.to_owned())].into(),
        bearer_token_file: Some(token),
        ..Settings::default()
    };
    let e = Endpoint::start(Limits::default(), settings);
    let guess = || {
        let mut stream = TcpStream::connect(e.address).unwrap();
        stream
            .write_all(
                b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                  Authorization: Basic YTpi\r\n\r\n",
            )
            .unwrap();
        stream
    };
    let mut first = guess();
    wait_until("it came in", || e.site.counts().connections.get() == 1);
    // one at a time from an address; the next is not queued
    let answer = String::from_utf8(rest(&mut guess())).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    // who needs no bcrypt is served meanwhile
    let bearer = "Authorization: Bearer 0123456789abcdef";
    for _ in 0..5 {
        assert_eq!(e.status("http", &["--header", bearer]), 200);
    }
    assert_eq!(e.count("/metrics", "401"), 0, "the guess is still checked");
    assert!(rest(&mut first).starts_with(b"HTTP/1.1 401 "));
    // and the server ends with one under way, its thread joined
    let _last = guess();
    wait_until("it came in", || e.site.counts().connections.get() == 1);
    e.stop();
}

#[test]
fn a_token() {
    let folder = Folder::new();
    let token = folder.write("token", "0123456789abcdef\n");
    let settings =
        Settings { bearer_token_file: Some(token), ..Settings::default() };
    let e = Endpoint::start(Limits::default(), settings);
    let ask = |token: &str| {
        let header = format!("Authorization: Bearer {token}");
        e.status("http", &["--header", &header])
    };
    assert_eq!(ask("0123456789abcdef"), 200);
    assert_eq!(ask("0123456789abcdeF"), 401);
    assert_eq!(e.status("http", &[]), 401);
    folder.write("token", "another-secret-word");
    wait_until("the new one is used", || ask("another-secret-word") == 200);
    assert_eq!(ask("0123456789abcdef"), 401);
    // one that others can read is not: they may have
    let path = folder.write("token", "a-third-secret-word");
    let all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(path, all).unwrap();
    wait_until("it is refused", || {
        assert_eq!(ask("another-secret-word"), 200);
        e.site.counts().files_refused.get() >= 1
    });
    assert_eq!(ask("a-third-secret-word"), 401);
    e.stop();
}

#[test]
fn who_may_not_connect_gets_not_a_byte() {
    let allow = vec!["192.0.2.0/24".parse().unwrap()];
    let settings = Settings { allow, ..Settings::default() };
    let e = Endpoint::start(Limits::default(), settings.clone());
    let mut stream = TcpStream::connect(e.address).unwrap();
    assert_eq!(rest(&mut stream), b"");
    assert_eq!(e.status("http", &[]), 0);
    assert_eq!(e.site.counts().denied.get(), 2);
    // nor on a connection of before
    e.set(Settings::default());
    let mut stream = TcpStream::connect(e.address).unwrap();
    let get = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(get).unwrap();
    let mut first = [0; 8];
    stream.read_exact(&mut first).unwrap();
    e.set(settings);
    stream.write_all(get).unwrap();
    let more = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(!more.contains("HTTP/1.1"), "{more}");
    e.stop();
}

#[test]
fn a_unix_socket_is_governed_by_its_file() {
    let folder = Folder::new();
    let settings = with_users(tls(&folder));
    let mut e = Endpoint::start(
        Limits::default(),
        Settings { private: true, ..settings },
    );
    let path = folder.path("socket");
    let ownership = Ownership { mode: 0o660, ..Ownership::default() };
    e.listen_unix(&path, ownership);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    let text = folder.text("socket");
    let (status, page) =
        curl(&["--unix-socket", &text, "http://localhost/metrics"]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_private 0\n"), "{page}");
    e.stop();
    assert!(!path.exists());
}

#[test]
fn private_mode_is_for_other_machines() {
    let private = Settings { private: true, ..Settings::default() };
    let e = Endpoint::start(Limits::default(), private.clone());
    let (status, page) = e.curl("http", &[]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_private 0\n"), "this machine: {page}");
    e.stop();

    // by an address that is not loopback, if there is one
    let Some(ip) = own_address() else {
        println!("SKIPPED: no address but loopback");
        return;
    };
    let mut e = Endpoint::start(Limits::default(), private);
    let socket = flux_prometheus::http::bind((ip, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    e.server.listen(flux_prometheus::http::Bound::Tcp(socket)).unwrap();
    let (status, page) = curl(&[&format!("http://{ip}:{port}/metrics")]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_open 0\n"), "{page}");
    assert!(!page.contains("flux_private"), "{page}");
    let (_, page) = curl(&[&format!("http://{ip}:{port}/")]);
    assert!(page.contains("<th>not shown"), "{page}");
    e.stop();
}

#[test]
fn a_web_config_is_taken_as_it_is() {
    let folder = Folder::new();
    tls(&folder);
    let clients = Authority::new(&folder, "clients");
    clients.sign(&folder, "prom", "prometheus.example");
    clients.sign(&folder, "other", "other.example");
    let text = format!(
        "tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: clients.crt
  client_allowed_sans: [prometheus.example]
  min_version: TLS13
http_server_config:
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  prom: {HASH}
"
    );
    let e = Endpoint::start(Limits::default(), web_config(&folder, &text));
    let ca = folder.text("ca.crt");
    let ask = |name: &str, more: &[&str]| {
        let cert = folder.text(&format!("{name}.crt"));
        let key = folder.text(&format!("{name}.key"));
        let options = ["--cacert", &ca, "--cert", &cert, "--key", &key];
        e.curl("https", &[&options[..], more].concat())
    };
    let user = ["--user", "prom:secret", "--include"];
    let (status, answer) = ask("prom", &user);
    assert_eq!(status, 200);
    let head = answer.to_lowercase();
    assert!(head.contains("\nstrict-transport-security: max-age=31536000\r"));
    assert!(head.contains("\nx-frame-options: deny\r"), "{answer}");
    assert_eq!(ask("prom", &[]).0, 401, "both are needed");
    assert_eq!(ask("other", &user).0, 0, "another name");
    let old = [&user[..], &["--tls-max", "1.2"]].concat();
    assert_eq!(ask("prom", &old).0, 0, "another version");
    // read again when it changes, and kept when it cannot be used
    folder.write("web.yml", "tls_server_config: { cert_fil: x }");
    wait_until("it is refused", || {
        assert_eq!(ask("prom", &user).0, 200);
        e.site.counts().files_refused.get() == 1
    });
    folder.write("web.yml", "");
    wait_until("it is used", || e.status("http", &[]) == 200);
    e.stop();
}

#[test]
fn a_rate_limit() {
    let folder = Folder::new();
    let text = "rate_limit: { interval: 1h, burst: 2 }";
    let e = Endpoint::start(Limits::default(), web_config(&folder, text));
    let all: Vec<_> = (0..4).map(|_| e.status("http", &[])).collect();
    assert_eq!(all, [200, 200, 429, 429]);
    e.stop();
}

#[test]
fn one_address_cannot_take_all_places() {
    let limits = Limits {
        connections: 10,
        connections_per_address: 3,
        ..Limits::default()
    };
    let e = Endpoint::start(limits, Settings::default());
    let held: Vec<_> =
        (0..3).map(|_| TcpStream::connect(e.address).unwrap()).collect();
    wait_until("three open", || e.site.counts().connections.get() == 3);
    let (status, page) = e.curl("http", &[]);
    assert_eq!(status, 503);
    assert_eq!(page, "too many open connections from your address\n");
    assert_eq!(e.site.counts().refused.get(), 1);
    // another one on this machine gets in
    assert_eq!(e.status("http", &["--interface", "127.0.0.2"]), 200);
    drop(held);
    wait_until("there is a place", || e.status("http", &[]) == 200);
    e.stop();
}
