//! The file format of Prometheus's exporter-toolkit (`--web.config.file`).
//!
//! What this server cannot do is an error that names the key: nothing in the
//! file is passed over.

mod headers;
mod rate_limit;
mod tls;
mod yaml;

use std::{collections::BTreeMap, path::Path};

use super::{files::Files, password::check_hash, policy::Policy};
use headers::headers;
use rate_limit::RateLimiter;
use tls::TlsServerConfig;
use yaml::Map;

#[derive(Default)]
struct WebConfig {
    tls_server_config: Option<TlsServerConfig>,
    headers: Vec<(String, String)>,
    users: BTreeMap<String, String>,
    rate_limit: Option<RateLimiter>,
}

/// Reads the file and those it names, which are relative to it.
pub(super) fn load(path: &Path, files: &mut Files) -> Result<Policy, String> {
    let (bytes, file) = files.read(path)?;
    let error = |text: String| format!("{}: {text}", path.display());
    let text = String::from_utf8(bytes).map_err(|e| error(e.to_string()))?;
    let config = parse(&text).map_err(error)?;
    if config.tls_server_config.as_ref().is_some_and(|tls| tls.has_key()) {
        files.has_key(path, &file);
    }
    let dir = path.parent().unwrap_or(Path::new("/"));
    config.policy(dir, files).map_err(error)
}

fn parse(text: &str) -> Result<WebConfig, String> {
    const KNOWN: [&str; 4] = [
        "tls_server_config",
        "http_server_config",
        "basic_auth_users",
        "rate_limit",
    ];
    let mut file = Map::parse(text, &KNOWN)?;
    let mut config = WebConfig {
        users: file.texts_by_key("basic_auth_users")?.into_iter().collect(),
        ..WebConfig::default()
    };
    let tls = file.map("tls_server_config", &TlsServerConfig::KNOWN)?;
    config.tls_server_config = tls.map(TlsServerConfig::read).transpose()?;
    let http = file.map("http_server_config", &["http2", "headers"])?;
    if let Some(mut http) = http {
        // that it may be spoken, not that it is: who asks is told HTTP/1.1
        http.flag("http2")?;
        config.headers = http.texts_by_key("headers")?;
    }
    let rate = file.map("rate_limit", &["interval", "burst"])?;
    config.rate_limit = rate.map(RateLimiter::read).transpose()?;
    Ok(config)
}

impl WebConfig {
    fn policy(self, dir: &Path, files: &mut Files) -> Result<Policy, String> {
        for (name, hash) in &self.users {
            check_hash(hash)
                .map_err(|text| format!("basic_auth_users.{name}: {text}"))?;
        }
        let tls = match self.tls_server_config {
            Some(tls) if tls.is_enabled() => Some(tls.load(dir, files)?),
            Some(tls) if !tls.is_default() => {
                let text = "tls_server_config: expected cert_file and key_file";
                return Err(text.into());
            }
            _ => None,
        };
        let mut policy = Policy::new(tls, &self.users);
        policy.headers = headers(self.headers)?;
        policy.rate = self.rate_limit.unwrap_or_default().limit()?;
        Ok(policy)
    }
}

#[cfg(test)]
mod tests;
