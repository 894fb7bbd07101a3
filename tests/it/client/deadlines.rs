//! Venues that leave something out, over real sockets: each wait ends at its limit and is counted at its place, and only there.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{interval, timeout},
};
use tradingd::{
    engine::{
        Event,
        event::{Answer, BookKind, Link},
    },
    resilience::{Deadlines, Place},
    sim::{
        Settings as SimSettings,
        faults::{Fault, RequestFault, SocketFault},
        server::Role,
    },
    venue::kraken::{rest::calls::Time, settings::Settings},
};

use super::{
    certificate, rest_with, settings,
    sockets::{Client, connect, of, simulator},
};
use crate::support::{
    LIMIT,
    proxy::{Faults, Proxy},
    within,
};

/// A limit that is to pass first.
const SHORT: Duration = Duration::from_millis(300);

/// A market in which nothing happens.
fn still() -> SimSettings {
    SimSettings {
        speed: 0.000_001,
        ..SimSettings::default()
    }
}

/// The places where a limit has passed first.
fn missed(deadlines: &Deadlines) -> Vec<Place> {
    let counts = deadlines.counts().into_iter();
    let missed = counts.filter(|(_, counts)| counts.missed > 0);
    missed.map(|(place, _)| place).collect()
}

/// Waits until a limit has passed first at a place.
async fn until_missed(deadlines: &Deadlines, place: Place) {
    let mut ticks = interval(Duration::from_millis(2));
    let missing = async {
        while deadlines.missed(place) == 0 {
            ticks.tick().await;
        }
    };
    within(missing).await;
}

impl Client {
    async fn private(&mut self, link: Link) {
        let wanted = |event: &Event| (*event == Event::Account(link)).then_some(());
        within(self.until(wanted)).await;
    }

    /// Other events go on meanwhile, and must not put the end off.
    async fn public(&mut self, link: Link) {
        within(self.feed(link)).await;
    }
}

/// A socket that is up is dropped and meets a fault as it comes back: it is late at that place, and the attempt after it is not.
async fn comes_back_past(
    role: Role,
    fault: Fault,
    place: Place,
    change: impl FnOnce(&mut Settings),
) {
    let sim = simulator(&SimSettings::default()).await;
    let mut settings = of(&sim, None);
    settings.reconnect.base = Duration::from_millis(10);
    change(&mut settings);
    let mut client = connect(sim, settings).await;
    client.private(Link::Up).await;
    client.public(Link::Up).await;
    let faults = client.sim.faults();
    faults.arm(fault, 1);
    faults.arm(Fault::Socket(role, SocketFault::Drop), 1);
    let (counters, other) = if role == Role::Public {
        client.public(Link::Down).await;
        client.public(Link::Up).await;
        (&client.public, &client.private)
    } else {
        client.private(Link::Down).await;
        client.private(Link::Up).await;
        (&client.private, &client.public)
    };
    assert_eq!(missed(&counters.deadlines), [place]);
    assert_eq!(counters.deadlines.missed(place), 1);
    assert_eq!(missed(&other.deadlines), []);
    assert_eq!(client.sim.faults().armed(), 0);
}

fn ignored(method: &str) -> Fault {
    Fault::Request(method.to_owned(), RequestFault::Ignore)
}

#[tokio::test]
async fn an_acknowledgement_that_never_comes_ends_the_connection() {
    for role in [Role::Public, Role::Private] {
        let place = Place::SubscribeAck;
        comes_back_past(role, ignored("subscribe"), place, |settings| {
            settings.deadlines.subscribe_ack = SHORT;
        })
        .await;
    }
}

#[tokio::test]
async fn a_first_snapshot_that_never_comes_ends_the_connection() {
    for (role, channel) in [
        (Role::Public, "book"),
        (Role::Public, "instrument"),
        (Role::Private, "executions"),
        (Role::Private, "balances"),
    ] {
        let silence = Fault::Silence(channel.to_owned());
        comes_back_past(role, silence, Place::FirstSnapshot, |settings| {
            settings.deadlines.first_snapshot = SHORT;
        })
        .await;
    }
}

#[tokio::test]
async fn a_pong_that_never_comes_keeps_the_private_socket_from_coming_up() {
    comes_back_past(Role::Private, ignored("ping"), Place::Answer, |settings| {
        settings.deadlines.answer = SHORT;
        // Nothing but the first ping is to meet the fault.
        settings.ping = Duration::from_secs(9);
    })
    .await;
}

#[tokio::test]
async fn a_book_that_falls_silent_is_taken_anew_over_the_same_socket() {
    let sim = simulator(&still()).await;
    let mut settings = of(&sim, None);
    settings.deadlines.channel_idle = SHORT;
    let mut client = connect(sim, settings).await;
    client.public(Link::Up).await;
    let anew = async |client: &mut Client| loop {
        if let Event::Book(book) = within(client.market.recv()).await.unwrap()
            && book.kind == BookKind::Snapshot
        {
            return;
        }
    };
    // Of both pairs, and again: a market in which nothing happens is silent after each.
    for _ in 0..4 {
        anew(&mut client).await;
    }
    assert_eq!(missed(&client.public.deadlines), [Place::ChannelIdle]);
    assert!(client.public.deadlines.missed(Place::ChannelIdle) >= 4);
    assert_eq!(client.public.connections.get(), 1);
    assert_eq!(client.public.resyncs.get(), 0, "nobody asked for them");
}

#[tokio::test]
async fn a_book_that_stays_silent_as_it_is_taken_anew_ends_the_connection() {
    let sim = simulator(&still()).await;
    let mut settings = of(&sim, None);
    settings.deadlines.channel_idle = SHORT;
    settings.deadlines.first_snapshot = SHORT;
    let mut client = connect(sim, settings).await;
    client.public(Link::Up).await;
    let silence = Fault::Silence("book".to_owned());
    client.sim.faults().arm(silence, 1);
    client.public(Link::Down).await;
    client.public(Link::Up).await;
    let places = [Place::FirstSnapshot, Place::ChannelIdle];
    assert_eq!(missed(&client.public.deadlines), places);
    assert_eq!(client.public.deadlines.missed(Place::FirstSnapshot), 1);
}

#[tokio::test]
async fn a_busy_book_is_never_silent() {
    let busy = SimSettings {
        rate: 400.0,
        ..SimSettings::default()
    };
    let sim = simulator(&busy).await;
    let mut settings = of(&sim, None);
    settings.deadlines.channel_idle = Duration::from_secs(2);
    let mut client = connect(sim, settings).await;
    client.public(Link::Up).await;
    // Far longer than the limit, by the venue's clock.
    let (mut first, mut last) = (None, None);
    let long = Duration::from_secs(5);
    while first.zip(last).is_none_or(|(first, last)| {
        let passed: Duration = tradingd::types::Timestamp::since(last, first);
        passed < long
    }) {
        if let Event::Trade(trade) = within(client.market.recv()).await.unwrap() {
            first.get_or_insert(trade.at);
            last = Some(trade.at);
        }
    }
    assert_eq!(missed(&client.public.deadlines), []);
}

#[tokio::test]
async fn a_peer_that_never_shakes_hands_is_left() {
    let (tls, ca_file) = certificate();
    let secure = SimSettings {
        tls_config: Some(tls),
        ..SimSettings::default()
    };
    let (sim, path) = (simulator(&secure).await, ca_file.path().to_owned());
    let mut settings = of(&sim, Some(path));
    let wire = Proxy::start(sim.addresses().ws, 7).await;
    wire.set(Faults::hole());
    settings.ws = format!("wss://{}/v2", wire.address);
    settings.deadlines.tls = SHORT;
    let mut client = connect(sim, settings).await;
    until_missed(&client.public.deadlines, Place::Tls).await;
    wire.set(Faults::default());
    client.public(Link::Up).await;
    assert_eq!(missed(&client.public.deadlines), [Place::Tls]);
    assert_eq!(
        client.public.failed_connections.get(),
        client.public.deadlines.missed(Place::Tls)
    );
    wire.shutdown().await;
}

#[tokio::test]
async fn an_upgrade_that_is_never_answered_is_left() {
    let sim = simulator(&SimSettings::default()).await;
    let mut settings = of(&sim, None);
    let wire = Proxy::start(sim.addresses().ws_auth, 7).await;
    wire.set(Faults::hole());
    settings.ws_auth = format!("ws://{}/v2", wire.address);
    settings.deadlines.upgrade = SHORT;
    let mut client = connect(sim, settings).await;
    until_missed(&client.private.deadlines, Place::Upgrade).await;
    wire.set(Faults::default());
    client.private(Link::Up).await;
    assert_eq!(missed(&client.private.deadlines), [Place::Upgrade]);
    wire.shutdown().await;
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_left() {
    let sim = simulator(&SimSettings::default()).await;
    let mut settings = of(&sim, None);
    let wire = Proxy::start(sim.addresses().ws_auth, 7).await;
    settings.ws_auth = format!("ws://{}/v2", wire.address);
    settings.deadlines.idle = Duration::from_secs(2);
    settings.ping = Duration::from_secs(1);
    let mut client = connect(sim, settings).await;
    client.private(Link::Up).await;
    wire.set(Faults::hole());
    client.private(Link::Down).await;
    assert_eq!(missed(&client.private.deadlines), [Place::Idle]);
    wire.set(Faults::default());
    client.private(Link::Up).await;
    wire.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_never_answers_the_close_frame_is_not_waited_for() {
    let sim = simulator(&still()).await;
    let mut settings = of(&sim, None);
    let addresses = sim.addresses();
    let wires = [
        Proxy::start(addresses.ws, 7).await,
        Proxy::start(addresses.ws_auth, 7).await,
    ];
    settings.ws = format!("ws://{}/v2", wires[0].address);
    settings.ws_auth = format!("ws://{}/v2", wires[1].address);
    settings.deadlines.close = 2 * LIMIT;
    let mut client = connect(sim, settings).await;
    client.private(Link::Up).await;
    client.public(Link::Up).await;
    for wire in &wires {
        wire.set(Faults::hole());
    }
    client.stop.cancel();
    client.ended().await;
    for counters in [&client.public, &client.private] {
        assert_eq!(missed(&counters.deadlines), []);
    }
    for wire in wires {
        wire.shutdown().await;
    }
}

#[tokio::test]
async fn a_cancel_by_rest_that_is_still_out_holds_up_the_end_no_longer_than_a_close() {
    let sim = simulator(&still()).await;
    let mut settings = of(&sim, None);
    let addresses = sim.addresses();
    let calls = Proxy::start(addresses.rest, 7).await;
    let wire = Proxy::start(addresses.ws_auth, 7).await;
    settings.rest = format!("http://{}", calls.address);
    settings.ws_auth = format!("ws://{}/v2", wire.address);
    settings.deadlines.close = SHORT;
    settings.deadlines.request = 2 * LIMIT;
    let mut client = connect(sim, settings).await;
    client.private(Link::Up).await;
    calls.set(Faults::hole());
    wire.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    wire.reset();
    client.private(Link::Down).await;
    client.cancel(1, "a").await;
    let mut ticks = interval(Duration::from_millis(2));
    let taken = async {
        while client.cancels.capacity() < client.cancels.max_capacity() {
            ticks.tick().await;
        }
    };
    within(taken).await;
    client.stop.cancel();
    let answered = |event: &Event| match event {
        Event::Outcome(outcome) => Some(outcome.answer),
        _ => None,
    };
    assert_eq!(client.until(answered).await, Answer::Unanswered);
    client.ended().await;
    assert_eq!(missed(&client.private.deadlines), [Place::Close]);
    calls.shutdown().await;
    wire.shutdown().await;
}

/// An address where connections wait for ever: a listener that accepts none, with its queue full. The streams keep it so.
async fn full() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(SHORT, TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    (address, listener, waiting)
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_given_up_and_has_not_left() {
    let (address, _listener, _waiting) = full().await;
    let sim = simulator(&SimSettings::default()).await;
    let mut socket = of(&sim, None);
    socket.ws = format!("ws://{address}/v2");
    socket.deadlines.connect = SHORT;
    let client = connect(sim, socket).await;
    until_missed(&client.public.deadlines, Place::Connect).await;
    assert_eq!(missed(&client.public.deadlines), [Place::Connect]);

    let mut settings = settings(&format!("http://{address}"));
    settings.deadlines.connect = SHORT;
    // The call itself may take longer.
    settings.deadlines.request = Duration::from_secs(10);
    settings.retry.attempts = 1;
    let rest = rest_with(&settings);
    let error = within(rest.public(&Time)).await.unwrap_err();
    let told = "Time not sent: cannot connect: connect took longer than 300ms";
    assert_eq!(error.to_string(), told);
    assert_eq!(missed(rest.deadlines()), [Place::Connect]);
}

#[tokio::test]
async fn a_rest_call_whose_peer_never_shakes_hands_has_not_left() {
    let (tls, ca_file) = certificate();
    let secure = SimSettings {
        tls_config: Some(tls),
        ..SimSettings::default()
    };
    let sim = simulator(&secure).await;
    let wire = Proxy::start(sim.addresses().rest, 7).await;
    wire.set(Faults::hole());
    let mut settings = settings(&format!("https://{}", wire.address));
    settings.ca_file = Some(ca_file.path().to_owned());
    settings.deadlines.connect = SHORT;
    settings.deadlines.request = Duration::from_secs(10);
    settings.retry.attempts = 1;
    let rest = rest_with(&settings);
    let error = within(rest.public(&Time)).await.unwrap_err();
    assert!(error.to_string().starts_with("Time not sent: "), "{error}");
    assert_eq!(missed(rest.deadlines()), [Place::Connect]);
    wire.shutdown().await;
}

#[tokio::test]
async fn a_call_that_is_never_answered_may_have_left() {
    let sim = simulator(&SimSettings::default()).await;
    let wire = Proxy::start(sim.addresses().rest, 7).await;
    wire.set(Faults::hole());
    let mut settings = settings(&format!("http://{}", wire.address));
    settings.retry.attempts = 1;
    let rest = rest_with(&settings);
    let error = within(rest.public(&Time)).await.unwrap_err();
    let told = "no answer from Time: request took longer than 400ms";
    assert_eq!(error.to_string(), told);
    assert_eq!(missed(rest.deadlines()), [Place::Request]);
    wire.shutdown().await;
}
