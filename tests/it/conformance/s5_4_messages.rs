//! §5.4 How fast a socket may ask, and how much of `level3` it may have. Elsewhere: symbol by symbol → `sim_ws/level3.rs`.

use tradingd::sim::Settings;

use crate::sim_ws::rig::{Rig, quiet};

#[tokio::test]
async fn s5_4_a_flood_of_requests_is_told_off_without_a_method() {
    let settings = Settings {
        messages_per_second: 5,
        ..quiet()
    };
    let rig = Rig::start(&settings).await;
    let mut client = rig.public().await;
    for _ in 0..20 {
        client.send("{\"method\":\"ping\"}").await;
    }
    let flooded = client.until(|frame| frame.get("Error").is_some()).await;
    assert_eq!(flooded, serde_json::json!({"Error": "Exceeded msg rate"}));
}
