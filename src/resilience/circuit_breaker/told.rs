//! What the log tells of a transition.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    subscriber::with_default,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
};

use super::{CircuitBreaker, Mode, Outcome, Settings};
use crate::{
    io::{Clock, rng},
    types::Timestamp,
};

/// Every line that is told, as its level and its fields.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<(Level, Fields)>>>);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Fields(BTreeMap<&'static str, String>);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = (*event.metadata().level(), fields);
        self.0.lock().unwrap().push(line);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

#[test]
fn each_transition_is_one_line_with_everything_in_its_fields() {
    let (clock, hands) = Clock::manual(Timestamp::from_secs(1_000));
    let settings = Settings {
        consecutive_failures: 2,
        probes: 1,
        ..Settings::default()
    };
    let longest = settings.open_for_max;
    let breaker = CircuitBreaker::new("told", settings, clock, rng::stream(1, 0));
    let mut transitions = breaker.subscribe();
    let call = |outcome| breaker.admit().unwrap().record(outcome);
    let lines = Lines::default();
    with_default(tracing_subscriber::registry().with(lines.clone()), || {
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Failure] {
            call(outcome);
        }
        hands.advance(longest);
        call(Outcome::Success);
        breaker.set_mode(Mode::ForcedOpen);
    });
    let open_for: Option<Duration> = transitions.try_recv().unwrap().open_for;
    let line = |level, moved: [&str; 3], counts: [u32; 4], generation: u32, open_for| {
        let [from, to, cause] = moved.map(str::to_owned);
        let [calls, failures, slow, row] = counts.map(|count| count.to_string());
        let mut fields = BTreeMap::from([
            ("message", "circuit breaker changed state".to_owned()),
            ("breaker", "told".to_owned()),
            ("from", from),
            ("to", to),
            ("cause", cause),
            ("calls", calls),
            ("failures", failures),
            ("slow", slow),
            ("consecutive_failures", row),
            ("generation", generation.to_string()),
        ]);
        let open_for: Option<Duration> = open_for;
        fields.extend(open_for.map(|length| ("open_for", format!("{length:?}"))));
        (level, Fields(fields))
    };
    let opened = ["closed", "open", "consecutive_failures"];
    let tries = ["open", "half_open", "open_time_over"];
    let works = ["half_open", "closed", "probes_succeeded"];
    let forced = ["closed", "forced_open", "operator"];
    assert!(open_for.is_some());
    assert_eq!(
        *lines.0.lock().unwrap(),
        [
            line(Level::WARN, opened, [3, 2, 0, 2], 1, open_for),
            line(Level::INFO, tries, [0; 4], 2, None),
            line(Level::INFO, works, [1, 0, 0, 0], 3, None),
            line(Level::WARN, forced, [0; 4], 4, None),
        ]
    );
}
