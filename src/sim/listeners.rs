//! The simulator's four listeners, plain or TLS.

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{
    Settings, SimError,
    certificate::{self, CaFile, CertificateError},
    server::Role,
};
use crate::io::net::Listener;

/// Where a simulator listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addresses {
    /// REST.
    pub rest: SocketAddr,
    /// Public socket.
    pub ws: SocketAddr,
    /// Private socket.
    pub ws_auth: SocketAddr,
    /// Order-by-order socket.
    pub ws_l3: SocketAddr,
    /// The control endpoint, which speaks no TLS.
    pub control: Option<SocketAddr>,
    /// Whether all others speak TLS.
    pub tls: bool,
}

impl Addresses {
    /// Base address of REST: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn rest_url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.rest)
    }

    /// Base address of the control endpoint, if there is one.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}"))
    }

    /// Address of a socket: `ws://127.0.0.1:8081/v2`.
    #[must_use]
    pub fn ws_url(&self, role: Role) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        let address = match role {
            Role::Public => self.ws,
            Role::Private => self.ws_auth,
            Role::Level3 => self.ws_l3,
        };
        format!("{scheme}://{address}/v2")
    }
}

/// All listeners, bound.
pub(super) struct Listeners {
    pub(super) rest: Listener,
    pub(super) ws: Listener,
    pub(super) ws_auth: Listener,
    pub(super) ws_l3: Listener,
    pub(super) control: Option<Listener>,
}

impl Listeners {
    /// Binds all of them, or none. With a certificate that was made for them comes the one to trust.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves every address free.
    pub(super) async fn bind(settings: &Settings) -> Result<(Self, Option<CaFile>), SimError> {
        let (tls, ca) = tls(settings)?;
        let listeners = Self {
            rest: listen("rest_addr", settings.rest_addr, tls.as_ref()).await?,
            ws: listen("ws_addr", settings.ws_addr, tls.as_ref()).await?,
            ws_auth: listen("ws_auth_addr", settings.ws_auth_addr, tls.as_ref()).await?,
            ws_l3: listen("ws_l3_addr", settings.ws_l3_addr, tls.as_ref()).await?,
            control: match settings.control_addr {
                None => None,
                Some(address) => Some(listen("control_addr", address, None).await?),
            },
        };
        Ok((listeners, ca))
    }

    /// Where they listen.
    pub(super) fn addresses(&self) -> Result<Addresses, SimError> {
        Ok(Addresses {
            rest: local("rest_addr", &self.rest)?,
            ws: local("ws_addr", &self.ws)?,
            ws_auth: local("ws_auth_addr", &self.ws_auth)?,
            ws_l3: local("ws_l3_addr", &self.ws_l3)?,
            control: self
                .control
                .as_ref()
                .map(|listener| local("control_addr", listener))
                .transpose()?,
            tls: self.rest.is_tls(),
        })
    }
}

async fn listen(
    key: &'static str,
    address: SocketAddr,
    tls: Option<&Arc<ServerConfig>>,
) -> Result<Listener, SimError> {
    Listener::bind(address, tls.cloned())
        .await
        .map_err(|source| SimError::Listen {
            key,
            address,
            source,
        })
}

fn local(key: &'static str, listener: &Listener) -> Result<SocketAddr, SimError> {
    listener.local_addr().map_err(|source| SimError::Listen {
        key,
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source,
    })
}

type Tls = (Option<Arc<ServerConfig>>, Option<CaFile>);

/// What the listeners speak: the program's TLS, the files' TLS, TLS with a certificate made now, or none.
fn tls(settings: &Settings) -> Result<Tls, SimError> {
    if let Some(tls) = &settings.tls_config {
        return Ok((Some(Arc::clone(tls)), None));
    }
    match given(settings)? {
        None if settings.tls => {
            let addresses = [
                settings.rest_addr,
                settings.ws_addr,
                settings.ws_auth_addr,
                settings.ws_l3_addr,
            ];
            let made = certificate::make(&addresses, settings.tls_ca.as_deref())?;
            let config = server_config(made.chain, made.key);
            let config = config.map_err(CertificateError::Use)?;
            Ok((Some(config), Some(made.ca)))
        }
        given => Ok((given, None)),
    }
}

/// TLS with the certificate and key of the settings' files, if they name some.
pub(super) fn given(settings: &Settings) -> Result<Option<Arc<ServerConfig>>, SimError> {
    let alone = |key, path: &Path| SimError::Tls {
        key,
        path: path.to_owned(),
        reason: "tls_cert and tls_key belong together".to_owned(),
    };
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => from_files(cert, key).map(Some),
        (Some(cert), None) => Err(alone("tls_cert", cert)),
        (None, Some(key)) => Err(alone("tls_key", key)),
    }
}

fn from_files(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, SimError> {
    let failed = |name, path: &Path, error: &dyn std::fmt::Display| SimError::Tls {
        key: name,
        path: path.to_owned(),
        reason: format!("{error}; it is to be a readable PEM file"),
    };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(cert).and_then(|certificates| certificates.collect());
    let chain = chain.map_err(|error| failed("tls_cert", cert, &error))?;
    let secret = PrivateKeyDer::from_pem_file(key);
    let secret = secret.map_err(|error| failed("tls_key", key, &error))?;
    server_config(chain, secret).map_err(|error| failed("tls_cert", cert, &error))
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}
