//! What the log tells of a transition.

use std::time::Duration;

use tracing::Level;

use super::{CircuitBreaker, Mode, Outcome, Settings};
use crate::{
    io::{
        Clock,
        logged::{Fields, Lines},
        rng,
    },
    types::Timestamp,
};

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
    let listening = lines.listen();
    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Failure] {
        call(outcome);
    }
    hands.advance(longest);
    call(Outcome::Success);
    breaker.set_mode(Mode::ForcedOpen);
    drop(listening);
    let open_for: Option<Duration> = transitions.try_recv().unwrap().open_for;
    let line = |level, moved: [&str; 3], counts: [u32; 4], generation: u32, open_for| {
        let [from, to, cause] = moved.map(str::to_owned);
        let [calls, failures, slow, row] = counts.map(|count| count.to_string());
        let mut fields = Fields::from([
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
        (level, fields)
    };
    let opened = ["closed", "open", "consecutive_failures"];
    let tries = ["open", "half_open", "open_time_over"];
    let works = ["half_open", "closed", "probes_succeeded"];
    let forced = ["closed", "forced_open", "operator"];
    assert!(open_for.is_some());
    assert_eq!(
        lines.take(),
        [
            line(Level::WARN, opened, [3, 2, 0, 2], 1, open_for),
            line(Level::INFO, tries, [0; 4], 2, None),
            line(Level::INFO, works, [1, 0, 0, 0], 3, None),
            line(Level::WARN, forced, [0; 4], 4, None),
        ]
    );
}
