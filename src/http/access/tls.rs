//! TLS, from PEM files to a handshake.

use std::{io, sync::Arc};

use ring::digest;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, InconsistentKeys, NamedGroup, RootCertStore, ServerConfig,
        SupportedCipherSuite, SupportedProtocolVersion,
        crypto::{CryptoProvider, SupportedKxGroup, ring as provider},
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        server::{NoServerSessionStorage, WebPkiClientVerifier},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use super::{
    super::{filed::Filed, stream::Stream},
    sans::OneOf,
};

/// What TLS keeps for a slow reader, beside what the kernel does.
const BUFFER: usize = 32 * 1024;

/// How a TLS record with a ClientHello begins.
const HANDSHAKE: u8 = 22;

/// For who speaks HTTP to a TLS port, as Go's servers do it.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\n\
    \r\n\
    this port expects HTTPS\n";

/// What is to be made of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Clients {
    /// Clients are not asked for one.
    #[default]
    None,
    /// A client may have one; then it must be good.
    IfGiven,
    /// A client must have a good one.
    Required,
}

/// All that a TLS server is made of.
pub(super) struct Source {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
    pub(super) clients: Clients,
    /// Names of which a client certificate needs one; none given, any will do.
    pub(super) allowed_sans: Vec<String>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// None for the default ones.
    pub(super) suites: Option<Vec<SupportedCipherSuite>>,
    pub(super) groups: Option<Vec<NamedGroup>>,
    pub(super) prefer_server: bool,
}

impl Source {
    /// With what is customary.
    pub(super) fn new(cert: Vec<u8>, key: Vec<u8>) -> Self {
        Self {
            cert,
            key,
            client_ca: None,
            clients: Clients::None,
            allowed_sans: Vec::new(),
            versions: vec![&TLS13, &TLS12],
            suites: None,
            groups: None,
            prefer_server: true,
        }
    }
}

/// What of a [`Source`] is wrong, and how.
#[derive(Debug)]
pub(super) enum Wrong {
    Cert(String),
    Key(String),
    ClientCa(String),
    Other(String),
}

/// A TLS server.
pub(in crate::http) struct Tls {
    config: Arc<ServerConfig>,
    pub(super) requires_certificate: bool,
    /// What beside TLS it asks for, in words of the web configuration.
    pub(super) asks: Vec<&'static str>,
    /// The same for servers that are made of the same.
    digest: [u8; 32],
}

impl Tls {
    pub(super) fn new(source: &Source) -> Result<Self, Wrong> {
        let chain = certificates(&source.cert).map_err(Wrong::Cert)?;
        let key = PrivateKeyDer::from_pem_slice(&source.key)
            .map_err(|error| Wrong::Key(no_key(&error)))?;
        let provider = Arc::new(provider_of(source));
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&source.versions)
            .map_err(|error| Wrong::Other(error.to_string()))?;
        let builder = match source.clients {
            Clients::None => builder.with_no_client_auth(),
            Clients::IfGiven | Clients::Required => {
                let verifier = verifier(source, provider)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| Wrong::Key(no_use(&error)))?;
        config.ignore_client_order = source.prefer_server;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Scrapers keep their connections. Without sessions there is no
        // memory of them, and none that outlives its certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            config: Arc::new(config),
            asks: asks(source),
            requires_certificate: source.clients == Clients::Required,
            digest: digest(source),
        })
    }

    /// Whether connections of the one may go on under the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

fn no_key(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => {
            "no private key in PEM format (one that is \
            encrypted, by a passphrase, cannot be read)"
                .into()
        }
        other => other.to_string(),
    }
}

fn no_use(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "is not the key of the certificate".into()
        }
        other => other.to_string(),
    }
}

fn provider_of(source: &Source) -> CryptoProvider {
    let mut provider = provider::default_provider();
    if let Some(suites) = &source.suites {
        provider.cipher_suites.clone_from(suites);
    }
    if let Some(groups) = &source.groups {
        let all = std::mem::take(&mut provider.kx_groups);
        let find =
            |name: &NamedGroup| -> Option<&'static dyn SupportedKxGroup> {
                all.iter().copied().find(|group| group.name() == *name)
            };
        provider.kx_groups = groups.iter().filter_map(find).collect();
    }
    provider
}

fn verifier(
    source: &Source,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, Wrong> {
    let ca = source.client_ca.as_deref().unwrap_or_default();
    let mut roots = RootCertStore::empty();
    for root in certificates(ca).map_err(Wrong::ClientCa)? {
        roots.add(root).map_err(|e| Wrong::ClientCa(e.to_string()))?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match source.clients {
        Clients::IfGiven => builder.allow_unauthenticated(),
        _ => builder,
    };
    let verifier =
        builder.build().map_err(|e| Wrong::ClientCa(e.to_string()))?;
    Ok(match source.allowed_sans.is_empty() {
        true => verifier,
        false => {
            Arc::new(OneOf { verifier, allowed: source.allowed_sans.clone() })
        }
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err("no certificate in PEM format".into()),
        Ok(all) => Ok(all),
        Err(error) => Err(error.to_string()),
    }
}

fn asks(source: &Source) -> Vec<&'static str> {
    let certificates = source.clients == Clients::Required;
    let has = |version| source.versions.contains(version);
    [
        (certificates, "client certificates"),
        (!source.allowed_sans.is_empty(), "client_allowed_sans"),
        (!has(&&TLS12), "min_version"),
        (!has(&&TLS13), "max_version"),
        (source.suites.is_some(), "cipher_suites"),
        (source.groups.is_some(), "curve_preferences"),
    ]
    .into_iter()
    .filter_map(|(is, what)| is.then_some(what))
    .collect()
}

fn digest(source: &Source) -> [u8; 32] {
    let Source { cert, key, client_ca, .. } = source;
    let mut context = digest::Context::new(&digest::SHA256);
    for file in [cert, key, client_ca.as_deref().unwrap_or_default()] {
        context.update(&file.len().to_ne_bytes());
        context.update(file);
    }
    let options = (
        &source.clients,
        &source.allowed_sans,
        &source.versions,
        &source.suites,
        &source.groups,
        source.prefer_server,
    );
    context.update(format!("{options:?}").as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// Shakes hands, or closes. Takes as long as the client does.
pub(in crate::http) async fn accept(
    stream: TcpStream,
    tls: &Tls,
) -> io::Result<Stream> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if first[0] != HANDSHAKE {
        Stream::Tcp(stream, Filed::default()).farewell(NOT_TLS);
        return Err(io::ErrorKind::InvalidData.into());
    }
    let accepting = TlsAcceptor::from(tls.config.clone())
        .accept_with(stream, |tls| tls.set_buffer_limit(Some(BUFFER)));
    let stream: TlsStream<TcpStream> = accepting.await?;
    Ok(Stream::Tls(Box::new(stream)))
}
