//! `edit_order` and cash orders, over the private socket.

use super::{
    orders::{exchange, kinds, limit, request, split},
    rig::{Rig, quiet},
};

#[tokio::test]
async fn an_edit_answers_with_both_ids_and_reports_both_orders() {
    let rig = Rig::start(&quiet()).await;
    rig.two_sided(rig.pair("BTC/USD"));
    let (mut client, token) = rig.trader().await;
    let add = request("add_order", &limit("buy", "50000.0", "0.1", ""), &token);
    let frames = exchange(&mut client, &add).await;
    let id = split(&frames).1["result"]["order_id"].clone();
    let params = format!(
        r#""order_id":{id},"symbol":"BTC/USD","order_qty":0.2,"limit_price":50001.0,"post_only":true"#
    );
    let frames = exchange(&mut client, &request("edit_order", &params, &token)).await;
    let (_, reply, reports) = split(&frames);
    assert_eq!(reply["result"]["original_order_id"], id);
    assert_ne!(reply["result"]["order_id"], id);
    assert_eq!(kinds(&reports), ["canceled", "pending_new", "new"]);
    assert_eq!(reports[0]["reason"], "Order replaced");
    assert_eq!(reports[1]["order_id"], reply["result"]["order_id"]);
    assert_eq!(reports[1]["order_qty"], 0.2);
    assert_eq!(reports[1]["post_only"], true);
    for (params, error) in [
        (
            format!(r#""order_id":{id},"symbol":"BTC/USD""#),
            "EOrder:Unknown order",
        ),
        (format!(r#""order_id":{id}"#), "Symbol(s) not found"),
        (r#""symbol":"BTC/USD""#.to_owned(), "Order_id(s) not found"),
        (
            format!(r#""order_id":{id},"symbol":"BTC/USD","cl_ord_id":"a""#),
            "Unsupported field: 'cl_ord_id' for the given msg type: edit order",
        ),
    ] {
        let frames = exchange(&mut client, &request("edit_order", &params, &token)).await;
        assert_eq!(split(&frames).1["error"], error, "{params}");
    }
}

#[tokio::test]
async fn a_market_order_can_name_what_it_spends() {
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
