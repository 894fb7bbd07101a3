//! The states of subscriptions, from request to silence.

use super::{
    Granting::{Granted, NotNow, Refused},
    *,
};
use crate::types::InlineText;

const BOOK: Channel = Channel::Book { depth: 10 };

fn at(millis: u64) -> Timestamp {
    Timestamp::from_secs(1_000).after(Duration::from_millis(millis))
}

fn topic(symbol: &str) -> Topic {
    Topic {
        channel: BOOK,
        symbol: Some(InlineText::lossy(symbol)),
    }
}

fn deadlines() -> deadline::Settings {
    deadline::Settings {
        subscribe_ack: Duration::from_secs(5),
        first_snapshot: Duration::from_secs(10),
        idle: Duration::from_secs(12),
        channel_idle: Duration::from_secs(30),
        ..deadline::Settings::default()
    }
}

fn late(symbol: &str, place: Place) -> Result<(), Fault> {
    Err(Fault::Topic(topic(symbol), deadlines().elapsed(place)))
}

fn session() -> Session {
    let patience = Patience {
        deadlines: deadlines(),
        ping: Duration::from_secs(4),
    };
    let mut session = Session::new([topic("BTC/USD"), topic("ETH/USD")], patience);
    session.connected(at(0));
    session
}

#[test]
fn an_adopted_subscription_tells_its_depth_until_it_is_released() {
    let mut session = session();
    let deeper = Topic {
        channel: Channel::Book { depth: 25 },
        ..topic("SOL/USD")
    };
    session.adopt(topic("SOL/USD"));
    session.adopt(deeper);
    assert_eq!(session.book_depth("SOL/USD"), Some(25));
    session.release(&topic("SOL/USD"));
    assert_eq!(session.book_depth("SOL/USD"), None);
    assert_eq!(session.book_depth("BTC/USD"), Some(10));
}

fn poll(session: &mut Session, millis: u64) -> Vec<Wish> {
    let mut out = Vec::new();
    session.poll(at(millis), &mut out).unwrap();
    out
}

fn ack(session: &mut Session, millis: u64, req_id: u64, symbol: &str, answer: Granting) {
    let ack = Ack {
        req_id,
        symbol: Some(symbol),
        answer,
    };
    assert!(session.acknowledged(at(millis), ack));
}

fn live() -> Session {
    let mut session = session();
    poll(&mut session, 0);
    for symbol in ["BTC/USD", "ETH/USD"] {
        ack(&mut session, 1, FIRST_OWN_REQUEST, symbol, Granted);
        session.delivered(at(1), &topic(symbol));
    }
    assert!(session.is_live());
    session
}

#[test]
fn everything_wanted_goes_into_one_request() {
    let mut session = session();
    let wishes = poll(&mut session, 0);
    let [Wish::Subscribe { symbols, .. }] = &wishes[..] else {
        panic!("{wishes:?}")
    };
    assert_eq!(symbols.len(), 2);
    assert!(poll(&mut session, 1).is_empty(), "nothing is asked twice");
}

#[test]
fn an_acknowledgement_without_snapshot_is_a_fault() {
    let mut session = session();
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", Granted);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "ETH/USD", Granted);
    session.delivered(at(1), &topic("ETH/USD"));
    session.heard(at(9_000));
    let fault = session.poll(at(10_001), &mut Vec::new());
    assert_eq!(fault, late("BTC/USD", Place::FirstSnapshot));
    let told = fault.unwrap_err().to_string();
    assert_eq!(told, "book BTC/USD: first_snapshot took longer than 10s");
}

#[test]
fn an_acknowledgement_of_another_request_answers_nothing() {
    let mut session = session();
    poll(&mut session, 0);
    let other = Ack {
        req_id: FIRST_OWN_REQUEST + 1,
        symbol: Some("BTC/USD"),
        answer: Granted,
    };
    assert!(!session.acknowledged(at(1), other));
    assert_eq!(
        session.poll(at(5_000), &mut Vec::new()),
        late("BTC/USD", Place::SubscribeAck)
    );
}

#[test]
fn a_request_without_answer_is_a_fault() {
    let mut session = session();
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", Granted);
    assert_eq!(
        session.poll(at(5_000), &mut Vec::new()),
        late("ETH/USD", Place::SubscribeAck)
    );
}

#[test]
fn a_silent_socket_is_a_fault_and_is_pinged_before() {
    let mut session = live();
    assert!(poll(&mut session, 3_999).is_empty());
    assert!(matches!(poll(&mut session, 4_000)[..], [Wish::Ping { .. }]));
    assert_eq!(
        session.poll(at(12_000), &mut Vec::new()),
        Err(Fault::Socket(deadlines().elapsed(Place::Idle)))
    );
}

#[test]
fn a_refused_symbol_is_left_alone_and_the_others_go_on() {
    let mut session = session();
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", Refused);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "ETH/USD", Granted);
    session.delivered(at(1), &topic("ETH/USD"));
    assert!(session.is_live());
    session.connected(at(100));
    let wishes = poll(&mut session, 100);
    let [Wish::Subscribe { symbols, .. }] = &wishes[..] else {
        panic!("{wishes:?}")
    };
    assert_eq!(symbols[..], [InlineText::lossy("ETH/USD")]);
}

#[test]
fn a_resync_ends_one_symbol_and_asks_for_it_again() {
    let mut session = live();
    session.resync(at(100), &topic("BTC/USD"));
    let wishes = poll(&mut session, 100);
    let [
        Wish::Unsubscribe {
            req_id, symbols, ..
        },
    ] = &wishes[..]
    else {
        panic!("{wishes:?}")
    };
    assert_eq!(symbols[..], [InlineText::lossy("BTC/USD")]);
    ack(&mut session, 110, *req_id, "BTC/USD", Granted);
    let wishes = poll(&mut session, 110);
    assert!(matches!(&wishes[..], [Wish::Subscribe { symbols, .. }] if symbols.len() == 1));
}

#[test]
fn resyncs_of_one_symbol_are_a_second_apart() {
    let mut session = live();
    session.resync(at(100), &topic("BTC/USD"));
    let Wish::Unsubscribe { req_id, .. } = poll(&mut session, 100)[0] else {
        panic!()
    };
    ack(&mut session, 110, req_id, "BTC/USD", Granted);
    let Wish::Subscribe { req_id, .. } = poll(&mut session, 110)[0] else {
        panic!()
    };
    ack(&mut session, 120, req_id, "BTC/USD", Granted);
    session.delivered(at(120), &topic("BTC/USD"));
    session.resync(at(130), &topic("BTC/USD"));
    assert!(poll(&mut session, 130).is_empty());
    assert!(matches!(
        poll(&mut session, 1_100)[..],
        [Wish::Unsubscribe { .. }]
    ));
}

/// Polls at the moment of a ping, so that the socket is not silent.
fn silences(session: &mut Session, seconds: u64) -> Vec<(Symbol, bool)> {
    let now = at(seconds * 1_000);
    session.heard(now);
    session.poll(now, &mut Vec::new()).unwrap();
    let silent = session.silences();
    let silent = silent.map(|silence| (silence.topic.symbol.unwrap(), silence.is_news));
    silent.collect()
}

/// Answers what asks a book again: its end, its beginning, a snapshot.
fn serve(session: &mut Session, seconds: u64, symbol: &str) {
    let now = at(seconds * 1_000);
    for _end_and_beginning in 0..2 {
        let state = session.topics[&topic(symbol)].state;
        let ack = Ack {
            req_id: state.request().unwrap(),
            symbol: Some(symbol),
            answer: Granted,
        };
        assert!(session.acknowledged(now, ack));
        session.poll(now, &mut Vec::new()).unwrap();
    }
    session.delivered(now, &topic(symbol));
    assert!(session.is_live());
}

#[test]
fn a_book_that_falls_silent_is_asked_for_again_and_is_news_once() {
    let mut session = live();
    let btc: Symbol = InlineText::lossy("BTC/USD");
    session.spoke(at(20_000), &topic("ETH/USD"));
    assert_eq!(silences(&mut session, 30), []);
    assert_eq!(silences(&mut session, 31), [(btc, true)]);
    assert!(!session.is_live(), "its end was asked for");
    serve(&mut session, 32, "BTC/USD");
    session.spoke(at(50_000), &topic("ETH/USD"));
    // A snapshot shows that nothing happened; that it is silent again is none.
    assert_eq!(silences(&mut session, 61), []);
    assert_eq!(silences(&mut session, 62), [(btc, false)]);
    serve(&mut session, 63, "BTC/USD");
    session.spoke(at(64_000), &topic("BTC/USD"));
    session.spoke(at(64_000), &topic("ETH/USD"));
    let both = silences(&mut session, 94);
    assert_eq!(both.len(), 2);
    assert!(both.contains(&(btc, true)), "it had spoken: {both:?}");
}

#[test]
fn the_next_silence_is_awaited() {
    let mut session = live();
    session.heard(at(29_000));
    session.poll(at(29_000), &mut Vec::new()).unwrap();
    assert_eq!(session.next_deadline(), Some(at(30_001)));
}

fn trades() -> (Session, Topic) {
    let patience = Patience {
        deadlines: deadlines(),
        ping: Duration::from_secs(4),
    };
    let trades = Topic {
        channel: Channel::Trade,
        symbol: Some(InlineText::lossy("BTC/USD")),
    };
    let mut session = Session::new([trades], patience);
    session.connected(at(0));
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", Granted);
    assert!(
        session.is_live(),
        "trades of the past are waited for by none"
    );
    (session, trades)
}

#[test]
fn trades_whose_snapshot_does_not_come_are_news_and_go_on() {
    let (mut session, trades) = trades();
    assert_eq!(session.next_deadline(), Some(at(4_000)));
    let btc = trades.symbol.unwrap();
    assert_eq!(silences(&mut session, 10), []);
    assert_eq!(silences(&mut session, 11), [(btc, true)]);
    assert_eq!(silences(&mut session, 90_000), []);
    assert!(session.is_live());
}

#[test]
fn trades_may_be_silent_for_ever_once_they_have_spoken() {
    for empty in [false, true] {
        let (mut session, trades) = trades();
        if empty {
            session.delivered_nothing(at(2), Channel::Trade);
        } else {
            session.delivered(at(2), &trades);
        }
        assert_eq!(silences(&mut session, 90_000), []);
        assert!(session.is_live());
    }
}

#[test]
fn a_symbol_refused_for_the_moment_is_asked_for_again() {
    let mut session = session();
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", NotNow);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "ETH/USD", Granted);
    session.delivered(at(1), &topic("ETH/USD"));
    assert!(session.is_live(), "the others go on");
    poll(&mut session, 4_900);
    assert_eq!(session.next_deadline(), Some(at(5_001)));
    session.heard(at(5_000));
    assert!(poll(&mut session, 5_000).is_empty());
    let wishes = poll(&mut session, 5_001);
    let [Wish::Subscribe { symbols, .. }] = &wishes[..] else {
        panic!("{wishes:?}")
    };
    assert_eq!(symbols[..], [InlineText::lossy("BTC/USD")]);
}

#[test]
fn a_resync_whose_end_is_refused_for_the_moment_goes_on_later() {
    let mut session = live();
    session.resync(at(100), &topic("BTC/USD"));
    let Wish::Unsubscribe { req_id, .. } = poll(&mut session, 100)[0] else {
        panic!()
    };
    ack(&mut session, 110, req_id, "BTC/USD", NotNow);
    session.heard(at(5_000));
    let wishes = poll(&mut session, 5_000);
    assert!(
        !wishes
            .iter()
            .any(|wish| matches!(wish, Wish::Unsubscribe { .. }))
    );
    let wishes = poll(&mut session, 5_110);
    assert!(
        matches!(&wishes[..], [Wish::Unsubscribe { .. }]),
        "{wishes:?}"
    );
}

#[test]
fn a_snapshot_shows_that_a_refusal_was_none() {
    let mut session = session();
    poll(&mut session, 0);
    ack(&mut session, 1, FIRST_OWN_REQUEST, "BTC/USD", NotNow);
    session.delivered(at(2), &topic("BTC/USD"));
    session.heard(at(5_001));
    let wishes = poll(&mut session, 4_999);
    assert!(
        !wishes
            .iter()
            .any(|wish| matches!(wish, Wish::Subscribe { .. }))
    );
    assert_eq!(session.topics[&topic("BTC/USD")].state, State::Live);
}
