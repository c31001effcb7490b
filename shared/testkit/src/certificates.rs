//! A certificate authority for one test, and a server's certificate for the loopback by it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Names the server's certificate is good for.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

/// Files of an authority and of a server, in PEM.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate: trust it, for example by `SSL_CERT_FILE`.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes new ones in a folder.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn create(folder: &Path) -> io::Result<Self> {
        let mut authority = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().map_err(io::Error::other)?;
        let authority_certificate = authority.self_signed(&authority_key).map_err(io::Error::other)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = CertificateParams::new(NAMES.map(str::to_owned).to_vec())
            .and_then(|server| server.signed_by(&key, &issuer))
            .map_err(io::Error::other)?;
        let made = Self {
            authority: folder.join("authority.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        std::fs::write(&made.authority, authority_certificate.pem())?;
        std::fs::write(&made.certificate, certificate.pem())?;
        std::fs::write(&made.key, key.serialize_pem())?;
        Ok(made)
    }

    /// For a server that speaks HTTP/2.
    ///
    /// # Errors
    /// When the files are no certificate and its key.
    pub fn http2_server(&self) -> io::Result<ServerConfig> {
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}
