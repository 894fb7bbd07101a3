//! What goes wrong on the way, and that no order is lost, doubled or misbooked by it.

use std::time::Duration;

use tradingd::{
    app::{Picture, Verdict},
    engine::Mode,
    sim::{
        faults::{Fault, Garbage, RestFault},
        server::Role,
    },
};

use super::rig::{Rig, busy, config, still};

fn trades(picture: &Picture) -> bool {
    picture.ready && picture.open_orders() >= 4
}

/// Stops the rig and checks what must hold whatever happened.
async fn assert_sound(mut rig: Rig) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_sockets_come_back_and_trading_goes_on() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let (public, private) = (Fault::Drop(Role::Public), Fault::Drop(Role::Private));
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
async fn a_mute_private_socket_is_noticed() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    rig.sim.faults().arm(Fault::Mute(Role::Private), 1);
    rig.until("the private socket down", |picture| {
        picture.tally.account_losses == 1
    })
    .await;
    rig.until("trading again", trades).await;
    assert_sound(rig).await;
}

async fn unanswered(method: &str) {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    // The reports still come; only the answer does not.
    rig.sim.faults().arm(Fault::NoAnswer(method.to_owned()), 1);
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
    unanswered("add_order").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_amend_whose_answer_never_comes_is_settled() {
    unanswered("amend_order").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_the_venue_ignored_is_looked_up_and_found_never_placed() {
    let rig = Rig::start(still(), config()).await;
    rig.until("ready", |picture| picture.ready).await;
    rig.sim
        .faults()
        .arm(Fault::Ignore("add_order".to_owned()), 1);
    // One of the quotes must be placed anew for the fault to be met.
    rig.sim.faults().arm(Fault::Drop(Role::Private), 1);
    rig.until("trading", |picture| {
        picture.mode == Mode::Trading && trades(picture)
    })
    .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ambiguous_refusal_of_an_order_that_was_placed_does_not_double_it() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let (method, text) = ("add_order".to_owned(), "EService:Unavailable".to_owned());
    rig.sim.faults().arm(
        Fault::Error {
            method,
            text,
            execute: true,
        },
        1,
    );
    rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
        .await;
    rig.until("trading again", trades).await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_records_keep_the_gate_shut_until_they_answer() {
    let rig = Rig::start(busy(), config()).await;
    rig.until("trading", trades).await;
    let page = RestFault::Status(520, "<html>busy</html>".to_owned());
    rig.sim
        .faults()
        .arm(Fault::Rest("OpenOrders".to_owned(), page), 4);
    rig.sim.faults().arm(Fault::Drop(Role::Private), 1);
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
            rig.sim.faults().arm(Fault::Garbage(role, garbage), 1);
            rig.until("the fault is used", |_| rig.sim.faults().armed() == 0)
                .await;
        }
    }
    let frames = rig.picture().await.tally.checksums;
    rig.until("more frames", |picture| {
        picture.tally.checksums > frames + 50 && trades(picture)
    })
    .await;
    assert_sound(rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_that_overtakes_its_create_still_ends_the_order() {
    // The create's reply is held back, so the stop's cancels go out while creates are unanswered.
    let settings = tradingd::sim::Settings {
        reply_delay: Duration::from_millis(300),
        ..busy()
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
    assert_sound(rig).await;
}
