//! As busy as strategies can wish, within the venue's limits: the venue judges.

use tradingd::{
    app::{Stops, Verdict, clock},
    engine::{
        risk::Code,
        strategy::{Intent, Strategy, View},
    },
    sim::{
        Settings, Simulator,
        matching::{PairId, Tier},
    },
    types::{Decimal, Quantity, Side, TimeInForce},
};

use crate::{alone, assert_nobody_refused, config_for, page::Page, runtime, start_with, until};

const SEED: u64 = 23;
/// The one whose cap of open orders is reached soonest.
const TIER: Tier = Tier::Intermediate;
/// What the trading counter must have stood at, of 125: less the room that is kept for the order's own cancel, and a margin.
const NEAR: i128 = 100;
/// REST reads that there must have been, the few public ones of the start included. A key has room for 20 points at once.
const READS: u64 = 18;
/// Wishes that must have been denied for want of room in the trading counters.
const DENIED: u64 = 500;

/// Account state is read as often as it can be, and there is no time to stop in.
const CONFIG: &str = "[throttle]\ntier = \"intermediate\"\n[risk]\nmax_open_orders = 1000\n[orders]\nreconcile_every = \"1ms\"\n[shutdown]\npark = \"600ms\"\n";

/// Wishes at each change of its book.
#[derive(Debug)]
struct Busy(fn(&View<'_>) -> Option<Intent>);

impl Strategy for Busy {
    fn decide(&mut self, view: &View<'_>, out: &mut Vec<Intent>) {
        out.extend((self.0)(view));
    }
}

/// Another order.
fn hoards(view: &View<'_>) -> Option<Intent> {
    let bid = view.book?.best_bid()?.price;
    let far = bid.shifted(-bid.units() / 10).unwrap();
    Some(Intent::Place {
        side: Side::Buy,
        price: far.rounded_down_to(view.instrument.tick).unwrap(),
        qty: Quantity::new(view.instrument.qty_min.units() * 2).unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
    })
}

/// Another price for its one order.
fn fidgets(view: &View<'_>) -> Option<Intent> {
    let Some(order) = view.own().next() else {
        return hoards(view);
    };
    order.is_settled().then(|| Intent::Amend {
        order: order.cl_ord_id,
        price: order.price.shifted(-view.instrument.tick.units()).unwrap(),
        qty: order.qty,
    })
}

/// Another order in place of its one order.
fn replaces(view: &View<'_>) -> Option<Intent> {
    let Some(order) = view.own().next() else {
        return hoards(view);
    };
    order.is_settled().then_some(Intent::Cancel {
        order: order.cl_ord_id,
    })
}

#[test]
fn the_busiest_strategies_never_meet_a_limit_of_the_venue() {
    let _alone = alone();
    println!("seed {SEED}");
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let settings = Settings {
            seed: SEED,
            rate: 400.0,
            tier: TIER,
            ..Settings::default()
        };
        let sim = Simulator::start(&settings, None, clock::system())
            .await
            .unwrap();
        let config = config_for(&sim, directory.path(), CONFIG);
        let wishes: [fn(&View<'_>) -> Option<Intent>; 3] = [hoards, fidgets, replaces];
        let strategies = wishes.map(|wish| Box::new(Busy(wish)) as Box<dyn Strategy>);
        let stops = Stops::default();
        let daemon = start_with(&config, Some(strategies.into()), clock::system(), &stops).await;
        let (looks, address) = (daemon.looks(), daemon.http().unwrap());
        let account = sim.accounts()[0].id;
        let trading = async {
            let mut peaks = [Decimal::ZERO; 3];
            let full = |peak: &Decimal| *peak >= Decimal::new(NEAR, 0).unwrap();
            let picture = until(&looks, "every limit is near", |picture| {
                assert_nobody_refused(&sim);
                let open = sim.venue().read(|view| {
                    let now = sim.venue().clock().now();
                    for (pair, peak) in (0..).map(PairId).zip(&mut peaks) {
                        *peak = view.exchange.counter(now, account, pair).max(*peak);
                    }
                    let open = view.exchange.open_orders(account);
                    open.filter(|order| order.state.pair == PairId(0)).count()
                });
                let denied = |code| picture.tally.denied.get(&code).copied().unwrap_or(0);
                open == TIER.max_open_orders() as usize
                    && denied(Code::OpenOrders) > 0
                    && denied(Code::Throttled) >= DENIED
                    && peaks[1..].iter().all(full)
            })
            .await;
            let reads = Page::scrape(address)
                .await
                .number("tradingd_rest_reads_total");
            drop(looks);
            stops.stop.cancel();
            (picture.tally, peaks, reads)
        };
        let (report, (tally, peaks, reads)) = tokio::join!(daemon.run(), trading);
        let peaks = peaks.map(|peak| peak.to_string());
        println!(
            "counters up to {peaks:?} of {}, {reads} reads, {tally:?}",
            TIER.threshold()
        );
        assert!(reads >= READS, "{reads} reads");
        // More orders than may be canceled at once: the stop keeps to the limits as well, and names what rests.
        let Verdict::Late(named) = report.verdict else {
            panic!("{report:?}")
        };
        let resting = sim.venue().read(|view| {
            let open = view.exchange.open_orders(account);
            let mut ids = open.map(|order| order.state.cl_ord_id.unwrap());
            ids.all(|id| named.contains(&id))
        });
        assert!(resting, "not all that rests is named");
        assert_nobody_refused(&sim);
        assert_eq!(report.picture.unwrap().tally.rejected, 0);
        sim.shutdown().await;
    });
}
