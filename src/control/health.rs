//! Whether the daemon lives, and whether it is ready to trade.

use super::board::{Figures, Glance, Stage};
use crate::engine::{
    Mode,
    event::{Link, OrderEntry},
};

/// Whether the daemon lives: why not, if it does not.
pub(super) const fn liveness(glance: &Glance) -> Result<(), &'static str> {
    match glance {
        Glance::Hangs => Err("the driver does not answer"),
        Glance::Seen(_) | Glance::NotYet | Glance::Gone => Ok(()),
    }
}

/// One thing without which there is no trading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Condition {
    name: &'static str,
    /// Why not, if it is not met.
    met: Result<(), &'static str>,
}

/// Everything without which there is no trading.
pub(super) fn conditions(stage: Stage, glance: &Glance) -> Vec<Condition> {
    let started = met(stage != Stage::Starting, "still asking the venue");
    let stopping = stage > Stage::Running;
    let seen = |holds: fn(&Figures) -> bool, why| match glance {
        Glance::Seen(figures) => met(holds(figures), why),
        Glance::NotYet => Err("has not begun"),
        Glance::Gone => Err("the engine has ended"),
        Glance::Hangs => Err("the driver does not answer"),
    };
    let is_stopping = matches!(glance, Glance::Seen(figures) if matches!(figures.mode, Mode::Stopping | Mode::Stopped));
    [
        ("started", started),
        (
            "feed",
            seen(|it| it.feed == Link::Up, "the public feed is down"),
        ),
        (
            "private_link",
            seen(|it| it.account == Link::Up, "the private socket is down"),
        ),
        (
            "order_entry",
            seen(
                |it| it.order_entry == OrderEntry::Open,
                "the circuit breaker is not closed",
            ),
        ),
        (
            "journal",
            seen(
                |it| it.journal_failures == 0,
                "it failed: only cancels leave",
            ),
        ),
        (
            "reconciled",
            seen(
                |it| it.ready,
                "a book is not verified, or an order not reconciled",
            ),
        ),
        (
            "not_stopping",
            met(!stopping && !is_stopping, "the daemon is stopping"),
        ),
    ]
    .map(|(name, met)| Condition { name, met })
    .into()
}

fn met(holds: bool, why: &'static str) -> Result<(), &'static str> {
    holds.then_some(()).ok_or(why)
}

/// Whether all conditions are met, and a line for each.
pub(super) fn report(conditions: &[Condition]) -> (bool, String) {
    let lines = conditions.iter().map(|condition| match condition.met {
        Ok(()) => format!("[+]{} ok\n", condition.name),
        Err(why) => format!("[-]{} {why}\n", condition.name),
    });
    let ready = conditions.iter().all(|condition| condition.met.is_ok());
    let verdict = if ready { "ready\n" } else { "not ready\n" };
    (ready, lines.chain([verdict.to_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::board::tests::figures;

    fn lacking(stage: Stage, glance: &Glance) -> Vec<&'static str> {
        let conditions = conditions(stage, glance);
        let (ready, text) = report(&conditions);
        assert_eq!(text.lines().count(), conditions.len() + 1);
        let lacking = conditions.iter().filter(|condition| condition.met.is_err());
        let lacking: Vec<_> = lacking.map(|condition| condition.name).collect();
        assert_eq!(ready, lacking.is_empty(), "{text}");
        lacking
    }

    #[test]
    fn each_condition_is_lacking_by_its_name() {
        type Spoil = fn(&mut Figures);
        let cases: [(&str, Spoil); 6] = [
            ("feed", |it| it.feed = Link::Down),
            ("private_link", |it| it.account = Link::Down),
            ("order_entry", |it| it.order_entry = OrderEntry::Shut),
            ("journal", |it| it.journal_failures = 1),
            ("reconciled", |it| it.ready = false),
            ("not_stopping", |it| it.mode = Mode::Stopping),
        ];
        for (name, spoil) in cases {
            let mut figures = figures();
            spoil(&mut figures);
            let glance = Glance::Seen(Box::new(figures));
            assert_eq!(lacking(Stage::Running, &glance), [name]);
        }
        let fine = Glance::Seen(Box::new(figures()));
        assert!(lacking(Stage::Running, &fine).is_empty());
        assert_eq!(lacking(Stage::Settling, &fine), ["not_stopping"]);
        assert_eq!(lacking(Stage::Starting, &Glance::NotYet)[0], "started");
    }

    #[test]
    fn only_a_driver_that_hangs_is_dead() {
        assert!(liveness(&Glance::Hangs).is_err());
        assert!(liveness(&Glance::Gone).is_ok() && liveness(&Glance::NotYet).is_ok());
    }

    #[test]
    fn a_condition_is_a_line_with_its_reason() {
        let (_, text) = report(&conditions(Stage::Parking, &Glance::Gone));
        assert!(
            text.starts_with("[+]started ok\n[-]feed the engine has ended\n"),
            "{text}"
        );
        assert!(
            text.ends_with("[-]not_stopping the daemon is stopping\nnot ready\n"),
            "{text}"
        );
    }
}
