//! What the settings and their files come to.

use std::{
    collections::BTreeMap, os::unix::fs::MetadataExt, path::Path, sync::Arc,
};

use hyper::header::{HeaderName, HeaderValue};

use super::{
    Settings,
    files::Files,
    password::{Users, check_hash},
    rate::RateLimit,
    secret::Secret,
    tls::{Clients, Source, Tls, Wrong},
    web_config,
};

/// A token of fewer characters could be guessed.
const MIN_TOKEN: usize = 16;

/// Rules, ready to be applied. The default has none.
#[derive(Default)]
pub(in crate::http) struct Policy {
    /// What TCP connections need.
    pub(in crate::http) tls: Option<Arc<Tls>>,
    pub(super) users: Option<Users>,
    pub(super) token: Option<Secret>,
    /// Headers for every answer.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) rate: Option<RateLimit>,
}

impl Policy {
    pub(super) fn new(
        tls: Option<Tls>,
        users: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            tls: tls.map(Arc::new),
            users: Users::new(users),
            ..Self::default()
        }
    }

    /// Reads what the settings name. An error begins with the key.
    pub(super) fn load(
        settings: &Settings,
        files: &mut Files,
    ) -> Result<Self, String> {
        let mut policy = match &settings.web_config_file {
            Some(path) => web_config::load(path, files)
                .map_err(|text| format!("web-config-file: {text}"))?,
            None => {
                for (name, hash) in &settings.basic_auth_users {
                    check_hash(hash).map_err(|text| {
                        format!("basic-auth-users.{name}: {text}")
                    })?;
                }
                let tls = tls(settings, files)?;
                Self::new(tls, &settings.basic_auth_users)
            }
        };
        if let Some(path) = &settings.bearer_token_file {
            let token = token(path, files)
                .map_err(|text| format!("bearer-token-file: {text}"))?;
            policy.token = Some(token);
        }
        Ok(policy)
    }

    /// Whether who gets in has shown who it is.
    pub(super) fn authenticates(&self) -> bool {
        self.users.is_some()
            || self.token.is_some()
            || self.requires_certificate()
    }

    pub(super) fn requires_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.requires_certificate)
    }

    /// What `old` asks for and this does not.
    pub(super) fn gives_up(&self, old: &Self) -> Option<&'static str> {
        let asks = self.asks();
        let has = |name| self.headers.iter().any(|(has, _)| has == name);
        let lost = old.asks().into_iter().find(|what| !asks.contains(what));
        let headers = old.headers.iter().any(|(name, _)| !has(name));
        lost.or(headers.then_some("all headers"))
    }

    fn asks(&self) -> Vec<&'static str> {
        let secrets = self.users.is_some() || self.token.is_some();
        let mut asks: Vec<_> = [
            (self.tls.is_some(), "TLS"),
            (secrets, "passwords"),
            (self.rate.is_some(), "a rate limit"),
        ]
        .into_iter()
        .filter_map(|(is, what)| is.then_some(what))
        .collect();
        asks.extend(self.tls.iter().flat_map(|tls| &tls.asks));
        asks
    }
}

fn tls(settings: &Settings, files: &mut Files) -> Result<Option<Tls>, String> {
    let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key)
    else {
        return Ok(None);
    };
    let in_ = |key: &'static str| move |text: String| format!("{key}: {text}");
    let (cert_bytes, _) = files.read(cert).map_err(in_("tls-cert"))?;
    let key_bytes = files.read_key(key).map_err(in_("tls-key"))?;
    let mut source = Source::new(cert_bytes, key_bytes);
    if let Some(ca) = &settings.tls_client_ca {
        let (bytes, _) = files.read(ca).map_err(in_("tls-client-ca"))?;
        source.client_ca = Some(bytes);
        source.clients = Clients::Required;
    }
    let at = |name: &str, path: &Path, text| {
        format!("{name}: {}: {text}", path.display())
    };
    Tls::new(&source).map(Some).map_err(|wrong| match wrong {
        Wrong::Cert(text) => at("tls-cert", cert, text),
        Wrong::Key(text) => at("tls-key", key, text),
        Wrong::ClientCa(text) => {
            let ca = settings.tls_client_ca.as_deref();
            at("tls-client-ca", ca.unwrap_or(Path::new("")), text)
        }
        Wrong::Other(text) => at("tls-cert", cert, text),
    })
}

/// Reads a token that nobody else can read.
fn token(path: &Path, files: &mut Files) -> Result<Secret, String> {
    let (bytes, file) = files.read(path)?;
    let error = |text: &str| Err(format!("{}: {text}", path.display()));
    if file.mode() & 0o077 != 0 {
        return error(
            "others may read or change it; expected mode 0600 or 0400",
        );
    }
    let us = nix::unistd::geteuid().as_raw();
    if file.uid() != us && file.uid() != 0 {
        return error(&format!(
            "belongs to user {}, not to {us}, who runs this, or to root",
            file.uid()
        ));
    }
    let token = bytes.trim_ascii();
    if !token.iter().all(u8::is_ascii_graphic) {
        return error("expected one word of printable ASCII");
    }
    if token.len() < MIN_TOKEN {
        return error(&format!("expected at least {MIN_TOKEN} characters"));
    }
    Secret::new(token)
}
