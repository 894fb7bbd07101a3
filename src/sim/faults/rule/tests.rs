//! Rules as they are written: what is read, what is refused.

use super::*;

fn rule(toml: &str) -> Result<FaultRule, String> {
    toml::from_str(toml).map_err(|error| error.to_string())
}

#[test]
fn rules_survive_the_config_and_back() {
    for toml in [
        "kind = 'drop'\non = 'public'",
        "kind = 'garbage'\non = 'private'\ngarbage = 'huge_numbers'",
        "kind = 'reset'\non = 'level3'",
        "kind = 'close'\non = 'public'\ncode = 1013\ntext = 'Market data unavailable'",
        "kind = 'slow'\non = 'public'\nbytes_per_second = 2000",
        "kind = 'switch_off'\non = 'private'",
        "kind = 'refuse'\non = 'public'\nstatus = 503",
        "kind = 'lose'\non = 'private'\nchannel = 'executions'",
        "kind = 'duplicate'\non = 'public'\nchannel = 'status'\nrate = 0.25",
        "kind = 'delay'\non = 'public'\ndelay = '1s'\ndelay_max = '2s'\nrate = 0.5\ntimes = 3",
        "kind = 'reorder'\non = 'public'",
        "kind = 'exponent'\non = 'public'\nchannel = 'book'",
        "kind = 'unknown_fields'\non = 'private'",
        "kind = 'sparse'\non = 'private'",
        "kind = 'silence'\non = 'book'",
        "kind = 'sequence_gap'\non = 'executions'",
        "kind = 'split_snapshot'\non = '*'",
        "kind = 'error'\non = 'add_order'\ntext = 'EService:Busy'\nexecute = true",
        "kind = 'no_answer'\non = '*'\nrate = 1.0",
        "kind = 'late'\non = 'ping'\ndelay = '3s'",
        "kind = 'void_tokens'\non = 'add_order'",
        "kind = 'fill'\non = 'CancelOrder'\npart = '0.5'",
        "kind = 'shape'\non = 'batch_add'\nshape = 'nested'\ntext = 'EOrder:Insufficient funds'",
        "kind = 'shape'\non = 'batch_cancel'\nshape = 'top_level'",
        "kind = 'rest_delay'\non = 'OpenOrders'\ndelay = '250ms'\ntimes = 3",
        "kind = 'rest_error'\non = 'AddOrder'\ntext = 'EService:Unavailable'\nexecute = true",
        "kind = 'rest_status'\non = 'AddOrder'\nstatus = 520",
        "kind = 'rest_status'\non = 'AddOrder'\nstatus = 502\nexecute = true",
        "kind = 'rest_drop'\non = 'AddOrder'\nexecute = true",
        "kind = 'rest_reset'\non = 'AddOrder'",
        "kind = 'rest_cut'\non = 'AssetPairs'",
        "kind = 'rest_slow'\non = 'AssetPairs'\nbytes_per_second = 10",
        "kind = 'rest_overtaken'\non = 'Balance'",
        "kind = 'rest_stale'\non = 'OpenOrders'\ndelay = '0s'\ndelay_max = '3s'\nfill_delay = '60s'",
        "kind = 'unreported'\non = 'add_order'",
    ] {
        let read = rule(toml).unwrap_or_else(|error| panic!("{toml}: {error}"));
        let again = rule(&toml::to_string(&read).unwrap()).unwrap();
        assert_eq!(read, again, "{toml}");
    }
}

#[test]
fn what_happens_at_a_rate_does_so_without_end_unless_a_number_is_given() {
    let times = |toml: &str| rule(toml).unwrap().times;
    assert_eq!(times("kind = 'drop'\non = 'public'"), 1);
    assert_eq!(times("kind = 'drop'\non = 'public'\nrate = 0.1"), u32::MAX);
    assert_eq!(
        times("kind = 'drop'\non = 'public'\nrate = 0.1\ntimes = 2"),
        2
    );
}

#[test]
fn a_rule_that_could_never_happen_is_refused_with_what_would_be_right() {
    for (toml, told) in [
        ("kind = 'drop'\non = 'third'", "public, private and level3"),
        (
            "kind = 'error'\non = 'add_order'",
            "text: an error needs one",
        ),
        ("kind = 'drop'\non = 'public'\ntimes = 0", "at least once"),
        ("kind = 'drop'\non = 'public'\nrate = 0.0", "rate: "),
        ("kind = 'drop'\non = 'public'\nrate = 1.5", "rate: "),
        ("kind = 'drop'\non = 'public'\nwhen = 3", "`when`"),
        ("kind = 'explode'\non = 'public'", "`half_close`"),
        (
            "kind = 'drop'\non = 'public'\nstatus = 503",
            "status: means nothing",
        ),
        ("kind = 'ignore'\non = 'add_oder'", "add_order, amend_order"),
        ("kind = 'silence'\non = 'books'", "ticker, book"),
        (
            "kind = 'split_snapshot'\non = 'book'",
            "executions, balances",
        ),
        ("kind = 'checksum'\non = 'XBTUSD'", "BTC/USD"),
        ("kind = 'rest_drop'\non = 'add_order'", "AddOrder"),
        ("kind = 'rest_ignore'\non = 'AdOrder'", "no REST endpoint"),
        ("kind = 'unreported'\non = 'cancel_order'", "amend_order"),
        ("kind = 'close'\non = 'public'\ncode = 1006", "code: "),
        (
            "kind = 'slow'\non = 'public'\nbytes_per_second = 0",
            "above 0",
        ),
        ("kind = 'refuse'\non = 'public'\nstatus = 99", "200 to 599"),
        ("kind = 'fill'\non = 'ping'\npart = '0.5'", "cancel_order"),
        (
            "kind = 'late'\non = 'subscribe'\ndelay = '1s'",
            "ping, add_order",
        ),
        (
            "kind = 'rest_stale'\non = 'BalanceEx'\ndelay = '1s'",
            "TradesHistory",
        ),
        (
            "kind = 'fill'\non = 'add_order'\npart = '1.5'",
            "a part is a fraction",
        ),
        ("kind = 'delay'\non = 'public'", "delay: how long"),
        (
            "kind = 'delay'\non = 'public'\ndelay = '2s'\ndelay_max = '1s'",
            "delay_max",
        ),
        (
            "kind = 'shape'\non = 'batch_add'\nshape = 'top_level'",
            "rows, lenient or nested",
        ),
        (
            "kind = 'shape'\non = 'add_order'\nshape = 'rows'",
            "batch_cancel",
        ),
    ] {
        let error = rule(toml).unwrap_err();
        assert!(error.contains(told), "{toml}: {error}");
    }
}
