//! The certificate that clients of rtsps:// are shown.

use std::path::PathBuf;
use std::sync::Arc;

use crate::failure::Failure;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::reloaded::{Reloaded, read_secret, read_text};

/// The certificate and its key, read anew when their files have changed.
pub type Certificate = Reloaded<TlsAcceptor>;

/// Reads the certificate chain of the first file and the key of the second, both PEM.
///
/// # Errors
/// A sentence on which of them is wrong.
pub fn certificate(certificate: PathBuf, key: PathBuf) -> Result<Certificate, Failure> {
    Reloaded::new(vec![certificate, key], acceptor)
}

fn acceptor(files: &[PathBuf]) -> Result<TlsAcceptor, Failure> {
    let [certificate, key] = files else {
        return Err("TLS needs a certificate and a key.".into());
    };
    let text = read_text(certificate, "certificate")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let chain = chain
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| -> Failure {
            format!(
                "The certificate {} cannot be used: there is no PEM certificate in it.",
                certificate.display()
            )
            .into()
        })?;
    let text = read_secret(key, "key")?;
    let secret = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| -> Failure {
        format!(
            "The key {} cannot be used: there is no PEM key without a passphrase in it.",
            key.display()
        )
        .into()
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, secret))
        .map_err(|error| -> Failure {
            format!(
                "The certificate {} with the key {} cannot be used: {error}.",
                certificate.display(),
                key.display()
            )
            .into()
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
