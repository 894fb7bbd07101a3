//! Kraken's texts, row by row (§6.1), and what each means.

use super::{
    Class, Denied as D, RejectReason as R, TABLE, Timestamp, Transient, answer_to, classify,
};
use crate::engine::event::Answer;
use Class::{Ambiguous, Denied, Rejected};

const KEY: Class = Denied(D::Key);
const PERMISSION: Class = Denied(D::Permission);
const TOKEN: Class = Denied(D::Token);
const NONCE: Class = Class::Transient(Transient::Nonce);
const LIMITED: Class = Class::Transient(Transient::RateLimited);
const THROTTLED: Class =
    Class::Transient(Transient::Throttled(Timestamp::from_secs(1_788_249_600)));
const FUNDS: Class = Rejected(R::InsufficientFunds);
const OTHER: Class = Rejected(R::Other);

const TEXTS: &[(&str, Class)] = &[
    ("EAPI:Invalid key", KEY),
    ("EAPI:Invalid signature", KEY),
    ("EAPI:Invalid nonce", NONCE),
    ("EAPI:Rate limit exceeded", LIMITED),
    ("EAPI:Bad request", OTHER),
    ("EAPI:Feature disabled", OTHER),
    ("EAPI:Permission denied", PERMISSION),
    ("EAPI:Invalid token", TOKEN),
    ("ESession:Invalid session", TOKEN),
    ("EAuth:Account temporary disabled", PERMISSION),
    ("EAuth:Account unconfirmed", PERMISSION),
    ("EAuth:Failed", KEY),
    ("EAuth:Rate limit exceeded", LIMITED),
    ("EAuth:Too many requests", LIMITED),
    ("EAccount:Invalid permissions", PERMISSION),
    (
        "EAccount:Invalid permissions:USDT trading restricted for AT.",
        PERMISSION,
    ),
    ("EGeneral:Permission denied", PERMISSION),
    (
        "EGeneral:Invalid arguments:volume minimum not met",
        Rejected(R::Minimum),
    ),
    ("EGeneral:Invalid arguments:volume", Rejected(R::Minimum)),
    ("EGeneral:Invalid arguments:price", Rejected(R::Price)),
    (
        "EGeneral:Invalid arguments:no_mpp order option is only available when ordertype = market",
        OTHER,
    ),
    ("EGeneral:Invalid arguments", OTHER),
    ("EGeneral:Invalid arguments:Index unavailable", OTHER),
    ("EGeneral:Invalid arguments:cl_ord_id", OTHER),
    (
        "EGeneral:Invalid arguments:cl_ord_id not unique",
        Rejected(R::DuplicateId),
    ),
    ("EGeneral:Invalid arguments:deadline", Rejected(R::Deadline)),
    ("EGeneral:Unknown method", OTHER),
    ("EGeneral:Temporary lockout", Denied(D::Lockout)),
    ("EGeneral:Too many requests", LIMITED),
    ("EGeneral:Internal error", Ambiguous),
    ("EGeneral:Internal error:17", Ambiguous),
    ("EGeneral:Invalid timeout argument:above max", OTHER),
    ("EDatabase:Internal error", Ambiguous),
    ("EService:Unavailable", Ambiguous),
    ("EService:Busy", Ambiguous),
    ("EService:Timeout", Ambiguous),
    ("EService:Deadline elapsed", Ambiguous),
    ("EService:Throttled: 1788249600", THROTTLED),
    (
        "EService:Market in cancel_only mode",
        Rejected(R::MarketMode),
    ),
    ("EService:Market in post_only mode", Rejected(R::MarketMode)),
    (
        "EService:Market in limit_only mode",
        Rejected(R::MarketMode),
    ),
    ("EOrder:Insufficient funds", FUNDS),
    ("EOrder:Insufficient margin", FUNDS),
    ("EOrder:Insufficient initial margin", FUNDS),
    ("EOrder:Margin allowance exceeded", FUNDS),
    ("EOrder:Margin level too low", FUNDS),
    ("EOrder:Margin position size exceeded", FUNDS),
    ("EOrder:Cannot open position", OTHER),
    ("EOrder:Cannot open opposing position", OTHER),
    ("EOrder:Positions limit exceeded", OTHER),
    ("EOrder:Unknown position", OTHER),
    ("EOrder:Order minimum not met", Rejected(R::Minimum)),
    ("EOrder:Cost minimum not met", Rejected(R::Minimum)),
    ("EOrder:Tick size check failed", Rejected(R::Price)),
    ("EOrder:Invalid price", Rejected(R::Price)),
    (
        "EOrder:Invalid price:ETH/GBP price can only be specified up to 2 decimals.",
        Rejected(R::Price),
    ),
    (
        "EOrder:Invalid price:Invalid price argument",
        Rejected(R::Price),
    ),
    ("EOrder:Invalid limit price", Rejected(R::Price)),
    ("EOrder:Invalid price argument", Rejected(R::Price)),
    (
        "EOrder:Invalid secondary price argument",
        Rejected(R::Price),
    ),
    ("EOrder:Orders limit exceeded", Rejected(R::OrdersLimit)),
    (
        "EOrder:Scheduled orders limit exceeded",
        Rejected(R::OrdersLimit),
    ),
    ("EOrder:Rate limit exceeded", LIMITED),
    ("EOrder:Domain rate limit exceeded", LIMITED),
    ("EOrder:Post only order", Rejected(R::PostOnly)),
    ("EOrder:Reduce only:No position exists", OTHER),
    ("EOrder:Reduce only:Position is closed", Ambiguous),
    ("EOrder:Reduce only:Non-PC", OTHER),
    ("EOrder:Unknown order", Rejected(R::UnknownOrder)),
    ("EOrder:Invalid order", Rejected(R::UnknownOrder)),
    ("EOrder:Cancel pending", OTHER),
    (
        "EOrder:No amendable parameters specified",
        Rejected(R::NothingToAmend),
    ),
    (
        "EOrder:cl_ord_id is not supported on conditional close",
        OTHER,
    ),
    ("ETrade:Invalid request", OTHER),
    ("ETrade:Locked", OTHER),
    ("ETrade:User Locked", OTHER),
    ("EQuery:Unknown asset pair", OTHER),
    ("EQuery:Invalid asset pair", OTHER),
    ("EQuery:Unknown asset", OTHER),
    ("EFunding:Unknown withdraw key", OTHER),
    ("EFunding:Invalid amount", OTHER),
    ("EFunding:Max fee exceeded", OTHER),
    ("EBM:limit exceeded:CAL", OTHER),
    ("Limit_price field must be a number_float", OTHER),
    ("Symbol field must be an array", OTHER),
    ("Symbol(s) not found", OTHER),
    ("Token(s) not found", TOKEN),
    ("Currency pair not supported XBT/USD", OTHER),
    (
        "Unsupported field: 'price' for the given msg type: add order",
        OTHER,
    ),
    ("Subscription name invalid", OTHER),
    ("Subscription depth not supported", OTHER),
    ("Unsupported event", OTHER),
    ("Malformed request", OTHER),
    ("EOrder:never heard of", Ambiguous),
    ("EThing:never heard of", Ambiguous),
    ("not even a category", Ambiguous),
];

#[test]
fn each_text_means_what_the_reference_says() {
    for (text, class) in TEXTS {
        assert_eq!(classify(text), *class, "{text}");
    }
}

#[test]
fn only_a_text_that_is_ambiguous_leaves_an_order_unanswered() {
    for (text, class) in TEXTS {
        let answer = answer_to(text);
        let unanswered = answer == Answer::Unanswered;
        assert_eq!(unanswered, *class == Ambiguous, "{text}: {answer:?}");
    }
}

#[test]
fn each_row_of_the_table_is_met_by_a_text() {
    for (beginning, _) in TABLE {
        let met = TEXTS.iter().any(|(text, _)| text.starts_with(beginning));
        assert!(met, "{beginning}");
    }
}
