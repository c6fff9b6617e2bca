//! What the file has words for: who needs a certificate, versions, suites and
//! curves.

use tokio_rustls::rustls::{
    NamedGroup, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::ring::ALL_CIPHER_SUITES,
    version::{TLS12, TLS13},
};

use super::TlsServerConfig;
use crate::http::access::tls::Clients;

impl TlsServerConfig {
    pub(super) fn clients(&self, has_ca: bool) -> Result<Clients, String> {
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

    pub(super) fn versions(
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
    pub(super) fn suites(
        &self,
    ) -> Result<Option<Vec<SupportedCipherSuite>>, String> {
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

    pub(super) fn groups(&self) -> Result<Option<Vec<NamedGroup>>, String> {
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
