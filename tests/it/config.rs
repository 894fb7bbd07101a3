//! The config: what is refused, where it says so, and that the documented defaults are the defaults.

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt as _, path::Path};

use assert_cmd::Command;
use tempfile::TempDir;
use tradingd::{
    config::{Config, DEFAULT_TOML, Sources, keys, load},
    resilience::Place,
};

fn tradingd() -> Command {
    let mut command = Command::cargo_bin("tradingd").unwrap();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRADINGD__") {
            command.env_remove(name);
        }
    }
    command
}

/// A directory with a config file in it.
fn written(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("tradingd.toml"), text).unwrap();
    directory
}

/// Exit code and standard error of `check` on a file with this text.
fn check(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let output = tradingd()
        .current_dir(directory)
        .args(["check", "-c", "tradingd.toml"])
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), told)
}

const QUOTER: &str = "[[strategy]]\nkind = 'quoter'\nname = 'q'\npair = 'BTC/USD'\nqty = '0.01'\nhalf_spread = '0.05%'\nmax_position = '0.1'\n";

/// Text of the file, and what must be told about it: place, words, suggestion.
const BAD: &[(&str, &str, &str)] = &[
    // Syntax.
    ("[journal\n", "tradingd.toml:1:9:", ""),
    ("[journal]\nbuffer = \n", "tradingd.toml:2:10:", ""),
    (
        "[log]\nlevel = 'a'\nlevel = 'b'\n",
        "tradingd.toml:3:1:",
        "duplicate key",
    ),
    (
        "\u{feff}[log]\nlevle = 'info'\n",
        "tradingd.toml:2:1:",
        "did you mean `level`?",
    ),
    // Unknown keys.
    (
        "[jornal]\nbuffer = 1\n",
        "tradingd.toml:1:2:",
        "unknown key `jornal`; did you mean `journal`?",
    ),
    (
        "[journal]\n\n  bufer = 1\n",
        "tradingd.toml:3:3:",
        "unknown key `bufer`; did you mean `buffer`?",
    ),
    (
        "[log]\nlevel = 'é' # é\n'é' = 1\n",
        "tradingd.toml:3:1:",
        "unknown key `é`",
    ),
    (
        "buffer = 1\n",
        "tradingd.toml:1:1:",
        "did you mean `journal.buffer`?",
    ),
    (
        "[venue]\nApi_key = 'env:K'\n",
        "tradingd.toml:2:1:",
        "did you mean `api_key`?",
    ),
    (
        "[risk.pair.'BTC/USD']\nmax_postion = '1'\n",
        "tradingd.toml:2:1:",
        "did you mean `max_position`?",
    ),
    (
        "[[strategy]]\nkind = 'grid'\nlevles = 3\n",
        "tradingd.toml:3:1:",
        "did you mean `levels`?",
    ),
    (
        "[colour]\n",
        "tradingd.toml:1:2:",
        "unknown key `colour` (known here: venue, ",
    ),
    (
        "[feed]\ndepth = { levels = 10 }\n",
        "tradingd.toml:2:9:",
        "a whole number from 0 to 65535 belongs here, not a section of keys",
    ),
    // Wrong types.
    (
        "[journal]\nbuffer = '1'\n",
        "tradingd.toml:2:10:",
        "a whole number from 0 up belongs here, not the text \"1\"",
    ),
    (
        "[journal]\nbuffer = 59.94\n",
        "tradingd.toml:2:10:",
        "not the number 59.94",
    ),
    (
        "[journal]\nbuffer = -1\n",
        "tradingd.toml:2:10:",
        "not the number -1",
    ),
    (
        "[journal]\nkeep = 30\n",
        "tradingd.toml:2:8:",
        "a length of time such as",
    ),
    (
        "[feed]\ndepth = 70000\n",
        "tradingd.toml:2:9:",
        "not the number 70000",
    ),
    (
        "[risk]\nmax_position = 0.5\n",
        "tradingd.toml:2:16:",
        "an amount above zero in quotes",
    ),
    (
        "[risk]\nmax_position = 1\n",
        "tradingd.toml:2:16:",
        "an amount above zero in quotes",
    ),
    (
        "venue = 'live'\n",
        "tradingd.toml:1:9:",
        "a section of keys belongs here, not the text \"live\"",
    ),
    (
        "strategy = 'quoter'\n",
        "tradingd.toml:1:12:",
        "a list in brackets belongs here",
    ),
    (
        "[[sim.faults]]\nkind = 'drop'\non = 'public'\n[[sim.faults]]\nkind = 'rest_drop'\non = 'AdOrder'\n",
        "tradingd.toml:4:1:",
        "\"AdOrder\" is no REST endpoint",
    ),
    (
        "[[sim.faults]]\nkind = 'drop'\non = 'public'\n[[sim.faults]]\nkind = 'checksum'\non = 'FOO/USD'\n",
        "tradingd.toml:4:1:",
        "sim.faults.1: on: \"FOO/USD\" is not listed",
    ),
    (
        "[[sim.status]]\nstatus = 'online'\n[[sim.status]]\nstatus = 'delisted'\n",
        "tradingd.toml:3:1:",
        "sim.status.1: ",
    ),
    (
        "[sim]\naccounts = 20000\n",
        "tradingd.toml:2:1:",
        "must be from 1 to 10000",
    ),
    (
        "[state]\ndir = ''\n",
        "tradingd.toml:2:1:",
        "must name a directory",
    ),
    // Impossible values.
    (
        "[venue]\nkind = 'livee'\n",
        "tradingd.toml:2:8:",
        "did you mean `live`?",
    ),
    (
        "[venue]\nkind = 'paper'\nrest = 'https://a'\nws = 'wss://b'\nws_auth = 'wss://c'\n",
        "tradingd.toml:2:1:",
        "paper has no addresses of its own",
    ),
    (
        "[venue]\nkind = 'paper'\n[sim]\ntapes = ['BTC/USD=/dev/null']\n",
        "tradingd.toml:4:1:",
        "paper plays no files",
    ),
    (
        "[sim]\nmirror = 'ws://ws.kraken.com/v2'\n",
        "tradingd.toml:2:1:",
        "not encrypted and not on loopback",
    ),
    (
        "[sim]\nmirror_depth = 7\n",
        "tradingd.toml:2:1:",
        "7 is no depth of a book",
    ),
    (
        "[venue]\nrest = 'http://api.kraken.com'\n",
        "tradingd.toml:2:8:",
        "plain http and ws to loopback only",
    ),
    (
        "[venue]\nrest = 'http://127.0.0.1:1'\n",
        "tradingd.toml:1:2:",
        "venue.ws is missing",
    ),
    (
        "[venue]\nrest = 'wss://a'\nws = 'wss://b'\nws_auth = 'wss://c'\n",
        "tradingd.toml:2:1:",
        "must begin with https://",
    ),
    (
        "[venue]\napi_key = 'env:K'\n",
        "tradingd.toml:2:1:",
        "venue.api_secret is missing beside it",
    ),
    (
        "[venue]\nca_file = '/no/such.pem'\n",
        "tradingd.toml:2:1:",
        "is no file",
    ),
    (
        "[journal]\nkeep = '1 fortnight'\n",
        "tradingd.toml:2:8:",
        "a length of time such as",
    ),
    (
        "[journal]\ndurability = 'strickt'\n",
        "tradingd.toml:2:14:",
        "did you mean `strict`?",
    ),
    (
        "[journal]\nsegment_bytes = 1\n",
        "tradingd.toml:2:1:",
        "must be from 65536",
    ),
    (
        "[log]\nlevel = 'inof'\n",
        "tradingd.toml:2:1:",
        "log.level: `inof` is no level: write error, warn, info, debug, trace or off",
    ),
    (
        "[log]\nlevel = 'inof'\n",
        "tradingd.toml:2:1:",
        "; did you mean `info`?",
    ),
    (
        "[log]\nlevel = 'info,x=loud'\n",
        "tradingd.toml:2:1:",
        "`loud` is no level",
    ),
    (
        "[feed]\ndepth = 11\n",
        "tradingd.toml:2:1:",
        "must be 10, 25, 100, 500 or 1000",
    ),
    (
        "[feed]\npairs = ['BTC/USD', 'btcusd']\n",
        "tradingd.toml:2:21:",
        "`btcusd` is no pair",
    ),
    (
        "[orders]\ntag = 'Td'\n",
        "tradingd.toml:2:1:",
        "1 to 4 lower-case letters or digits",
    ),
    (
        "[orders]\ntag = 'toolong'\n",
        "tradingd.toml:2:1:",
        "1 to 4 lower-case letters or digits",
    ),
    (
        "[orders]\ntag = ''\n",
        "tradingd.toml:2:1:",
        "1 to 4 lower-case letters or digits",
    ),
    (
        "[orders]\nttl = '61s'\n",
        "tradingd.toml:2:1:",
        "must be from \"500ms\" to \"60s\"",
    ),
    (
        "[orders]\nlook_ups_absent = 0\n",
        "tradingd.toml:2:1:",
        "must be at least 1",
    ),
    (
        "[risk]\nmax_position = '-1'\n",
        "tradingd.toml:2:16:",
        "an amount above zero",
    ),
    (
        "[risk]\ncollar_passive = '0.00001%'\n",
        "tradingd.toml:2:18:",
        "at most four decimals",
    ),
    (
        "[risk]\ncollar_passive = '0%'\n",
        "tradingd.toml:2:1:",
        "must be above 0%",
    ),
    (
        "[risk.pair.BTCUSD]\nmax_position = '1'\n",
        "tradingd.toml:1:12:",
        "`BTCUSD` is no pair",
    ),
    (
        "[shutdown]\npark = '0s'\n",
        "tradingd.toml:2:1:",
        "must be longer than nothing",
    ),
    // The simulator.
    (
        "[sim]\nsed = 1\n",
        "tradingd.toml:2:1:",
        "did you mean `seed`?",
    ),
    (
        "[sim]\nspeed = 0\n",
        "tradingd.toml:2:1:",
        "speed must be a number above zero",
    ),
    (
        "[sim]\nrate = nan\n",
        "tradingd.toml:2:1:",
        "rate must be a number above zero",
    ),
    (
        "[sim]\nseed = 1\npairs = ['FOO/BAR']\n",
        "tradingd.toml:3:1:",
        "pair FOO/BAR is not listed",
    ),
    (
        "[sim]\ntapes = ['BTC/USD=no.csv']\n",
        "tradingd.toml:2:1:",
        "cannot play a tape: no.csv: cannot be read: No such file",
    ),
    // Named after no pair, but above all not there.
    (
        "[sim]\ntapes = ['btc-trades.csv']\n",
        "tradingd.toml:2:1:",
        "btc-trades.csv: cannot be read: No such file",
    ),
    // The client.
    (
        "[kraken.retry]\nattempts = 0\n",
        "tradingd.toml:2:1:",
        "kraken.retry.attempts: must be at least 1",
    ),
    // Of two keys that do not fit together, the one that the file has.
    (
        "[deadlines]\nidle = '2s'\n[kraken]\nping = '2s'\n",
        "tradingd.toml:4:1:",
        "kraken.ping: kraken.ping (2s) must be shorter than deadlines.idle (2s), or a quiet socket counts as dead before it is asked: \
         lower the one or raise the other",
    ),
    (
        "[deadlines]\nidle = '3s'\n",
        "tradingd.toml:2:1:",
        "deadlines.idle: kraken.ping (5s) must be shorter than deadlines.idle (3s), or a quiet socket counts as dead before it is \
         asked: lower the one or raise the other",
    ),
    (
        "[kraken]\nping = '0s'\n",
        "tradingd.toml:2:1:",
        "kraken.ping: must be longer than nothing",
    ),
    (
        "[kraken.retry]\nmax = '100ms'\n",
        "tradingd.toml:2:1:",
        "kraken.retry.max: base (500ms) must not be longer than max (100ms)",
    ),
    (
        "[kraken.retry]\nbase = '1m'\n",
        "tradingd.toml:2:1:",
        "kraken.retry.base: base (1m) must not be longer than max (10s)",
    ),
    (
        "[kraken.reconnect]\nminimum = '31s'\n",
        "tradingd.toml:2:1:",
        "kraken.reconnect.minimum: minimum (31s) must not be longer than max (30s)",
    ),
    (
        "[kraken.connections]\n\nwindow = '0s'\n",
        "tradingd.toml:3:1:",
        "kraken.connections.window: must be longer than nothing",
    ),
    (
        "[http]\nlisten = 'localhost:1'\n",
        "tradingd.toml:2:10:",
        "an IP address with a port in quotes, such as \"127.0.0.1:9464\", belongs here; a name such as localhost is not looked up",
    ),
    (
        "[http]\nlisten = '127.0.0.1'\n",
        "tradingd.toml:2:10:",
        "an IP address with a port in quotes",
    ),
    // Limits stand in one table, and whoever looks for one elsewhere is told.
    (
        "[deadlines]\nconect = '5s'\n",
        "tradingd.toml:2:1:",
        "unknown key `conect`; did you mean `connect`?",
    ),
    (
        "[deadlines]\ntls = '0s'\n",
        "tradingd.toml:2:1:",
        "deadlines.tls: must be longer than nothing",
    ),
    (
        "[deadlines]\nchannel_idle = 30\n",
        "tradingd.toml:2:16:",
        "a length of time such as",
    ),
    (
        "[kraken]\nconnect = '5s'\n",
        "tradingd.toml:2:1:",
        "unknown key `connect`; did you mean `deadlines.connect`?",
    ),
    (
        "[kraken]\nsubscribe = '10s'\n",
        "tradingd.toml:2:1:",
        "did you mean `deadlines.subscribe_ack`?",
    ),
    (
        "[kraken]\norder_answer = '5s'\n",
        "tradingd.toml:2:1:",
        "did you mean `deadlines.answer`?",
    ),
    (
        "[shutdown]\nclose = '1s'\n",
        "tradingd.toml:2:1:",
        "did you mean `deadlines.close`?",
    ),
    (
        "[breaker.public]\nbuckets = 0\n",
        "tradingd.toml:2:1:",
        "breaker.public.buckets: must be at least 1",
    ),
    (
        "[breaker.order_entry]\nbuckets = 60\nwindow = '50ms'\n",
        "tradingd.toml:3:1:",
        "breaker.order_entry.window: window (50ms) must have at least 1ms for each of its buckets (60)",
    ),
    (
        "[breaker.connect]\nopen_for_max = '1s'\n",
        "tradingd.toml:2:1:",
        "breaker.connect.open_for_max: open_for (2s) must not be longer than open_for_max (1s)",
    ),
    (
        "[sim]\nheartbeat = 'often'\n",
        "tradingd.toml:2:13:",
        "`often` is no length of time",
    ),
    (
        "[sim]\ntls_key = 'k'\n",
        "tradingd.toml:2:1:",
        "given together",
    ),
    (
        "[[sim.faults]]\nkind = 'drop'\non = 'publik'\n",
        "tradingd.toml:1:1:",
        "no socket is called",
    ),
    (
        "[[sim.faults]]\nkind = 'drip'\non = 'public'\n",
        "tradingd.toml:2:8:",
        "did you mean `drop`?",
    ),
    // Strategies.
    (
        "[[strategy]]\nkind = 'quoter'\nname = 'q'\nqty = '1'\n",
        "tradingd.toml:1:1:",
        "missing key `pair`",
    ),
    (
        "[[strategy]]\nkind = 'quoter'\nname = 'q'\npair = 'BTC/USD'\nqty = '1'\n",
        "tradingd.toml:1:1:",
        "missing key `half_spread`",
    ),
    (
        "[[strategy]]\nkind = 'grid'\nname = 'g'\npair = 'BTC/USD'\nqty = '1'\nlevels = 9\nstep = '20%'\n",
        "tradingd.toml:7:1:",
        "times the levels below 100%",
    ),
    (
        "[[strategy]]\nkind = 'grid'\nname = 'g'\npair = 'BTC/USD'\nqty = '1'\nlevels = 9\nstep = '1%'\nskew = '1%'\n",
        "tradingd.toml:8:1:",
        "`skew` means nothing",
    ),
];

#[test]
fn a_bad_config_is_refused_with_its_place_and_what_was_meant() {
    for (text, place, words) in BAD {
        let directory = written(text);
        let (code, told) = check(directory.path(), &[], &[]);
        assert_eq!(code, 78, "{text:?}: {told}");
        assert!(told.contains(place), "{text:?}: {place} not in {told}");
        assert!(told.contains(words), "{text:?}: {words:?} not in {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
}

#[test]
fn every_deadline_is_a_key_and_none_may_be_nothing() {
    for place in Place::ALL {
        let directory = written(&format!("[deadlines]\n{place} = '0s'\n"));
        let (code, told) = check(directory.path(), &[], &[]);
        let words = format!("tradingd.toml:2:1: deadlines.{place}: must be longer than nothing");
        assert_eq!(code, 78, "{told}");
        assert!(told.contains(&words), "{told}");
    }
}

#[test]
fn two_strategies_of_one_name_are_refused_at_the_second() {
    let directory = written(&format!("{QUOTER}{QUOTER}"));
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78);
    assert!(
        told.contains("tradingd.toml:10:1: strategy.1.name: another strategy"),
        "{told}"
    );
}

#[test]
fn everything_that_is_wrong_with_the_values_is_told_at_once() {
    let directory = written("[feed]\ndepth = 11\n[orders]\ntag = 'X'\n");
    let (_, told) = check(directory.path(), &[], &[]);
    assert!(
        told.contains("tradingd.toml:2:1:") && told.contains("tradingd.toml:4:1:"),
        "{told}"
    );
}

#[test]
fn everything_that_is_wrong_with_the_client_is_told_at_its_own_key() {
    let directory = written(
        "[deadlines]\nidle = '3s'\ntls = '0s'\n[kraken]\nlook_up_passes = 0\n\
         [kraken.retry]\nattempts = 0\npercent = 101\n[kraken.reconnect]\nbase = '40s'\n\
         [kraken.connections]\nattempts = 0\nwindow = '0s'\n\
         [breaker.public]\nfailure_percent = 101\nprobes = 0\n[breaker.private]\nopen_for = '0s'\n",
    );
    let (code, told) = check(directory.path(), &[], &[]);
    let expected = "\
error: tradingd.toml:3:1: deadlines.tls: must be longer than nothing
error: tradingd.toml:5:1: kraken.look_up_passes: must be at least 1
error: tradingd.toml:7:1: kraken.retry.attempts: must be at least 1
error: tradingd.toml:8:1: kraken.retry.percent: must be at most 100
error: tradingd.toml:10:1: kraken.reconnect.base: base (40s) must not be longer than max (30s)
error: tradingd.toml:12:1: kraken.connections.attempts: must be at least 1
error: tradingd.toml:13:1: kraken.connections.window: must be longer than nothing
error: tradingd.toml:15:1: breaker.public.failure_percent: must be at most 100
error: tradingd.toml:16:1: breaker.public.probes: must be at least 1
error: tradingd.toml:18:1: breaker.private.open_for: must be longer than nothing
error: tradingd.toml:2:1: deadlines.idle: kraken.ping (5s) must be shorter than deadlines.idle (3s), or a quiet socket counts as dead \
before it is asked: lower the one or raise the other
";
    assert_eq!((code, told.as_str()), (78, expected));
}

#[test]
fn of_two_keys_that_do_not_fit_the_one_that_was_set_last_is_blamed() {
    let directory = written("[kraken.retry]\nbase = '2s'\nmax = '3s'\n");
    let blamed = |arguments: &[&str], environment: &[(&str, &str)]| {
        let (code, told) = check(directory.path(), arguments, environment);
        assert_eq!(code, 78, "{told}");
        told
    };
    let shorter = "base (2s) must not be longer than max (1s)\n";
    let told = blamed(&["--set", "kraken.retry.max=1s"], &[]);
    assert_eq!(told, format!("error: --set kraken.retry.max: {shorter}"));
    let told = blamed(&[], &[("TRADINGD__KRAKEN__RETRY__MAX", "1s")]);
    let variable = "error: variable TRADINGD__KRAKEN__RETRY__MAX: ";
    assert_eq!(told, format!("{variable}{shorter}"));
    let told = blamed(&["--set", "kraken.ping=10s"], &[]);
    assert!(told.starts_with("error: --set kraken.ping: kraken.ping (10s) must"));
}

#[test]
fn a_file_that_is_not_there_is_an_error_not_a_default() {
    let directory = tempfile::tempdir().unwrap();
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78);
    assert!(told.contains("tradingd.toml: cannot be read"), "{told}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("tradingd.toml"),
        [0x61, 0xFF, 0x00, 0xFE],
    )
    .unwrap();
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78, "{told}");
}

/// Arguments, variables, and what must be told about them.
type Case = (
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    &'static str,
);

#[test]
fn variables_arguments_and_files_beside_are_held_to_the_same_rules() {
    let directory = written("");
    let beside = directory.path().join("conf.d");
    let cases: &[Case] = &[
        (
            &["--set", "jornal.buffer=1"],
            &[],
            "--set jornal.buffer: unknown key `jornal`; did you mean `journal`?",
        ),
        (
            &["--set", "journal.buffer=lots"],
            &[],
            "--set journal.buffer: a whole number from 0 up belongs here, not the text \"lots\"",
        ),
        (
            &["--set", "journal.buffer"],
            &[],
            "--set …: write it as section.key=value",
        ),
        (&["--set", "=1"], &[], "not a key such as section.key"),
        (
            &["--set", "feed.depth=12"],
            &[],
            "--set feed.depth: must be 10",
        ),
        (
            &[],
            &[("TRADINGD__FEED__DEPTH", "12")],
            "variable TRADINGD__FEED__DEPTH: must be 10",
        ),
        (
            &[],
            &[("TRADINGD__FEED__DEPHT", "10")],
            "variable TRADINGD__FEED__DEPHT: unknown key `depht`; did you mean `depth`?",
        ),
        (
            &[],
            &[("TRADINGD__FEED", "10")],
            "variable TRADINGD__FEED: a section of keys belongs here, not the number 10",
        ),
        (
            &[],
            &[("TRADINGD__", "10")],
            "variable TRADINGD__: unknown key",
        ),
    ];
    for &(arguments, environment, words) in cases {
        let (code, told) = check(directory.path(), arguments, environment);
        assert_eq!(code, 78, "{words}: {told}");
        assert!(told.contains(words), "{words:?} not in {told}");
    }
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("10-log.toml"), "[log]\nlevle = 'info'\n").unwrap();
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78);
    assert!(
        told.contains("conf.d/10-log.toml:2:1: unknown key `levle`"),
        "{told}"
    );
}

#[test]
fn the_later_layer_wins_and_is_the_one_that_is_blamed() {
    let directory = written("[feed]\ndepth = 25\n[orders]\ntag = 'aa'\nttl = '3s'\n");
    let beside = directory.path().join("conf.d");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("10.toml"), "[orders]\ntag = 'bb'\n").unwrap();
    fs::write(beside.join("20.toml"), "[orders]\ntag = 'cc'\n").unwrap();
    fs::write(beside.join("30.toml.bak"), "nonsense").unwrap();
    let environment = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect()
    };
    let mut sources = Sources {
        file: Some(directory.path().join("tradingd.toml")),
        ..Sources::default()
    };
    let config = load(&sources).unwrap().config;
    assert_eq!((config.feed.depth, config.orders.tag.as_str()), (25, "cc"));
    assert_eq!(config.orders.ttl.as_secs(), 3, "tables merge");
    sources.environment = environment(&[("TRADINGD__ORDERS__TAG", "dd"), ("TRADINGD_ORDERS", "x")]);
    assert_eq!(load(&sources).unwrap().config.orders.tag, "dd");
    sources.arguments = vec!["orders.tag=ee".to_owned(), "orders.tag = ff".to_owned()];
    assert_eq!(load(&sources).unwrap().config.orders.tag, "ff");
    sources.arguments = vec!["orders.tag=FF".to_owned()];
    let error = load(&sources).unwrap_err().to_string();
    assert!(error.starts_with("--set orders.tag: "), "{error}");
    sources = Sources {
        file: sources.file,
        ..Sources::default()
    };
    fs::write(beside.join("20.toml"), "[orders]\ntag = 'CC'\n").unwrap();
    let error = load(&sources).unwrap_err().to_string();
    assert!(error.contains("20.toml:2:1: "), "{error}");
}

#[test]
fn an_array_is_replaced_whole() {
    let directory = written(QUOTER);
    let value = "strategy=[{ kind = 'grid', name = 'g', pair = 'ETH/USD', qty = '1', levels = 2, step = '1%' }]";
    let sources = Sources {
        file: Some(directory.path().join("tradingd.toml")),
        arguments: vec![value.to_owned()],
        ..Sources::default()
    };
    let strategies = load(&sources).unwrap().config.strategy;
    assert_eq!(strategies.len(), 1);
    assert_eq!(strategies[0].name, "g");
}

#[test]
fn amounts_keep_their_digits() {
    let digits = "59.940000000000000001";
    let directory = written(&format!("[risk]\nmax_position = '{digits}'\n"));
    let output = tradingd()
        .current_dir(directory.path())
        .args(["config", "show", "-c", "tradingd.toml"])
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains(&format!("max_position = \"{digits}\"")),
        "{shown}"
    );
}

#[test]
fn live_needs_a_key_and_every_limit() {
    let live = format!("[venue]\nkind = 'live'\n{QUOTER}");
    let directory = written(&live);
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78);
    for words in [
        "api_key",
        "max_order_qty",
        "max_order_notional",
        "max_position",
    ] {
        assert!(told.contains(words), "{words} not in {told}");
    }
    assert!(told.contains("tradingd.toml:2:1:"), "{told}");
    let limits = "[risk]\nmax_order_qty = '1'\nmax_order_notional = '9'\n[risk.pair.'BTC/USD']\nmax_position = '2'\n";
    let keyed = live.replace(
        "[venue]\n",
        "[venue]\napi_key = 'env:A'\napi_secret = 'env:B'\n",
    );
    let directory = written(&format!("{keyed}{limits}"));
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("warning: venue.kind is \"live\""), "{told}");
    let keys = ["max_order_qty", "max_order_notional", "max_position"];
    for missing in keys {
        let without = limits.replace(&format!("{missing} = "), "max_open_orders = 5 #");
        let directory = written(&format!("{keyed}{without}"));
        let (code, told) = check(directory.path(), &[], &[]);
        let told_of = |key: &&str| told.contains(&format!("live trading needs risk.{key}"));
        let named: Vec<_> = keys.iter().filter(|key| told_of(key)).collect();
        assert_eq!((code, named), (78, vec![&missing]), "{told}");
        assert!(told.contains("tradingd.toml:4:1:"), "{told}");
    }
    let example = format!("{}{limits}", keyed.replace(QUOTER, ""));
    let directory = written(&example);
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 78, "{told}");
    assert!(
        told.contains("tradingd.toml:4:1: ") && told.contains("[[strategy]] of your own"),
        "{told}"
    );
}

#[test]
fn live_without_anything_is_told_in_one_block() {
    let directory = written("[venue]\nkind = 'live'\n");
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!((code, told.lines().count()), (78, 3), "{told}");
    let limits = "live trading needs risk.max_order_qty, risk.max_order_notional, risk.max_position for \"BTC/USD\", \"ETH/USD\", \
                  \"SOL/USD\"";
    assert!(told.contains(limits), "{told}");
}

#[test]
fn check_warns_of_a_file_that_would_not_be_written() {
    let signed = "[sim]\ntls_ca = 'ca.pem'\n";
    for (text, warned) in [
        (signed.to_owned(), true),
        (format!("{signed}tls = true\n"), false),
    ] {
        let (code, told) = check(written(&text).path(), &[], &[]);
        assert_eq!(code, 0, "{told}");
        assert_eq!(told.contains("warning: sim.tls_ca"), warned, "{told}");
    }
}

#[test]
fn check_warns_of_what_follows_from_a_setting() {
    const PAPER: &str = "[venue]\nkind = 'paper'\n";
    let attempts = |most: u32| {
        format!(
            "kraken.connections allows {most} attempts to connect in ten minutes: Kraken bans an address for ten minutes that makes \
             more than about 150\n"
        )
    };
    let mode = |purpose: &str, mode: &str| format!("[breaker.{purpose}]\nmode = '{mode}'\n");
    let old = |age: &str| {
        format!(
            "risk.max_book_age ({age}) is not longer than deadlines.channel_idle (30s): a pair whose book stands still gets no \
             orders from the one until the other has passed and the book was taken anew\n"
        )
    };
    let budget = |attempts: u32, window: &str| {
        format!("{PAPER}[kraken.connections]\nattempts = {attempts}\nwindow = '{window}'\n")
    };
    // A warning that the file gets, or the one that it does not.
    let cases = [
        (budget(151, "10m"), attempts(151), true),
        (budget(20, "1m"), attempts(200), true),
        (budget(151, "1h"), attempts(151), true),
        (budget(150, "10m"), attempts(150), false),
        (budget(10, "1m"), attempts(100), false),
        (
            "[deadlines]\njoin = '3s'\n".to_owned(),
            "deadlines.join (3s) is not longer than three times deadlines.close (1s): a stop may cut off the private socket \
             before it has told the last outcomes\n"
                .to_owned(),
            true,
        ),
        (
            String::new(),
            "deadlines.join".to_owned(),
            false,
        ),
        // The built-in simulator bears what its own settings say.
        (
            budget(151, "10m").replace(PAPER, ""),
            attempts(151),
            false,
        ),
        // A market of one's own.
        (
            budget(151, "10m").replace(PAPER, &format!("{PAPER}[sim]\nmirror = 'ws://127.0.0.1:1/v2'\n")),
            attempts(151),
            false,
        ),
        (
            mode("order_entry", "forced-open"),
            "breaker.order_entry.mode is \"forced-open\": no order and no amend leaves; cancels do\n".to_owned(),
            true,
        ),
        (
            mode("order_entry", "disabled"),
            "breaker.order_entry.mode is \"disabled\": orders go on leaving while the venue answers none of them\n".to_owned(),
            true,
        ),
        (
            mode("order_entry", "metrics-only"),
            "breaker.order_entry.mode is \"metrics-only\": orders go on leaving while the venue answers none of them\n".to_owned(),
            true,
        ),
        (
            mode("public", "forced-open"),
            "breaker.public.mode is \"forced-open\": no public REST call leaves, so that no start succeeds\n".to_owned(),
            true,
        ),
        (
            mode("private", "forced-open"),
            "breaker.private.mode is \"forced-open\": no private REST call but cancels leaves, so that no start succeeds\n".to_owned(),
            true,
        ),
        (
            mode("connect", "forced-open"),
            "breaker.connect.mode is \"forced-open\": no socket is opened, so that nothing is traded\n".to_owned(),
            true,
        ),
        (mode("public", "disabled"), "breaker.".to_owned(), false),
        ("[risk]\nmax_book_age = '20s'\n".to_owned(), old("20s"), true),
        ("[risk]\nmax_book_age = '30s'\n".to_owned(), old("30s"), true),
        ("[risk]\nmax_book_age = '31s'\n".to_owned(), old("31s"), false),
        (
            "strategy = []\n[risk]\nmax_book_age = '20s'\n".to_owned(),
            old("20s"),
            false,
        ),
    ];
    for (text, warning, warned) in cases {
        let (code, told) = check(written(&text).path(), &[], &[]);
        assert_eq!(code, 0, "{told}");
        let is_told = told.contains(&format!("warning: {warning}"));
        assert_eq!(is_told, warned, "{text}: {told}");
    }
}

#[test]
fn check_warns_where_the_key_is_not_to_be_had_and_never_tells_it() {
    const SECRET: &str = "c2VjcmV0IG9mIHRoZSBrZXk=";
    let text = "[venue]\nrest = 'http://127.0.0.1:1'\nws = 'ws://127.0.0.1:1'\nws_auth = 'ws://127.0.0.1:1'\n\
                api_key = 'env:THE_KEY'\napi_secret = 'file:secret'\n";
    let directory = written(text);
    let path = directory.path().join("secret");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let warned = |environment: &[(&str, &str)], words: &[&str]| {
        let (code, told) = check(directory.path(), &[], environment);
        assert_eq!(code, 0, "{told}");
        assert_eq!(told.matches("exit code 77").count(), words.len(), "{told}");
        for words in words {
            assert!(
                told.contains(&format!("warning: {words}")),
                "{words} not in {told}"
            );
        }
        assert!(
            !told.contains(SECRET) && !told.contains("not base64"),
            "{told}"
        );
    };
    let nothing = "venue.api_key: the variable THE_KEY is not set";
    let unreadable = "venue.api_secret: cannot read secret: No such file";
    warned(&[], &[nothing, unreadable]);
    fs::write(&path, SECRET).unwrap();
    mode(0o644);
    let key = [("THE_KEY", "key")];
    warned(
        &key,
        &["venue.api_secret: secret has mode 644; others may read it (chmod 600)"],
    );
    mode(0o600);
    warned(&key, &[]);
    fs::write(&path, "not base64").unwrap();
    warned(&key, &["venue.api_secret: "]);
    fs::remove_file(&path).unwrap();
    // The built-in simulator needs no key: none is looked for.
    let unused = written("[venue]\napi_key = 'env:THE_KEY'\napi_secret = 'file:secret'\n");
    let (code, told) = check(unused.path(), &[], &[]);
    assert_eq!((code, told.as_str()), (0, ""));
}

#[test]
fn a_secret_in_the_wrong_place_is_refused_and_not_repeated() {
    const SECRET: &str = "kQH5HW8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5n";
    let directory = written("");
    let by_variable = [("TRADINGD__VENUE__API_SECRET", SECRET)];
    let argument = format!("venue.api_secret={SECRET}");
    let forgotten = format!("venue.api_secret{SECRET}");
    let mut told = vec![
        check(directory.path(), &[], &by_variable),
        check(directory.path(), &["--set", &argument], &[]),
        check(directory.path(), &["--set", &forgotten], &[]),
    ];
    for text in [
        format!("[venue]\napi_secret = '{SECRET}'\n"),
        format!("[venue]\napi_secret = {SECRET}\n"),
        format!("[venue]\napi_secret = '{SECRET}\n"),
        format!("[venue]\napi_secret = ['{SECRET}']\n"),
        format!("[venue]\napi_secrte = '{SECRET}'\n"),
        "[venue]\napi_secret = 8472938472938\n".to_owned(),
        "[venue]\napi_secret = 84729384.72938\n".to_owned(),
    ] {
        told.push(check(written(&text).path(), &[], &[]));
    }
    for (code, told) in told {
        assert_eq!(code, 78, "{told}");
        assert!(!told.contains(SECRET), "{told}");
        assert!(!told.contains("84729384"), "{told}");
    }
}

#[test]
fn show_prints_references_and_reads_back_the_same() {
    let directory =
        written("[venue]\napi_key = 'env:KRAKEN_KEY'\napi_secret = 'file:/run/secret'\n");
    let output = tradingd()
        .current_dir(directory.path())
        .args([
            "config",
            "show",
            "-c",
            "tradingd.toml",
            "--set",
            "orders.tag=xy",
        ])
        .env("KRAKEN_KEY", "do-not-print")
        .output()
        .unwrap();
    assert!(output.status.success());
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("api_key = \"env:KRAKEN_KEY\"") && !shown.contains("do-not-print"));
    let config: Config = toml::from_str(&shown).unwrap();
    assert_eq!(config.orders.tag, "xy");
    assert_eq!(config.to_toml().unwrap(), shown);
}

#[test]
fn the_default_file_parses_to_the_defaults() {
    let parsed: Config = toml::from_str(DEFAULT_TOML).unwrap();
    assert_eq!(
        parsed.to_toml().unwrap(),
        Config::default().to_toml().unwrap()
    );
    let output = tradingd().args(["config", "default"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), DEFAULT_TOML);
}

#[test]
fn the_default_file_names_every_key() {
    let text = uncommented();
    let document: toml::Table = text.parse().unwrap();
    let named = |key: &str| {
        let mut here = vec![toml::Value::Table(document.clone())];
        for part in key.split('.') {
            here = here
                .into_iter()
                .flat_map(|value| match (part, value) {
                    ("*", toml::Value::Table(table)) => table.into_iter().map(|(_, v)| v).collect(),
                    ("*", toml::Value::Array(array)) => array,
                    (part, value) => value.get(part).cloned().into_iter().collect(),
                })
                .collect();
        }
        !here.is_empty()
    };
    let keys = keys();
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        assert!(named(&key), "config/default.toml does not name {key}");
    }
}

#[test]
fn what_the_default_file_proposes_is_valid() {
    // But for files that are not there.
    let text: String = uncommented()
        .split_inclusive('\n')
        .filter(|line| !line.contains("/etc/tradingd/"))
        .collect();
    let directory = written(&text);
    let (code, told) = check(directory.path(), &[], &[]);
    assert_eq!(code, 0, "{told}");
}

/// The default file with every proposed setting switched on.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
            format!("{setting}\n")
        }
        _ => format!("{line}\n"),
    };
    DEFAULT_TOML.lines().map(line).collect()
}

#[test]
fn check_answers_machines_too() {
    let directory = written("[feed]\ndephts = 10\n");
    let output = tradingd()
        .current_dir(directory.path())
        .args(["check", "-c", "tradingd.toml", "-o", "json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["valid"], false);
    let problem = &answer["problems"][0];
    assert_eq!(problem["file"], "tradingd.toml");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&2.into(), &1.into())
    );
    assert_eq!(problem["suggestion"], "depth");
}

#[test]
fn help_and_version_go_to_standard_output_and_nonsense_is_a_usage_error() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["version"],
        &["check", "--help"],
    ] {
        let output = tradingd().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    for arguments in [
        &[][..],
        &["chekc"],
        &["check"],
        &["check", "-c"],
        &["version", "-o", "xml"],
    ] {
        let output = tradingd().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
