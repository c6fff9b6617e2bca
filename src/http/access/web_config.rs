//! The file format of Prometheus's exporter-toolkit (`--web.config.file`).
//!
//! What this server cannot do is an error that names the key: nothing in the
//! file is passed over.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use hyper::header::{HeaderName, HeaderValue};
use tokio_rustls::rustls::{
    NamedGroup, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::ring::ALL_CIPHER_SUITES,
    version::{TLS12, TLS13},
};

use super::{
    files::Files,
    password::check_hash,
    policy::Policy,
    rate::RateLimit,
    tls::{Clients, Source, Tls, Wrong},
};

mod yaml;

use yaml::Map;

/// Headers that can be set, and the values they can have, if only some.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

#[derive(Default)]
struct WebConfig {
    tls_server_config: Option<TlsServerConfig>,
    http2: Option<bool>,
    headers: Vec<(String, String)>,
    users: BTreeMap<String, String>,
    rate_limit: Option<RateLimiter>,
}

#[derive(Default)]
struct TlsServerConfig {
    cert: String,
    key: String,
    client_ca: String,
    cert_file: String,
    key_file: String,
    client_auth_type: String,
    client_ca_file: String,
    client_allowed_sans: Vec<String>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Vec<String>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Vec<String>,
}

#[derive(Default)]
struct RateLimiter {
    interval: Duration,
    burst: u32,
}

/// Reads the file and those it names, which are relative to it.
pub(super) fn load(path: &Path, files: &mut Files) -> Result<Policy, String> {
    let (bytes, _) = files.read(path)?;
    let error = |text: String| format!("{}: {text}", path.display());
    let text = String::from_utf8(bytes).map_err(|e| error(e.to_string()))?;
    let config = parse(&text).map_err(error)?;
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
        config.http2 = http.flag("http2")?;
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
        if self.http2 == Some(true) {
            let text = "http_server_config.http2: HTTP/2 is not spoken here; \
                        leave it out, or set it to false";
            return Err(text.into());
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

impl TlsServerConfig {
    const KNOWN: [&str; 13] = [
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

    fn read(mut map: Map) -> Result<Self, String> {
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
            cipher_suites: map.texts("cipher_suites")?,
            prefer_server_cipher_suites: map
                .flag("prefer_server_cipher_suites")?,
            curve_preferences: map.texts("curve_preferences")?,
        })
    }

    /// As exporter-toolkit has it.
    fn is_enabled(&self) -> bool {
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

    fn is_default(&self) -> bool {
        self.client_allowed_sans.is_empty()
            && self.min_version.is_none()
            && self.max_version.is_none()
            && self.cipher_suites.is_empty()
            && self.prefer_server_cipher_suites.is_none()
            && self.curve_preferences.is_empty()
    }

    fn load(&self, dir: &Path, files: &mut Files) -> Result<Tls, String> {
        let mut pem = |key: &str, file: &str, inline: &str| match (file, inline)
        {
            ("", "") => Ok(None),
            ("", inline) => Ok(Some(inline.as_bytes().to_vec())),
            (file, "") => files
                .read(&dir.join(PathBuf::from(file)))
                .map(|(bytes, _)| Some(bytes))
                .map_err(|e| format!("tls_server_config.{key}_file: {e}")),
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
        source.allowed_sans.clone_from(&self.client_allowed_sans);
        if !source.allowed_sans.is_empty() && source.clients == Clients::None {
            let text = "tls_server_config.client_allowed_sans: needs \
                        client_auth_type RequireAndVerifyClientCert";
            return Err(text.into());
        }
        source.versions = self.versions()?;
        source.suites = self.suites()?;
        source.groups = self.groups()?;
        if let Some(prefer) = self.prefer_server_cipher_suites {
            source.prefer_server = prefer;
        }
        Tls::new(&source).map_err(|wrong| match wrong {
            Wrong::Cert(text) => {
                format!("tls_server_config.cert_file: {text}")
            }
            Wrong::Key(text) => format!("tls_server_config.key_file: {text}"),
            Wrong::ClientCa(text) => {
                format!("tls_server_config.client_ca_file: {text}")
            }
            Wrong::Other(text) => format!("tls_server_config: {text}"),
        })
    }

    fn clients(&self, has_ca: bool) -> Result<Clients, String> {
        let of = "tls_server_config.client_auth_type";
        let kind = self.client_auth_type.as_str();
        let clients = match kind {
            "" | "NoClientCert" => Clients::None,
            "VerifyClientCertIfGiven" => Clients::IfGiven,
            "RequireAndVerifyClientCert" => Clients::Required,
            "RequestClientCert"
            | "RequireAnyClientCert"
            | "RequireClientCert" => {
                return Err(format!(
                    "{of}: {kind} asks for a certificate that nobody \
                     verifies; use RequireAndVerifyClientCert"
                ));
            }
            _ => {
                return Err(format!(
                    "{of}: \"{kind}\" is not NoClientCert, \
                     VerifyClientCertIfGiven or RequireAndVerifyClientCert"
                ));
            }
        };
        match (clients == Clients::None, has_ca) {
            (true, true) => Err(format!(
                "{of}: missing, with client_ca_file; use \
                 RequireAndVerifyClientCert"
            )),
            (false, false) => Err(format!("{of}: needs client_ca_file")),
            _ => Ok(clients),
        }
    }

    fn versions(
        &self,
    ) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
        let rank = |key: &str, value: &Option<String>, default: u8| match value
            .as_deref()
        {
            None => Ok(default),
            Some("TLS12") => Ok(2),
            Some("TLS13") => Ok(3),
            Some(other) => Err(format!(
                "tls_server_config.{key}: expected TLS12 or TLS13, got \
                     \"{other}\""
            )),
        };
        let min = rank("min_version", &self.min_version, 2)?;
        let max = rank("max_version", &self.max_version, 3)?;
        match (min, max) {
            (2, 2) => Ok(vec![&TLS12]),
            (2, 3) => Ok(vec![&TLS13, &TLS12]),
            (3, 3) => Ok(vec![&TLS13]),
            _ => {
                Err("tls_server_config.max_version: less than min_version"
                    .into())
            }
        }
    }

    /// Those of TLS 1.2 that are listed, and all of TLS 1.3, as in Go.
    fn suites(&self) -> Result<Option<Vec<SupportedCipherSuite>>, String> {
        if self.cipher_suites.is_empty() {
            return Ok(None);
        }
        let tls13 = ALL_CIPHER_SUITES.iter().filter(|s| s.tls13().is_some());
        let mut suites: Vec<_> = tls13.copied().collect();
        for name in &self.cipher_suites {
            let found = ALL_CIPHER_SUITES.iter().find(|suite| {
                format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
                    == *name
            });
            let suite = found.ok_or_else(|| {
                format!(
                    "tls_server_config.cipher_suites: {name} is unknown, or \
                     not safe enough"
                )
            })?;
            if !suites.contains(suite) {
                suites.push(*suite);
            }
        }
        Ok(Some(suites))
    }

    fn groups(&self) -> Result<Option<Vec<NamedGroup>>, String> {
        if self.curve_preferences.is_empty() {
            return Ok(None);
        }
        let groups =
            self.curve_preferences.iter().map(|name| match name.as_str() {
                "CurveP256" => Ok(NamedGroup::secp256r1),
                "CurveP384" => Ok(NamedGroup::secp384r1),
                "X25519" => Ok(NamedGroup::X25519),
                _ => Err(format!(
                    "tls_server_config.curve_preferences: {name} is not \
                     CurveP256, CurveP384 or X25519"
                )),
            });
        groups.collect::<Result<_, _>>().map(Some)
    }
}

fn headers(
    set: Vec<(String, String)>,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let headers = set.into_iter().filter(|(_, value)| !value.is_empty());
    let read = |(name, value): (String, String)| {
        let of = format!("http_server_config.headers.{name}");
        let known = HEADERS.iter().find(|(known, _)| *known == name);
        let Some((_, values)) = known else {
            let names = HEADERS.map(|(name, _)| name).join(", ");
            return Err(format!("{of}: unknown (known: {names})"));
        };
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(format!("{of}: expected {}", values.join(" or ")));
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(&value);
        match (name, value) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(format!("{of}: not the text of a header")),
        }
    };
    headers.map(read).collect()
}

impl RateLimiter {
    fn read(mut map: Map) -> Result<Self, String> {
        // a number is of nanoseconds, as in Go
        let interval = |text: &str| match text.parse() {
            Ok(nanos) => Some(Duration::from_nanos(nanos)),
            Err(_) => go_duration(text),
        };
        let duration = "a duration such as 100ms or 1s";
        let whole = "a whole number, at least 0";
        let interval = map.parsed("interval", duration, interval)?;
        let burst = map.parsed("burst", whole, |text| text.parse().ok())?;
        Ok(Self {
            interval: interval.unwrap_or_default(),
            burst: burst.unwrap_or_default(),
        })
    }

    fn limit(self) -> Result<Option<RateLimit>, String> {
        let interval = self.interval;
        match (interval.is_zero(), self.burst) {
            (true, _) => Ok(None),
            (false, 0) => Err("rate_limit.burst: expected at least 1".into()),
            (false, burst) => Ok(Some(RateLimit::new(interval, burst))),
        }
    }
}

/// Go's `time.ParseDuration`: numbers with units, as in 1m30s; up to a day,
/// for more is a mistake here.
fn go_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let (number, tail) = rest.split_at(rest.find(|c| !digits(c))?);
        let end = tail.find(digits).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    let day = 86_400.0;
    (!text.is_empty() && seconds <= day)
        .then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests;
