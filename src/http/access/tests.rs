//! Rules from settings and files, and what becomes of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};

mod changes;

use super::*;
use crate::exposition::Families;

/// A folder that goes away, with files in it.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(test: &str) -> Self {
        let name = format!("flux-prometheus-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        // as careful programs do: never half a file
        let new = self.0.join(".new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o600)).unwrap();
        fs::rename(new, &path).unwrap();
        path
    }

    /// Writes a certificate and its key.
    pub(super) fn certificate(&self, name: &str) -> (PathBuf, PathBuf) {
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()])
            .unwrap();
        let key = pair.signing_key.serialize_pem();
        (
            self.write(&format!("{name}.crt"), &pair.cert.pem()),
            self.write(&format!("{name}.key"), &key),
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn refusal(settings: Settings) -> String {
    Access::new(settings).err().expect("was accepted")
}

fn token(path: &Path) -> Settings {
    Settings { bearer_token_file: Some(path.into()), ..Settings::default() }
}

const TOKEN: &str = "0123456789abcdef";

fn peer(ip: &str) -> Peer {
    Peer::at(ip.parse().unwrap())
}

/// What a request without or with a header is told.
fn ask(
    access: &Access,
    peer: Peer,
    authorization: Option<&'static str>,
) -> Result<View, Denial> {
    let counts = Counts::register(&Families::default()).unwrap();
    let mut headers = HeaderMap::new();
    if let Some(value) = authorization {
        headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
    }
    let visit = Visit::new(peer, None);
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(visit.admit(access, &counts, &headers))
        .0
}

#[test]
fn by_default_all_are_let_in_and_shown_all() {
    let access = Access::default();
    assert!(access.admits(peer("192.0.2.1")));
    assert_eq!(ask(&access, peer("192.0.2.1"), None).unwrap(), View::All);
}

#[test]
fn networks_that_may_connect() {
    let allow = ["10.0.0.0/8", "2001:db8::/32"];
    let allow = allow.map(|network| network.parse().unwrap()).to_vec();
    let access =
        Access::new(Settings { allow, ..Settings::default() }).unwrap();
    for (ip, admitted) in [
        ("10.255.0.1", true),
        ("::ffff:10.0.0.1", true),
        ("2001:db8::7", true),
        ("11.0.0.1", false),
        ("::ffff:11.0.0.1", false),
        ("2001:db9::7", false),
        ("127.0.0.1", false),
    ] {
        assert_eq!(access.admits(peer(ip)), admitted, "{ip}");
        // also on a connection of before
        assert_eq!(ask(&access, peer(ip), None).is_ok(), admitted, "{ip}");
    }
    assert!(access.admits(Peer::Unix));
}

#[test]
fn a_token_has_to_be_kept_secret() {
    let folder = Folder::new("token");
    let path = folder.write("token", &format!("{TOKEN}\n"));
    assert!(Access::new(token(&path)).is_ok());
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let error = refusal(token(&path));
        assert!(error.starts_with("bearer-token-file: /"), "{error}");
        assert!(error.contains("others may read or change it"), "{error}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(Access::new(token(&path)).is_ok());
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        let error = refusal(token(&path));
        assert!(error.contains("belongs to user 65534, not to 0"), "{error}");
    }
    for (text, why) in [
        ("", "expected at least 16 characters"),
        ("0123456789abcde", "expected at least 16 characters"),
        ("0123456789 abcdef", "expected one word of printable ASCII"),
        ("0123456789abcdé", "expected one word of printable ASCII"),
    ] {
        let error = refusal(token(&folder.write("token", text)));
        assert!(error.ends_with(why), "{error}");
    }
    let error = refusal(token(Path::new("/nowhere/token")));
    assert!(error.starts_with("bearer-token-file: /nowhere/token: No such"));
}

#[test]
fn a_token_or_a_password() {
    let folder = Folder::new("both");
    let path = folder.write("token", TOKEN);
    let hash = bcrypt::hash("b", 4).unwrap();
    let mut settings = token(&path);
    settings.basic_auth_users = [("a".to_owned(), hash)].into();
    let access = Access::new(settings).unwrap();
    let from = peer("192.0.2.1");
    // a:b
    for good in ["Bearer 0123456789abcdef", "Basic YTpi"] {
        assert_eq!(ask(&access, from, Some(good)).unwrap(), View::All);
    }
    for bad in [
        None,
        Some("Bearer 0123456789abcdeX"),
        Some("Bearer 0123456789abcdef0"),
        Some("Bearer"),
        Some("Basic YTpj"),
        Some("Basic Yjpi"),
        Some("0123456789abcdef"),
    ] {
        let Err(Denial::Unauthorized(kinds)) = ask(&access, from, bad) else {
            panic!("{bad:?} was let in");
        };
        assert_eq!(kinds.len(), 2);
    }
    // this machine is asked like all others; a socket's file has a mode
    assert!(ask(&access, peer("127.0.0.1"), None).is_err());
    assert!(ask(&access, Peer::Unix, None).is_ok());
    let status = access.status();
    assert!(status.basic_auth && status.bearer_token && !status.withheld);
}

#[test]
fn in_private_mode_only_this_machine_sees_all() {
    let private = Settings { private: true, ..Settings::default() };
    let access = Access::new(private.clone()).unwrap();
    assert!(access.status().withheld);
    for (who, view) in [
        (peer("192.0.2.1"), View::Public),
        (peer("::ffff:192.0.2.1"), View::Public),
        (peer("127.0.0.1"), View::Local),
        (peer("::1"), View::Local),
        (Peer::Unix, View::Local),
    ] {
        assert_eq!(ask(&access, who, None).unwrap(), view, "{who:?}");
    }
    // who has shown who it is sees all, persons too
    let folder = Folder::new("private");
    let path = folder.write("token", TOKEN);
    let access = Access::new(Settings {
        bearer_token_file: Some(path),
        ..private.clone()
    });
    let access = access.unwrap();
    let bearer = Some("Bearer 0123456789abcdef");
    for who in [peer("192.0.2.1"), peer("127.0.0.1")] {
        assert_eq!(ask(&access, who, bearer).unwrap(), View::All);
        assert!(ask(&access, who, None).is_err());
    }
    // a socket asks nobody
    assert_eq!(ask(&access, Peer::Unix, None).unwrap(), View::Local);
    assert!(!access.status().withheld);
    // TLS alone shows who the server is, and allow where a client is
    let (cert, key) = folder.certificate("server");
    let tls = Settings {
        tls_cert: Some(cert.clone()),
        tls_key: Some(key),
        allow: vec!["192.0.2.0/24".parse().unwrap()],
        ..private
    };
    assert!(Access::new(tls.clone()).unwrap().status().withheld);
    let mutual = Settings { tls_client_ca: Some(cert), ..tls };
    let status = Access::new(mutual).unwrap().status();
    assert!(status.client_certificates && !status.withheld);
}

#[test]
fn what_is_wrong_with_certificates() {
    let folder = Folder::new("certificates");
    let (cert, key) = folder.certificate("a");
    let (_, other) = folder.certificate("b");
    let junk = folder.write("junk", "junk");
    let settings = |cert: &Path, key: &Path, ca: Option<&Path>| Settings {
        tls_cert: Some(cert.into()),
        tls_key: Some(key.into()),
        tls_client_ca: ca.map(Into::into),
        ..Settings::default()
    };
    assert!(Access::new(settings(&cert, &key, Some(&cert))).is_ok());
    for (cert, key, ca, named) in [
        (&junk, &key, None, "tls-cert: "),
        (&cert, &junk, None, "tls-key: "),
        (&cert, &cert, None, "tls-key: "),
        (&cert, &key, Some(&junk), "tls-client-ca: "),
        (&folder.0, &key, None, "tls-cert: "),
    ] {
        let error = refusal(settings(cert, key, ca.map(PathBuf::as_path)));
        assert!(error.starts_with(named), "{named}: {error}");
        assert!(error.contains(folder.0.to_str().unwrap()), "{error}");
    }
    // as openssl writes one with a passphrase
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n\
               -----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = folder.write("locked", pem);
    for (key, said) in [
        (&other, "is not the key of the certificate"),
        (
            &locked,
            "no private key in PEM format (one that is encrypted, by a \
             passphrase, cannot be read)",
        ),
    ] {
        let error = refusal(settings(&cert, key, None));
        assert_eq!(error, format!("tls-key: {}: {said}", key.display()));
    }
}

#[test]
fn a_key_that_everybody_may_read_is_told() {
    let folder = Folder::new("open-key");
    let (cert, key) = folder.certificate("a");
    let yaml = folder.write(
        "web.yml",
        "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n",
    );
    let inline = fs::read_to_string(&key).unwrap().replace('\n', "\n    ");
    let inline = folder.write(
        "inline.yml",
        &format!(
            "tls_server_config:\n  cert_file: a.crt\n  key: |\n    {inline}"
        ),
    );
    let settings = Settings {
        tls_cert: Some(cert),
        tls_key: Some(key.clone()),
        ..Settings::default()
    };
    let web = |path: &Path| Settings {
        web_config_file: Some(path.into()),
        ..Settings::default()
    };
    for (settings, file) in
        [(settings, &key), (web(&yaml), &key), (web(&inline), &inline)]
    {
        for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
            let status = Access::new(settings.clone()).unwrap().status();
            assert_eq!(status.open_key, is_open.then(|| file.clone()));
        }
    }
    // without a key in it it may be read
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&yaml, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Access::new(web(&yaml)).unwrap().status().open_key, None);
}
