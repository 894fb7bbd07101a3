//! What the log tells, caught line by line for tests.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    subscriber::{DefaultGuard, set_default},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

/// The fields of a line, its message included.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// Every line that is told, as its level and its fields. Clones are the same lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<(Level, Fields)>>>);

impl Lines {
    /// Catches what this thread tells while the guard lives.
    pub(crate) fn listen(&self) -> DefaultGuard {
        set_default(tracing_subscriber::registry().with(self.clone()))
    }

    /// Takes out what was told so far.
    pub(crate) fn take(&self) -> Vec<(Level, Fields)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let line = (*event.metadata().level(), told.0);
        self.0.lock().unwrap().push(line);
    }
}

#[derive(Default)]
struct Told(Fields);

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
