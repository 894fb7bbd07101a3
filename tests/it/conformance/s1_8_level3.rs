//! §1.8 level3. Elsewhere: checksums, priority, limits and back-fill against a queue kept as the documents say → `sim_ws/level3.rs`,
//! `sim/server/level3`; the vector → `sim/server/checksum.rs`.

use tradingd::{
    sim::matching::OrderKind,
    types::{Price, Side},
};

use super::{
    desk::{Desk, ask, fence, of, read, row},
    shape::like,
};
use crate::support::ws::Client;

const SNAPSHOT: &str = r#"{"channel":"level3","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"order_id":"OAAAAA-BBBBB-CCCCC1","limit_price":61230.0,"order_qty":0.40000000,"timestamp":"2026-09-01T08:00:05.000000001Z"}],"asks":[{"order_id":"OAAAAA-BBBBB-CCCCC3","limit_price":61230.1,"order_qty":1.00000000,"timestamp":"2026-09-01T08:00:04.999999999Z"}],"checksum":123456789,"timestamp":"2026-09-01T08:00:05.100000000Z"}]}"#;
const UPDATE: &str = r#"{"channel":"level3","type":"update","data":[{"symbol":"BTC/USD","bids":[{"event":"delete","order_id":"OAAAAA-BBBBB-CCCCC1","limit_price":61230.0,"order_qty":0.40000000,"timestamp":"2026-09-01T08:00:06.000000000Z"}],"asks":[],"checksum":123456789,"timestamp":"2026-09-01T08:00:06.000100000Z"}]}"#;

#[tokio::test]
async fn s1_8_frames_have_their_documented_shapes() {
    let desk = Desk::two_sided().await;
    let pair = desk.pair("BTC/USD");
    let mut client = Client::connect(desk.sim.addresses().ws_l3).await;
    let subscribe = format!(
        r#"{{"method":"subscribe","params":{{"channel":"level3","symbol":["BTC/USD"],"token":"{}"}}}}"#,
        desk.token()
    );
    let frames = ask(&mut client, &subscribe).await;
    assert_eq!(read(&frames[0])["success"], true, "{frames:?}");
    like(SNAPSHOT).check(of(&frames, "level3")[0]);
    let at = OrderKind::Limit(Price::new(599_990).unwrap());
    desk.hand(pair, Side::Buy, at, 20_000_000);
    desk.hand(pair, Side::Sell, OrderKind::Market, 100_000_000);
    let frames = fence(&mut client).await;
    let mut events = Vec::new();
    for frame in of(&frames, "level3") {
        like(UPDATE).check(frame);
        let row = row(frame);
        events.push(row["bids"][0]["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(events, ["add", "delete"]);
}
