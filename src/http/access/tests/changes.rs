//! Rules that change while they are in force.

use std::fs;

use super::*;

#[test]
fn files_that_change_are_read_again_and_bad_ones_are_not_used() {
    let folder = Folder::new("change");
    let path = folder.write("token", TOKEN);
    let access = Access::new(token(&path)).unwrap();
    let counts = Counts::register(&Families::default()).unwrap();
    let is_let_in = |token: &[u8]| {
        // as if a second had passed
        access.state().checked -= RECHECK;
        let policy = access.policy(&counts);
        policy.token.as_ref().is_some_and(|it| it.is(token))
    };
    assert!(is_let_in(TOKEN.as_bytes()));
    folder.write("token", "another-secret-word");
    assert!(is_let_in(b"another-secret-word"));
    assert!(!is_let_in(TOKEN.as_bytes()));
    assert_eq!(counts.files_refused.get(), 0);

    folder.write("token", "short");
    assert!(is_let_in(b"another-secret-word"));
    assert!(is_let_in(b"another-secret-word"));
    // once, however often it is looked at
    assert_eq!(counts.files_refused.get(), 1);
    let problem = access.status().problem.unwrap();
    assert!(problem.ends_with("expected at least 16 characters"), "{problem}");
    fs::remove_file(&path).unwrap();
    assert!(is_let_in(b"another-secret-word"));
    assert_eq!(counts.files_refused.get(), 2);

    folder.write("token", TOKEN);
    assert!(is_let_in(TOKEN.as_bytes()));
    assert_eq!(access.status().problem, None);
}

/// As `cp`, an editor or a full disk leave it for a moment, or for good.
#[test]
fn half_a_web_configuration_takes_no_rule_away() {
    let folder = Folder::new("half");
    folder.certificate("server");
    let hash = bcrypt::hash("b", 4).unwrap();
    let tls = "tls_server_config:
  cert_file: server.crt
  key_file: server.key
";
    let clients = "  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: server.crt
";
    let sans = "  client_allowed_sans: [prometheus.example]\n";
    let users = format!("basic_auth_users:\n  a: {hash}\n");
    let narrow = "  min_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519]
";
    let rate = "rate_limit: { interval: 1s, burst: 20 }\n";
    let headers =
        "http_server_config: { headers: { X-Frame-Options: deny } }\n";
    let join = |parts: &[&str]| parts.concat();
    let all = join(&[tls, clients, sans, narrow, rate, headers, &users]);
    let cut = |line: &str| {
        let end = all.find(line).unwrap();
        join(&[&all[..end], rate, headers, &users])
    };
    let path = folder.write("web.yml", &all);
    let settings =
        Settings { web_config_file: Some(path.clone()), ..Settings::default() };
    let access = Access::new(settings.clone()).unwrap();
    let counts = Counts::register(&Families::default()).unwrap();
    let reread = || {
        access.state().checked -= RECHECK;
        access.policy(&counts)
    };
    for (n, (half, lost)) in [
        (String::new(), "TLS"),
        (join(&[rate, &users]), "TLS"),
        (cut("  client_auth_type"), "client certificates"),
        (cut("  client_allowed_sans"), "client_allowed_sans"),
        (cut("  min_version"), "min_version"),
        (cut("  cipher_suites"), "cipher_suites"),
        (cut("  curve_preferences"), "curve_preferences"),
        (all.replace(&users, ""), "passwords"),
        (all.replace(&users, "basic_auth_users:"), "passwords"),
        (all.replace(rate, ""), "a rate limit"),
        (all.replace(headers, ""), "all headers"),
    ]
    .into_iter()
    .enumerate()
    {
        // in place, as careless programs do
        fs::write(&path, &half).unwrap();
        let policy = reread();
        assert!(policy.users.is_some() && policy.rate.is_some(), "{half}");
        assert!(policy.requires_certificate(), "{half}");
        assert_eq!(counts.files_refused.get(), n as u64 + 1, "{half}");
        let problem = access.status().problem.unwrap();
        let path = path.display();
        assert_eq!(
            problem,
            format!(
                "web-config-file: {path}: no longer asks for {lost}; \
                 flux config reload takes it"
            )
        );
    }
    // the other half
    let more = all.replace("deny }", "deny, X-Content-Type-Options: nosniff }");
    fs::write(&path, more).unwrap();
    reread();
    assert_eq!(access.status().problem, None);
    // who wants it so says so
    fs::write(&path, "").unwrap();
    reread();
    assert!(access.status().problem.is_some());
    let status = Access::new(settings).unwrap().status();
    assert!(!status.tls && !status.basic_auth);
}

#[test]
fn new_tls_rules_end_connections_of_the_old_ones() {
    let folder = Folder::new("outdated");
    let (cert, key) = folder.certificate("a");
    let settings = Settings {
        tls_cert: Some(cert.clone()),
        tls_key: Some(key.clone()),
        ..Settings::default()
    };
    let first = Access::new(settings.clone()).unwrap();
    let counts = Counts::register(&Families::default()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tls = first.policy(&counts).tls.clone();
    let visit = Visit::new(peer("192.0.2.1"), tls);
    let goes_on = |access: &Access| {
        let headers = HeaderMap::new();
        runtime.block_on(visit.admit(access, &counts, &headers)).0.is_ok()
    };
    // the same files, read again
    assert!(goes_on(&Access::new(settings.clone()).unwrap()));
    // without TLS; with client certificates; with another certificate
    assert!(!goes_on(&Access::default()));
    let mutual = Settings { tls_client_ca: Some(cert), ..settings.clone() };
    assert!(!goes_on(&Access::new(mutual).unwrap()));
    folder.certificate("a");
    assert!(!goes_on(&Access::new(settings).unwrap()));
    // and one from before there was TLS
    assert!(ask(&first, peer("192.0.2.1"), None).is_err());
}

#[test]
fn a_connection_ends_with_its_listener() {
    let access = Access::default();
    let counts = Counts::register(&Families::default()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().unwrap();
    for peer in [peer("192.0.2.1"), Peer::Unix] {
        let term = Term::default();
        let visit = Visit { term: term.clone(), ..Visit::new(peer, None) };
        let ask = || {
            let headers = HeaderMap::new();
            runtime.block_on(visit.admit(&access, &counts, &headers)).0
        };
        assert!(ask().is_ok());
        term.end();
        assert!(matches!(ask(), Err(Denial::Outdated)));
        let again = Visit { term: term.current(), ..Visit::new(peer, None) };
        let headers = HeaderMap::new();
        let admitted = again.admit(&access, &counts, &headers);
        assert!(runtime.block_on(admitted).0.is_ok(), "who comes after");
    }
}
