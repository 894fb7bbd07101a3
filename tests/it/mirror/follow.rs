//! A live market, followed.

use std::time::Duration;

use tokio::net::TcpListener;
use tradingd::{
    app::{Simulated, simulated},
    resilience::circuit_breaker::Mode,
    sim::{
        Settings, Simulator,
        faults::Fault,
        matching::{OrderKind, OrderStatus, PairId},
    },
    types::{Price, Side, TradingStatus},
};

use super::rig::{
    CENT, Pair, Trader, Watcher, id, kraken, levels, mirroring, reach, start, trades, until,
};
use crate::{
    sim_ws::rig::quiet,
    support::{clock, within, ws::Client},
};

fn at(price: i64) -> OrderKind {
    OrderKind::Limit(Price::new(price).unwrap())
}

const CLOSED: &str = "EService:Market in cancel_only mode";
const RESTING: &str = r#""order_type":"limit","limit_price":59000.0"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_market_is_followed_level_by_level_and_trade_by_trade() {
    let busy = Settings {
        rate: 600.0,
        pairs: vec!["BTC/USD".to_owned()],
        ..Settings::default()
    };
    let upstream = Simulator::start(&busy, None, clock()).await.unwrap();
    let mirror = start(&mirroring(upstream.addresses().ws)).await;
    let mut there = Watcher::connect(upstream.addresses().ws).await;
    let mut here = Watcher::connect(mirror.simulator().addresses().ws).await;
    tokio::join!(there.verify(600), here.verify(600));
    until("trades are printed", || {
        trades(mirror.simulator().venue()).len() > 20
    })
    .await;
    upstream.set_system_status(TradingStatus::CancelOnly);
    let (one, other) = (upstream.venue(), mirror.simulator().venue());
    until("the books are equal", || {
        levels(one, PairId(0), 100) == levels(other, PairId(0), 100)
    })
    .await;
    // The mirror has heard them all from the first on that it has heard.
    let (all, heard) = (trades(one), trades(other));
    assert!(all.ends_with(&heard), "{heard:?}");
    within(mirror.shutdown()).await;
    within(upstream.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_orders_leave_the_same_book_and_trades_print_once() {
    let both = Pair::start().await;
    let before = both.printed(0).await.len();
    for seed in 1..=3 {
        both.upstream.stir(both.pair, seed, 200);
        both.equal().await;
    }
    let there = both.upstream.sim.venue().read(|view| {
        let trades = view.history.trades(both.pair);
        trades
            .map(|trade| (trade.price.units(), trade.qty.units()))
            .collect::<Vec<_>>()
    });
    let here = both.printed(before + 50).await;
    until("the last trade is printed", || {
        trades(both.venue()).last() == there.last()
    })
    .await;
    assert!(there.ends_with(&here[before..]));
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_waits_its_turn_in_the_mirrored_queue_and_fills_in_part() {
    let both = Pair::start().await;
    let mut trader = both.trader().await;
    let order = trader.limit("buy", 50, "60000.0").await;
    let behind = both.upstream.pair("BTC/USD");
    // One more bitcoin comes behind it there.
    both.upstream
        .hand(behind, Side::Buy, at(600_000), 100 * CENT);
    until("the level has grown", || {
        levels(both.venue(), PairId(0), 1)[0][0].1.units() == 250 * CENT
    })
    .await;
    both.upstream
        .hand(behind, Side::Sell, at(600_000), 90 * CENT);
    both.printed(1).await;
    assert_eq!(trader.filled(order), 0);
    both.upstream
        .hand(behind, Side::Sell, at(600_000), 30 * CENT);
    until("a part is filled", || trader.filled(order) == 20).await;
    both.upstream
        .hand(behind, Side::Sell, at(600_000), 60 * CENT);
    until("the rest is filled", || trader.filled(order) == 50).await;
    assert_eq!(trader.state(order).1, OrderStatus::Closed);
    both.equal().await;
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_market_trades_through_an_order_that_stands_in_its_way() {
    let both = Pair::start().await;
    let mut trader = both.trader().await;
    let order = trader.limit("buy", 5, "60005.0").await;
    both.upstream
        .hand(both.pair, Side::Sell, at(600_070), 3 * CENT);
    until("the ask has come nearer", || {
        levels(both.venue(), PairId(0), 1)[1][0].0.units() == 600_070
    })
    .await;
    assert_eq!(trader.filled(order), 0);
    // Nobody there knows of it: this ask comes to rest below its price.
    both.upstream
        .hand(both.pair, Side::Sell, at(600_040), 3 * CENT);
    until("a part is filled", || trader.filled(order) == 3).await;
    assert_eq!(trades(both.venue()).last(), Some(&(600_050, 3 * CENT)));
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_order_fills_at_mirrored_prices() {
    let both = Pair::start().await;
    both.upstream
        .hand(both.pair, Side::Sell, at(600_200), 100 * CENT);
    both.equal().await;
    let mut trader = both.trader().await;
    let order = trader.order("buy", 150, r#""order_type":"market""#).await;
    let order = id(&order);
    assert_eq!(trader.filled(order), 150);
    let printed = trades(both.venue());
    let taken = [(600_100, 100 * CENT), (600_200, 50 * CENT)];
    assert!(printed.ends_with(&taken), "{printed:?}");
    // What it took is there again with the next word of the level.
    both.upstream.hand(both.pair, Side::Sell, at(600_100), CENT);
    both.upstream.hand(both.pair, Side::Sell, at(600_200), CENT);
    both.equal().await;
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_matched_while_the_market_is_not_heard_and_then_it_goes_on() {
    let both = Pair::start().await;
    let mut trader = both.trader().await;
    let mut public = Client::connect(both.mirror.simulator().addresses().ws).await;
    let ask = r#"{"method":"subscribe","params":{"channel":"instrument"}}"#;
    assert_eq!(public.ask(ask).await["success"], true);
    let status = |status: &'static str| {
        move |frame: &serde_json::Value| {
            frame["channel"] == "instrument" && frame["data"]["pairs"][0]["status"] == status
        }
    };
    public.until(status("online")).await;
    let (through, waits) = (
        trader.limit("buy", 2, "60005.0").await,
        trader.limit("buy", 2, "60000.0").await,
    );
    let Pair {
        upstream, mirror, ..
    } = both;
    let address = upstream.sim.addresses().ws;
    within(upstream.sim.shutdown()).await;
    public.until(status("cancel_only")).await;
    for rest in [RESTING, r#""order_type":"market""#] {
        assert_eq!(trader.order("buy", 1, rest).await["error"], CLOSED);
    }
    let canceled = trader.cancel(waits).await;
    assert_eq!(canceled["success"], true, "{canceled}");

    // The market comes back with a book that has gone through an order of ours.
    let again = Settings {
        ws_addr: address,
        ..quiet()
    };
    let upstream = crate::sim_ws::rig::Rig::start(&again).await;
    upstream.two_sided(upstream.pair("BTC/USD"));
    let pair = upstream.pair("BTC/USD");
    upstream.hand(pair, Side::Sell, at(600_030), CENT);
    public.until(status("online")).await;
    until("what was gone through is filled", || {
        trader.filled(through) >= 1
    })
    .await;
    let rests = trader.limit("buy", 1, "59000.0").await;
    assert_eq!(trader.filled(rests), 0);
    within(mirror.shutdown()).await;
    within(upstream.sim.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_checksum_stops_the_pair_until_its_book_is_taken_anew() {
    let both = Pair::start().await;
    let mut public = Client::connect(both.mirror.simulator().addresses().ws).await;
    let ask = r#"{"method":"subscribe","params":{"channel":"instrument"}}"#;
    assert_eq!(public.ask(ask).await["success"], true);
    let fault = Fault::Checksum("BTC/USD".to_owned());
    both.upstream.sim.faults().arm(fault, 1);
    both.upstream.hand(both.pair, Side::Buy, at(600_010), CENT);
    for status in ["cancel_only", "online"] {
        public
            .until(|frame| {
                frame["data"]["pairs"][0]["status"] == status && frame["type"] == "update"
            })
            .await;
    }
    both.equal().await;
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_of_the_mirrored_market_holds_in_the_mirror() {
    let both = Pair::start().await;
    let mut trader = both.trader().await;
    both.upstream
        .sim
        .set_pair_status(both.pair, TradingStatus::PostOnly);
    let status = || {
        both.venue()
            .read(|view| view.exchange.pair_status(PairId(0)))
    };
    until("the status is heard", || {
        status() == TradingStatus::PostOnly
    })
    .await;
    let refused = trader.order("buy", 1, RESTING).await;
    assert_eq!(refused["error"], "EService:Market in post_only mode");
    both.upstream
        .sim
        .set_pair_status(both.pair, TradingStatus::Online);
    until("the status is heard", || status() == TradingStatus::Online).await;
    trader.limit("buy", 1, "59000.0").await;
    both.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_is_not_there_or_lacks_a_pair_is_named() {
    let upstream = Simulator::start(&quiet(), None, clock()).await.unwrap();
    let address = upstream.addresses().ws;
    let settings = Settings {
        pairs: vec!["BTC/USD".to_owned(), "XRP/USD".to_owned()],
        ..mirroring(address)
    };
    let kraken = kraken();
    let starting = Simulated::start(&settings, reach(&kraken), None, clock());
    let error = Box::pin(within(starting)).await.unwrap_err();
    assert!(matches!(error, simulated::Error::Unlisted(symbol) if symbol.as_str() == "XRP/USD"));
    within(upstream.shutdown()).await;

    let short = tradingd::app::simulated::Reach {
        limit: Duration::from_millis(300),
        ..reach(&kraken)
    };
    let settings = mirroring(address);
    let starting = Simulated::start(&settings, short, None, clock());
    let error = Box::pin(within(starting)).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// Kraken bans an address that tries too often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_that_lets_nobody_in_is_tried_no_more_often_than_the_budget_allows() {
    const ATTEMPTS: usize = 4;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut kraken = kraken();
    kraken.connections.attempts = ATTEMPTS.try_into().unwrap();
    kraken.reconnect.max = Duration::from_millis(50);
    kraken.breakers.connect.mode = Mode::Disabled;
    let settings = mirroring(address);
    let mut tries = 0;
    let starting = async {
        let patient = tradingd::app::simulated::Reach {
            limit: Duration::from_secs(3),
            ..reach(&kraken)
        };
        Simulated::start(&settings, patient, None, clock()).await
    };
    let refusing = async {
        loop {
            drop(listener.accept().await.unwrap());
            tries += 1;
        }
    };
    let error = Box::pin(within(async {
        tokio::select! {
            biased;
            () = refusing => unreachable!(),
            started = starting => started.unwrap_err(),
        }
    }))
    .await;
    assert!(error.is_unreachable(), "{error}");
    assert_eq!(tries, ATTEMPTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_of_the_mirrored_market_hold_in_the_mirror() {
    let rules = |price_precision: u8| {
        format!(
            r#"{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,"qty_min":0.0002,"price_precision":{price_precision},"price_increment":0.01,"tick_size":0.01,"cost_precision":5,"cost_min":0.5,"marginable":false,"has_index":true}}]}}}}"#
        )
    };
    let upstream = super::rig::Scripted::start(rules(2)).await;
    let mirror = start(&mirroring(upstream.address)).await;
    let (digits, least) = mirror.simulator().venue().read(|view| {
        let of = &view.exchange.universe().pairs[0].instrument;
        (of.price_precision, of.qty_min.units())
    });
    assert_eq!((digits, least), (2, 20_000));
    let mut trader = Trader::connect(&mirror).await;
    let order = trader.limit("buy", 1, "59000.25").await;
    assert_eq!(trader.filled(order), 0);
    within(mirror.shutdown()).await;
}
