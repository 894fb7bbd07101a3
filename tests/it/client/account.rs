//! Several reads put together: reconciling, looking an order up, instruments.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tradingd::{
    engine::{
        Event,
        command::{LookUp, Reconcile},
        event::{Found, RecordStatus},
    },
    types::{ClOrdId, Decimal, Liquidity, Symbol, Timestamp, TradingStatus},
    venue::kraken::{
        account::{Account, AccountError},
        catalog::{Catalog, CatalogError},
        lanes::Query,
        queries::Queries,
        rest::Rest,
    },
};

use super::{rest, settings};
use crate::support::{
    self,
    http::{Received, Reply, Server, refusal, result},
    within,
};

const SENT: i64 = 1_788_249_600;

const ASSETS: &str =
    r#"{"XXBT":{"altname":"XBT"},"ZUSD":{"altname":"USD"},"XXDG":{"altname":"XDG"}}"#;

const PAIRS: &str = r#"{
  "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","cost_decimals":5,"pair_decimals":1,
    "lot_decimals":8,"lot_multiplier":1,"fees":[[0,0.40],[10000,0.35]],"fees_maker":[[0,0.25],[10000,0.20]],
    "ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online"},
  "XDGUSD":{"altname":"XDGUSD","wsname":"XDG/USD","base":"XXDG","quote":"ZUSD","cost_decimals":5,"pair_decimals":7,
    "lot_decimals":8,"fees":[[0,0.40]],"fees_maker":[],"ordermin":"13","costmin":"0.5","tick_size":"0.0000005"},
  "XXBTZUSD.d":{"altname":"XBTUSD.d","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8},
  "XXBTZUSD:BTNL":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","pair_decimals":9,"lot_decimals":1}
}"#;

fn order(cl_ord_id: &str, status: &str, opened: i64, filled: &str) -> String {
    format!(
        r#"{{"refid":null,"userref":0,"cl_ord_id":"{cl_ord_id}","status":"{status}","opentm":{opened}.5,"descr":{{"pair":"XBTUSD",
        "aclass":"forex","type":"buy","ordertype":"limit","price":"61000.0","price2":"0","leverage":"none","order":"","close":""}},
        "vol":"0.02000000","vol_exec":"{filled}","cost":"305.00000","fee":"0.76250","price":"61000.0","misc":"","oflags":"fciq,post"}}"#
    )
}

fn trade(order: &str, qty: &str) -> String {
    format!(
        r#"{{"ordertxid":"{order}","pair":"XXBTZUSD","aclass":"forex","time":1788249690.0001,"type":"buy","ordertype":"limit",
        "price":"61000.00000","cost":"305.00000","fee":"0.76250","vol":"{qty}","maker":true,"trade_id":1}}"#
    )
}

/// Whole lists, filtered and paged as the venue does.
#[derive(Clone, Debug, Default)]
struct Records {
    open: Vec<(&'static str, String)>,
    closed: Vec<(&'static str, String)>,
    trades: Vec<(&'static str, String)>,
    page: usize,
    fails: Option<&'static str>,
}

impl Records {
    fn answer(&self, call: &Received) -> Reply {
        if self.fails == Some(call.endpoint.as_str()) {
            return refusal("EService:Unavailable");
        }
        match call.endpoint.as_str() {
            "Assets" => result(ASSETS),
            "AssetPairs" => result(PAIRS),
            "OpenOrders" => result(&format!(
                r#"{{"open":{}}}"#,
                map(&self.named(&self.open, call))
            )),
            "ClosedOrders" => self.paged("closed", &self.named(&self.closed, call), call),
            "TradesHistory" => {
                assert_eq!(call.parameter("consolidate_taker"), Some("false"));
                self.paged("trades", &self.trades, call)
            }
            "QueryOrders" => {
                let ids = call.parameter("txid").unwrap();
                let all = self.open.iter().chain(&self.closed);
                let rows: Vec<_> = all.filter(|(id, _)| ids.contains(id)).cloned().collect();
                result(&map(&rows))
            }
            "Balance" => result(r#"{"XXBT":"0.5000000000","ZUSD":"19694.2375","XBT.F":"0.1"}"#),
            "TradeVolume" => result(
                r#"{"currency":"ZUSD","volume":"1","fees":{"XXBTZUSD":{"fee":"0.8000"}},"fees_maker":{"XXBTZUSD":{"fee":"0.4000"}}}"#,
            ),
            other => panic!("{other} called"),
        }
    }

    fn named(
        &self,
        rows: &[(&'static str, String)],
        call: &Received,
    ) -> Vec<(&'static str, String)> {
        let wanted = call
            .parameter("cl_ord_id")
            .map(|id| format!(r#""cl_ord_id":"{id}""#));
        let matches = |row: &&(&str, String)| wanted.as_ref().is_none_or(|id| row.1.contains(id));
        rows.iter().filter(matches).cloned().collect()
    }

    fn paged(&self, name: &str, rows: &[(&'static str, String)], call: &Received) -> Reply {
        let offset: usize = call.parameter("ofs").unwrap().parse().unwrap();
        let size = if self.page == 0 { 50 } else { self.page };
        let page: Vec<_> = rows.iter().skip(offset).take(size).cloned().collect();
        result(&format!(
            r#"{{"{name}":{},"count":{}}}"#,
            map(&page),
            rows.len()
        ))
    }
}

fn map(rows: &[(&str, String)]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|(id, row)| format!(r#""{id}":{row}"#))
        .collect();
    format!("{{{}}}", rows.join(","))
}

async fn server(records: Records) -> (Server, Rest) {
    let server = Server::start(move |call| records.answer(call)).await;
    let rest = rest(&server);
    (server, rest)
}

async fn account(records: Records) -> (Server, Account) {
    let (server, rest) = server(records).await;
    let names = Catalog::load(&rest).await.unwrap().names();
    let account = Account::new(rest, names, support::clock(), &settings(&server.address));
    (server, account)
}

async fn look_up(records: Records) -> (Server, Found) {
    let (server, account) = account(records).await;
    let [found] = &within(account.look_up(&[sent("a1")])).await[..] else {
        panic!("one answer for one order")
    };
    (server, found.clone())
}

fn sent(id: &str) -> LookUp {
    LookUp {
        cl_ord_id: ClOrdId::new(id).unwrap(),
        sent: Timestamp::from_secs(SENT),
        since: Timestamp::from_secs(SENT),
    }
}

#[tokio::test]
async fn an_order_that_no_place_knows_is_absent_after_every_place_was_asked_twice() {
    let (server, found) = look_up(Records::default()).await;
    assert_eq!(found, Found::Absent);
    assert_eq!(server.calls("OpenOrders"), 2);
    assert_eq!(server.calls("ClosedOrders"), 2);
    assert_eq!(server.calls("TradesHistory"), 1);
    let closed = server.received();
    let closed = closed
        .iter()
        .find(|call| call.endpoint == "ClosedOrders")
        .unwrap();
    let start: i64 = closed.parameter("start").unwrap().parse().unwrap();
    assert!((SENT - 62..SENT - 59).contains(&start));
}

#[tokio::test]
async fn orders_in_doubt_together_cost_one_search() {
    let (server, account) = account(Records {
        open: vec![("O-1", order("a1", "open", SENT, "0.00500000"))],
        closed: vec![
            ("O-2", order("a2", "closed", SENT, "0.02000000")),
            ("O-4", order("a4", "canceled", SENT, "0")),
        ],
        trades: vec![
            ("T-1", trade("O-1", "0.00500000")),
            ("T-2", trade("O-2", "0.01000000")),
        ],
        ..Records::default()
    })
    .await;
    let wanted = ["a1", "a2", "a3", "a4"].map(sent);
    let found = within(account.look_up(&wanted)).await;
    let [open, unexplained, absent, canceled] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(matches!(open, Found::Order { order, fills }
        if order.order_id.as_str() == "O-1" && fills.len() == 1));
    assert_eq!(*unexplained, Found::Failed, "its fills lag");
    assert_eq!(*absent, Found::Absent);
    assert!(matches!(canceled, Found::Order { order, fills }
        if order.status == RecordStatus::Canceled && fills.is_empty()));
    let calls = ["OpenOrders", "ClosedOrders", "TradesHistory", "QueryOrders"];
    assert_eq!(calls.map(|call| server.calls(call)), [2, 2, 2, 1]);
}

#[tokio::test]
async fn an_order_of_long_ago_is_searched_from_when_records_are_known() {
    let (server, account) = account(Records {
        open: vec![("O-1", order("a1", "open", SENT - 40_000, "0"))],
        ..Records::default()
    })
    .await;
    let old = LookUp {
        sent: Timestamp::from_secs(SENT - 40_000),
        ..sent("a1")
    };
    let found = within(account.look_up(&[old, sent("a2")])).await;
    assert!(matches!(&found[..], [Found::Order { .. }, Found::Absent]));
    for call in server.received() {
        let start = call.parameter("start").map(|start| start.parse::<i64>());
        assert!(
            start.is_none_or(|start| start.unwrap() > SENT - 100),
            "{call:?}"
        );
    }
}

/// Its fills are older than what is searched, and known.
#[tokio::test]
async fn an_order_that_was_partly_filled_long_ago_is_found() {
    let (_server, account) = account(Records {
        open: vec![("O-1", order("a1", "open", SENT - 40_000, "0.00500000"))],
        ..Records::default()
    })
    .await;
    let old = LookUp {
        sent: Timestamp::from_secs(SENT - 40_000),
        ..sent("a1")
    };
    let found = within(account.look_up(&[old])).await;
    assert!(matches!(&found[..], [Found::Order { order, fills }]
        if order.filled == "0.005".parse().unwrap() && fills.is_empty()));
}

#[tokio::test]
async fn what_was_found_stays_found_when_the_fills_cannot_be_read() {
    let (_server, account) = account(Records {
        open: vec![("O-1", order("a1", "open", SENT, "0"))],
        fails: Some("TradesHistory"),
        ..Records::default()
    })
    .await;
    let found = within(account.look_up(&["a1", "a2"].map(sent))).await;
    assert!(matches!(&found[..], [Found::Order { .. }, Found::Failed]));
}

#[tokio::test]
async fn what_waits_together_is_answered_together_and_the_account_first() {
    let (server, account) = account(Records::default()).await;
    let ((queries, lane), (told, mut events)) = (mpsc::channel(8), mpsc::channel(8));
    for id in ["a1", "a2"] {
        queries.send(Query::LookUp(sent(id))).await.unwrap();
    }
    let since = Timestamp::from_secs(SENT);
    let wish = Query::Reconcile(Reconcile { since });
    queries.send(wish).await.unwrap();
    drop(queries);
    let task = Queries::new(account, lane, told, support::clock());
    within(task.run(CancellationToken::new())).await;
    let mut order = Vec::new();
    while let Some(event) = events.recv().await {
        order.push(match event {
            Event::Reconciled(_) => "account".to_owned(),
            Event::LookedUp(answer) => answer.cl_ord_id.to_string(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(order, ["account", "a1", "a2"]);
    assert_eq!(server.calls("OpenOrders"), 1 + 2);
}

#[tokio::test]
async fn an_error_anywhere_is_no_evidence_of_absence() {
    for endpoint in ["OpenOrders", "ClosedOrders", "TradesHistory"] {
        let records = Records {
            fails: Some(endpoint),
            ..Records::default()
        };
        assert_eq!(look_up(records).await.1, Found::Failed, "{endpoint}");
    }
}

#[tokio::test]
async fn an_open_order_is_found_with_its_fills() {
    let (_server, found) = look_up(Records {
        open: vec![("O-1", order("a1", "open", SENT, "0.00500000"))],
        trades: vec![
            ("T-1", trade("O-1", "0.00500000")),
            ("T-2", trade("O-9", "1")),
        ],
        ..Records::default()
    })
    .await;
    let Found::Order { order, fills } = found else {
        panic!("{found:?}");
    };
    assert_eq!(order.status, RecordStatus::Open);
    assert_eq!(order.symbol.as_str(), "BTC/USD");
    assert_eq!(order.limit_price, Some("61000.0".parse().unwrap()));
    assert_eq!(order.opened.as_nanos(), SENT * 1_000_000_000 + 500_000_000);
    let [(owner, fill)] = &fills[..] else {
        panic!("{fills:?}");
    };
    assert_eq!((owner.as_str(), fill.exec_id.as_str()), ("O-1", "T-1"));
    assert_eq!(fill.liquidity, Some(Liquidity::Maker));
    assert_eq!(fill.fees[0].0.as_str(), "USD");
    assert_eq!(fill.fees[0].1.to_string(), "0.76250");
}

#[tokio::test]
async fn of_several_closed_orders_with_the_id_the_one_of_this_send_counts() {
    let (_server, found) = look_up(Records {
        closed: vec![
            ("O-old", order("a1", "closed", SENT - 3_600, "0")),
            ("O-new", order("a1", "canceled", SENT, "0")),
        ],
        ..Records::default()
    })
    .await;
    let Found::Order { order, .. } = found else {
        panic!("{found:?}");
    };
    assert_eq!(order.order_id.as_str(), "O-new");
    assert_eq!(order.status, RecordStatus::Canceled);
}

#[tokio::test]
async fn an_older_order_with_the_id_is_not_mistaken_for_this_one() {
    let (_server, found) = look_up(Records {
        closed: vec![("O-old", order("a1", "closed", SENT - 3_600, "0"))],
        ..Records::default()
    })
    .await;
    assert_eq!(found, Found::Absent);
}

#[tokio::test]
async fn a_closed_row_wins_over_an_open_row_that_lags() {
    let (_server, found) = look_up(Records {
        open: vec![("O-1", order("a1", "open", SENT, "0"))],
        closed: vec![("O-1", order("a1", "closed", SENT, "0.02000000"))],
        trades: vec![("T-1", trade("O-1", "0.02000000"))],
        ..Records::default()
    })
    .await;
    assert!(matches!(found, Found::Order { order, fills }
        if order.status == RecordStatus::Filled && fills.len() == 1));
}

#[tokio::test]
async fn fills_that_do_not_add_up_yet_are_no_answer() {
    let (_server, found) = look_up(Records {
        closed: vec![("O-1", order("a1", "closed", SENT, "0.02000000"))],
        trades: vec![("T-1", trade("O-1", "0.00500000"))],
        ..Records::default()
    })
    .await;
    assert_eq!(found, Found::Failed);
}

#[tokio::test]
async fn a_fill_betrays_an_order_that_the_lists_do_not_show() {
    // The lists are filtered by an id that their rows spell; the queried row alone holds it.
    let seen = Arc::new(Mutex::new(0));
    let (records, count) = (
        Records {
            trades: vec![("T-1", trade("O-1", "0.02000000"))],
            ..Records::default()
        },
        Arc::clone(&seen),
    );
    let server = Server::start(move |call| match call.endpoint.as_str() {
        "QueryOrders" => {
            *count.lock().unwrap() += 1;
            let row = ("O-1", order("a1", "closed", SENT, "0.02000000"));
            result(&map(&[row]))
        }
        _ => records.answer(call),
    })
    .await;
    let rest = rest(&server);
    let names = Catalog::load(&rest).await.unwrap().names();
    let account = Account::new(rest, names, support::clock(), &settings(&server.address));
    let found = within(account.look_up(&[sent("a1")])).await;
    assert!(matches!(&found[..], [Found::Order { order, .. }] if order.order_id.as_str() == "O-1"));
    assert_eq!(*seen.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_fill_whose_order_cannot_be_read_is_no_evidence_of_absence() {
    let (_server, found) = look_up(Records {
        trades: vec![("T-1", trade("O-1", "0.02000000"))],
        ..Records::default()
    })
    .await;
    assert_eq!(found, Found::Failed);
}

#[tokio::test]
async fn reconciling_reads_every_page_of_every_list() {
    let ids: Vec<&'static str> = (0..7).map(|n| &*format!("T-{n}").leak()).collect();
    let (_server, account) = account(Records {
        open: vec![
            ("O-1", order("a1", "open", SENT, "0")),
            ("O-2", order("a2", "open", SENT, "0")),
        ],
        closed: vec![
            ("O-2", order("a2", "canceled", SENT, "0")),
            ("O-3", order("a3", "expired", SENT, "0")),
            ("O-4", order("a4", "closed", SENT, "0.02")),
        ],
        trades: ids.iter().map(|id| (*id, trade("O-4", "0.001"))).collect(),
        page: 2,
        ..Records::default()
    })
    .await;
    let state = within(account.reconcile(Timestamp::from_secs(SENT)))
        .await
        .unwrap();
    let open: Vec<_> = state
        .open
        .iter()
        .map(|order| order.order_id.as_str())
        .collect();
    assert_eq!(open, ["O-1"]);
    assert_eq!(state.closed.len(), 3);
    assert_eq!(state.fills.len(), 7);
    let balances: Vec<_> = state
        .balances
        .iter()
        .map(|b| (b.asset.as_str(), b.total.to_string()))
        .collect();
    assert_eq!(
        balances,
        [
            ("BTC", "0.5000000000"),
            ("USD", "19694.2375"),
            ("XBT.F", "0.1")
        ]
        .map(|(asset, total)| (asset, total.to_owned()))
    );
}

#[tokio::test]
async fn a_list_that_ends_before_its_count_is_an_error() {
    let server = Server::start(|call| match call.endpoint.as_str() {
        "ClosedOrders" => result(r#"{"closed":{},"count":3}"#),
        _ => Records::default().answer(call),
    })
    .await;
    let rest = rest(&server);
    let names = Catalog::load(&rest).await.unwrap().names();
    let account = Account::new(rest, names, support::clock(), &settings(&server.address));
    let state = within(account.reconcile(Timestamp::from_secs(SENT))).await;
    assert!(matches!(
        state,
        Err(AccountError::Incomplete { count: 3, .. })
    ));
}

#[tokio::test]
async fn instruments_come_with_the_rules_and_the_accounts_fees() {
    let (_server, rest) = server(Records::default()).await;
    let catalog = Catalog::load(&rest).await.unwrap();
    let symbol = |text| Symbol::new(text).unwrap();
    let wanted = [symbol("BTC/USD"), symbol("DOGE/USD")];
    let made = catalog.instruments(&rest, &wanted).await.unwrap();
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let [btc, doge] = &made[..] else { panic!() };
    assert_eq!((btc.base.as_str(), btc.quote.as_str()), ("BTC", "USD"));
    assert_eq!((btc.price_precision, btc.tick.units()), (1, 1));
    assert_eq!(btc.qty_min.units(), 5_000);
    assert_eq!(
        (btc.fees.taker, btc.fees.maker),
        (decimal("0.008"), decimal("0.004"))
    );
    assert_eq!(btc.status, TradingStatus::Online);
    assert_eq!((doge.base.as_str(), doge.tick.units()), ("DOGE", 5));
    assert_eq!(
        (doge.fees.taker, doge.fees.maker),
        (decimal("0.004"), decimal("0.004"))
    );
    assert_eq!(doge.status, TradingStatus::Closed);
    let unlisted = catalog.instruments(&rest, &[symbol("ETH/USD")]).await;
    assert!(matches!(unlisted, Err(CatalogError::NoPair(_))));
}
