//! §1.5 status, heartbeat, ping. Elsewhere: when heartbeats come → `s1_2_connection`; planned changes and announcements that are taken
//! back → `sim_ws/statuses.rs`.

use serde_json::json;
use tradingd::{io::net::Stream, types::TradingStatus};

use super::{
    desk::{Desk, fence, of, read, refusal, reply, row},
    shape::like,
};
use crate::{sim_rest::rig::exchange, support::ws::Client};

const STATUS: &str = r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":14120098231187654321,"system":"online","version":"2.0.10"}]}"#;
const ANNOUNCED: &str = r#"{"channel":"status","type":"update","data":[{"api_version":"v2","connection_id":14120098231187654322,"system":"online","version":"2.0.10","upcoming_maintenance":[{"event_id":41,"title":"Order entry upgrade","expected_start_utc":"2026-09-03T09:00:00.000000Z","expected_end_utc":"2026-09-03T09:20:00.000000Z","time_to_start_s":90000,"phase":"announced","affected_services":["spot_trading","spot_ws"],"order_submission":"allowed","recommended_action":"continue","cancel_before_utc":"2026-09-03T08:55:00.000000Z","source_url":"https://status.example/41"}],"emergency":[]}]}"#;
const PONG: &str = r#"{"method":"pong","req_id":55,"time_in":"2026-09-01T08:00:02.500001Z","time_out":"2026-09-01T08:00:02.500020Z"}"#;

#[tokio::test]
async fn s1_5_status_is_pushed_on_connect_and_on_every_change() {
    let desk = Desk::open().await;
    let mut client = Client::open(desk.sim.addresses().ws, "/v2").await.unwrap();
    let announced = ["upcoming_maintenance", "emergency"];
    like(STATUS).more(&announced).check(&client.text().await);
    for (status, name) in [
        (TradingStatus::Maintenance, "maintenance"),
        (TradingStatus::CancelOnly, "cancel_only"),
        (TradingStatus::PostOnly, "post_only"),
        (TradingStatus::Online, "online"),
    ] {
        desk.sim.set_system_status(status);
        let frames = fence(&mut client).await;
        let told = of(&frames, "status");
        assert_eq!(told.len(), 1, "{frames:?}");
        like(STATUS)
            .lacking(&["connection_id"])
            .more(&announced)
            .check(told[0]);
        let row = row(told[0]);
        assert_eq!(row["system"], name);
        assert_eq!(
            row.get("connection_id").is_none(),
            status == TradingStatus::Maintenance
        );
    }
}

#[tokio::test]
async fn s1_5_both_kinds_of_announcements_are_there_and_empty_when_there_is_nothing_to_say() {
    let desk = Desk::open().await;
    let mut client = Client::open(desk.sim.addresses().ws, "/v2").await.unwrap();
    let greeting = row(&client.text().await);
    assert_eq!(
        (&greeting["upcoming_maintenance"], &greeting["emergency"]),
        (&json!([]), &json!([]))
    );
    desk.sim.set_system_status(TradingStatus::PostOnly);
    let frames = fence(&mut client).await;
    let changed = row(of(&frames, "status")[0]);
    assert_eq!(
        (&changed["upcoming_maintenance"], &changed["emergency"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test]
async fn s1_5_announcements_are_told_with_the_status_and_by_their_own_endpoint() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    let new = json!({
        "title": "Order entry upgrade", "starts_in": "25h", "lasts": "20m", "cancel_before": "5m",
        "source_url": "https://status.example/41",
    });
    let new = serde_json::from_value(new).unwrap();
    desk.sim.controls().announce(new).unwrap();
    let frames = fence(&mut client).await;
    let told = of(&frames, "status")[0];
    like(ANNOUNCED).check(told);
    let stream = tokio::net::TcpStream::connect(desk.sim.addresses().rest)
        .await
        .unwrap();
    let path = "/0/public/MaintenanceSchedule";
    let schedule = exchange(Stream::Plain(stream), "GET", path, &[], "")
        .await
        .json();
    let event = &schedule["result"]["events"][0];
    let told = &read(told)["data"][0]["upcoming_maintenance"][0];
    let members =
        |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(event), members(told));
    assert_eq!(event["event_id"], told["event_id"]);
}

#[tokio::test]
async fn s1_5_status_cannot_be_requested() {
    let desk = Desk::open().await;
    let mut client = desk.public().await;
    for params in [
        r#""channel":"status""#,
        r#""channel":"status","symbol":["BTC/USD"]"#,
    ] {
        let request = format!(r#"{{"method":"subscribe","params":{{{params}}}}}"#);
        refusal(&mut client, &request).await;
    }
}

#[tokio::test]
async fn s1_5_a_heartbeat_is_a_channel_without_data() {
    let desk = Desk::with(tradingd::sim::Settings {
        heartbeat: std::time::Duration::from_millis(5),
        ..crate::sim_ws::rig::quiet()
    })
    .await;
    let mut client = desk.public().await;
    client
        .send(r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}"#)
        .await;
    assert_eq!(read(&client.text().await)["method"], "subscribe");
    assert_eq!(client.next().await, json!({"channel": "heartbeat"}));
}

#[tokio::test]
async fn s1_5_heartbeats_can_be_asked_for_by_name() {
    let desk = Desk::with(tradingd::sim::Settings {
        heartbeat: std::time::Duration::from_millis(5),
        ..crate::sim_ws::rig::quiet()
    })
    .await;
    let mut client = desk.public().await;
    let request = r#"{"method":"subscribe","params":{"channel":"heartbeat"},"req_id":3}"#;
    client.send(request).await;
    let ack = client.next().await;
    assert_eq!(
        (&ack["success"], &ack["result"]),
        (&json!(true), &json!({"channel": "heartbeat"}))
    );
    assert_eq!(client.next().await, json!({"channel": "heartbeat"}));
}

#[tokio::test]
async fn s1_5_a_pong_has_no_success_and_a_failed_ping_is_a_ping() {
    let desk = Desk::open().await;
    let (mut private, _token) = desk.private().await;
    like(PONG).check(&reply(&mut private, r#"{"method":"ping","req_id":55}"#).await);
    let failed = read(
        &reply(
            &mut private,
            r#"{"method":"ping","params":{"a":1},"req_id":56}"#,
        )
        .await,
    );
    assert_eq!(
        (&failed["method"], &failed["success"], &failed["req_id"]),
        (&json!("ping"), &json!(false), &json!(56))
    );
    assert_eq!(
        failed["error"],
        "Unsupported field: 'params' for the given msg type: ping"
    );
}
