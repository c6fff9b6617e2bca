//! The exporter-toolkit's file, taken as it is.

use flux_prometheus::http::Limits;

use crate::endpoint::{Authority, Endpoint, Folder, HASH, wait_until};
use crate::settings::{tls, web_config};

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
    let (status, answer) = ask("prom", &["--include"]);
    assert_eq!(status, 401, "both are needed");
    assert!(answer.to_lowercase().contains("\nx-frame-options: deny\r"));
    assert_eq!(ask("other", &user).0, 0, "another name");
    let old = [&user[..], &["--tls-max", "1.2"]].concat();
    assert_eq!(ask("prom", &old).0, 0, "another version");
    // read again when it changes, and kept when it cannot be used
    folder.write("web.yml", "tls_server_config: { cert_fil: x }");
    wait_until("it is refused", || {
        assert_eq!(ask("prom", &user).0, 200);
        e.site.counts().files_refused.get() == 1
    });
    // as is one that asks for less, until it is meant
    folder.write("web.yml", "");
    wait_until("it is refused too", || {
        assert_eq!(ask("prom", &user).0, 200);
        e.site.counts().files_refused.get() == 2
    });
    e.set(web_config(&folder, ""));
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
fn what_tls_is_narrowed_to() {
    let folder = Folder::new();
    tls(&folder);
    let ca = folder.text("ca.crt");
    let files = "cert_file: server.crt, key_file: server.key";
    let (aes256, aes128) =
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256");
    for (narrowed, good, bad) in [
        (
            "max_version: TLS12",
            ["--tls-max", "1.2", "--tlsv1.2"],
            ["--tls-max", "1.3", "--tlsv1.3"],
        ),
        (
            "min_version: TLS13",
            ["--tls-max", "1.3", "--tlsv1.3"],
            ["--tls-max", "1.2", "--tlsv1.2"],
        ),
        (
            "max_version: TLS12, \
             cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            ["--tlsv1.2", "--ciphers", aes256],
            ["--tlsv1.2", "--ciphers", aes128],
        ),
        (
            "curve_preferences: [CurveP384]",
            ["--tlsv1.2", "--curves", "P-384"],
            ["--tlsv1.2", "--curves", "X25519"],
        ),
    ] {
        let text = format!("tls_server_config: {{{files}, {narrowed}}}");
        let e = Endpoint::start(Limits::default(), web_config(&folder, &text));
        let ask = |how: [&str; 3]| {
            e.status("https", &[&["--cacert", &ca], &how[..]].concat())
        };
        assert_eq!((ask(good), ask(bad)), (200, 0), "{narrowed}");
        e.stop();
    }
}
