//! The caller's money, key and tokens.
//!
//! Left out: margin, credit lines, funding: those fields are what an account without them shows.

use serde::Serialize;

use super::{
    call::Call,
    reply::{Answer, Failure, result},
    valuation::rate,
};
use crate::{
    sim::{
        View,
        matching::OrderKind,
        server::{
            auth::Permission,
            names,
            render::Entries,
            tokens::{self, Grant},
        },
    },
    types::{AssetCode, Decimal, Timestamp},
};

/// `Balance`.
pub(super) fn balance(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryFunds)?;
    call.state.venue.read(|view| {
        let universe = view.exchange.universe();
        let balances = view.exchange.balances(call.account());
        let rows = balances.map(|(asset, balance)| {
            let name = names::asset_id(universe, &asset).to_owned();
            (name, call.balance(view, asset, balance.total).to_string())
        });
        result(&rows.collect::<Entries<_, _>>())
    })
}

#[derive(Serialize)]
struct Extended {
    balance: String,
    hold_trade: String,
}

/// `BalanceEx`.
pub(super) fn balance_ex(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryFunds)?;
    call.state.venue.read(|view| {
        let universe = view.exchange.universe();
        let balances = view.exchange.balances(call.account());
        let rows = balances.map(|(asset, balance)| {
            let name = names::asset_id(universe, &asset).to_owned();
            let row = Extended {
                balance: balance.total.to_string(),
                hold_trade: balance.held.to_string(),
            };
            (name, row)
        });
        result(&rows.collect::<Entries<_, _>>())
    })
}

#[derive(Serialize)]
struct TradeBalance {
    eb: String,
    tb: String,
    m: String,
    uv: String,
    n: String,
    c: String,
    v: String,
    e: String,
    mf: String,
}

/// `TradeBalance`: without margin, equity is what all balances are worth.
pub(super) fn trade_balance(call: &Call<'_>) -> Answer {
    call.require(Permission::QueryOpenTrades)?;
    let name = call.params.text("asset").unwrap_or("ZUSD");
    call.state.venue.read(|view| {
        let asset = names::asset(view.exchange.universe(), name);
        let target = asset.ok_or(Failure::text("EQuery:Unknown asset"))?;
        let digits = target.decimals;
        let show = |amount: Decimal| {
            let cut = amount.rounded_toward_zero(digits);
            cut.map_or_else(|_overflow| amount.to_string(), |cut| cut.to_string())
        };
        let worth = |asset: AssetCode, amount: Decimal| worth(view, asset, target.code, amount);
        let balances = view.exchange.balances(call.account());
        let equity = total(balances.filter_map(|(asset, balance)| worth(asset, balance.total)));
        let unexecuted =
            total(unexecuted(call, view).filter_map(|(asset, cost)| worth(asset, cost)));
        let (equity, zero) = (show(equity), show(Decimal::ZERO));
        result(&TradeBalance {
            eb: equity.clone(),
            tb: equity.clone(),
            m: zero.clone(),
            uv: show(unexecuted),
            n: zero.clone(),
            c: zero.clone(),
            v: zero,
            e: equity.clone(),
            mf: equity,
        })
    })
}

/// What an amount of one asset is worth in another, if prices lead there.
fn worth(view: View<'_>, from: AssetCode, to: AssetCode, amount: Decimal) -> Option<Decimal> {
    let product = amount.checked_mul(rate(view.exchange, &from, &to)?);
    product.ok()?.rounded_toward_zero(10).ok()
}

fn total(amounts: impl Iterator<Item = Decimal>) -> Decimal {
    amounts.fold(Decimal::ZERO, |sum, amount| {
        sum.checked_add(amount).unwrap_or(sum)
    })
}

/// What the open buy orders would cost, and what the open sell orders would bring.
fn unexecuted<'a>(
    call: &Call<'_>,
    view: View<'a>,
) -> impl Iterator<Item = (AssetCode, Decimal)> + use<'a> {
    let open = view.exchange.open_orders(call.account());
    open.filter_map(move |order| {
        let pair = &view.exchange.universe().pair(order.state.pair)?.instrument;
        let left = order.state.qty.saturating_sub(order.state.filled);
        let OrderKind::Limit(price) = order.state.kind else {
            return None;
        };
        let cost = price.notional(left).to_decimal(pair.notional_scale());
        Some((pair.quote, cost.ok()?))
    })
}

#[derive(Serialize)]
struct Token {
    token: String,
    expires: u64,
}

/// `GetWebSocketsToken`.
pub(super) fn websockets_token(call: &Call<'_>) -> Answer {
    call.require(Permission::CreateWsToken)?;
    let grant = Grant {
        account: call.account(),
        permissions: call.owner.key.permissions.clone(),
    };
    result(&Token {
        token: call.state.tokens.issue_for(call.now, grant),
        expires: tokens::LIFE.as_secs(),
    })
}

/// `GetApiKeyInfo` in the documents' spelling and in the one of live answers, so that a client of either finds its fields.
#[derive(Serialize)]
struct KeyInfo<'a> {
    #[serde(rename = "apiKeyName")]
    name_documented: &'a str,
    api_key_name: &'a str,
    #[serde(rename = "apiKey")]
    key_documented: &'a str,
    api_key: &'a str,
    nonce: String,
    #[serde(rename = "nonceWindow")]
    window_documented: u64,
    nonce_window: String,
    permissions: Vec<Permission>,
    iban: &'static str,
    #[serde(rename = "validUntil")]
    valid_until_documented: String,
    valid_until: String,
    #[serde(rename = "queryFrom")]
    query_from_documented: String,
    query_from: String,
    #[serde(rename = "queryTo")]
    query_to_documented: String,
    query_to: String,
    #[serde(rename = "createdTime")]
    created_documented: String,
    created_time: String,
    #[serde(rename = "modifiedTime")]
    modified_documented: String,
    modified_time: String,
    #[serde(rename = "ipAllowlist")]
    addresses_documented: Vec<String>,
    ip_allowlist: Vec<String>,
    #[serde(rename = "lastUsed")]
    last_used_documented: Option<String>,
    last_used: Option<String>,
}

/// `GetApiKeyInfo`. Needs no permission.
pub(super) fn api_key_info(call: &Call<'_>) -> Answer {
    let key = &call.owner.key;
    let state = call.owner.snapshot();
    let seconds = |at: Timestamp| at.as_secs().to_string();
    let or_never = |at: Option<Timestamp>| at.map_or("0".to_owned(), seconds);
    let (created, last_used) = (seconds(key.created), state.last_used.map(seconds));
    let addresses: Vec<String> = key.ip_allowlist.iter().map(ToString::to_string).collect();
    result(&KeyInfo {
        name_documented: &key.name,
        api_key_name: &key.name,
        key_documented: &key.key,
        api_key: &key.key,
        nonce: state.nonces.highest.to_string(),
        window_documented: key.nonce_window,
        nonce_window: key.nonce_window.to_string(),
        permissions: key.permissions.iter().copied().collect(),
        iban: "SIM0 0000 0000 0000",
        valid_until_documented: or_never(key.valid_until),
        valid_until: or_never(key.valid_until),
        query_from_documented: or_never(key.query.from),
        query_from: or_never(key.query.from),
        query_to_documented: or_never(key.query.to),
        query_to: or_never(key.query.to),
        created_documented: created.clone(),
        created_time: created.clone(),
        modified_documented: created.clone(),
        modified_time: created,
        addresses_documented: addresses.clone(),
        ip_allowlist: addresses,
        last_used_documented: last_used.clone(),
        last_used,
    })
}
