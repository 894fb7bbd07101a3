//! `tradingd replay`: our own recordings, the shared captures where they lie, and recordings with something wrong in them.

use std::{fs, process::Output};

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::support::captures;

fn replay(arguments: &[&str]) -> Output {
    Command::cargo_bin("tradingd")
        .unwrap()
        .arg("replay")
        .args(arguments)
        .output()
        .unwrap()
}

/// Exit code and the final JSON object.
fn summary(arguments: &[&str]) -> (i32, Value) {
    let mut all = vec!["-o", "json"];
    all.extend(arguments);
    let output = replay(&all);
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_default();
    let value = serde_json::from_str(last).unwrap_or_else(|error| {
        panic!(
            "{error}: {last} {:?}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), value)
}

fn own(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A shared capture, if it is there.
fn shared(name: &str) -> Option<String> {
    Some(captures::shared(name)?.to_string_lossy().into_owned())
}

fn book(snapshots: u64, updates: u64, failed: u64) -> Value {
    let ok = snapshots + updates - failed;
    json!({"snapshots": snapshots, "updates": updates, "checksum_ok": ok, "checksum_failed": failed})
}

/// Writes a file and replays it.
fn replayed(content: &[u8], arguments: &[&str]) -> (Output, Value) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("recording");
    fs::write(&path, content).unwrap();
    let path = path.to_string_lossy().into_owned();
    let mut all = vec!["-o", "json", path.as_str()];
    all.extend(arguments);
    let output = replay(&all);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    (output, value)
}

fn recording() -> String {
    fs::read_to_string(own("recording.jsonl")).unwrap()
}

#[test]
fn recording_of_two_symbols_with_a_resubscribe_verifies_whole() {
    let want = json!({
        "frames": 95, "decoded": 95, "unknown": 0, "errors": 0,
        "channels": {"book": 88, "heartbeat": 3, "status": 1},
        "books": {"BTC/USD": book(2, 55, 0), "ETH/USD": book(1, 30, 0)},
    });
    assert_eq!(summary(&[&own("recording.jsonl")]), (0, want.clone()));
    let compressed = zstd::stream::encode_all(recording().as_bytes(), 3).unwrap();
    let (output, value) = replayed(&compressed, &[]);
    assert!(output.status.success());
    assert_eq!(value, want);
}

#[test]
fn summary_has_the_named_keys_in_their_order() {
    let output = replay(&["-o", "json", &own("cut_zeros.jsonl")]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"frames\":31,\"decoded\":31,\"unknown\":0,\"errors\":0,\"channels\":{\"book\":31},\"books\":{\"SOL/USD\":\
         {\"snapshots\":1,\"updates\":30,\"checksum_ok\":31,\"checksum_failed\":0}}}\n"
    );
}

#[test]
fn recording_that_lost_its_zeros_verifies_with_and_without_a_list_of_pairs() {
    let pairs = r#"{"error":[],"result":{"SOLUSD":{"wsname":"SOL/USD","pair_decimals":4,"lot_decimals":6}}}"#;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.json");
    fs::write(&path, pairs).unwrap();
    let path = path.to_string_lossy();
    for arguments in [vec![], vec!["--instruments", &*path]] {
        let file = own("cut_zeros.jsonl");
        let all: Vec<&str> = [file.as_str()].into_iter().chain(arguments).collect();
        let (code, value) = summary(&all);
        assert_eq!(code, 0);
        assert_eq!(value["books"]["SOL/USD"], book(1, 30, 0));
    }
}

#[test]
fn precision_from_a_list_is_believed_even_when_it_is_wrong() {
    let pairs = r#"{"SOLUSD":{"wsname":"SOL/USD","pair_decimals":3,"lot_decimals":6}}"#;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.json");
    fs::write(&path, pairs).unwrap();
    let (code, value) = summary(&[
        &own("cut_zeros.jsonl"),
        "--instruments",
        &path.to_string_lossy(),
    ]);
    assert_eq!(code, 1);
    assert_eq!(value["books"]["SOL/USD"]["checksum_failed"], 1);
    assert_eq!(value["books"]["SOL/USD"]["checksum_ok"], 0);
}

#[test]
fn instrument_frame_of_the_recording_wins_over_the_list() {
    let frame = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"SOL/USD","base":"SOL","quote":"USD","status":"online","qty_precision":6,"price_precision":4}]}}"#;
    let content = format!(
        "{frame}\n{}",
        fs::read_to_string(own("cut_zeros.jsonl")).unwrap()
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pairs.json");
    fs::write(
        &path,
        r#"{"S":{"wsname":"SOL/USD","pair_decimals":3,"lot_decimals":6}}"#,
    )
    .unwrap();
    let (output, value) = replayed(
        content.as_bytes(),
        &["--instruments", &path.to_string_lossy()],
    );
    assert!(output.status.success());
    assert_eq!(value["books"]["SOL/USD"], book(1, 30, 0));
}

#[test]
fn finer_digits_in_a_later_frame_refine_the_precision() {
    // One unit of quantity is 0.1 here; the second frame shows that it is 0.01 and brings the checksum of that.
    let frame = |kind: &str, bid: &str, checksum: u32| {
        format!(
            r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"X/USD","bids":[{{"price":1.0,"qty":{bid}}}],"asks":[],"checksum":{checksum}}}]}}"#
        )
    };
    let content = [
        frame("snapshot", "0.5", crc32fast::hash(b"1050")),
        frame("update", "0.25", crc32fast::hash(b"1025")),
    ];
    let (output, value) = replayed(content.join("\n").as_bytes(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(value["books"]["X/USD"], book(1, 1, 0));
}

#[test]
fn one_wrong_digit_is_found_and_named_with_its_line() {
    let lines = recording();
    let altered = lines.replacen("\"qty\":", "\"qty\":1", 1);
    assert_ne!(lines, altered);
    let (output, value) = replayed(altered.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(value["books"]["BTC/USD"]["checksum_failed"], 1);
    assert_eq!(value["books"]["ETH/USD"], book(1, 30, 0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("recording:4: BTC/USD: checksum"), "{told}");
}

#[test]
fn corrupt_checksum_is_noticed_on_its_frame_and_the_next_snapshot_heals() {
    let lines: Vec<String> = recording().lines().map(str::to_owned).collect();
    let at = lines
        .iter()
        .position(|line| line.contains("update") && line.contains("BTC/USD"))
        .unwrap();
    let mut broken = lines.clone();
    broken[at] = broken[at].replace("\"checksum\":", "\"checksum\":1");
    let (output, value) = replayed(broken.join("\n").as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let btc = &value["books"]["BTC/USD"];
    // The first snapshot, then everything from the second on.
    assert_eq!(
        (btc["checksum_ok"].as_u64(), btc["checksum_failed"].as_u64()),
        (Some(22), Some(1))
    );
}

#[test]
fn malformed_lines_are_counted_and_named_and_the_rest_goes_on() {
    let mut lines: Vec<String> = recording().lines().map(str::to_owned).collect();
    let half = lines[4].len() / 2;
    lines.insert(4, lines[4][..half].to_owned());
    lines.push(r#"{"raw":"CloudFlare WebSocket proxy restarting"}"#.to_owned());
    lines.push(r#"{"channel":"weather","data":[]}"#.to_owned());
    let (output, value) = replayed(lines.join("\n").as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        (&value["errors"], &value["unknown"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(value["frames"], 98);
    assert_eq!(value["books"]["BTC/USD"], book(2, 55, 0));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("recording:5: "), "{told}");
    assert!(told.contains("recording:99: expected an object"), "{told}");
}

#[test]
fn files_that_cannot_be_read_fail_the_run_but_not_the_others() {
    let (code, value) = summary(&["/nowhere/at/all", &own("cut_zeros.jsonl")]);
    assert_eq!(code, 1);
    assert_eq!(
        (&value["errors"], &value["frames"]),
        (&json!(1), &json!(31))
    );
    assert_eq!(replay(&[]).status.code(), Some(2));
    let output = replay(&[
        &own("cut_zeros.jsonl"),
        "--instruments",
        &own("recording.jsonl"),
    ]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn events_are_one_json_line_per_message_with_exact_digits() {
    let output = replay(&["--events", "-o", "json", &own("messages.jsonl")]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 46);
    let book = lines.iter().find(|line| line["message"] == "book").unwrap();
    assert_eq!(book["bids"][0], json!(["29999.9", "1.25000000"]));
    assert_eq!(book["verified"], true);
    let fill = lines
        .iter()
        .find(|line| line["data"][0]["exec_type"] == "trade")
        .unwrap();
    assert_eq!(fill["data"][0]["last_qty"], "0.00500000");
    assert_eq!(fill["data"][0]["fees"][0]["qty"], "0.76250");
    let trade = lines
        .iter()
        .find(|line| line["message"] == "trades")
        .unwrap();
    assert_eq!(trade["data"][0]["price"], "61234.6");
    assert_eq!(lines.last().unwrap()["frames"], 45);
}

#[test]
fn every_shared_book_recording_verifies_frame_by_frame() {
    let list = shared("ws-v2/instrument_snapshot_full.json.zst");
    let old_list = shared("rest/AssetPairs_full_20210417.json.zst");
    for (file, frames, books) in [
        (
            "ws-v2/book_BTCUSD_d10_20230730.jsonl",
            331,
            json!({"BTC/USD": book(1, 330, 0)}),
        ),
        (
            "ws-v2/wire_book_BTCUSD_d10_20260816.ndjson",
            62,
            json!({"BTC/USD": book(1, 53, 0)}),
        ),
        (
            "derived/v2shape_book10_BTCUSD_20230830.jsonl",
            777,
            json!({"BTC/USD": book(1, 640, 0)}),
        ),
        (
            "derived/v2shape_book1000_6pairs_20210417.jsonl.zst",
            2890,
            json!({
                "BTC/CHF": book(1, 289, 0), "GRT/ETH": book(1, 20, 0), "KSM/BTC": book(1, 335, 0),
                "SC/EUR": book(1, 818, 0), "WAVES/EUR": book(1, 576, 0), "XMR/USD": book(1, 846, 0),
            }),
        ),
    ] {
        let Some(path) = shared(file) else {
            continue;
        };
        // Prices of that day have the precisions of that day.
        let list = if file.contains("2021") {
            &old_list
        } else {
            &list
        };
        for list in [None, list.as_ref()] {
            let mut arguments = vec![path.as_str()];
            arguments.extend(
                list.map(|list| ["--instruments", list])
                    .into_iter()
                    .flatten(),
            );
            let (code, value) = summary(&arguments);
            assert_eq!(code, 0, "{file}");
            assert_eq!(
                (&value["frames"], &value["decoded"]),
                (&json!(frames), &json!(frames)),
                "{file}"
            );
            assert_eq!(value["books"], books, "{file}");
        }
    }
}

#[test]
fn other_shared_recordings_decode_whole() {
    for (file, frames, channel, count) in [
        ("ws-v2/level3_BTCUSD_d10_20240924.jsonl", 200, "level3", 193),
        (
            "ws-v2/instrument_snapshot_full.json.zst",
            1,
            "instrument",
            1,
        ),
    ] {
        let Some(path) = shared(file) else {
            continue;
        };
        let (code, value) = summary(&[&path]);
        assert_eq!(code, 0, "{file}");
        assert_eq!(
            (&value["decoded"], &value["unknown"]),
            (&json!(frames), &json!(0))
        );
        assert_eq!(value["channels"][channel], count);
    }
}

/// The documented queues as a snapshot, then what may happen to them.
fn queues() -> Vec<String> {
    let asks = "44939.5: 4.52308393, 0.00111261, 0.00100000, 0.01000000; 44950.0: 0.10334926; 44953.0: 0.00064537; \
                44955.0: 0.00250000; 44959.6: 0.35630000, 0.35630000; 44960.1: 0.00338072; 44960.2: 0.88967575; \
                44967.0: 3.14392283; 44978.5: 0.06778960; 44979.2: 0.35630000";
    let bids = "44939.4: 0.88968699, 0.45210000, 0.10000000, 0.14296323, 0.25000000, 0.10292988, 0.33880000, 1.28140860; \
                44937.1: 0.03346877; 44934.7: 0.35630000; \
                44930.2: 0.22734299, 0.01000000, 0.05550000, 0.70000000, 0.15000000; 44928.0: 0.00105240; \
                44919.6: 0.33870000; 44919.5: 0.07610000; 44912.0: 0.35630000; 44909.7: 0.06690000; 44901.9: 0.00088982";
    let mut number = 0;
    let mut side = |text: &str| {
        let mut rows = Vec::new();
        for level in text.split("; ") {
            let (price, qtys) = level.split_once(": ").unwrap();
            for qty in qtys.split(", ") {
                number += 1;
                rows.push(row(None, number, price, qty));
            }
        }
        rows.join(",")
    };
    let (asks, bids) = (side(asks), side(bids));
    let frame = |kind: &str, bids: &str, asks: &str, checksum: u32| {
        format!(
            r#"{{"channel":"level3","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{bids}],"asks":[{asks}],"checksum":{checksum}}}]}}"#
        )
    };
    let last = row(Some("add"), 99, "44939.5", "1.50000000");
    let gone = row(Some("delete"), 99, "44939.5", "1.50000000");
    // A level between the others pushes 44901.9 out, whose order comes back when the level goes.
    let between = row(Some("add"), 98, "44938.0", "0.00001000");
    let less = row(Some("modify"), 98, "44938.0", "0.00000500");
    let over = row(Some("delete"), 98, "44938.0", "0.00000500");
    let back = row(Some("add"), 35, "44901.9", "0.00088982");
    let with = |order: &str| sum(&format!("{bids},{order}"), &asks);
    vec![
        frame("snapshot", &bids, &asks, 1_063_832_831),
        frame("update", "", &last, sum(&bids, &format!("{asks},{last}"))),
        frame("update", "", &gone, 1_063_832_831),
        frame("update", &between, "", with(&between)),
        frame("update", &less, "", with(&less)),
        frame("update", &format!("{over},{back}"), "", 1_063_832_831),
    ]
}

fn row(event: Option<&str>, number: u32, price: &str, qty: &str) -> String {
    let event = event.map_or_else(String::new, |event| format!(r#""event":"{event}","#));
    format!(
        r#"{{{event}"order_id":"OAAAAA-BBBBB-CCCC{number:02}","limit_price":{price},"order_qty":{qty},"timestamp":"2024-01-08T12:26:46.0000000{number:02}Z"}}"#
    )
}

/// The checksum of rows that are all alive: the best ten prices of each side, each in the order of its rows.
fn sum(bids: &str, asks: &str) -> u32 {
    let rows = |text: &str| -> Vec<(i64, String)> {
        let number = |row: &str, name: &str| {
            let (_, rest) = row.split_once(name).unwrap();
            rest.split(',').next().unwrap().replace('.', "")
        };
        let rows = text.split("},{").map(|row| {
            let price = number(row, "limit_price\":");
            let qty = number(row, "order_qty\":");
            (
                price.parse().unwrap(),
                qty.trim_start_matches('0').to_owned(),
            )
        });
        rows.collect()
    };
    let mut text = String::new();
    for (rows, sign) in [(rows(asks), 1), (rows(bids), -1)] {
        let mut rows = rows;
        rows.sort_by_key(|(price, _)| sign * price);
        let mut prices: Vec<i64> = rows.iter().map(|(price, _)| *price).collect();
        prices.dedup();
        prices.truncate(10);
        for (price, qty) in rows.iter().filter(|(price, _)| prices.contains(price)) {
            text += &format!("{price}{qty}");
        }
    }
    crc32fast::hash(text.as_bytes())
}

#[test]
fn queues_verify_order_by_order_and_the_first_wrong_one_is_named() {
    let lines = queues();
    let (output, value) = replayed(lines.join("\n").as_bytes(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(value["level3"], json!({"BTC/USD": book(1, 5, 0)}));
    assert_eq!(value["books"], json!({}));
    // Two orders of one level in the other order: the levels are the same, the queue is not.
    let swapped = lines
        .join("\n")
        .replacen("0.88968699", "X", 1)
        .replacen("0.45210000", "0.88968699", 1)
        .replacen('X', "0.45210000", 1);
    let (output, value) = replayed(swapped.as_bytes(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        value["level3"]["BTC/USD"],
        json!({"snapshots": 1, "updates": 5, "checksum_ok": 0, "checksum_failed": 1})
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(":1: BTC/USD: level3 checksum"), "{said}");
    assert!(said.contains("not verified"), "{said}");
}

#[test]
fn queues_that_lost_their_zeros_verify_too() {
    let one = |number, price, qty| row(None, number, price, qty);
    let (first, second) = (one(1, "29999.9", "1.25"), one(2, "29999.5", "0.00012"));
    let ask = one(3, "30001", "0.5");
    let frame = format!(
        r#"{{"channel":"level3","type":"snapshot","data":[{{"symbol":"BTC/USD","bids":[{first},{second}],"asks":[{ask}],"checksum":1871965336}}]}}"#
    );
    let (output, value) = replayed(frame.as_bytes(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(value["level3"], json!({"BTC/USD": book(1, 0, 0)}));
}

#[test]
fn every_checksum_of_the_shared_order_by_order_capture_is_verified() {
    let Some(path) = shared("ws-v2/level3_BTCUSD_d10_20240924.jsonl") else {
        return;
    };
    let (code, value) = summary(&[&path]);
    assert_eq!(code, 0);
    assert_eq!(value["level3"], json!({"BTC/USD": book(1, 192, 0)}));
}
