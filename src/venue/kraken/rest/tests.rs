//! How long a repeated read waits, in virtual time.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt as _, future::BoxFuture};

use super::{
    calls::{AmendOrder, Balance, Time},
    *,
};
use crate::{
    io::rng,
    resilience::circuit_breaker::{Mode, Settings as Thresholds},
    types::{ClOrdId, Decimal},
    venue::kraken::{
        nonce::{Nonces, Volatile},
        testing::paused_clock,
    },
};

/// Answers the first call so, every other one as it should be.
#[derive(Clone, Debug)]
struct Venue {
    first: Response,
    calls: Arc<AtomicUsize>,
}

impl Transport for Venue {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        let proper = match request.signed {
            Some(_) => r#"{"error":[],"result":{}}"#,
            None => r#"{"error":[],"result":{"unixtime":7,"rfc1123":""}}"#,
        };
        let response = match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 => self.first.clone(),
            _ => answer(200, None, proper),
        };
        async { Ok(response) }.boxed()
    }
}

fn answer(status: u16, retry_after: Option<u64>, body: &str) -> Response {
    Response {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: body.as_bytes().to_vec(),
    }
}

fn refusal(text: &str) -> String {
    format!(r#"{{"error":["{text}"]}}"#)
}

/// Calls with a key to a venue whose first answer is this one; how many it heard.
fn calls(first: Response, clock: &Clock) -> (Rest, Arc<AtomicUsize>) {
    let heard = Arc::<AtomicUsize>::default();
    let venue = Venue {
        first,
        calls: Arc::clone(&heard),
    };
    let credentials = Credentials::new("KEY".to_owned(), &"c2VjcmV0".into()).unwrap();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let (key, settings) = (Some((credentials, nonces)), Settings::default());
    let rest = Rest::new(venue, key, &settings, clock.clone(), rng::stream(1, 1));
    (rest, heard)
}

/// Calls made, and the time until the read was answered; none where it was not.
async fn read(first: Response, private: bool) -> (usize, Option<Duration>) {
    let clock = paused_clock();
    let (rest, calls) = calls(first, &clock);
    let since = clock.now();
    let answered = if private {
        rest.read(&Balance).await.is_ok()
    } else {
        rest.public(&Time).await.is_ok()
    };
    let took = clock.now().since(since);
    (calls.load(Ordering::SeqCst), answered.then_some(took))
}

#[track_caller]
fn check((calls, took): (usize, Option<Duration>), millis: std::ops::RangeInclusive<u128>) {
    let took = took.expect("answered").as_millis();
    assert!(
        calls == 2 && millis.contains(&took),
        "{calls} calls, {took} ms"
    );
}

/// A timer ends at the next whole millisecond.
const SEVEN: std::ops::RangeInclusive<u128> = 7_000..=7_001;
/// The first wait of the retry itself.
const OWN: std::ops::RangeInclusive<u128> = 250..=501;

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_no_sooner_than_http_asks() {
    for status in [429, 503] {
        check(read(answer(status, Some(7), "<html>"), false).await, SEVEN);
    }
    let limited = refusal("EGeneral:Too many requests");
    check(read(answer(429, Some(7), &limited), false).await, SEVEN);
}

#[tokio::test(start_paused = true)]
async fn a_read_is_not_repeated_where_http_asks_for_more_than_the_longest_wait() {
    let longest = Settings::default().retry.max.as_secs();
    check(
        read(answer(503, Some(longest), "<html>"), false).await,
        10_000..=10_001,
    );
    let refused = read(answer(503, Some(longest + 1), "<html>"), false).await;
    assert_eq!(refused, (1, None));
}

#[tokio::test(start_paused = true)]
async fn another_answer_s_retry_after_is_none() {
    for status in [500, 520] {
        check(read(answer(status, Some(7), "<html>"), false).await, OWN);
    }
    check(read(answer(503, None, "<html>"), false).await, OWN);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_read_is_repeated_at_the_instant_that_the_venue_names() {
    let until = |seconds| refusal(&format!("EService:Throttled: {}", 1_788_249_600 + seconds));
    for private in [false, true] {
        check(read(answer(200, None, &until(7)), private).await, SEVEN);
        let longer = read(answer(200, None, &until(11)), private).await;
        assert_eq!(longer, (1, None));
        // An instant that has passed asks for nothing.
        check(read(answer(200, None, &until(-7)), private).await, OWN);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_turns_a_read_away_before_it_waits_for_its_turn() {
    let clock = paused_clock();
    let (rest, heard) = calls(answer(200, None, r#"{"error":[],"result":{}}"#), &clock);
    // Until the counter is full and the next one would have to wait.
    while rest.read(&Balance).now_or_never().is_some() {}
    let before = heard.load(Ordering::SeqCst);
    assert!(before > 1);
    let breaker = &rest.breakers().private;
    breaker.set_mode(Mode::ForcedOpen);
    let refused = rest.read(&Balance).now_or_never().expect("at once");
    assert!(matches!(
        refused,
        Err(Error::NotSent {
            why: NotSent::BreakerOpen,
            ..
        })
    ));
    assert_eq!(heard.load(Ordering::SeqCst), before);
    assert_eq!(breaker.snapshot().totals.rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_begun_when_its_read_has_its_turn() {
    let clock = paused_clock();
    let (rest, _heard) = calls(answer(200, None, r#"{"error":[],"result":{}}"#), &clock);
    while rest.read(&Balance).now_or_never().is_some() {}
    let mut rng = rng::stream(1, 2);
    let probed = breakers::breaker("probed", Thresholds::default(), &clock, &mut rng);
    let mut probe = Box::pin(rest.probe(&Balance, &probed));
    assert!(probe.as_mut().now_or_never().is_none(), "no room");
    assert_eq!(probed.snapshot().totals.admitted, 0);
    let (permit, outcome) = probe.await.expect("it left");
    assert_eq!(outcome, Outcome::Success);
    permit.record(outcome);
    assert_eq!(probed.snapshot().totals.succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_never_what_finds_out_whether_the_venue_works_again() {
    let clock = paused_clock();
    let (rest, heard) = calls(answer(200, None, r#"{"error":[],"result":{}}"#), &clock);
    let breaker = &rest.breakers().private;
    while let Ok(permit) = breaker.admit() {
        permit.record(Outcome::Failure);
    }
    sleep(Thresholds::default().open_for_max).await;
    let order = || AmendOrder {
        cl_ord_id: ClOrdId::new("a").unwrap(),
        order_qty: Decimal::ZERO,
        limit_price: Decimal::ZERO,
        post_only: true,
        deadline: clock.now(),
    };
    for half_open in [false, true] {
        let place = half_open.then(|| breaker.admit().expect("the open time is over"));
        let refused = rest.order(order()).await;
        assert!(matches!(
            refused,
            Err(Error::NotSent {
                why: NotSent::BreakerOpen,
                ..
            })
        ));
        drop(place);
    }
    assert_eq!(heard.load(Ordering::SeqCst), 0);
}
