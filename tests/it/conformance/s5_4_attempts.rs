//! §5.4 Too many attempts to connect, on all three sockets together.

use std::{net::SocketAddr, time::Duration};

use tokio_tungstenite::tungstenite::{Error, http::StatusCode};
use tradingd::{
    io::Clock,
    sim::{Settings, refused::Limit},
    types::Timestamp,
};

use crate::{
    sim_ws::rig::{Rig, quiet},
    support::ws::Client,
};

async fn status(address: SocketAddr) -> Result<(), StatusCode> {
    match Client::open(address, "/v2").await {
        Ok(_connected) => Ok(()),
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn s5_4_an_address_that_comes_too_often_is_banned_from_all_sockets_for_ten_minutes() {
    let (clock, hands) = Clock::manual(Timestamp::from_secs(1_788_249_600));
    let settings = Settings {
        connection_attempts: 4,
        ..quiet()
    };
    let rig = Rig::with_clock(&settings, None, clock).await;
    let at = rig.sim.addresses();
    for address in [at.ws, at.ws_auth, at.ws_l3] {
        assert_eq!(status(address).await, Ok(()));
    }
    let mut open = Client::connect(at.ws).await;
    let banned = Err(StatusCode::TOO_MANY_REQUESTS);
    for address in [at.ws, at.ws_auth, at.ws_l3] {
        assert_eq!(status(address).await, banned, "{address}");
    }
    assert_eq!(rig.sim.refused().of(Limit::Connections), 3);
    let pong = open.ask(r#"{"method":"ping"}"#).await;
    assert_eq!(pong["method"], "pong", "who is in stays in");
    hands.advance(Duration::from_secs(599));
    assert_eq!(status(at.ws).await, banned);
    hands.advance(Duration::from_secs(1));
    assert_eq!(status(at.ws).await, Ok(()));
}

#[tokio::test]
async fn s5_4_attempts_that_lead_nowhere_count_and_zero_is_no_limit() {
    let settings = Settings {
        connection_attempts: 2,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let address = rig.sim.addresses().ws;
    for _ in 0..2 {
        assert!(Client::open(address, "/v1").await.is_err());
    }
    assert_eq!(status(address).await, Err(StatusCode::TOO_MANY_REQUESTS));

    let unlimited = Settings {
        connection_attempts: 0,
        ..quiet()
    };
    let rig = Rig::start(&unlimited).await;
    for _ in 0..200 {
        assert_eq!(status(rig.sim.addresses().ws).await, Ok(()));
    }
}
