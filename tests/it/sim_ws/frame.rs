//! A frame of a book, by levels or by orders, with its digits as they came.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, Row: Deserialize<'de>"))]
pub(super) struct Frame<'a, Row> {
    pub(super) channel: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) data: [Data<'a, Row>; 1],
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, Row: Deserialize<'de>"))]
pub(super) struct Data<'a, Row> {
    pub(super) bids: Vec<Row>,
    pub(super) asks: Vec<Row>,
    pub(super) checksum: u32,
    pub(super) timestamp: &'a str,
}
