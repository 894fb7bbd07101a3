//! §3.2 Time, the status of the venue, what it announces, and its assets. Elsewhere: announcements on the socket → `s1_5_status`.

use serde_json::json;
use tradingd::types::TradingStatus;

use crate::sim_rest::rig::{Rig, bad};

#[tokio::test]
async fn s3_2_time_and_status_have_their_types() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.ask("Time").await,
        json!({"unixtime": 1_788_249_600, "rfc1123": "Tue, 01 Sep 26 08:00:00 +0000"})
    );
    assert_eq!(
        rig.ask("SystemStatus").await,
        json!({"status": "online", "timestamp": "2026-09-01T08:00:00Z", "upcoming_maintenance": [], "emergency": []})
    );
    assert_eq!(rig.ask("MaintenanceSchedule").await, json!({"events": []}));
    rig.venue
        .change(|exchange| exchange.set_system_status(TradingStatus::CancelOnly));
    assert_eq!(rig.ask("SystemStatus").await["status"], "cancel_only");
}

#[tokio::test]
async fn s3_2_assets_are_listed_under_the_names_that_were_asked_for() {
    let rig = Rig::start().await;
    let row = json!({"aclass": "currency", "altname": "XBT", "decimals": 10, "display_decimals": 5, "status": "enabled"});
    let usd = json!({"aclass": "currency", "altname": "USD", "decimals": 4, "display_decimals": 2, "status": "enabled"});
    for names in ["XXBT,ZUSD", "XBT,USD", "BTC,USD"] {
        let some = rig.ask(&format!("Assets?asset={names}")).await;
        assert_eq!(some, json!({"XXBT": row, "ZUSD": usd}), "{names}");
    }
    let modern = rig.ask("Assets?assetVersion=1").await;
    assert_eq!(modern["BTC"], row);
    assert!(modern.get("XXBT").is_none());
    assert_eq!(rig.ask("Assets?aclass=tokenized_asset").await, json!({}));
    assert_eq!(
        bad(&rig.public("Assets?asset=NOPE").await),
        "EQuery:Unknown asset"
    );
}
