//! Settings for the tests, and a client that only reads.

use std::io::Read;
use std::net::TcpStream;

use flux_prometheus::http::access::Settings;

use crate::endpoint::{Authority, Folder, HASH, LONG};

/// Settings with a certificate, in a folder with its authority.
pub fn tls(folder: &Folder) -> Settings {
    Authority::new(folder, "ca").sign(folder, "server", "localhost");
    Settings {
        tls_cert: Some(folder.path("server.crt")),
        tls_key: Some(folder.path("server.key")),
        ..Settings::default()
    }
}

pub fn with_users(settings: Settings) -> Settings {
    let basic_auth_users = [("prom".to_owned(), HASH.to_owned())].into();
    Settings { basic_auth_users, ..settings }
}

pub fn web_config(folder: &Folder, text: &str) -> Settings {
    let path = folder.write("web.yml", text);
    Settings { web_config_file: Some(path), ..Settings::default() }
}

/// What there is to read on a connection until it is closed.
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut bytes = Vec::new();
    // a reset is an end as well
    let _ = stream.read_to_end(&mut bytes);
    bytes
}
