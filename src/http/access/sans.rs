//! Client certificates that are let in by name.

use std::{net::IpAddr, sync::Arc};

use der::{Decode, Reader, SliceReader, Tag, TagNumber, asn1::AnyRef};
use tokio_rustls::rustls::{
    self, CertificateError, DigitallySignedStruct, DistinguishedName,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
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

/// The tag of a certificate's extensions (RFC 5280, 4.1), which is explicit.
const EXTENSIONS: TagNumber = TagNumber(3);

/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 17];

/// The alternative names of a verified certificate, as text; none if it has
/// none or they cannot be read.
pub fn names(certificate: &[u8]) -> Vec<String> {
    subject_alt_name(certificate).ok().flatten().unwrap_or_default()
}

/// Goes down to the one extension. All else has been read by who verified.
fn subject_alt_name(certificate: &[u8]) -> der::Result<Option<Vec<String>>> {
    let signed = AnyRef::from_der(certificate)?;
    let Some(&body) = parts(signed.value())?.first() else {
        return Ok(None);
    };
    let fields = parts(body.value())?;
    let Some(list) = fields.iter().find(|p| number(p) == Some(EXTENSIONS))
    else {
        return Ok(None);
    };
    for extension in parts(AnyRef::from_der(list.value())?.value())? {
        let fields = parts(extension.value())?;
        // between them it may say that it is critical
        let (Some(id), Some(value)) = (fields.first(), fields.last()) else {
            continue;
        };
        if id.value() == SUBJECT_ALT_NAME {
            let names = parts(AnyRef::from_der(value.value())?.value())?;
            return Ok(Some(names.iter().filter_map(text).collect()));
        }
    }
    Ok(None)
}

/// What a sequence is of.
fn parts(sequence: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(sequence)?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(AnyRef::decode(&mut reader)?);
    }
    Ok(parts)
}

fn number(part: &AnyRef<'_>) -> Option<TagNumber> {
    match der::Tagged::tag(part) {
        Tag::ContextSpecific { number, .. } => Some(number),
        _ => None,
    }
}

/// A name, if it is an address of e-mail, a DNS name, a URI or an IP address.
fn text(name: &AnyRef<'_>) -> Option<String> {
    let value = name.value();
    match number(name)?.0 {
        1 | 2 | 6 => String::from_utf8(value.to_vec()).ok(),
        7 => {
            let v4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
            let v6 = || <[u8; 16]>::try_from(value).map(IpAddr::from);
            v4.or_else(|_| v6()).ok().map(|ip| ip.to_string())
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
