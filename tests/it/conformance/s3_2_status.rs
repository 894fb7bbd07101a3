//! §3.2 Time, the status of the venue, what it announces, and its assets. Elsewhere: announcements on the socket → `s1_5_status`.

use std::time::Duration;

use serde_json::{Value, json};
use tradingd::{
    sim::notices::{NewEmergency, NewMaintenance},
    types::TradingStatus,
};

use super::shape::like;
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

const HOUR: Duration = Duration::from_secs(3600);
const SCHEDULE: &str = r#"{"error":[],"result":{"events":[{"event_id":7,"title":"Moving house","expected_start_utc":"2026-09-04T08:00:00Z","expected_end_utc":"2026-09-04T08:20:00Z","time_to_start_s":259200,"phase":"announced","affected_services":["spot_trading","spot_ws"],"order_submission":"allowed","recommended_action":"continue","cancel_before_utc":"2026-09-04T07:55:00Z","source_url":"https://status.example/7"},{"event_id":8,"title":"Moving on","expected_start_utc":"2026-09-05T08:00:00Z","expected_end_utc":null,"time_to_start_s":345600,"phase":"announced","affected_services":["spot_trading"],"order_submission":"allowed","recommended_action":"continue","source_url":""}]}}"#;
const INCIDENT: &str = r#"{"error":[],"result":{"status":"online","timestamp":"2026-09-01T08:00:00Z","upcoming_maintenance":[],"emergency":[{"event_id":9,"title":"Feeds are slow","incident_status":"investigating","impact":"major","affected_services":["spot_ws"],"started_at_utc":"2026-09-01T08:00:00Z","next_steps":[{"applies_to":"spot_ws","type":"update","expected_at_utc":"2026-09-01T09:00:00Z"}],"source_url":"https://status.example/9"}]}}"#;

/// Announces a window that begins in so many hours.
fn announce(rig: &Rig, more: Value, hours: u32) {
    let mut window = json!({"title": format!("in {hours}"), "starts_in": format!("{hours}h")});
    window
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let window: NewMaintenance = serde_json::from_value(window).unwrap();
    let now = rig.venue.clock().now();
    assert!(rig.venue.notices().announce(now, window).is_some());
}

fn titles(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn s3_2_status_tells_the_windows_of_72_hours_and_the_schedule_those_of_seven_days_by_start() {
    let rig = Rig::start().await;
    for hours in [169, 168, 73, 1, 72] {
        announce(&rig, json!({}), hours);
    }
    let told = rig.ask("MaintenanceSchedule").await;
    assert_eq!(
        titles(&told["events"]),
        ["in 1", "in 72", "in 73", "in 168"]
    );
    let status = rig.ask("SystemStatus").await;
    assert_eq!(titles(&status["upcoming_maintenance"]), ["in 1", "in 72"]);
    assert_eq!(
        status["upcoming_maintenance"][0], told["events"][0],
        "both tell one thing"
    );
    // What has begun is dropped, and the status is the engine's.
    rig.hands.advance(HOUR);
    let status = rig.ask("SystemStatus").await;
    assert_eq!(titles(&status["upcoming_maintenance"]), ["in 72", "in 73"]);
    assert_eq!(status["status"], "online");
}

#[tokio::test]
async fn s3_2_windows_and_incidents_have_their_documented_shape() {
    let rig = Rig::start().await;
    let whole = json!({
        "lasts": "20m", "cancel_before": "5m", "affected_services": ["spot_trading", "spot_ws"],
        "order_submission": "allowed", "recommended_action": "continue", "source_url": "https://status.example/7",
    });
    announce(&rig, whole, 100);
    announce(&rig, json!({}), 101);
    let path = |endpoint: &str| format!("/0/public/{endpoint}");
    let answer = rig.send("GET", &path("MaintenanceSchedule"), &[], "").await;
    like(SCHEDULE).loose(&["title"]).check(&answer.body);
    let incident: NewEmergency = serde_json::from_value(json!({
        "title": "Feeds are slow", "impact": "major", "affected_services": ["spot_ws"], "source_url": "https://status.example/9",
        "next_steps": [{"applies_to": "spot_ws", "type": "update", "expected_at_utc": "2026-09-01T09:00:00Z"}],
    }))
    .unwrap();
    let now = rig.venue.clock().now();
    let id = rig.venue.notices().alert(now, incident).unwrap();
    let answer = rig.send("GET", &path("SystemStatus"), &[], "").await;
    like(INCIDENT).check(&answer.body);
    assert!(rig.venue.notices().resolve(id));
    assert_eq!(rig.ask("SystemStatus").await["emergency"], json!([]));
}
