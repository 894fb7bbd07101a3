//! Which endpoints there are, and what each does.

use super::{
    account, books,
    call::Call,
    changes, edit, fees, lists, market, orders, public,
    public::Query,
    reply::{Answer, Failure},
    revisions, transparency,
};

type Public = fn(&Query<'_>) -> Answer;
type Private = fn(&Call<'_>) -> Answer;

/// Private endpoints that the venue has and the simulator has not.
const NOT_SIMULATED: [&str; 24] = [
    "AccountTransfer",
    "AddExport",
    "CreateSubaccount",
    "CreditLines",
    "DepositAddresses",
    "DepositMethods",
    "DepositStatus",
    "Earn/Allocate",
    "Earn/AllocateStatus",
    "Earn/Allocations",
    "Earn/Deallocate",
    "Earn/DeallocateStatus",
    "Earn/Strategies",
    "ExportStatus",
    "ListWalletAccounts",
    "RemoveExport",
    "RetrieveExport",
    "WalletTransfer",
    "Withdraw",
    "WithdrawAddresses",
    "WithdrawCancel",
    "WithdrawInfo",
    "WithdrawMethods",
    "WithdrawStatus",
];

/// Whether the venue has an endpoint of this name.
pub(crate) fn is_one(name: &str) -> bool {
    public(name).is_some() || private(name).is_ok() || NOT_SIMULATED.contains(&name)
}

/// What a public endpoint does, if it is one.
pub(super) fn public(name: &str) -> Option<Public> {
    Some(match name {
        "Time" => public::time,
        "SystemStatus" => public::system_status,
        "MaintenanceSchedule" => public::maintenance_schedule,
        "Assets" => public::assets,
        "AssetPairs" => public::asset_pairs,
        "Ticker" => market::ticker,
        "OHLC" => market::ohlc,
        "Depth" => market::depth,
        "Trades" => market::trades,
        "Spread" => market::spread,
        "GroupedBook" => books::grouped,
        "PreTrade" => transparency::pre_trade,
        "PostTrade" => transparency::post_trade,
        _ => return None,
    })
}

/// What a private endpoint does.
pub(super) fn private(name: &str) -> Result<Private, Failure> {
    Ok(match name {
        "Balance" => account::balance,
        "BalanceEx" => account::balance_ex,
        "TradeBalance" => account::trade_balance,
        "TradeVolume" => fees::trade_volume,
        "GetWebSocketsToken" => account::websockets_token,
        "GetApiKeyInfo" => account::api_key_info,
        "OpenOrders" => lists::open_orders,
        "ClosedOrders" => lists::closed_orders,
        "QueryOrders" => lists::query_orders,
        "TradesHistory" => lists::trades_history,
        "QueryTrades" => lists::query_trades,
        "OpenPositions" => lists::open_positions,
        "Level3" => books::level3,
        "Ledgers" => lists::ledgers,
        "QueryLedgers" => lists::query_ledgers,
        "AddOrder" => orders::add,
        "AddOrderBatch" => orders::add_batch,
        "AmendOrder" => changes::amend,
        "CancelOrder" => changes::cancel,
        "CancelOrderBatch" => changes::cancel_batch,
        "CancelAll" => changes::cancel_all,
        "CancelAllOrdersAfter" => changes::cancel_all_after,
        "EditOrder" => edit::edit,
        "OrderAmends" => revisions::order_amends,
        name if NOT_SIMULATED.contains(&name) => return Err(Failure::FEATURE),
        _ => return Err(Failure::UNKNOWN_METHOD),
    })
}
