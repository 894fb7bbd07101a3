//! Cash orders, over the private socket.

use super::{
    orders::{exchange, kinds, request, split},
    rig::{Rig, quiet},
};

#[tokio::test]
async fn s2_4_a_market_order_can_name_what_it_spends() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let order = |kind: &str, more: &str| {
        format!(r#""order_type":"{kind}","side":"buy","symbol":"BTC/USD",{more}"#)
    };
    let add = request(
        "add_order",
        &order("market", r#""cash_order_qty":600.1"#),
        &token,
    );
    let frames = exchange(&mut client, &add).await;
    let (_, _, reports) = split(&frames);
    assert_eq!(kinds(&reports), ["pending_new", "new", "trade", "filled"]);
    assert_eq!(reports[0]["cash_order_qty"], 600.1);
    assert_eq!(reports[2]["last_qty"], 0.01);
    for (kind, more) in [
        ("limit", r#""limit_price":60000.0,"cash_order_qty":600"#),
        ("market", r#""order_qty":0.01,"cash_order_qty":600"#),
        ("market", r#""cash_order_qty":-600"#),
    ] {
        let add = request("add_order", &order(kind, more), &token);
        let frames = exchange(&mut client, &add).await;
        assert_eq!(
            split(&frames).1["error"],
            "EGeneral:Invalid arguments:cash_order_qty"
        );
    }
}
