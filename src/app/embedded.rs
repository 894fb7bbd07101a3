//! The simulated Kraken inside the daemon: on a thread of its own, reached over real sockets like any other venue.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{
    runtimes::on,
    simulated::{Mirror, Reach, Simulated},
    start::StartError,
};
use crate::{
    config::Config,
    io::Clock,
    resilience::supervisor::TaskError,
    sim::{Settings, matching::Tier, server::Role},
    venue::kraken::auth::Credentials,
};

/// A running simulator and how to reach it.
#[derive(Debug)]
pub(super) struct Embedded {
    simulator: Simulated,
    pub(super) rest: String,
    pub(super) ws: String,
    pub(super) ws_auth: String,
    pub(super) credentials: Credentials,
    /// Tier of the account that these belong to.
    pub(super) tier: Tier,
    /// The certificate that signs for it, if it speaks TLS with one of its own.
    pub(super) ca: Option<PathBuf>,
}

impl Embedded {
    /// Starts it on its runtime. Its accounts, orders and counters live under the state directory.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what has been started.
    pub(super) async fn start(
        config: &Config,
        state_directory: &Path,
        clock: Clock,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        let (config, directory) = (config.clone(), folder(state_directory));
        let starting = on(runtime, async move {
            let settings = Settings {
                mirror: config.mirrored(),
                ..config.sim.clone()
            };
            let reach = Reach {
                kraken: &config.kraken,
                deadlines: &config.deadlines,
                breakers: &config.breaker,
                ca_file: config.venue.ca_file.as_deref(),
                limit: config.network.start,
            };
            Simulated::start(&settings, reach, Some(&directory), clock).await
        });
        let started = starting.await??;
        let simulator = started.simulator();
        let account = simulator.accounts().first().ok_or(StartError::NoAccount)?;
        let secret = SecretString::from(account.secret_base64.clone());
        let credentials = Credentials::new(account.key.clone(), &secret)
            .map_err(|error| StartError::Key(error.into()))?;
        let addresses = simulator.addresses();
        Ok(Self {
            rest: addresses.rest_url(),
            ws: addresses.ws_url(Role::Public),
            ws_auth: addresses.ws_url(Role::Private),
            credentials,
            tier: account.tier,
            ca: simulator.ca().map(Path::to_owned),
            simulator: started,
        })
    }

    /// Keeps it running until the token is canceled, then takes it down in order.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the simulator ends without closing its sockets.
    pub(super) async fn run(
        mut simulator: Simulated,
        stop: CancellationToken,
    ) -> Result<(), TaskError> {
        let failed = tokio::select! {
            biased;
            () = stop.cancelled() => None,
            name = simulator.failed() => Some(name),
        };
        simulator.shutdown().await;
        failed.map_or(Ok(()), |name| {
            Err(TaskError::text(format!("its task {name} ended")))
        })
    }

    pub(super) fn mirror(&self) -> Option<Mirror> {
        self.simulator.mirror()
    }

    pub(super) fn into_simulator(self) -> Simulated {
        self.simulator
    }
}

fn folder(state_directory: &Path) -> PathBuf {
    state_directory.join("sim")
}
