//! §7.1 to §7.3 Names, precisions, the object of a pair. Elsewhere: keys by spelling → `s3_2_market`; fees → `s7_4_fees`.

use serde_json::{Value, json};
use tradingd::sim::Settings;

use super::desk::{Desk, ask, of, read, refusal, replies, reply};
use crate::{
    sim_rest::rig::{Rig, bad, good},
    sim_ws::rig::quiet,
};

#[tokio::test]
async fn s7_1_the_socket_knows_modern_names_alone() {
    let settings = Settings {
        pairs: ["BTC/USD", "DOGE/USD"].map(str::to_owned).into(),
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let mut client = desk.public().await;
    for (symbol, known) in [
        ("BTC/USD", true),
        ("DOGE/USD", true),
        ("XBT/USD", false),
        ("XDG/USD", false),
        ("XXBTZUSD", false),
        ("XBTUSD", false),
        ("BTCUSD", false),
        ("ETH/USD", false),
    ] {
        let request = format!(
            r#"{{"method":"subscribe","params":{{"channel":"trade","symbol":["{symbol}"]}}}}"#
        );
        let answer = read(&reply(&mut client, &request).await);
        assert_eq!(answer["success"], known, "{answer}");
    }
    let frames = ask(
        &mut client,
        r#"{"method":"subscribe","params":{"channel":"instrument"}}"#,
    )
    .await;
    let data = read(of(&frames, "instrument")[0])["data"].clone();
    let names = |rows: &Value, name: &str| -> Vec<String> {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row[name].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&data["pairs"], "symbol"), ["BTC/USD", "DOGE/USD"]);
    let assets = names(&data["assets"], "id");
    assert!(
        assets.contains(&"BTC".to_owned()) && assets.contains(&"DOGE".to_owned()),
        "{assets:?}"
    );
    assert!(
        !assets.contains(&"XBT".to_owned()) && !assets.contains(&"ZUSD".to_owned()),
        "{assets:?}"
    );
}

#[tokio::test]
async fn s7_1_rest_tells_old_names_and_joins_by_wsname() {
    let rig = Rig::start().await;
    let pairs = rig.ask("AssetPairs?pair=XBTUSD,XDGUSD,SOLUSD").await;
    for (id, altname, wsname, base) in [
        ("XXBTZUSD", "XBTUSD", "XBT/USD", "XXBT"),
        ("XDGUSD", "XDGUSD", "XDG/USD", "XXDG"),
        ("SOLUSD", "SOLUSD", "SOL/USD", "SOL"),
    ] {
        let pair = &pairs[id];
        assert_eq!(
            (&pair["altname"], &pair["wsname"], &pair["base"]),
            (&json!(altname), &json!(wsname), &json!(base))
        );
        assert_eq!(pair["quote"], "ZUSD");
    }
    let assets = rig.ask("Assets").await;
    for (id, altname) in [
        ("XXBT", "XBT"),
        ("XXDG", "XDG"),
        ("ZUSD", "USD"),
        ("SOL", "SOL"),
    ] {
        assert_eq!(assets[id]["altname"], altname);
    }
    let order = "pair=BTC/USD&type=buy&ordertype=limit&price=100&volume=0.01";
    rig.call("AddOrder", order).await;
    let open = rig.call("OpenOrders", "").await["open"].clone();
    let row = open.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        row["descr"]["pair"], "XBTUSD",
        "the altname, however it was named"
    );
}

#[tokio::test]
async fn s7_2_the_rules_that_instruments_tell_are_the_rules_that_orders_meet() {
    // Made-up pairs have ticks that are coarser than their digits among them.
    let settings = Settings {
        extra_pairs: 24,
        ..quiet()
    };
    let desk = Desk::with(settings).await;
    let mut public = desk.public().await;
    let frames = ask(
        &mut public,
        r#"{"method":"subscribe","params":{"channel":"instrument"}}"#,
    )
    .await;
    let pairs = read(of(&frames, "instrument")[0])["data"]["pairs"].clone();
    let (mut client, token) = desk.trader().await;
    let mut coarse = 0;
    for pair in pairs.as_array().unwrap() {
        let symbol = pair["symbol"].as_str().unwrap();
        let digits = usize::try_from(pair["price_precision"].as_u64().unwrap()).unwrap();
        let least = pair["qty_min"].as_f64().unwrap();
        let lot_digits = i32::try_from(pair["qty_precision"].as_i64().unwrap()).unwrap();
        let cheap = pair["cost_min"].as_f64().unwrap() / least;
        let order = |price: &str, qty: String| {
            format!(
                r#"{{"method":"add_order","params":{{"order_type":"limit","side":"buy","symbol":"{symbol}","order_qty":{qty},"limit_price":{price},"validate":true,"token":"{token}"}}}}"#
            )
        };
        let tick = pair["price_increment"].as_f64().unwrap();
        let on_tick = |price: f64| (price / tick).round() * tick;
        let price = format!("{:.digits$}", on_tick((cheap * 2.0).max(tick * 100.0)));
        let last_digit = 0.1_f64.powi(i32::try_from(digits).unwrap());
        if tick > last_digit * 1.5 {
            let between = on_tick(cheap * 2.0).max(tick * 100.0) + last_digit;
            let order = order(&format!("{between:.digits$}"), format!("{least:.8}"));
            assert_eq!(
                refusal(&mut client, &order).await,
                "EOrder:Tick size check failed"
            );
            coarse += 1;
        }
        let good = read(&replies(&mut client, &order(&price, format!("{least:.8}"))).await[0]);
        assert_eq!(good["success"], true, "{good}");
        assert_eq!(
            refusal(
                &mut client,
                &order(&format!("{price}1"), format!("{least:.8}"))
            )
            .await,
            format!(
                "EOrder:Invalid price:{symbol} price can only be specified up to {digits} decimals."
            )
        );
        assert_eq!(
            refusal(
                &mut client,
                &order(&price, format!("{:.8}", least - 0.1_f64.powi(lot_digits)))
            )
            .await,
            "EGeneral:Invalid arguments:volume minimum not met"
        );
        let below = format!("{:.digits$}", on_tick(cheap / 2.0));
        assert_eq!(
            refusal(&mut client, &order(&below, format!("{least:.8}"))).await,
            "EOrder:Cost minimum not met"
        );
    }
    assert!(coarse > 0);
}

#[tokio::test]
async fn s7_2_rest_and_socket_tell_one_set_of_precisions() {
    let desk = Desk::open().await;
    let mut public = desk.public().await;
    let frames = ask(
        &mut public,
        r#"{"method":"subscribe","params":{"channel":"instrument"}}"#,
    )
    .await;
    let data = read(of(&frames, "instrument")[0])["data"].clone();
    let rig = Rig::start().await;
    let rest = rig.ask("AssetPairs?assetVersion=1").await;
    for pair in data["pairs"].as_array().unwrap() {
        let other = &rest[pair["symbol"].as_str().unwrap()];
        for (socket, rest) in [
            ("price_precision", "pair_decimals"),
            ("qty_precision", "lot_decimals"),
            ("cost_precision", "cost_decimals"),
        ] {
            assert_eq!(pair[socket], other[rest], "{socket}");
        }
        for (socket, rest) in [
            ("qty_min", "ordermin"),
            ("cost_min", "costmin"),
            ("price_increment", "tick_size"),
            ("tick_size", "tick_size"),
        ] {
            let text: f64 = other[rest].as_str().unwrap().parse().unwrap();
            assert_eq!(pair[socket].as_f64(), Some(text), "{socket}");
        }
    }
    let assets = rig.ask("Assets?assetVersion=1").await;
    for asset in data["assets"].as_array().unwrap() {
        let other = &assets[asset["id"].as_str().unwrap()];
        assert_eq!(
            (&asset["precision"], &asset["precision_display"]),
            (&other["decimals"], &other["display_decimals"])
        );
    }
}

#[tokio::test]
async fn s7_3_a_pair_carries_every_field_that_clients_read() {
    let rig = Rig::start().await;
    let answer = rig
        .send("GET", "/0/public/AssetPairs?pair=XBTUSD&info=info", &[], "")
        .await;
    let fees = r#""fees":[[0,0.4],[10000,0.35],[50000,0.24],"#;
    assert!(answer.body.contains(fees), "{}", answer.body);
    let pairs = good(answer.json());
    let mut pair = pairs["XXBTZUSD"].clone();
    for schedule in ["fees", "fees_maker"] {
        let steps = pair.as_object_mut().unwrap().remove(schedule).unwrap();
        assert!(
            steps
                .as_array()
                .unwrap()
                .iter()
                .all(|step| step[0].is_number() && step[1].is_number())
        );
    }
    assert_eq!(
        pair,
        json!({
            "altname": "XBTUSD", "wsname": "XBT/USD", "aclass_base": "currency", "base": "XXBT",
            "aclass_quote": "currency", "quote": "ZUSD", "execution_venue": "international", "lot": "unit",
            "cost_decimals": 5, "pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1,
            "leverage_buy": [], "leverage_sell": [], "fee_volume_currency": "ZUSD",
            "margin_call": 80, "margin_stop": 40, "ordermin": "0.00005", "costmin": "0.5",
            "tick_size": "0.1", "status": "online",
        })
    );
    let modern = rig.ask("AssetPairs?assetVersion=1").await;
    assert_eq!(modern["BTC/USD"]["base"], "BTC");
    assert_eq!(modern["BTC/USD"]["quote"], "USD");
    for empty in [
        "aclass_base=tokenized_asset",
        "execution_venue=bitnomial_exchange",
    ] {
        assert_eq!(rig.ask(&format!("AssetPairs?{empty}")).await, json!({}));
    }
    assert_eq!(
        bad(&rig.public("AssetPairs?pair=NOPE").await),
        "EQuery:Unknown asset pair"
    );
}
