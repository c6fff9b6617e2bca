//! Where clients are: networks, this machine, Unix sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use flux_prometheus::http::access::Settings;
use flux_prometheus::http::{Limits, Ownership};

use crate::endpoint::{Endpoint, Folder, curl, own_address, wait_until};
use crate::settings::{rest, tls, with_users};

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
    // but of persons it tells those only who have shown who they are
    assert!(!page.contains("flux_persons"), "{page}");
    let ca = folder.text("ca.crt");
    let (status, page) =
        e.curl("https", &["--cacert", &ca, "--user", "prom:secret"]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_persons 0\n"), "{page}");
    // and anybody where there is nothing private
    e.set(Settings::default());
    let (_, page) = curl(&["--unix-socket", &text, "http://localhost/metrics"]);
    assert!(page.contains("\nflux_persons 0\n"), "{page}");
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
    assert!(!page.contains("flux_persons"), "this machine: {page}");
    e.stop();

    // by an address that is not loopback, if there is one
    let Some(ip) = own_address() else { return };
    let mut e = Endpoint::start(Limits::default(), private);
    let socket = flux_prometheus::http::bind((ip, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    e.server.listen(flux_prometheus::http::Bound::Tcp(socket)).unwrap();
    let (status, page) = curl(&[&format!("http://{ip}:{port}/metrics")]);
    assert_eq!(status, 200);
    assert!(page.contains("\nflux_open 0\n"), "{page}");
    assert!(!page.contains("flux_private"), "{page}");
    assert!(!page.contains("flux_persons"), "{page}");
    let (_, page) = curl(&[&format!("http://{ip}:{port}/")]);
    assert!(page.contains("<th>not shown"), "{page}");
    e.stop();
}

/// A connection from before it is no way around it.
#[test]
fn private_mode_holds_from_the_next_request_on() {
    let e = Endpoint::start(Limits::default(), Settings::default());
    let mut client = BufReader::new(TcpStream::connect(e.address).unwrap());
    let mut page = || {
        let get = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
        client.get_mut().write_all(get).unwrap();
        let mut length = 0;
        for line in client.by_ref().lines().map(Result::unwrap) {
            if let Some(bytes) = line.strip_prefix("content-length: ") {
                length = bytes.parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut page = vec![0; length];
        client.read_exact(&mut page).unwrap();
        String::from_utf8(page).unwrap()
    };
    let shown = "\nflux_persons 0\n";
    assert!(page().contains(shown));
    e.set(Settings { private: true, ..Settings::default() });
    let hidden = page();
    assert!(!hidden.contains(shown), "{hidden}");
    assert!(hidden.contains("\nflux_open 0\n"), "{hidden}");
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
    // all of these are one
    assert_eq!(e.status("http", &["--interface", "127.0.0.2"]), 503);
    // another one gets in
    if let Some(ip) = own_address().map(|ip| ip.to_string()) {
        assert_eq!(e.status("http", &["--interface", &ip]), 200);
    }
    drop(held);
    wait_until("there is a place", || e.status("http", &[]) == 200);
    e.stop();
}
