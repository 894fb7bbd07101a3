//! §4.5 What a token opens: what the key that it came from may do.

use serde_json::Value;
use tradingd::sim::server::{
    auth::Permission::{self, *},
    tokens::Grant,
};

use crate::{
    sim_ws::rig::{Rig, quiet},
    support::ws::Client,
};

struct Asker {
    rig: Rig,
    client: Client,
}

impl Asker {
    async fn start() -> Self {
        let rig = Rig::start(&quiet()).await;
        let client = Client::connect(rig.sim.addresses().ws_auth).await;
        Self { rig, client }
    }

    fn token(&self, permissions: &[Permission]) -> String {
        let grant = Grant {
            account: self.rig.sim.accounts()[0].id,
            permissions: permissions.iter().copied().collect(),
        };
        let now = self.rig.sim.venue().clock().now();
        self.rig.sim.tokens().issue_for(now, grant)
    }

    /// Whether the request is refused for want of permission.
    async fn denied(&mut self, method: &str, params: &str, permissions: &[Permission]) -> bool {
        let token = self.token(permissions);
        let answer = self
            .client
            .ask(&format!(
                r#"{{"method":"{method}","params":{{{params}"token":"{token}"}}}}"#
            ))
            .await;
        let denied = Value::from("EGeneral:Permission denied");
        answer["error"] == denied
    }
}

const ORDER: &str = r#""order_type":"limit","side":"buy","order_qty":0.01,"limit_price":10000.0"#;

#[tokio::test]
async fn s4_5_every_trading_method_asks_for_its_permissions() {
    let mut asker = Asker::start().await;
    let order = format!(r#""symbol":"BTC/USD",{ORDER},"#);
    let batch = format!(r#""symbol":"BTC/USD","orders":[{{{ORDER}}},{{{ORDER}}}],"#);
    let id = "OAAAAA-AAAAA-AAAAAA";
    let cancel = format!(r#""order_id":["{id}"],"#);
    let amend = format!(r#""order_id":"{id}","order_qty":0.02,"#);
    let edit = format!(r#""symbol":"BTC/USD",{amend}"#);
    let cancels = format!(r#""orders":["{id}","{id}"],"#);
    let (modify, close) = (ModifyTrades, CloseTrades);
    let others = [
        QueryFunds,
        QueryOpenTrades,
        QueryClosedTrades,
        CreateWsToken,
    ];
    // Whether the first alone, the second alone, and both are enough.
    for (method, params, enough) in [
        ("add_order", order.as_str(), [true, false, true]),
        ("amend_order", &amend, [true, true, true]),
        ("cancel_order", &cancel, [true, true, true]),
        ("cancel_all", "", [true, true, true]),
        (
            "cancel_all_orders_after",
            r#""timeout":60,"#,
            [true, true, true],
        ),
        ("batch_cancel", &cancels, [true, true, true]),
        ("edit_order", &edit, [false, false, true]),
        ("batch_add", &batch, [false, false, true]),
    ] {
        assert!(asker.denied(method, params, &others).await, "{method}");
        let mut found = Vec::new();
        for permissions in [&[modify][..], &[close], &[modify, close]] {
            found.push(!asker.denied(method, params, permissions).await);
        }
        assert_eq!(found, enough, "{method}");
    }
}

#[tokio::test]
async fn s4_5_channels_ask_for_what_they_tell() {
    let mut asker = Asker::start().await;
    let orders = r#""channel":"executions","#;
    let trades = r#""channel":"executions","snap_trades":true,"#;
    let balances = r#""channel":"balances","#;
    for (params, short, enough) in [
        (
            orders,
            &[QueryFunds, QueryClosedTrades][..],
            &[QueryOpenTrades][..],
        ),
        (balances, &[QueryOpenTrades, QueryLedger], &[QueryFunds]),
    ] {
        assert!(asker.denied("subscribe", params, short).await, "{params}");
        assert!(!asker.denied("subscribe", params, enough).await, "{params}");
    }
    assert!(asker.denied("subscribe", trades, &[QueryOpenTrades]).await);
    let both = [QueryOpenTrades, QueryClosedTrades];
    assert!(!asker.denied("subscribe", trades, &both).await);
}
