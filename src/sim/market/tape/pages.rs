//! Answers of the REST call `Trades`, one a line: bare, or in the `body` of a record about the call.
//!
//! Left out: calls of other endpoints and trades of other pairs, which a recording may hold as well. Pages may overlap where their trades have numbers.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Row, RowProblem,
    csv::{Trade, is_of},
};
use crate::sim::matching::PairSpec;

/// What was read of earlier pages.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// Number of the trade read last.
    last_id: Option<u64>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    endpoint: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    error: Vec<String>,
    #[serde(borrow)]
    result: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

impl Pages {
    /// Reads a page into `ready`.
    pub(super) fn read(
        &mut self,
        line: &str,
        spec: &PairSpec,
        last: &mut Option<Row>,
        ready: &mut VecDeque<Row>,
    ) -> Result<(), RowProblem> {
        let no_page = |_malformed| RowProblem::Page;
        let record: Record<'_> = serde_json::from_str(line).map_err(no_page)?;
        let elsewhere = |endpoint: &Cow<'_, str>| endpoint.rsplit('/').next() != Some("Trades");
        if record.endpoint.as_ref().is_some_and(elsewhere) {
            return Ok(());
        }
        let body = record.body.as_deref().unwrap_or(line);
        let answer: Answer<'_> = serde_json::from_str(body).map_err(no_page)?;
        if !answer.error.is_empty() {
            return Err(RowProblem::PageError);
        }
        let lists = answer.result.ok_or(RowProblem::Page)?;
        let Some((_, list)) = lists.iter().find(|(name, _)| is_of(spec, name)) else {
            return Ok(());
        };
        let rows: Vec<Vec<&RawValue>> = serde_json::from_str(list.get()).map_err(no_page)?;
        for (number, row) in (1..).zip(rows) {
            let row: Vec<&str> = row.iter().map(|raw| raw.get().trim_matches('"')).collect();
            let [price, volume, time, side, kind, _misc, ref id @ ..] = *row.as_slice() else {
                return Err(RowProblem::PageRow(number));
            };
            let id = id.first().and_then(|id| id.parse().ok());
            if id.is_some() && id <= self.last_id {
                continue;
            }
            let trade = Trade {
                time,
                price,
                volume,
                side: Some(side),
                kind: Some(kind),
            };
            let row = trade.row(spec, last.as_ref())?;
            self.last_id = id;
            *last = Some(row);
            ready.push_back(row);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sim::matching::Universe, types::Side};

    fn read(lines: &[&str]) -> Result<Vec<Row>, RowProblem> {
        let universe = Universe::default_universe();
        let (mut pages, mut last, mut ready) = (Pages::default(), None, VecDeque::new());
        for line in lines {
            pages.read(line, &universe.pairs[0], &mut last, &mut ready)?;
        }
        Ok(ready.into())
    }

    const FIRST: &str = r#"{"error":[],"result":{"XXBTZUSD":[["97000.1","0.50000000",1700000000.1234567,"b","m","",11],["97000.0","1.00000000",1700000001.5,"s","l","",12]],"last":"1700000001500000000"}}"#;

    #[test]
    fn pages_are_read_bare_or_as_bodies_and_their_overlap_once() {
        let overlapping = FIRST.replace(r#",11]"#, r#",12]"#).replace(
            r#"1700000001.5,"s","l","",12"#,
            r#"1700000002,"s","l","",13"#,
        );
        let body = serde_json::to_string(&overlapping).unwrap();
        let record =
            format!(r#"{{"endpoint":"/0/public/Trades","params":"","status":200,"body":{body}}}"#);
        let other =
            r#"{"endpoint":"/0/public/Time","body":"{\"error\":[],\"result\":{\"unixtime\":1}}"}"#;
        let rows = read(&[FIRST, other, &record]).unwrap();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.at.as_nanos(), row.price.units(), row.taker, row.market))
            .collect();
        assert_eq!(
            told,
            [
                (1_700_000_000_123_456_700, 970_001, Side::Buy, true),
                (1_700_000_001_500_000_000, 970_000, Side::Sell, false),
                (1_700_000_002_000_000_000, 970_000, Side::Sell, false),
            ]
        );
    }

    #[test]
    fn what_is_no_page_is_refused_and_other_pairs_are_left_out() {
        assert_eq!(read(&["{}"]), Err(RowProblem::Page));
        assert_eq!(read(&["[1]"]), Err(RowProblem::Page));
        let refused = r#"{"error":["EGeneral:Too many requests"]}"#;
        assert_eq!(read(&[refused]), Err(RowProblem::PageError));
        let short = r#"{"error":[],"result":{"XBTUSD":[["1.0","1"]]}}"#;
        assert_eq!(read(&[short]), Err(RowProblem::PageRow(1)));
        assert_eq!(read(&[&FIRST.replace("XXBTZUSD", "XETHZUSD")]), Ok(vec![]));
    }
}
