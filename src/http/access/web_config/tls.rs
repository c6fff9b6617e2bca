//! `tls_server_config`: certificates, and how TLS is spoken.

mod choices;

use std::path::{Path, PathBuf};

use super::yaml::Map;
use crate::http::access::{
    files::Files,
    tls::{Clients, Source, Tls, Wrong},
};

/// What the file says.
#[derive(Default)]
pub(super) struct TlsServerConfig {
    cert: String,
    key: String,
    client_ca: String,
    cert_file: String,
    key_file: String,
    client_auth_type: String,
    client_ca_file: String,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Vec<String>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Vec<String>,
}

impl TlsServerConfig {
    /// The keys that there are.
    pub(super) const KNOWN: [&str; 13] = [
        "cert",
        "key",
        "client_ca",
        "cert_file",
        "key_file",
        "client_auth_type",
        "client_ca_file",
        "client_allowed_sans",
        "min_version",
        "max_version",
        "cipher_suites",
        "prefer_server_cipher_suites",
        "curve_preferences",
    ];

    pub(super) fn read(mut map: Map) -> Result<Self, String> {
        let mut text = |key| map.text(key).map(Option::unwrap_or_default);
        Ok(Self {
            cert: text("cert")?,
            key: text("key")?,
            client_ca: text("client_ca")?,
            cert_file: text("cert_file")?,
            key_file: text("key_file")?,
            client_auth_type: text("client_auth_type")?,
            client_ca_file: text("client_ca_file")?,
            client_allowed_sans: map.texts("client_allowed_sans")?,
            min_version: map.text("min_version")?,
            max_version: map.text("max_version")?,
            cipher_suites: map.texts("cipher_suites")?.unwrap_or_default(),
            prefer_server_cipher_suites: map
                .flag("prefer_server_cipher_suites")?,
            curve_preferences: map
                .texts("curve_preferences")?
                .unwrap_or_default(),
        })
    }

    /// As exporter-toolkit has it.
    pub(super) fn is_enabled(&self) -> bool {
        let any = [
            &self.cert,
            &self.key,
            &self.client_ca,
            &self.cert_file,
            &self.key_file,
            &self.client_auth_type,
            &self.client_ca_file,
        ];
        any.iter().any(|value| !value.is_empty())
    }

    /// Whether the key is in the file itself.
    pub(super) fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// Whether it says nothing at all, certificates apart.
    pub(super) fn is_default(&self) -> bool {
        self.client_allowed_sans.is_none()
            && self.min_version.is_none()
            && self.max_version.is_none()
            && self.cipher_suites.is_empty()
            && self.prefer_server_cipher_suites.is_none()
            && self.curve_preferences.is_empty()
    }

    /// Reads the files that it names, which are relative to `dir`.
    pub(super) fn load(
        &self,
        dir: &Path,
        files: &mut Files,
    ) -> Result<Tls, String> {
        let mut pem = |key: &str, file: &str, inline: &str| match (file, inline)
        {
            ("", "") => Ok(None),
            ("", inline) => Ok(Some(inline.as_bytes().to_vec())),
            (file, "") => {
                let path = dir.join(PathBuf::from(file));
                let read = match key {
                    "key" => files.read_key(&path),
                    _ => files.read(&path).map(|(bytes, _)| bytes),
                };
                read.map(Some)
                    .map_err(|e| format!("tls_server_config.{key}_file: {e}"))
            }
            _ => Err(format!(
                "tls_server_config.{key}: give either {key} or {key}_file"
            )),
        };
        let missing = |key: &str| {
            format!("tls_server_config.{key}_file: missing, as is {key}")
        };
        let cert = pem("cert", &self.cert_file, &self.cert)?;
        let key = pem("key", &self.key_file, &self.key)?;
        let client_ca =
            pem("client_ca", &self.client_ca_file, &self.client_ca)?;
        let mut source = Source::new(
            cert.ok_or_else(|| missing("cert"))?,
            key.ok_or_else(|| missing("key"))?,
        );
        source.clients = self.clients(client_ca.is_some())?;
        source.client_ca = client_ca;
        if let Some(sans) = &self.client_allowed_sans {
            let of = "tls_server_config.client_allowed_sans";
            // to exporter-toolkit nobody is allowed then
            if sans.is_empty() {
                return Err(format!("{of}: expected at least one name"));
            }
            if source.clients == Clients::None {
                return Err(format!(
                    "{of}: needs client_auth_type RequireAndVerifyClientCert"
                ));
            }
            source.allowed_sans.clone_from(sans);
        }
        source.versions = self.versions()?;
        source.suites = self.suites()?;
        source.groups = self.groups()?;
        if let Some(prefer) = self.prefer_server_cipher_suites {
            source.prefer_server = prefer;
        }
        let at = |key: &str, file: &str, text: String| match file {
            "" => format!("tls_server_config.{key}: {text}"),
            file => format!("tls_server_config.{key}_file: {file}: {text}"),
        };
        Tls::new(&source).map_err(|wrong| match wrong {
            Wrong::Cert(text) => at("cert", &self.cert_file, text),
            Wrong::Key(text) => at("key", &self.key_file, text),
            Wrong::ClientCa(text) => {
                at("client_ca", &self.client_ca_file, text)
            }
            Wrong::Other(text) => format!("tls_server_config: {text}"),
        })
    }
}
