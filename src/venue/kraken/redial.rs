//! When to connect again.
//!
//! For: backoff with jitter, one breaker and one budget of attempts for all sockets, and each attempt through all three. Left out: what
//! is said over a connection.
//! Always true: where several rules want a wait, the longest holds, and one line says which it is and for how long; the first retry
//! after a stable connection follows at once, unless the venue was in maintenance.

use std::time::Duration;

use tokio::{sync::broadcast, time::sleep};

use super::{
    address::Address,
    breakers,
    socket::{self, ConnectError, Socket},
    wiring::Wiring,
};
use crate::{
    io::{Clock, net::Connector, rng::Rng},
    resilience::{
        Backoff, CircuitBreaker, Deadlines, budget,
        circuit_breaker::{Permit, State, Transition},
    },
    types::Timestamp,
};

/// There is no benefit in being early after a maintenance (§1.2).
const AFTER_MAINTENANCE: Duration = Duration::from_secs(5);

/// The rule of [`budget`], by name.
const BUDGET: &str = "budget";

/// Paces the connections of one socket: nothing connects but through one.
#[derive(Debug)]
pub struct Redial {
    name: &'static str,
    backoff: Backoff,
    breaker: CircuitBreaker,
    changes: broadcast::Receiver<Transition>,
    budget: budget::Shared,
    clock: Clock,
    first: bool,
    least: Duration,
    /// The venue said last that it is in maintenance.
    in_maintenance: bool,
    /// When the backoff lets the next attempt pass, once it has been asked.
    due: Option<Timestamp>,
    /// Until when a half-open breaker turned us away.
    full_until: Timestamp,
}

/// What wants a wait, and until when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Hold {
    until: Timestamp,
    by: &'static str,
}

impl Hold {
    /// How long; none for ever.
    fn wait(self, now: Timestamp) -> Option<Duration> {
        (self.until != Timestamp::MAX).then(|| self.until.since(now))
    }
}

impl Redial {
    /// Breaker and budget are shared by all sockets. The name is for the log.
    #[must_use]
    pub fn new(name: &'static str, wiring: &Wiring, rng: Rng) -> Self {
        Self {
            name,
            backoff: Backoff::new(wiring.settings.reconnect.clone(), rng),
            breaker: wiring.connect.clone(),
            changes: wiring.connect.subscribe(),
            budget: wiring.budget.clone(),
            clock: wiring.clock.clone(),
            first: true,
            least: Duration::ZERO,
            in_maintenance: false,
            due: None,
            full_until: Timestamp::MIN,
        }
    }

    /// Waits until the next attempt may be made, and makes it.
    ///
    /// # Errors
    ///
    /// When it fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was opened; the next attempt waits as if this one had failed.
    pub async fn open(
        &mut self,
        connector: &Connector,
        address: &Address,
        deadlines: &Deadlines,
    ) -> Result<Socket, ConnectError> {
        let permit = self.turn().await;
        let opened = socket::open(connector, address, deadlines).await;
        permit.record(breakers::connected(&opened));
        opened
    }

    /// Waits until the next attempt may be made, and takes it from breaker and budget. The permit is to be told what became of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future makes no attempt; the wait goes on with the next one.
    async fn turn(&mut self) -> Permit {
        loop {
            self.pause().await;
            match self.breaker.admit() {
                Ok(permit) if self.budget.take().is_ok() => {
                    self.due = None;
                    return permit;
                }
                // No attempt after all: the permit is given back.
                Ok(_permit) => {}
                Err(rejected) => self.full_until = rejected.retry_at,
            }
        }
    }

    /// Waits until the next attempt may be made, for whoever has something to do right before it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; the wait goes on with the next one.
    pub(super) async fn pause(&mut self) {
        let mut told = None;
        loop {
            let now = self.clock.now();
            let hold = self.longest(now);
            if hold.until <= now {
                return;
            }
            let wait = hold.until.since(now);
            if told != Some(hold) {
                told = Some(hold);
                match hold.wait(now) {
                    Some(wait) => {
                        tracing::info!(socket = self.name, by = hold.by, ?wait, "waits to connect");
                    }
                    None => tracing::warn!(
                        socket = self.name,
                        by = hold.by,
                        "does not connect while the breaker is forced open"
                    ),
                }
                if hold.by == BUDGET {
                    self.budget.with(budget::Budget::held);
                }
            }
            tokio::select! {
                biased;
                // Told or told too late, the breaker has changed. It cannot be gone.
                _changed = self.changes.recv() => self.full_until = Timestamp::MIN,
                () = sleep(wait) => {}
            }
        }
    }

    /// The rule that wants the longest wait.
    fn longest(&mut self, now: Timestamp) -> Hold {
        let holds = [
            ("backoff", self.backed_off(now)),
            ("breaker", self.broken()),
            (BUDGET, self.budget.with(|budget| budget.next_at(now))),
        ];
        let holds = holds.map(|(by, until)| Hold { until, by });
        let [first, others @ ..] = holds;
        others.into_iter().fold(first, |longest, hold| {
            if hold.until > longest.until {
                hold
            } else {
                longest
            }
        })
    }

    /// Asks the backoff once for each attempt.
    fn backed_off(&mut self, now: Timestamp) -> Timestamp {
        if let Some(due) = self.due {
            return due;
        }
        let least = if self.in_maintenance {
            self.least.max(AFTER_MAINTENANCE)
        } else {
            self.least
        };
        let wait = if self.first {
            least
        } else {
            self.backoff.next_delay_of_at_least(now, least)
        };
        (self.first, self.least, self.in_maintenance) = (false, Duration::ZERO, false);
        *self.due.insert(now.after(wait))
    }

    fn broken(&self) -> Timestamp {
        let snapshot = self.breaker.snapshot();
        match snapshot.state {
            State::Open => snapshot.retry_at.unwrap_or(Timestamp::MIN),
            State::HalfOpen => self.full_until,
            State::ForcedOpen => Timestamp::MAX,
            State::Closed | State::Disabled | State::MetricsOnly => Timestamp::MIN,
        }
    }

    /// What had to be done right before the attempt has failed: there is none, and the next one waits for the backoff again.
    pub(super) const fn passed_up(&mut self) {
        self.due = None;
    }

    /// The connection is up.
    pub(super) fn up(&mut self) {
        self.backoff.up(self.clock.now());
    }

    /// The venue says whether it is in maintenance. While the last word is that it is, the next attempt must wait.
    pub(super) const fn maintenance(&mut self, lasts: bool) {
        self.in_maintenance = lasts;
    }

    /// What the venue said of itself last.
    pub(super) const fn is_in_maintenance(&self) -> bool {
        self.in_maintenance
    }

    /// The next attempt must wait at least so long.
    pub(super) fn hold_off(&mut self, least: Duration) {
        self.least = self.least.max(least);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tracing::Level;

    use super::*;
    use crate::{
        io::{
            logged::{Fields, Lines},
            rng,
        },
        resilience::{
            backoff::Jitter,
            circuit_breaker::{Mode, Outcome},
        },
        venue::kraken::{
            breakers,
            settings::Settings,
            testing::{connector, paused_clock},
        },
    };

    /// Backoff waits 0, 1, 2, 4 … s; two failures open the breaker for 5 to 10 s; two attempts a minute.
    fn wiring() -> Wiring {
        let mut settings = Settings::default();
        settings.reconnect.base = seconds(1);
        settings.reconnect.jitter = Jitter::None;
        settings.connections.attempts = 2;
        settings.connections.window = seconds(60);
        settings.breakers.connect.consecutive_failures = 2;
        settings.breakers.connect.open_for = seconds(10);
        let clock = paused_clock();
        Wiring {
            connector: connector(),
            budget: budget::Shared::new(settings.connections.clone(), clock.clone()),
            connect: breakers::connect(&settings.breakers, &clock, rng::stream(1, 0)),
            settings,
            clock,
            account: mpsc::channel(1).0,
            instruments: [].into(),
        }
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn redial(wiring: &Wiring) -> Redial {
        Redial::new("public", wiring, rng::stream(1, 1))
    }

    fn open(wiring: &Wiring) {
        for _attempt in 0..2 {
            let permit = wiring.connect.admit().unwrap();
            permit.record(Outcome::Failure);
        }
        assert_eq!(wiring.connect.snapshot().state, State::Open);
    }

    fn spend(wiring: &Wiring) {
        while wiring.budget.take().is_ok() {}
    }

    /// Which rule holds the next attempt, and for how many seconds, begun ones included.
    fn held(wiring: &Wiring, redial: &mut Redial) -> (&'static str, u64) {
        let now = wiring.clock.now();
        let hold = redial.longest(now);
        let wait = hold.until.since(now);
        (hold.by, wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wait_holds_and_is_named() {
        let some = wiring();
        open(&some);
        let (by, wait) = held(&some, &mut redial(&some));
        assert!(by == "breaker" && (5..=10).contains(&wait), "{by} {wait}");
        spend(&some);
        assert_eq!(held(&some, &mut redial(&some)), ("budget", 60));
        let mut after_lockout = redial(&some);
        after_lockout.hold_off(seconds(900));
        assert_eq!(held(&some, &mut after_lockout), ("backoff", 900));
    }

    #[tokio::test(start_paused = true)]
    async fn a_breaker_that_is_forced_open_holds_for_no_length_of_time() {
        let wiring = wiring();
        wiring.connect.set_mode(Mode::ForcedOpen);
        let mut redial = redial(&wiring);
        let now = wiring.clock.now();
        let hold = redial.longest(now);
        assert_eq!((hold.by, hold.wait(now)), ("breaker", None));
        wiring.connect.set_mode(Mode::Automatic);
        assert!(redial.longest(now).wait(now).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_one_line_that_names_its_rule_and_its_length() {
        type Prepare = fn(&Wiring, &mut Redial) -> Duration;
        let cases: [(&str, Prepare); 3] = [
            ("backoff", |_, redial| {
                redial.hold_off(seconds(900));
                seconds(900)
            }),
            ("breaker", |wiring, _| {
                open(wiring);
                let retry_at = wiring.connect.snapshot().retry_at.unwrap();
                retry_at.since(wiring.clock.now())
            }),
            ("budget", |wiring, _| {
                spend(wiring);
                seconds(60)
            }),
        ];
        for (by, prepare) in cases {
            let some = wiring();
            let mut redial = redial(&some);
            let wait = prepare(&some, &mut redial);
            let lines = Lines::default();
            let listening = lines.listen();
            redial.pause().await;
            drop(listening);
            let told = Fields::from([
                ("message", "waits to connect".to_owned()),
                ("socket", "public".to_owned()),
                ("by", by.to_owned()),
                ("wait", format!("{wait:?}")),
            ]);
            assert_eq!(lines.take(), [(Level::INFO, told)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_maintenance_a_shorter_wait_of_the_backoff_does_not_hold() {
        let (mut some, mut waits) = (wiring(), Vec::new());
        some.settings.connections.attempts = 100;
        let connections = some.settings.connections.clone();
        some.budget = budget::Shared::new(connections, some.clock.clone());
        let mut redial = redial(&some);
        redial.turn().await.record(Outcome::Success);
        for _attempt in 0..6 {
            redial.maintenance(true);
            let before = some.clock.now();
            redial.turn().await.record(Outcome::Success);
            waits.push(some.clock.now().since(before).as_secs());
        }
        // By itself the backoff would wait 0, 1, 2, 4, 8 and 16 s.
        assert_eq!(waits, [5, 5, 5, 5, 8, 16]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_maintenance_that_is_over_holds_nothing_off() {
        let some = wiring();
        let mut redial = redial(&some);
        redial.turn().await.record(Outcome::Success);
        redial.maintenance(true);
        redial.maintenance(false);
        let before = some.clock.now();
        redial.turn().await.record(Outcome::Success);
        assert_eq!(some.clock.now(), before, "the first retry is at once");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_of_several_rules_run_side_by_side() {
        let some = wiring();
        open(&some);
        spend(&some);
        let mut redial = redial(&some);
        redial.hold_off(seconds(30));
        let before = some.clock.now();
        drop(redial.turn().await);
        let waited = some.clock.now().since(before);
        assert!(waited >= seconds(60) && waited < seconds(61), "{waited:?}");
        // Of `spend`, and of the attempt that waited.
        assert_eq!(some.budget.with(|budget| budget.refused()), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_attempt_and_the_first_retry_wait_for_nothing() {
        let (some, mut waits) = (wiring(), Vec::new());
        let mut redial = redial(&some);
        for _attempt in 0..2 {
            let before = some.clock.now();
            redial.turn().await.record(Outcome::Success);
            waits.push(some.clock.now().since(before));
        }
        assert_eq!(waits, [Duration::ZERO; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_before_its_attempt_waits_for_the_backoff() {
        let (some, mut waits) = (wiring(), Vec::new());
        let mut redial = redial(&some);
        for _attempt in 0..4 {
            let before = some.clock.now();
            redial.pause().await;
            waits.push(some.clock.now().since(before).as_secs());
            redial.passed_up();
        }
        assert_eq!(waits, [0, 0, 1, 2]);
        assert_eq!(some.connect.snapshot().totals.admitted, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_given_up_takes_neither_permit_nor_attempt() {
        let some = wiring();
        open(&some);
        let mut redial = redial(&some);
        let given_up = tokio::time::timeout(seconds(1), redial.turn()).await;
        assert!(given_up.is_err());
        assert_eq!(some.connect.snapshot().totals.admitted, 2);
        assert_eq!(some.budget.with(|budget| budget.left(some.clock.now())), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_of_one_socket_lets_the_other_pass_once_it_works() {
        let some = wiring();
        open(&some);
        let (mut one, mut other) = (redial(&some), redial(&some));
        let probe = one.turn().await;
        let half = some.clock.now();
        let working = async {
            tokio::time::sleep(seconds(3)).await;
            probe.record(Outcome::Success);
        };
        let ((), permit) = tokio::join!(working, other.turn());
        let waited = some.clock.now().since(half);
        assert!(waited >= seconds(3) && waited < seconds(4), "{waited:?}");
        permit.record(Outcome::Success);
        assert_eq!(some.connect.snapshot().state, State::Closed);
    }
}
