//! A certificate for the simulator's own listeners, made at the start, and the one that clients must trust for it.
//!
//! For: clients that insist on https and wss. Left out: certificates of files; renewal (they outlive every run).
//! Always true: the key that signs is gone when this returns, so trusting the certificate trusts this run and no other.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use tempfile::{Builder, TempPath};
use thiserror::Error;
use tokio_rustls::rustls::{
    self,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::io::files;

/// Why there is no certificate.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// None could be made.
    #[error("making it failed")]
    Make(#[from] rcgen::Error),
    /// What was made cannot be used.
    #[error("it cannot be used")]
    Use(#[source] rustls::Error),
    /// The file for clients cannot be written.
    #[error("{path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What was made.
pub(super) struct Made {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) ca: CaFile,
}

/// The file with the certificate that clients must trust, PEM.
#[derive(Debug)]
pub(super) enum CaFile {
    /// Where the settings want it. It stays.
    Kept(PathBuf),
    /// A temporary file that goes with this value.
    Temporary(TempPath),
}

impl CaFile {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(path) => path,
        }
    }
}

/// Makes a certificate for `localhost`, the loopback's addresses and those listened at.
///
/// # Errors
///
/// When the system has no entropy, or the file for clients cannot be written.
pub(super) fn make(
    listening: &[SocketAddr],
    file: Option<&Path>,
) -> Result<Made, CertificateError> {
    let authority = CertifiedIssuer::self_signed(authority(), KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = server(listening)?.signed_by(&key, &authority)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok(Made {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key),
        ca: write(&authority.pem(), file)?,
    })
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "tradingd sim, of this run");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server(listening: &[SocketAddr]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(["localhost".to_owned()])?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "tradingd sim");
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let others = listening.iter().map(SocketAddr::ip);
    let others = others.filter(|address| !address.is_loopback() && !address.is_unspecified());
    let addresses = loopback.into_iter().chain(others);
    params
        .subject_alt_names
        .extend(addresses.map(SanType::IpAddress));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn write(pem: &str, file: Option<&Path>) -> Result<CaFile, CertificateError> {
    if let Some(path) = file {
        let failed = |source| CertificateError::Write {
            path: path.to_owned(),
            source,
        };
        files::replace(path, pem.as_bytes()).map_err(failed)?;
        return Ok(CaFile::Kept(path.to_owned()));
    }
    let failed = |source| CertificateError::Write {
        path: std::env::temp_dir(),
        source,
    };
    let new = Builder::new()
        .prefix("tradingd-sim-")
        .suffix(".pem")
        .tempfile();
    let mut new = new.map_err(failed)?;
    io::Write::write_all(&mut new, pem.as_bytes()).map_err(failed)?;
    Ok(CaFile::Temporary(new.into_temp_path()))
}
