//! Results of subscriptions: what an acknowledgement repeats, and the deprecations it warns of.

use super::{
    encode::Json,
    private::PrivateTopic,
    validate::{Channel, Subscription},
};

/// A channel as the wire names it.
pub(super) const fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Ticker(_) => "ticker",
        Channel::Book(_) => "book",
        Channel::Trade => "trade",
        Channel::Ohlc(_) => "ohlc",
        Channel::Instrument => "instrument",
        Channel::Level3(_) => "level3",
        Channel::Heartbeat => "heartbeat",
        Channel::Executions(_) => "executions",
        Channel::Balances => "balances",
    }
}

/// The result of a public subscription.
pub(super) fn acknowledged(wanted: &Subscription, symbol: Option<&str>) -> String {
    let mut json = Json::object();
    json.text("channel", name(wanted.channel));
    discriminator(&mut json, wanted.channel);
    json.plain("snapshot", wanted.snapshot);
    if let Some(symbol) = symbol {
        json.text("symbol", symbol);
    }
    let warning = match wanted.channel {
        Channel::Ohlc(_) => "timestamp is deprecated, use interval_begin",
        Channel::Instrument => "tick_size is deprecated, use price_increment",
        Channel::Ticker(_)
        | Channel::Book(_)
        | Channel::Trade
        | Channel::Level3(_)
        | Channel::Heartbeat
        | Channel::Executions(_)
        | Channel::Balances => return json.finish(),
    };
    json.open_array("warnings")
        .text_element(warning)
        .close_array();
    json.finish()
}

/// The result of the end of a subscription.
pub(super) fn left(wanted: &Subscription, symbol: Option<&str>) -> String {
    let mut json = Json::object();
    json.text("channel", name(wanted.channel));
    discriminator(&mut json, wanted.channel);
    if let Some(symbol) = symbol {
        json.text("symbol", symbol);
    }
    json.finish()
}

fn discriminator(json: &mut Json, channel: Channel) {
    match channel {
        Channel::Book(depth) | Channel::Level3(depth) => json.plain("depth", depth),
        Channel::Ohlc(minutes) => json.plain("interval", minutes),
        Channel::Ticker(trigger) => json.text("event_trigger", trigger.name()),
        Channel::Trade
        | Channel::Instrument
        | Channel::Heartbeat
        | Channel::Executions(_)
        | Channel::Balances => json,
    };
}

/// The result of a private subscription.
pub(super) fn acknowledged_private(topic: PrivateTopic, threshold: u32) -> String {
    let mut json = Json::object();
    match topic {
        PrivateTopic::Executions(options) => {
            json.text("channel", "executions")
                .plain("maxratecount", threshold)
                .plain("snap_orders", options.snap_orders)
                .plain("snap_trades", options.snap_trades)
                .open_array("warnings");
            for warning in [
                "cancel_reason is deprecated, use reason",
                "stop_price is deprecated, use triggers.price",
                "trigger is deprecated use triggers.reference",
                "triggered_price is deprecated use triggers.last_price",
            ] {
                json.text_element(warning);
            }
            json.close_array();
        }
        PrivateTopic::Balances { snapshot } => {
            json.text("channel", "balances").plain("snapshot", snapshot);
        }
    }
    json.finish()
}
