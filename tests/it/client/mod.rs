//! The Kraken client against servers of our own, over real sockets.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the events that it is about"
)]

mod account;
mod deadlines;
mod outages;
mod rest;
mod sim;
mod sockets;

pub(crate) use sim::certificate;

use std::time::Duration;

use secrecy::SecretString;
use tradingd::{
    io::{Clock, rng},
    resilience::{deadline, retry},
    types::{ClOrdId, Side, TimeInForce},
    venue::kraken::{
        auth::Credentials,
        nonce::{Nonces, Volatile},
        rate_limit::Tier,
        rest::{Rest, calls::AddOrder, transport::Http},
        settings::Settings,
    },
};

use crate::support::{self, http::Server};

const SECRET: &str =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

fn credentials() -> Credentials {
    Credentials::new("PUBLIC".to_owned(), &SecretString::from(SECRET)).unwrap()
}

/// An order that rests far below the market.
fn far_order(name: &str, clock: &Clock) -> AddOrder {
    AddOrder {
        pair: "BTC/USD".to_owned(),
        side: Side::Buy,
        volume: "0.01000000".parse().unwrap(),
        price: "1000.0".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        post_only: true,
        cl_ord_id: ClOrdId::new(name).unwrap(),
        deadline: clock.now().after(Duration::from_secs(5)),
    }
}

/// Short deadlines, for servers on loopback.
fn settings(rest: &str) -> Settings {
    Settings {
        rest: rest.to_owned(),
        tier: Tier::Pro,
        deadlines: deadline::Settings {
            request: Duration::from_millis(400),
            turn: Duration::from_secs(5),
            ..deadline::Settings::default()
        },
        retry: retry::Settings {
            base: Duration::from_millis(10),
            // Tests of calls that fail one after the other are not about the budget.
            reserve: 100,
            ..retry::Settings::default()
        },
        look_up_pause: Duration::from_millis(10),
        ..Settings::default()
    }
}

fn rest_with(settings: &Settings) -> Rest {
    let clock = support::clock();
    let nonces = Nonces::open(Box::new(Volatile), clock.clone()).unwrap();
    let http = Http::new(settings, &support::connector()).unwrap();
    let key = Some((credentials(), nonces));
    Rest::new(http, key, settings, clock, rng::stream(1, 1))
}

fn rest(server: &Server) -> Rest {
    rest_with(&settings(&server.address))
}
