//! From the journal to the engine: at start, and for `verify`.
//!
//! Always true: there is one way back, and every start takes it.

use std::path::Path;

use thiserror::Error;
use tracing::{error, info, warn};

use crate::{
    engine::{Checkpoint, CheckpointError, Engine, Event, Outbox, Settings, strategy::Strategy},
    io::Clock,
    journal::{self, Journal, JournalError, Replay, RunHeader, recover},
    types::{Symbol, Timestamp},
};

/// What earlier runs left.
#[derive(Debug)]
pub struct Past {
    engine: Option<Engine>,
    tip: Option<journal::Tip>,
    epoch: u32,
}

/// Why a run cannot begin.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another build wrote it in another way.
    #[error(
        "the last run was not ended in order and was written by {build}: start and stop that build once, then this one"
    )]
    Foreign {
        /// The build that wrote it.
        build: String,
    },
    /// The engine's state cannot be written down.
    #[error("cannot write a checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The settings cannot be written down.
    #[error("cannot write the settings")]
    Settings(#[from] serde_json::Error),
}

impl Past {
    /// Reads the journal of a state directory to its end.
    ///
    /// # Errors
    ///
    /// When it is damaged elsewhere than at its end, or not of this build.
    pub fn read(state_directory: &Path) -> Result<Self, RecoverError> {
        let recovered = recover(state_directory)?;
        for cut in &recovered.cuts {
            warn!(
                ?cut,
                "the journal ended in the middle of a record, which was cut"
            );
        }
        let (tip, epoch) = (recovered.tip(), recovered.epoch());
        let engine = match &recovered.last {
            Some(last) if last.run.build != journal::BUILD => begin_anew(last)?,
            Some(last) => Some(replay(last)?),
            None => None,
        };
        if let Some(engine) = &engine {
            info!(
                epoch,
                orders = engine.status().live_ids().len(),
                "recovered from the journal"
            );
        }
        Ok(Self { engine, tip, epoch })
    }

    /// Pairs that a new run must list whatever its strategies trade: orders may rest in them.
    #[must_use]
    pub fn symbols(&self) -> Vec<Symbol> {
        self.engine
            .as_ref()
            .map(Engine::live_symbols)
            .unwrap_or_default()
    }

    /// Begins the next run: a new epoch, a new segment, the engine as it goes on.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn begin(
        self,
        state_directory: &Path,
        mut settings: Settings,
        strategies: Vec<Box<dyn Strategy>>,
        journal: &journal::Settings,
        clock: &Clock,
    ) -> Result<(Engine, Journal), RecoverError> {
        settings.epoch = journal::bump_epoch(state_directory, self.epoch)?;
        let now = clock.now();
        let header = RunHeader {
            build: journal::BUILD.to_owned(),
            settings: serde_json::to_string(&settings)?,
            instruments: settings.instruments.clone(),
            epoch: settings.epoch,
            tag: settings.tag.clone(),
            started: now,
        };
        let engine = match self.engine {
            Some(engine) => engine.succeed(now, settings, strategies),
            None => Engine::with_strategies(now, settings, strategies),
        };
        tell_what_stays(&engine);
        let checkpoint = engine.checkpoint()?;
        let journal = journal::start(
            state_directory,
            journal,
            clock,
            &header,
            &checkpoint,
            self.tip,
        )?;
        Ok((engine, journal))
    }
}

/// What earlier runs left that a person should know of.
fn tell_what_stays(engine: &Engine) {
    for market in engine.status().markets().filter(|market| market.halted) {
        let symbol = &market.instrument.symbol;
        error!(%symbol, "an anomaly halted the pair: it stands still until a start with orders.resume names it");
    }
    for market in engine.status().former_markets() {
        let (symbol, position) = (&market.instrument.symbol, market.position);
        let net = position.base(market.instrument);
        warn!(%symbol, %net, cash = %position.cash(), "a pair that is not configured any more keeps its position");
    }
}

/// Another build's memory cannot be read. After a clean stop nothing rests, so the engine may begin anew; else that build must end its run.
fn begin_anew(last: &journal::Segment) -> Result<Option<Engine>, RecoverError> {
    let build = &last.run.build;
    if !last.sealed {
        return Err(RecoverError::Foreign {
            build: build.clone(),
        });
    }
    warn!(%build, "the journal was written by another build: positions start from zero");
    Ok(None)
}

/// The engine as it was at the end of a segment.
fn replay(segment: &journal::Segment) -> Result<Engine, RecoverError> {
    let build = &segment.run.build;
    let mut replayed =
        Replayed::restore(&segment.run, segment.checkpoint()).map_err(|_reason| {
            RecoverError::Foreign {
                build: build.clone(),
            }
        })?;
    for entry in segment.entries() {
        let entry = entry?.entry;
        replayed.turn(entry.now, &entry.event);
    }
    Ok(replayed.engine)
}

/// An engine that is fed from a journal.
#[derive(Debug)]
pub struct Replayed {
    engine: Engine,
    out: Outbox,
}

impl Replayed {
    fn turn(&mut self, now: Timestamp, event: &Event) {
        self.out.clear();
        self.engine.handle(now, event, &mut self.out);
    }
}

impl Replay for Replayed {
    fn restore(run: &RunHeader, checkpoint: &[u8]) -> Result<Self, String> {
        let settings: Settings =
            serde_json::from_str(&run.settings).map_err(|error| error.to_string())?;
        let checkpoint =
            Checkpoint::decode(settings, checkpoint).map_err(|error| error.to_string())?;
        Ok(Self {
            engine: checkpoint.restore(),
            out: Outbox::new(),
        })
    }

    fn handle(
        &mut self,
        now: Timestamp,
        event: &Event,
        commands: &mut Vec<u8>,
    ) -> postcard::Result<()> {
        self.turn(now, event);
        journal::encode_commands(self.out.commands(), commands)
    }

    fn checkpoint(&self) -> postcard::Result<Vec<u8>> {
        self.engine
            .checkpoint()
            .map_err(CheckpointError::into_inner)
    }
}
