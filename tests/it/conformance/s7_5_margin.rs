//! §7.5 There is no margin: what a cash account is told and refused. Elsewhere: the socket's `margin` → `s6_errors`.

use serde_json::json;

use crate::sim_rest::rig::Rig;

#[tokio::test]
async fn s7_5_no_pair_has_leverage_and_no_order_may_ask_for_it() {
    let rig = Rig::start().await;
    let pairs = rig.ask("AssetPairs").await;
    for pair in pairs.as_object().unwrap().values() {
        for side in ["leverage_buy", "leverage_sell"] {
            assert_eq!(pair[side], json!([]));
        }
        assert!(pair.get("long_position_limit").is_none());
    }
    let order = "pair=XBTUSD&type=buy&ordertype=limit&price=100&volume=0.01";
    for (more, words) in [
        ("leverage=2", "EOrder:Cannot open position"),
        ("reduce_only=true", "EOrder:Reduce only:No position exists"),
        (
            "volume=0",
            "EGeneral:Invalid arguments:volume minimum not met",
        ),
        ("ordertype=settle-position", "EAPI:Feature disabled"),
    ] {
        let refused = rig.refused("AddOrder", &format!("{order}&{more}")).await;
        assert_eq!(refused, words, "{more}");
    }
    rig.call("AddOrder", &format!("{order}&leverage=none"))
        .await;
    let balance = rig.call("TradeBalance", "").await;
    assert_eq!(
        (&balance["m"], &balance["n"], balance.get("ml")),
        (&json!("0.0000"), &json!("0.0000"), None)
    );
}
