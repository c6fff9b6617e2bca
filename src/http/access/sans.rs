//! Client certificates that are let in by name.

use std::{net::IpAddr, sync::Arc};

use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// Verifies as another does, and then looks for one of some names.
#[derive(Debug)]
pub(super) struct OneOf {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// DNS names, IP and e-mail addresses, URIs.
    pub(super) allowed: Vec<String>,
}

impl ClientCertVerifier for OneOf {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        client: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier.verify_client_cert(client, others, now)?;
        match names(client).iter().any(|name| self.allowed.contains(name)) {
            true => Ok(verified),
            false => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The alternative names of a certificate, as text; none if it has none or
/// they cannot be read.
pub fn names(der: &[u8]) -> Vec<String> {
    let certificate = Certificate::from_der(der);
    let names = certificate.ok().and_then(|certificate| {
        let extension =
            certificate.tbs_certificate().get_extension::<SubjectAltName>();
        extension.ok().flatten()
    });
    names.map_or_else(Vec::new, |(_, names)| {
        names.0.iter().filter_map(text).collect()
    })
}

fn text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => {
            Some(name.as_str().to_owned())
        }
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let ip = <[u8; 4]>::try_from(bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            ip.ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_kinds() {
        use rcgen::{CertificateParams, SanType};
        let mut params =
            CertificateParams::new(vec!["node1.example".into()]).unwrap();
        let more = [
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::Rfc822Name("a@b.example".try_into().unwrap()),
            SanType::URI("spiffe://x/y".try_into().unwrap()),
        ];
        params.subject_alt_names.extend(more);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(
            names(certificate.der()),
            [
                "node1.example",
                "10.0.0.1",
                "2001:db8::1",
                "a@b.example",
                "spiffe://x/y"
            ]
        );
        let plain = CertificateParams::new(Vec::new()).unwrap();
        let plain = plain.self_signed(&key).unwrap();
        assert!(names(plain.der()).is_empty());
        assert!(names(b"junk").is_empty());
    }
}
