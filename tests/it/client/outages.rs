//! REST against the simulated Kraken on its bad days, over a wire that can go bad as well: repeats, the breaker, probes.

use std::time::Duration;

use secrecy::SecretString;
use tokio::time::{sleep, timeout};
use tradingd::{
    engine::event::Answer,
    io::{Clock, rng},
    resilience::circuit_breaker::{CircuitBreaker, State},
    sim::{
        Settings as SimSettings, Simulator,
        faults::{Delay, Ending, RestFault},
    },
    types::Timestamp,
    venue::kraken::{
        auth::Credentials,
        nonce::{Nonces, Volatile},
        rest::{
            Rest,
            calls::{Balance, Time},
            transport::Http,
        },
        settings::Settings,
    },
};

use super::{far_order, settings};
use crate::support::{
    self,
    proxy::{Faults, Proxy},
    within,
};

const PAGE: &str = "<html>busy</html>";

struct Rig {
    sim: Simulator,
    wire: Proxy,
    rest: Rest,
    clock: Clock,
}

async fn rig(change: impl FnOnce(&mut Settings)) -> Rig {
    let clock = support::clock();
    let sim = SimSettings::default();
    let sim = Simulator::start(&sim, None, clock.clone()).await.unwrap();
    let wire = Proxy::start(sim.addresses().rest, 7).await;
    let mut settings = settings(&format!("http://{}", wire.address));
    change(&mut settings);
    let account = &sim.accounts()[0];
    let secret = SecretString::from(account.secret_base64.clone());
    let credentials = Credentials::new(account.key.clone(), &secret).unwrap();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let http = Http::new(&settings, &support::connector()).unwrap();
    let key = Some((credentials, nonces));
    let rest = Rest::new(http, key, &settings, clock.clone(), rng::stream(1, 1));
    Rig {
        sim,
        wire,
        rest,
        clock,
    }
}

/// A breaker that opens at so many failures, for a moment, and closes after one probe.
fn quick(settings: &mut Settings, failures: u32) {
    settings.retry.attempts = 1;
    let breaker = &mut settings.breakers.private;
    (breaker.consecutive_failures, breaker.probes) = (failures, 1);
    breaker.open_for = Duration::from_millis(50);
}

impl Rig {
    fn breaker(&self) -> &CircuitBreaker {
        &self.rest.breakers().private
    }

    /// Waits until the breaker may let a probe pass.
    async fn open_time(&self) {
        let retry_at = self.breaker().snapshot().retry_at.unwrap();
        sleep(retry_at.since(self.clock.now()) + Duration::from_millis(1)).await;
    }

    async fn shutdown(self) {
        self.wire.shutdown().await;
        self.sim.shutdown().await;
    }
}

fn drop_with(reset: bool, execute: bool) -> RestFault {
    RestFault::Drop(Ending { reset, execute })
}

#[tokio::test]
async fn reads_are_repeated_past_whatever_the_venue_answers_instead() {
    // One in two fails for a while; the share is not what this is about.
    let rig = rig(|settings| settings.breakers.public.minimum_calls = 1_000).await;
    for fault in [
        RestFault::Error("EService:Unavailable".to_owned()),
        RestFault::Status(503, PAGE.to_owned()),
        RestFault::Status(520, PAGE.to_owned()),
        RestFault::Status(200, PAGE.to_owned()),
        RestFault::Silence,
        RestFault::Delay(Delay::from(Duration::from_secs(2))),
        drop_with(true, false),
        drop_with(false, false),
        RestFault::Cut,
    ] {
        rig.sim.faults().arm_rest("Time", fault.clone(), 2);
        let read = within(rig.rest.public(&Time)).await;
        assert!(read.is_ok(), "{fault:?}: {read:?}");
        assert_eq!(rig.sim.faults().armed(), 0, "{fault:?}: both were met");
    }
    let snapshot = rig.rest.breakers().public.snapshot();
    assert_eq!((snapshot.totals.failed, snapshot.totals.opened), (18, 0));
    rig.shutdown().await;
}

#[tokio::test]
async fn a_breaker_opens_at_its_threshold_tries_again_and_closes_with_the_venue_back() {
    let rig = rig(|settings| quick(settings, 3)).await;
    let mut told = rig.breaker().subscribe();
    let faults = rig.sim.faults();
    faults.arm_rest("Balance", RestFault::Status(503, PAGE.to_owned()), 4);
    for _ in 0..3 {
        rig.rest.read(&Balance).await.unwrap_err();
    }
    let stopped = rig.rest.read(&Balance).await.unwrap_err();
    assert!(stopped.is_stopped(), "{stopped}");
    assert_eq!(
        faults.armed(),
        1,
        "what is stopped does not reach the venue"
    );
    rig.open_time().await;
    let probe = rig.rest.read(&Balance).await.unwrap_err();
    assert!(!probe.is_stopped() && faults.armed() == 0, "{probe}");
    assert!(rig.rest.read(&Balance).await.unwrap_err().is_stopped());
    rig.open_time().await;
    rig.rest.read(&Balance).await.unwrap();
    rig.rest.read(&Balance).await.unwrap();
    let mut states = vec![State::Closed];
    while let Ok(transition) = told.try_recv() {
        assert_eq!(states.last(), Some(&transition.from));
        states.push(transition.to);
    }
    let (open, half) = (State::Open, State::HalfOpen);
    assert_eq!(
        states,
        [State::Closed, open, half, open, half, State::Closed]
    );
    rig.shutdown().await;
}

#[tokio::test]
async fn a_probe_whose_future_is_dropped_gives_its_leave_to_the_next() {
    let rig = rig(|settings| quick(settings, 1)).await;
    let page = RestFault::Status(503, PAGE.to_owned());
    rig.sim.faults().arm_rest("Balance", page, 1);
    rig.rest.read(&Balance).await.unwrap_err();
    rig.open_time().await;
    rig.wire.set(Faults {
        black_hole: true,
        ..Faults::default()
    });
    let probe = rig.rest.read(&Balance);
    timeout(Duration::from_millis(50), probe).await.unwrap_err();
    let dropped = rig.breaker().snapshot();
    assert_eq!(
        (dropped.state, dropped.totals.dropped),
        (State::HalfOpen, 1)
    );
    rig.wire.reset();
    rig.wire.set(Faults::default());
    rig.rest.read(&Balance).await.unwrap();
    assert_eq!(rig.breaker().snapshot().state, State::Closed);
    rig.shutdown().await;
}

#[tokio::test]
async fn a_throttled_read_waits_until_the_instant_that_is_named_and_no_longer_than_the_longest_wait()
 {
    let rig = rig(|settings| settings.retry.max = Duration::from_secs(3)).await;
    let throttled = |seconds| {
        let until = rig
            .clock
            .now()
            .after(Duration::from_secs(seconds))
            .as_secs();
        let error = RestFault::Error(format!("EService:Throttled: {until}"));
        rig.sim.faults().arm_rest("Balance", error, 1);
        Timestamp::from_secs(until)
    };
    let until = throttled(2);
    within(rig.rest.read(&Balance)).await.unwrap();
    assert!(rig.clock.now() >= until, "asked before its time");
    assert_eq!(rig.rest.retries().retries, 1);
    throttled(30);
    let refused = within(rig.rest.read(&Balance)).await.unwrap_err();
    assert!(
        refused.to_string().contains("EService:Throttled"),
        "{refused}"
    );
    assert_eq!(rig.rest.retries().retries, 1, "not waited for");
    rig.shutdown().await;
}

/// Every create is carried out and its answer lost; a second fault that is still armed shows that the venue was asked once.
#[tokio::test]
async fn no_create_is_repeated_whatever_becomes_of_its_answer() {
    let rig = rig(|settings| settings.breakers.private.consecutive_failures = 100).await;
    let faults = rig.sim.faults();
    for (number, fault) in [
        RestFault::DoThenError("EService:Unavailable".to_owned()),
        RestFault::DoThenStatus(503, PAGE.to_owned()),
        RestFault::DoThenSilence,
        drop_with(true, true),
        drop_with(false, true),
        RestFault::Cut,
    ]
    .into_iter()
    .enumerate()
    {
        faults.arm_rest("AddOrder", fault.clone(), 2);
        let order = far_order(&format!("a{number}"), &rig.clock);
        let error = within(rig.rest.order(order)).await.unwrap_err();
        assert_eq!(error.answer(), Answer::Unanswered, "{fault:?}");
        assert_eq!(faults.disarm(), 1, "{fault:?}: asked once");
        let account = rig.sim.accounts()[0].id;
        let placed = rig
            .sim
            .venue()
            .read(|view| view.exchange.open_orders(account).count());
        assert_eq!(placed, number + 1, "{fault:?}: placed once");
    }
    rig.shutdown().await;
}
