//! Against a list of open orders that lags.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    io::{Clock, rng},
    types::Timestamp,
    venue::kraken::{
        auth::Credentials,
        nonce::{Nonces, Volatile},
        rest::transport::{Failure, Request, Response, Transport},
        settings::Settings,
    },
};

const TTL: Duration = Duration::from_secs(1);

/// One order, open from an instant until it is canceled.
#[derive(Debug)]
struct Late {
    clock: Clock,
    from: Option<Timestamp>,
    cancels: Arc<AtomicU32>,
}

impl Late {
    fn answer(&self, endpoint: &str) -> String {
        let open = self.from.is_some_and(|from| self.clock.now() >= from);
        let result = match endpoint {
            "CancelOrder" => {
                self.cancels.fetch_add(1, Ordering::Relaxed);
                r#"{"count":1}"#.to_owned()
            }
            _ if open && self.cancels.load(Ordering::Relaxed) == 0 => {
                format!(r#"{{"open":{{{ROW}}}}}"#)
            }
            _ => r#"{"open":{}}"#.to_owned(),
        };
        format!(r#"{{"error":[],"result":{result}}}"#)
    }
}

impl Transport for Late {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        let endpoint = request.path.rsplit('/').next().unwrap();
        let body = self.answer(endpoint).into_bytes();
        Box::pin(async {
            Ok(Response {
                status: 200,
                retry_after: None,
                body,
            })
        })
    }
}

const ROW: &str = r#""OAAAAA-BBBBB-CCCCCC":{"refid":null,"userref":0,"cl_ord_id":"td0000000000001","status":"open","opentm":1788249660.1234,"starttm":0,"expiretm":0,"time_in_force":"gtc","descr":{"pair":"XBTUSD","aclass":"forex","type":"buy","ordertype":"limit","price":"61000.0","price2":"0","leverage":"none","order":"buy 0.02000000 XBTUSD @ limit 61000.0","close":""},"vol":"0.02000000","vol_exec":"0.00000000","cost":"0.00000","fee":"0.00000","price":"0.00000","stopprice":"0.00000","limitprice":"0.00000","misc":"","oflags":"fciq,post"}"#;

#[expect(
    clippy::disallowed_methods,
    reason = "a clock that goes with the paused time"
)]
fn paused() -> Clock {
    let start = tokio::time::Instant::now();
    Clock::new(move || Timestamp::from_secs(1_788_249_600).after(start.elapsed()))
}

fn rest(venue: impl Transport + 'static, clock: Clock) -> Rest {
    let credentials = Credentials::new("KEY".to_owned(), &"c2VjcmV0".into()).unwrap();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let key = Some((credentials, nonces));
    Rest::new(venue, key, &Settings::default(), clock, rng::stream(1, 1))
}

/// Parks while an order appears only after so long. Gives the verdict and the number of cancels.
async fn parked(appears: Option<Duration>, budget: Duration) -> (Parked, u32) {
    let (clock, cancels) = (paused(), Arc::default());
    let venue = Late {
        clock: clock.clone(),
        from: appears.map(|after| clock.now().after(after)),
        cancels: Arc::clone(&cancels),
    };
    let parked = park(&rest(venue, clock), "td", TTL, sleep(budget)).await;
    (parked, cancels.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn an_order_that_appears_after_an_empty_list_is_canceled() {
    let budget = Duration::from_secs(10);
    // On its way for as long as the venue may accept it, then missing from the list for as long as that may lag.
    for appears in [Duration::from_millis(1), TTL, Duration::from_millis(3_999)] {
        assert_eq!(
            parked(Some(appears), budget).await,
            (Parked::Clean, 1),
            "{appears:?}"
        );
    }
    assert_eq!(parked(None, budget).await, (Parked::Clean, 0));
}

/// A venue that refuses everything, and counts.
#[derive(Debug)]
struct Refusing(&'static str, Arc<AtomicU32>);

impl Transport for Refusing {
    fn send(&self, _request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"error":["{}"]}}"#, self.0).into_bytes();
        Box::pin(async {
            Ok(Response {
                status: 200,
                retry_after: None,
                body,
            })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_is_not_tried_until_it_is_locked() {
    for text in ["EAPI:Invalid key", "EGeneral:Temporary lockout"] {
        let asked = Arc::default();
        let rest = rest(Refusing(text, Arc::clone(&asked)), paused());
        let parked = park(&rest, "td", TTL, sleep(Duration::from_secs(10))).await;
        assert_eq!(parked, Parked::Unfinished);
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{text}");
    }
}

/// What asks while the key is locked waits, and gives up unsent.
#[tokio::test(start_paused = true)]
async fn a_lockout_is_waited_out_by_everything_that_reads() {
    let asked = Arc::default();
    let clock = paused();
    let venue = Refusing("EGeneral:Temporary lockout", Arc::clone(&asked));
    let rest = rest(venue, clock.clone());
    let begin = clock.now();
    while clock.now().since(begin) < Duration::from_secs(800) {
        let read = rest.read_urgently(&OpenOrders::default()).await;
        assert!(read.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_before_it_is_certain_is_not_clean() {
    let budget = Duration::from_millis(3_900);
    assert_eq!(parked(None, budget).await, (Parked::Unfinished, 0));
}
