//! What goes wrong on the way, and that no order is lost, doubled or misbooked by it.

use std::time::Duration;

use tradingd::{
    app::{Picture, Verdict},
    engine::{Mode, risk::Code},
    sim::{
        Settings,
        faults::{Fault, Garbage, RequestFault, RestFault, SocketFault},
        server::Role,
        settings::ReplyOrder,
    },
    types::{Side, TradingStatus},
};

use super::rig::{Rig, busy, config, still};

/// Every pair is quoted. Not always on both sides: at its largest position a quoter only leaves it.
pub(super) fn trades(picture: &Picture) -> bool {
    let mut markets = picture.markets.iter();
    let quoted = markets.all(|market| !market.orders.is_empty());
    quoted && picture.ready && picture.mode == Mode::Trading
}

/// All quotes rest, and nothing about any of them is in doubt. Meant for a market that stands still, where nothing is filled.
pub(super) fn settled(picture: &Picture) -> bool {
    let mut orders = picture.markets.iter().flat_map(|market| &market.orders);
    trades(picture) && picture.open_orders() >= 4 && orders.all(|order| order.state == "open")
}

/// Stops the rig and checks what must hold whatever happened.
pub(super) async fn assert_sound(mut rig: Rig) {
    let report = rig.stop().await;
    assert_eq!(report.verdict, Verdict::Clean);
    let picture = report.picture.unwrap();
    assert_eq!((rig.open_orders(), picture.anomalies), (0, 0));
    rig.assert_books_balance(&picture);
    rig.assert_no_order_is_doubled();
    rig.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_checksum_quarantines_that_book_and_leaves_the_other_alone() {
    let rig = Rig::start(busy(), config()).await;
    let before = rig.until("trading", trades).await;
    rig.sim
        .faults()
        .arm(Fault::Checksum("ETH/USD".to_owned()), 1);
    rig.until("a stale book", |picture| {
        picture.tally.checksums_failed == 1
    })
    .await;
    let after = rig.until("verified again", trades).await;
    assert_eq!(
        after.tally.stale_books,
        before.tally.stale_books + 1,
        "only that one"
    );
    assert_eq!(after.tally.checksums_failed, 1);
    assert_sound(rig).await;
}

async fn dropped_sockets(settings: Settings) {
    let rig = Rig::start(settings, config()).await;
    rig.until("trading", trades).await;
    let (public, private) = (
        Fault::Socket(Role::Public, SocketFault::Drop),
        Fault::Socket(Role::Private, SocketFault::Drop),
    );
    rig.sim.faults().arm(private, 1);
    rig.until("the private socket down", |picture| {
        picture.tally.account_losses == 1
    })
    .await;
    let again = rig.until("trading again", trades).await;
    rig.sim.faults().arm(public, 1);
    rig.until("a stale book", |picture| {
        picture.tally.stale_books > again.tally.stale_books
    })
    .await;
    let picture = rig.until("trading again", trades).await;
    let fills = picture.tally.fills;
    rig.until("more fills", |picture| picture.tally.fills > fills)
        .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_sockets_come_back_and_trading_goes_on() {
    for settings in both() {
        Box::pin(dropped_sockets(settings)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_private_socket_is_noticed() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Private, SocketFault::Mute), 1);
    rig.until("the private socket down", |picture| {
        picture.tally.account_losses == 1
    })
    .await;
    rig.until("trading again", trades).await;
    assert_sound(rig).await;
}

/// The market of a fault, with the reply before the reports and after them.
fn both() -> [Settings; 2] {
    [ReplyOrder::ReplyFirst, ReplyOrder::ReportFirst].map(|reply_order| Settings {
        reply_order,
        reply_delay: Duration::from_millis(2),
        ..busy()
    })
}

async fn unanswered(method: &str, settings: Settings) {
    let rig = Rig::start(settings, config()).await;
    rig.until("trading", trades).await;
    // The reports still come; only the answer does not.
    rig.sim
        .faults()
        .arm(Fault::Request(method.to_owned(), RequestFault::NoAnswer), 1);
    rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
        .await;
    let before = rig.picture().await.tally.fills;
    rig.until("more fills", |picture| {
        picture.tally.fills > before && trades(picture)
    })
    .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_create_whose_answer_never_comes_is_neither_lost_nor_doubled() {
    for settings in both() {
        Box::pin(unanswered("add_order", settings)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_amend_whose_answer_never_comes_is_settled() {
    for settings in both() {
        Box::pin(unanswered("amend_order", settings)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_the_venue_ignored_is_looked_up_and_found_never_placed() {
    let rig = Rig::start(still(), config()).await;
    rig.until("trading", settled).await;
    let accepted = rig.orders().len();
    rig.sim.faults().arm(
        Fault::Request("add_order".to_owned(), RequestFault::Ignore),
        1,
    );
    // One of the quotes must be placed anew for the fault to be met.
    rig.end_at_the_venue("BTC/USD", Side::Buy);
    rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
        .await;
    let picture = rig
        .until("never placed, and another placed", |picture| {
            picture.tally.unanswered == 1 && settled(picture)
        })
        .await;
    assert_eq!(picture.tally.account_losses, 0, "by records alone");
    assert_eq!(
        (rig.orders().len(), picture.tally.orders),
        (accepted + 1, accepted as u64 + 2),
        "one create more than orders"
    );
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_that_went_down_with_their_socket_are_settled() {
    let rig = Rig::start(still(), config()).await;
    rig.until("trading", settled).await;
    let faults = rig.sim.faults();
    faults.arm(
        Fault::Request("add_order".to_owned(), RequestFault::Ignore),
        4,
    );
    for symbol in ["BTC/USD", "ETH/USD"] {
        rig.end_at_the_venue(symbol, Side::Buy);
        rig.end_at_the_venue(symbol, Side::Sell);
    }
    rig.until("the creates are lost", |_| faults.armed() == 0)
        .await;
    faults.arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
    let again = rig
        .until("never placed, and others placed", |picture| {
            picture.tally.account_losses == 1 && settled(picture)
        })
        .await;
    assert_eq!(again.tally.unanswered, 4);
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_create_that_nobody_tells_of_is_found_in_the_records() {
    let rig = Rig::start(still(), config()).await;
    rig.until("trading", settled).await;
    let accepted = rig.orders().len();
    let faults = rig.sim.faults();
    faults.arm(
        Fault::Request("add_order".to_owned(), RequestFault::NoAnswer),
        1,
    );
    faults.arm(Fault::Unreported("add_order".to_owned()), 1);
    rig.end_at_the_venue("BTC/USD", Side::Buy);
    rig.until("the faults are used", |_| faults.armed() == 0)
        .await;
    let found = rig
        .until("found", |picture| {
            picture.tally.unanswered == 1 && settled(picture)
        })
        .await;
    assert_eq!(found.tally.account_losses, 0, "by records alone");
    assert_eq!(
        (rig.orders().len(), found.tally.orders),
        (accepted + 1, accepted as u64 + 1),
        "one create, one order"
    );
    assert_eq!(found.tally.rejected, 0, "nothing was sent twice");
    // It is an order like any other from then on: it fills, and another takes its place.
    rig.fill_at_the_venue("BTC/USD", Side::Buy);
    rig.until("filled, and another placed", |picture| {
        picture.tally.fills >= 1 && settled(picture)
    })
    .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_amend_that_nobody_tells_of_is_settled_by_the_records() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let faults = rig.sim.faults();
    let mut unanswered = 0;
    for _ in 0..20 {
        faults.arm(
            Fault::Request("amend_order".to_owned(), RequestFault::NoAnswer),
            1,
        );
        faults.arm(Fault::Unreported("amend_order".to_owned()), 1);
        rig.until("the faults are used", |_| faults.armed() == 0)
            .await;
        // The answer is waited for so long, and a little. An order that fills meanwhile is no longer in doubt.
        tokio::time::sleep(Duration::from_millis(900)).await;
        unanswered = rig.picture().await.tally.unanswered;
        if unanswered > 0 {
            break;
        }
    }
    assert!(unanswered > 0, "never in doubt");
    let settled = rig
        .until("in doubt no more", |picture| {
            let mut orders = picture.markets.iter().flat_map(|market| &market.orders);
            orders.all(|order| order.state != "unknown")
        })
        .await;
    assert_eq!(settled.tally.account_losses, 0, "by records alone");
    rig.until("more amends", |picture| {
        picture.tally.amends > settled.tally.amends + 4 && trades(picture)
    })
    .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_venue_that_takes_cancels_only_is_sent_no_orders_until_it_is_online_again() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    rig.sim.set_system_status(TradingStatus::CancelOnly);
    // The quotes are gone, so the quoters want new ones.
    for symbol in ["BTC/USD", "ETH/USD"] {
        rig.end_at_the_venue(symbol, Side::Buy);
        rig.end_at_the_venue(symbol, Side::Sell);
    }
    let held = |picture: &Picture| picture.tally.denied.get(&Code::VenueStatus).copied();
    // Creates and amends that met the change on their way are refused, and over by then.
    let before = rig
        .until("held back by ourselves", |picture| {
            picture.open_orders() == 0 && held(picture) >= Some(4)
        })
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = rig.picture().await;
    assert_eq!(
        (after.tally.orders, after.tally.amends, after.tally.rejected),
        (
            before.tally.orders,
            before.tally.amends,
            before.tally.rejected
        ),
        "nothing is sent, so nothing is refused"
    );
    rig.sim.set_system_status(TradingStatus::Online);
    rig.until("trading again", |picture| {
        trades(picture) && picture.tally.fills > after.tally.fills
    })
    .await;
    assert_sound(rig).await;
}

/// The steps by which a venue comes back, and one that takes limit orders only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quoters_come_back_with_the_first_status_that_takes_their_orders() {
    let mut config = config();
    // Nothing else makes them wish again while the market stands still.
    config.orders.reconcile_every = Duration::from_millis(300);
    let rig = Rig::start(still(), config).await;
    rig.until("every quote rests", settled).await;
    let held = |picture: &Picture| picture.tally.denied.get(&Code::VenueStatus).copied();
    for takes_them in [TradingStatus::PostOnly, TradingStatus::LimitOnly] {
        rig.sim.set_system_status(TradingStatus::CancelOnly);
        for symbol in ["BTC/USD", "ETH/USD"] {
            rig.end_at_the_venue(symbol, Side::Buy);
            rig.end_at_the_venue(symbol, Side::Sell);
        }
        for takes_none in [TradingStatus::CancelOnly, TradingStatus::Maintenance] {
            rig.sim.set_system_status(takes_none);
            let before = held(&rig.picture().await).unwrap_or(0);
            rig.until("held back by ourselves", |picture| {
                picture.open_orders() == 0 && held(picture) > Some(before)
            })
            .await;
        }
        // An order that met the first change on its way was refused.
        let before = rig.picture().await.tally;
        rig.sim.set_system_status(takes_them);
        let back = rig.until("every quote rests again", settled).await;
        let counted = (back.tally.orders, back.tally.rejected);
        assert_eq!(
            counted,
            (before.orders + 4, before.rejected),
            "{takes_them:?}"
        );
    }
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_leave_while_the_venue_takes_nothing_else() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("orders at rest", |_| rig.open_orders() == 4)
        .await;
    rig.sim.set_system_status(TradingStatus::CancelOnly);
    assert!(rig.open_orders() > 0, "orders rest at the stop");
    assert_sound(rig).await;
}

async fn refused_but_placed(settings: Settings) {
    let rig = Rig::start(settings, config()).await;
    rig.until("trading", trades).await;
    let unavailable = RequestFault::Error {
        text: "EService:Unavailable".to_owned(),
        execute: true,
    };
    let fault = Fault::Request("add_order".to_owned(), unavailable);
    rig.sim.faults().arm(fault, 1);
    rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
        .await;
    rig.until("trading again", trades).await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ambiguous_refusal_of_an_order_that_was_placed_does_not_double_it() {
    for settings in both() {
        Box::pin(refused_but_placed(settings)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_records_keep_the_gate_shut_until_they_answer() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let page = RestFault::Status(520, "<html>busy</html>".to_owned());
    rig.sim
        .faults()
        .arm(Fault::Rest("OpenOrders".to_owned(), page), 4);
    rig.sim
        .faults()
        .arm(Fault::Socket(Role::Private, SocketFault::Drop), 1);
    rig.until("the private socket down", |picture| {
        picture.tally.account_losses == 1
    })
    .await;
    rig.until("trading again", trades).await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_frames_are_counted_and_change_nothing() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let all = [
        Garbage::Truncated,
        Garbage::Text,
        Garbage::Binary,
        Garbage::HugeNumbers,
        Garbage::UnknownChannel,
        Garbage::WrongTypes,
    ];
    for garbage in all {
        for role in [Role::Public, Role::Private] {
            rig.sim
                .faults()
                .arm(Fault::Socket(role, SocketFault::Garbage(garbage)), 1);
            rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
                .await;
        }
    }
    let frames = rig.picture().await.tally.checksums;
    rig.until("more frames", |picture| {
        picture.tally.checksums > frames + 50 && trades(picture)
    })
    .await;
    let (public, private) = &rig.counters;
    // The private socket passes over books, of whatever shape.
    for (counters, unreadable) in [(public, 5), (private, 3)] {
        assert!(
            counters.decode_errors.get() >= unreadable,
            "{}",
            counters.decode_errors.get()
        );
        assert_eq!(counters.unknown_frames.get(), 1);
        assert_eq!(counters.lost_connections.get(), 0);
    }
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_overtakes_its_create_still_ends_the_order() {
    // The create's reply is held back, so the stop's cancels go out while creates are unanswered. Nothing fills.
    let settings = tradingd::sim::Settings {
        reply_delay: Duration::from_millis(300),
        ..still()
    };
    let rig = Rig::start(settings, config()).await;
    rig.until("a pending create", |picture| {
        picture
            .markets
            .iter()
            .flat_map(|market| &market.orders)
            .any(|order| order.state == "pending")
    })
    .await;
    let faults = rig.sim.faults();
    let unknown = RequestFault::Error {
        text: "EOrder:Unknown order".to_owned(),
        execute: false,
    };
    faults.arm(Fault::Request("cancel_order".to_owned(), unknown), 1);
    assert_sound(rig).await;
    assert_eq!(faults.armed(), 0, "a cancel was refused and repeated");
}
