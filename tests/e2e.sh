#!/usr/bin/env bash
# The real binary, seen from outside: what a user types, what comes back.
#
#   tests/e2e.sh BINARY
#
# Needs curl, python3 and promtool; no network beyond loopback. Takes about two minutes. Recordings of third parties are not part of
# the repository: they are looked for at ../shared/data or $TRADINGD_DATA, and where they are absent, that is said.

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly ROOT=$HERE/..
readonly DATA=${TRADINGD_DATA:-$ROOT/../shared/data}

passed=0
ok() {
    passed=$((passed + 1))
    printf 'e2e: ok: %s\n' "$*"
}

fail() {
    printf 'e2e: FAILED: %s\n' "$*" >&2
    exit 1
}

[[ $# -eq 1 && -x $1 ]] || fail "usage: e2e.sh BINARY"
BINARY=$(realpath "$1")
for program in curl python3 timeout promtool; do
    command -v "$program" >/dev/null || fail "$program is not installed (.ci/run installs what is missing)"
done

WORK=$(mktemp -d)
# What runs in the background.
SIM=
clean_up() {
    local status=$?
    trap - EXIT
    if [[ -n $SIM ]]; then
        kill -KILL "$SIM" 2>/dev/null || true
        wait "$SIM" 2>/dev/null || true
    fi
    if [[ $status -ne 0 && -s $WORK/log ]]; then
        printf 'e2e: the last that was said:\n' >&2
        tail -n 40 "$WORK/log" >&2
    fi
    rm -rf "$WORK"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Nothing of the caller's settings or state has a say.
for name in "${!TRADINGD__@}"; do unset "$name"; done
unset STATE_DIRECTORY CREDENTIALS_DIRECTORY NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID
export XDG_STATE_HOME=$WORK/state-home
mkdir "$XDG_STATE_HOME"

# tradingd SECONDS CODE ARGUMENTS...: must end by itself within the time, with that exit code.
tradingd() {
    local limit=$1 expected=$2 code=0
    shift 2
    timeout --kill-after=5 "$limit" "$BINARY" "$@" 2>"$WORK/log" || code=$?
    [[ $code -eq $expected ]] || fail "tradingd $* ended with $code, not $expected"
}

# json EXPRESSION: evaluates it over the last line of standard input as `it`; what is not true fails.
json() {
    python3 -c '
import json, sys
lines = sys.stdin.read().strip().splitlines()
it = json.loads(lines[-1])
if not eval(sys.argv[1], {"it": it}):
    sys.exit(f"not so: {sys.argv[1]}\n  in {json.dumps(it)[:2000]}")
' "$1"
}

demo_trades() {
    tradingd 60 0 demo --for 15s --seed 7 -o json >"$WORK/demo"
    json 'it["frames"] > 0 and it["checksums"] > 0 and it["orders"] > 0' <"$WORK/demo" || fail "demo: no feed or no orders"
    json 'it["fills"] > 0' <"$WORK/demo" || fail "demo: no fills in 15 s"
    json 'it["open orders"] == 0' <"$WORK/demo" || fail "demo: orders stay open"
    ok "demo: $(tail -n 1 "$WORK/demo" | python3 -c 'import json, sys
it = json.load(sys.stdin)
print(", ".join(f"{it[key]} {key}" for key in ("frames", "checksums", "orders", "fills", "open orders")))')"
}

sim_answers() {
    "$BINARY" sim -o json >"$WORK/sim" 2>"$WORK/log" &
    SIM=$!
    local attempt
    for attempt in {1..100}; do
        [[ ! -s $WORK/sim ]] || break
        kill -0 "$SIM" 2>/dev/null || fail "sim ended"
        sleep 0.1
    done
    head -n 1 "$WORK/sim" | json 'all(it[key] for key in ("rest", "ws", "ws_auth", "ws_l3", "accounts"))' ||
        fail "sim: its line lacks something"
    local rest
    rest=$(head -n 1 "$WORK/sim" | python3 -c 'import json, sys; print(json.load(sys.stdin)["rest"])')
    curl -sS --fail --max-time 5 "$rest/0/public/Time" | json 'it["error"] == [] and it["result"]["unixtime"] > 0' ||
        fail "sim: Time"
    curl -sS --fail --max-time 5 "$rest/0/public/AssetPairs" | json 'it["error"] == [] and "XXBTZUSD" in it["result"]' ||
        fail "sim: AssetPairs"
    local code=0
    kill -TERM "$SIM"
    wait "$SIM" || code=$?
    SIM=
    [[ $code -eq 0 ]] || fail "sim ended with $code after SIGTERM"
    ok "sim: answers Time and AssetPairs at $rest, ends with 0"
}

# run_and_stop CONFIG STATE PATTERN: runs until a STATUS line matches, then SIGTERM: exit 0 in less than 5 s.
run_and_stop() {
    STATE_DIRECTORY=$2 timeout --kill-after=5 90 python3 - "$BINARY" "$1" "$3" 2>"$WORK/log" <<'PYTHON' || fail "run: see below"
import os, re, signal, socket, subprocess, sys, tempfile, time

binary, config, pattern = sys.argv[1:]
folder = tempfile.mkdtemp()
path = os.path.join(folder, "notify")
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(path)
environment = os.environ | {"NOTIFY_SOCKET": path}
daemon = subprocess.Popen([binary, "run", "-c", config], env=environment, stdout=subprocess.DEVNULL)
try:
    ready, status, end = False, "", time.monotonic() + 60
    while not (ready and re.search(pattern, status)):
        left = end - time.monotonic()
        if left <= 0:
            sys.exit(f"not within 60 s: ready {ready}, status {status!r}, wanted {pattern!r}")
        notify.settimeout(min(left, 1))
        try:
            lines = notify.recv(65536).decode().splitlines()
        except TimeoutError:
            if daemon.poll() is not None:
                sys.exit(f"run ended with {daemon.returncode}")
            continue
        ready = ready or "READY=1" in lines
        status = next((line[7:] for line in lines if line.startswith("STATUS=")), status)
    asked = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(30)
    took = time.monotonic() - asked
    if code != 0:
        sys.exit(f"run ended with {code} after SIGTERM")
    if took >= 5:
        sys.exit(f"run took {took:.1f} s to stop")
    print(f"e2e: ok: run: {status}; stopped in {took * 1000:.0f} ms with 0")
finally:
    if daemon.poll() is None:
        daemon.kill()
        daemon.wait()
    notify.close()
    os.unlink(path)
    os.rmdir(folder)
PYTHON
    passed=$((passed + 1))
}

run_stops() {
    mkdir "$WORK/state"
    run_and_stop "$ROOT/config/default.toml" "$WORK/state" '[1-9][0-9]* open orders'
    # A second run on the same state goes on where the first ended.
    run_and_stop "$ROOT/config/default.toml" "$WORK/state" '[1-9][0-9]* open orders'
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.05
    done
}

tells_address() {
    HTTP=http://$(sed -n 's/.*health and metrics over HTTP address=//p' "$WORK/log" | head -n 1)
    [[ $HTTP != http:// ]]
}

# status PATH: what it answers is in $WORK/page.
status() {
    curl -s --max-time 5 -o "$WORK/page" -w '%{http_code}' "$HTTP$1" || true
}

answers() {
    [[ $(status "$1") == "$2" ]]
}

observed() {
    # Answers that take their time make a stop long enough to be seen.
    STATE_DIRECTORY=$WORK/observed "$BINARY" run --set 'http.listen="127.0.0.1:0"' --set 'sim.reply_delay="700ms"' \
        --set 'log.format="text"' 2>"$WORK/log" >/dev/null &
    SIM=$!
    until_true 20 tells_address || fail "http: the log names no address"
    answers /livez 200 || fail "http: it does not live"
    until_true 30 answers '/readyz?verbose' 200 || fail "http: never ready: $(cat "$WORK/page")"
    [[ $(grep -c '^\[+\]' "$WORK/page") -ge 6 ]] || fail "http: too few conditions"
    answers /metrics 200 || fail "http: no metrics"
    promtool check metrics <"$WORK/page" || fail "promtool has complaints"
    grep -q '^tradingd_ready 1$' "$WORK/page" || fail "http: ready, but not in the metrics"
    local families=0 code=0
    families=$(grep -c '^# TYPE ' "$WORK/page")
    answers /nonsense 404 || fail "http: an unknown path is not refused"
    kill -TERM "$SIM"
    until_true 5 answers '/readyz?verbose' 503 || fail "http: ready while it stops"
    grep -q '^\[-\]not_stopping' "$WORK/page" || fail "http: it does not say that it stops"
    wait "$SIM" || code=$?
    SIM=
    [[ $code -eq 0 ]] || fail "run ended with $code after SIGTERM"
    [[ $(status /livez) == 000 ]] || fail "http: it answers after the end"
    ok "http: lives, ready, $families families without a complaint of promtool; 503 while it stops"
}

verify_agrees() {
    tradingd 60 0 verify "$WORK/state" -o json >"$WORK/verify"
    json 'it["equal"] and len(it["runs"]) == 2 and all(run["sealed"] and run["commands"] > 0 for run in it["runs"])' <"$WORK/verify" ||
        fail "verify: not two whole runs with commands"
    cp -r "$WORK/state" "$WORK/damaged"
    python3 - "$WORK/damaged/journal/00000001.journal" <<'PYTHON'
import sys

with open(sys.argv[1], "r+b") as file:
    content = file.read()
    file.seek(len(content) // 2)
    file.write(bytes([content[len(content) // 2] ^ 1]))
PYTHON
    tradingd 60 1 verify "$WORK/damaged" >"$WORK/verify"
    ok "verify: both runs give the same commands again; one changed bit is noticed"
}

bad_config_is_refused() {
    printf '[risk]\nmax_open_order = 3\n' >"$WORK/bad.toml"
    tradingd 10 78 run -c "$WORK/bad.toml"
    grep -q 'bad.toml:2:1' "$WORK/log" || fail "a bad config is refused without its place"
    grep -q 'max_open_orders' "$WORK/log" || fail "a bad config is refused without the nearest valid key"
    tradingd 10 78 run -c "$WORK/absent.toml"
    tradingd 10 2 run --nonsense
    tradingd 10 0 check -c "$ROOT/config/default.toml" >/dev/null
    tradingd 10 0 config default >"$WORK/default"
    cmp -s "$WORK/default" "$ROOT/config/default.toml" || fail "config default is not config/default.toml"
    ok "a bad config ends with 78, place and suggestion; bad arguments with 2"
}

replay_agrees() {
    if [[ ! -d $DATA/ws-v2 ]]; then
        printf 'e2e: SKIPPED: replay: no recordings at %s\n' "$DATA"
        return
    fi
    local file instruments books=0
    for file in "$DATA"/ws-v2/book_*.jsonl "$DATA"/ws-v2/wire_book_*.ndjson "$DATA"/derived/*book*; do
        [[ -f $file ]] || fail "no such recording: $file"
        instruments=()
        # This one has lost its trailing zeros: the precision must come from elsewhere.
        [[ $file != */book_BTCUSD_d10_20230730.jsonl ]] ||
            instruments=(--instruments "$DATA/ws-v2/instrument_snapshot_full.json.zst")
        tradingd 60 0 replay "$file" "${instruments[@]}" -o json >"$WORK/replay"
        json 'it["decoded"] == it["frames"] and it["unknown"] == 0 and it["errors"] == 0' <"$WORK/replay" ||
            fail "replay: $file is not decoded"
        json 'sum(book["checksum_ok"] for book in it["books"].values()) > 0' <"$WORK/replay" ||
            fail "replay: $file verifies nothing"
        json 'all(book["checksum_failed"] == 0 for book in it["books"].values())' <"$WORK/replay" ||
            fail "replay: $file has wrong checksums"
        books=$((books + 1))
    done
    ok "replay: $books recordings decode whole, every checksum is right"
}

demo_trades
sim_answers
run_stops
observed
verify_agrees
bad_config_is_refused
replay_agrees
printf 'e2e: %d checks passed\n' "$passed"
