//! Orders that show a part of themselves, over the private socket.

use tradingd::{
    sim::matching::OrderKind,
    types::{Price, Side},
};

use super::{
    orders::{exchange, kinds, request, split},
    rig::{Rig, quiet},
};

#[tokio::test]
async fn s2_2_an_iceberg_tells_what_it_shows_and_when_it_shows_more() {
    let rig = Rig::start(&quiet()).await;
    let pair = rig.pair("BTC/USD");
    rig.two_sided(pair);
    let (mut client, token) = rig.trader().await;
    let add = r#""order_type":"iceberg","side":"sell","symbol":"BTC/USD","order_qty":0.5,"display_qty":0.2,"limit_price":60005.0"#;
    let frames = exchange(&mut client, &request("add_order", add, &token)).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(reply["success"], true, "{reply}");
    assert_eq!(reports[0]["order_type"], "iceberg");
    assert_eq!(reports[0]["display_qty"], 0.2);
    let id = reports[0]["order_id"].clone();
    let best = || {
        rig.sim
            .venue()
            .read(|view| view.exchange.best(pair, Side::Sell))
    };
    assert_eq!(best().unwrap().1.units(), 20_000_000);
    let at = OrderKind::Limit(Price::new(600_050).unwrap());
    rig.hand(pair, Side::Buy, at, 20_000_000);
    let frames = client.drain().await;
    let rows: Vec<_> = frames.iter().map(|frame| &frame["data"][0]).collect();
    assert_eq!(kinds(&rows), ["trade", "iceberg_refill"]);
    assert_eq!(rows[1]["display_qty_remain"], 0.2);
    assert_eq!(best().unwrap().1.units(), 20_000_000);
    let amend = format!(r#""order_id":{id},"display_qty":0.1"#);
    let frames = exchange(&mut client, &request("amend_order", &amend, &token)).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(reply["success"], true);
    assert_eq!(reports[0]["display_qty"], 0.1);
    assert_eq!(best().unwrap().1.units(), 10_000_000);
}
