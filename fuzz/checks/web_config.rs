//! A file for `web-config-file`, beside which are `cert.pem`, `key.pem` and
//! `ca.pem`: what is refused is named, what is accepted is in force, and a key
//! that nobody knows is never passed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flux_prometheus::http::access::{Access, Settings, Status};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

pub fn check(data: &[u8]) {
    let folder = Folder::new();
    let web = folder.0.join("web.yml");
    let Some(status) = load(&web, data) else { return };
    assert_eq!(status.problem, None);
    assert!(!status.bearer_token && !status.allow && !status.withheld);
    let text = String::from_utf8_lossy(data);
    // a key can be spelled in another way only by these
    let odd = text.contains(['\\', '!', '&', '*', '"']);
    let spells = |word| odd || text.contains(word);
    assert!(!status.basic_auth || spells("basic_auth_users"));
    assert!(!status.tls || spells("tls_server_config"));
    assert!(!status.client_certificates || spells("client_auth_type"));
    assert!(!status.client_certificates || status.tls);
    let more = [data, b"\nnobody_knows: 1\n"].concat();
    assert_eq!(load(&web, &more), None, "passed over");
}

/// None if it is refused.
fn load(web: &Path, data: &[u8]) -> Option<Status> {
    fs::write(web, data).unwrap();
    let settings = Settings {
        web_config_file: Some(web.to_owned()),
        ..Settings::default()
    };
    match Access::new(settings) {
        Ok(access) => Some(access.status()),
        Err(error) => {
            let start = format!("web-config-file: {}: ", web.display());
            assert!(error.starts_with(&start), "{error}");
            assert!(error.len() > start.len());
            None
        }
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FILES: OnceLock<[(&str, String); 3]> = OnceLock::new();
        let files = FILES.get_or_init(|| {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["x".into()]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let cert = params.self_signed(&key).unwrap().pem();
            let key = key.serialize_pem();
            [("cert.pem", cert.clone()), ("ca.pem", cert), ("key.pem", key)]
        });
        let name = format!("flux-prometheus-web-config-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
        }
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
