//! What the format allows, and what of it is refused here.

use super::super::tests::Folder;
use super::rate_limit::go_duration;
use super::*;

fn load(folder: &Folder, text: &str) -> Result<Policy, String> {
    let path = folder.write("web.yml", text);
    super::load(&path, &mut Files::default())
}

/// The error, without the path that it begins with.
fn refusal(folder: &Folder, text: &str) -> String {
    let error = load(folder, text).err().expect(text);
    let path = folder.0.join("web.yml").display().to_string();
    let rest = error.strip_prefix(&path).expect(&error);
    rest.trim_start_matches(": ").to_owned()
}

#[test]
fn nothing_said_is_nothing_asked() {
    let folder = Folder::new("web-empty");
    for text in
        ["", "# nothing\n", "---\n", "tls_server_config:\n", "{}", "\n\n"]
    {
        let policy = load(&folder, text).expect(text);
        assert!(policy.tls.is_none() && !policy.authenticates(), "{text:?}");
    }
}

#[test]
fn everything_that_can_be_done() {
    let folder = Folder::new("web-all");
    folder.certificate("server");
    let text = "
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: server.crt
  client_allowed_sans:
    - prometheus.example
    - 10.0.0.1
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
    - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    - TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: true
  headers:
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: \"\"
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
  bob: \"$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\"
rate_limit:
  interval: 1s
  burst: 20
";
    let policy = load(&folder, text).unwrap();
    assert!(policy.requires_certificate());
    assert!(policy.users.is_some() && policy.rate.is_some());
    // one of the five is blank
    assert_eq!(policy.headers.len(), 4);
}

#[test]
fn certificates_may_be_in_the_file_itself() {
    let folder = Folder::new("web-inline");
    let (cert, key) = folder.certificate("server");
    let indented = |path| {
        let text = std::fs::read_to_string(path).unwrap();
        text.replace('\n', "\n    ")
    };
    let text = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n",
        indented(cert),
        indented(key)
    );
    let policy = load(&folder, &text).unwrap();
    assert!(policy.tls.is_some() && !policy.requires_certificate());
    let both = format!("{text}  cert_file: server.crt\n");
    let error = refusal(&folder, &both);
    assert_eq!(error, "tls_server_config.cert: give either cert or cert_file");
}

#[test]
fn refusals_name_the_key() {
    let folder = Folder::new("web-refusals");
    folder.certificate("server");
    let tls = "cert_file: server.crt, key_file: server.key";
    for (text, error) in [
        (
            "tls_server_config: { cert_file: server.crt }".to_owned(),
            "tls_server_config.key_file: missing, as is key".to_owned(),
        ),
        (
            "tls_server_config: { key_file: server.key }".into(),
            "tls_server_config.cert_file: missing, as is cert".into(),
        ),
        (
            "tls_server_config: { min_version: TLS13 }".into(),
            "tls_server_config: expected cert_file and key_file".into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, client_ca_file: server.crt }}"
            ),
            "tls_server_config.client_auth_type: missing, with \
             client_ca_file; use RequireAndVerifyClientCert"
                .into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, client_auth_type: \
                 RequireAndVerifyClientCert }}"
            ),
            "tls_server_config.client_auth_type: needs client_ca_file".into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, client_auth_type: \
                 RequireAnyClientCert }}"
            ),
            "tls_server_config.client_auth_type: RequireAnyClientCert asks \
             for a certificate that nobody verifies; use \
             RequireAndVerifyClientCert"
                .into(),
        ),
        (
            format!("tls_server_config: {{ {tls}, client_auth_type: Some }}"),
            "tls_server_config.client_auth_type: \"Some\" is not \
             NoClientCert, VerifyClientCertIfGiven or \
             RequireAndVerifyClientCert"
                .into(),
        ),
        (
            format!("tls_server_config: {{ {tls}, client_allowed_sans: [a] }}"),
            "tls_server_config.client_allowed_sans: needs client_auth_type \
             RequireAndVerifyClientCert"
                .into(),
        ),
        (
            format!("tls_server_config: {{ {tls}, client_allowed_sans: [] }}"),
            "tls_server_config.client_allowed_sans: expected at least one name"
                .into(),
        ),
        (
            "tls_server_config: { cert_file: web.yml, key_file: server.key }"
                .into(),
            "tls_server_config.cert_file: web.yml: no certificate in PEM \
             format"
                .into(),
        ),
        (
            "tls_server_config: { cert_file: server.crt, key: none }".into(),
            "tls_server_config.key: no private key in PEM format (one that \
             is encrypted, by a passphrase, cannot be read)"
                .into(),
        ),
        (
            format!("tls_server_config: {{ {tls}, min_version: TLS11 }}"),
            "tls_server_config.min_version: expected TLS12 or TLS13, got \
             \"TLS11\""
                .into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, min_version: TLS13, \
                 max_version: TLS12 }}"
            ),
            "tls_server_config.max_version: less than min_version".into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, cipher_suites: \
                 [TLS_RSA_WITH_AES_128_CBC_SHA] }}"
            ),
            "tls_server_config.cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA \
             is unknown, or not safe enough"
                .into(),
        ),
        (
            format!(
                "tls_server_config: {{ {tls}, curve_preferences: [CurveP521] }}"
            ),
            "tls_server_config.curve_preferences: CurveP521 is not \
             CurveP256, CurveP384 or X25519"
                .into(),
        ),
        (
            "http_server_config: { headers: { X-Frame-Options: none } }".into(),
            "http_server_config.headers.X-Frame-Options: expected deny or \
             sameorigin"
                .into(),
        ),
        (
            "http_server_config: { headers: { X-Mine: a } }".into(),
            "http_server_config.headers.X-Mine: unknown (known: \
             Content-Security-Policy, Strict-Transport-Security, \
             X-Content-Type-Options, X-Frame-Options, X-XSS-Protection)"
                .into(),
        ),
        (
            "rate_limit: { interval: 1s }".into(),
            "rate_limit.burst: expected at least 1".into(),
        ),
        (
            "rate_limit: { interval: soon, burst: 1 }".into(),
            "line 1: rate_limit.interval: expected a duration such as 100ms \
             or 1s, got \"soon\""
                .into(),
        ),
    ] {
        assert_eq!(refusal(&folder, &text), error, "{text}");
    }
    for (text, part) in [
        ("basic_auth_users: { a: secret }", "basic_auth_users.a: not a"),
        ("tls_server_config: { cert_fil: x }", "cert_fil"),
        ("tls_config: {}", "tls_config"),
        ("rate_limit: { intervall: 1s }", "intervall"),
        ("http_server_config: { http3: true }", "http3"),
        ("tls_server_config: { cert_file: /no, key_file: /no }", "/no: No"),
        ("a: b: c", "line 1: "),
        ("[1, 2]", "line 1: expected keys"),
        ("{}\n---\n{}", "line 2: a second document"),
        ("basic_auth_users: { a: x, a: y }", "line 1: a: given twice"),
        ("\nbasic_auth_users: [a]", "line 2: basic_auth_users: expected keys"),
        (
            "\n\ntls_server_config:\n  cert_fil: x",
            "line 4: tls_server_config.cert_fil: unknown (known: cert, ",
        ),
        (
            "tls_server_config: { cert_file: [x] }",
            "line 1: tls_server_config.cert_file: expected a text",
        ),
        (
            "tls_server_config: { cipher_suites: x }",
            "line 1: tls_server_config.cipher_suites: expected a list",
        ),
        (
            "http_server_config: { http2: maybe }",
            "http_server_config.http2: expected true or false, got \"maybe\"",
        ),
        ("rate_limit: { burst: -1 }", "rate_limit.burst: expected a whole"),
        ("basic_auth_users: { a: !!int 1 }", "line 1: tags are not"),
        ("rate_limit: &a { burst: 1 }\nx: *a", "line 2: aliases are not"),
        ("rate_limit: [[[[[[[[[[[]]]]]]]]]]]", "line 1: nested too deep"),
    ] {
        let error = load(&folder, text).err().expect(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn nothing_comes_after_the_end() {
    let folder = Folder::new("web-end");
    for text in ["{}\n...\n", "{}\n... # the end\n\n# really\n", "...\n"] {
        assert!(load(&folder, text).is_ok(), "{text}");
    }
    for more in ["basic_auth_users: {}", "---\n{}", "\0x", "  : |"] {
        let text = format!("http_server_config:\n...\n\n{more}\n");
        assert!(load(&folder, &text).is_err(), "{text}");
    }
    for more in ["---\nbasic_auth_users: {}", "}", "]", "@", "\0x", "? :"] {
        let text = format!("{{}}\n{more}\n");
        assert!(load(&folder, &text).is_err(), "{text}");
    }
}

#[test]
fn a_small_file_that_grows_when_read_is_refused() {
    let folder = Folder::new("web-bomb");
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..9 {
        let last = format!("*a{}", n - 1);
        let list = [last.as_str(); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{list}]\n"));
    }
    assert!(load(&folder, &text).is_err());
}

#[test]
fn durations_as_in_go() {
    let seconds = |text| go_duration(text).map(|d| d.as_secs_f64());
    assert_eq!(seconds("1s"), Some(1.0));
    assert_eq!(seconds("1m30s"), Some(90.0));
    assert_eq!(seconds("1.5h"), Some(5400.0));
    assert_eq!(seconds("250ms"), Some(0.25));
    assert_eq!(seconds("0"), Some(0.0));
    let huge = format!("{}h", "9".repeat(400));
    for bad in ["", "1", "s", "-1s", "1d", "1 s", "1..5s", "25h", &huge] {
        assert_eq!(seconds(bad), None, "{bad}");
    }
}

/// Times the burst it would not be a time.
#[test]
fn an_interval_is_a_day_at_most() {
    let folder = Folder::new("web-interval");
    let of = |nanos: u64, burst: u32| {
        let limit = format!("{{ interval: {nanos}, burst: {burst} }}");
        load(&folder, &format!("rate_limit: {limit}"))
    };
    for nanos in [86_400_000_000_001, u64::MAX] {
        let error = of(nanos, 1).err().unwrap();
        assert!(error.contains("rate_limit.interval: expected"), "{error}");
    }
    let rate = of(86_400_000_000_000, u32::MAX).unwrap().rate.unwrap();
    assert!(rate.take(std::time::Instant::now()));
}
