#!/usr/bin/env bash
# Starts and stops the daemon once under a real systemd, and says what it saw.
#
#   packaging/systemd-test.sh BINARY
#
# systemd runs as PID 1 of new namespaces, over a throw-away overlay of this machine's root: nothing outside changes, and
# everything is gone when the script ends. The binary, config/default.toml and packaging/tradingd.service go where the unit
# expects them; no credential is present. Needs root, a writable cgroup2 hierarchy and systemd's own programs.
# Takes about a minute, three at most.

set -euo pipefail

readonly LIMIT=180
# The whole script is bounded: a systemd that hangs fails the test.
if [[ -z ${TRADINGD_SYSTEMD_TEST:-} ]]; then
    TRADINGD_SYSTEMD_TEST=bounded exec timeout --kill-after=10 "$LIMIT" "$BASH" "$0" "$@"
fi

readonly UNIT=tradingd.service
readonly MOST_EXPOSURE=15 # in tenths, of 100
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE

fail() {
    printf 'systemd test: FAILED: %s\n' "$*" >&2
    exit 1
}

passed=0
ok() {
    passed=$((passed + 1))
    printf 'systemd test: ok: %s\n' "$*"
}

require() {
    [[ $# -eq 1 ]] || fail "usage: systemd-test.sh BINARY"
    [[ -x $1 && -f $1 ]] || fail "$1 is no program"
    [[ $(id -u) -eq 0 ]] || fail "it needs root, for namespaces and mounts"
    local program
    for program in systemctl systemd-analyze journalctl unshare nsenter; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
    [[ -x /lib/systemd/systemd ]] || fail "systemd is not installed"
}

# Where cgroup2 is mounted: alone, or beside the old hierarchies.
cgroups() {
    local place
    for place in /sys/fs/cgroup/unified /sys/fs/cgroup; do
        if [[ -f $place/cgroup.procs && -w $place ]]; then
            printf '%s' "$place"
            return
        fi
    done
    fail "no writable cgroup2 hierarchy at /sys/fs/cgroup"
}

# Becomes the parent of the new systemd. Runs in a subshell.
boot() {
    echo "$BASHPID" >"$CGROUP/cgroup.procs"
    export WORK BINARY CONFIG SERVICE
    exec unshare --fork --kill-child --pid --mount --cgroup --uts --ipc --net --propagation private /bin/bash -euc '
        mount -t tmpfs -o mode=755 tmpfs "$WORK"
        mkdir -p "$WORK/up" "$WORK/wk" "$WORK/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/up,workdir=$WORK/wk" "$WORK/root"
        R=$WORK/root
        mount -t proc proc "$R/proc"
        mount --bind "$R/proc/sys" "$R/proc/sys"
        mount -o remount,bind,ro "$R/proc/sys"
        mount -t sysfs -o ro sysfs "$R/sys"
        mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
        mount -t tmpfs -o mode=755 tmpfs "$R/dev"
        for device in null zero full random urandom tty; do
            touch "$R/dev/$device"
            mount --bind "/dev/$device" "$R/dev/$device"
        done
        mkdir -p "$R/dev/shm" "$R/dev/pts"
        mount -t tmpfs tmpfs "$R/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
        ln -s pts/ptmx "$R/dev/ptmx"
        ln -s /proc/self/fd "$R/dev/fd"
        for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "$R/dev/${stream#*:}"; done
        mount -t tmpfs -o mode=755 tmpfs "$R/run"
        mount -t tmpfs -o mode=1777 tmpfs "$R/tmp"
        hostname tradingd-test
        rm -rf "$R/etc/tradingd" "$R/var/lib/tradingd" "$R/var/lib/private/tradingd"
        install -D -m 755 "$BINARY" "$R/usr/bin/tradingd"
        install -D -m 644 "$CONFIG" "$R/etc/tradingd/tradingd.toml"
        install -D -m 644 "$SERVICE" "$R/etc/systemd/system/tradingd.service"
        # Before=: a unit that nothing refers to is forgotten once it is inactive, and with it how it ended.
        printf "[Unit]\nRequires=systemd-journald.service\nAfter=systemd-journald.service\nBefore=tradingd.service\nAllowIsolate=yes\n" \
            >"$R/etc/systemd/system/tradingd-test.target"
        cd "$R"
        mkdir -p .old
        pivot_root . .old
        umount -l /.old
        mount --make-rshared /
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=unshare \
            /lib/systemd/systemd --system --unit=tradingd-test.target --log-target=console --show-status=0
    '
}

# Everything that the test made goes, however it ends.
clean_up() {
    local status=$?
    trap - EXIT
    if [[ $status -ne 0 ]]; then
        [[ -z ${INIT:-} ]] || inside journalctl --no-pager -n 60 -u "$UNIT" >&2 || true
        tail -n 20 "$LOG" >&2 || true
    fi
    if [[ -n ${OUTER:-} ]]; then
        # PID 1 goes with its parent, and everything in the namespaces with PID 1.
        kill -KILL "$OUTER" 2>/dev/null || true
        wait "$OUTER" 2>/dev/null || true
    fi
    local attempt
    for attempt in {1..50}; do
        find "$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [[ -d $CGROUP ]] || break
        sleep 0.1
    done
    [[ ! -d $CGROUP ]] || printf 'systemd test: %s stays behind\n' "$CGROUP" >&2
    rm -rf --one-file-system "$WORK" "$LOG"
    exit "$status"
}

inside() {
    timeout 70 nsenter -t "$INIT" -m -p -u -i -n -C -- "$@"
}

property() {
    inside systemctl show --value -p "$1" "$UNIT"
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.2
    done
}

find_init() {
    kill -0 "$OUTER" 2>/dev/null || fail "systemd ended"
    # The list ends without a line end, which `read` takes for a failure.
    read -r INIT _ <"/proc/$OUTER/task/$OUTER/children" || true
    [[ -n ${INIT:-} ]]
}

is_up() {
    inside systemctl is-active --quiet tradingd-test.target 2>/dev/null
}

has_status() {
    [[ -n $(property StatusText) ]]
}

was_started_again() {
    [[ $(property NRestarts) -eq 1 && $(property ActiveState) == active ]]
}

check_unit() {
    local complaints
    complaints=$(inside systemd-analyze verify --man=no "/etc/systemd/system/$UNIT" 2>&1) || fail "systemd-analyze verify: $complaints"
    ! grep -F "$UNIT" <<<"$complaints" || fail "systemd-analyze verify complains"
    ok "systemd-analyze verify has no complaint"
    local verdict
    verdict=$(inside systemd-analyze security --offline=true --threshold="$MOST_EXPOSURE" "/etc/systemd/system/$UNIT" | tail -n 1) ||
        fail "systemd-analyze security: $verdict"
    ok "systemd-analyze security:${verdict#*→}"
}

check_start() {
    local from=$SECONDS
    # With Type=notify this returns after READY=1, or fails.
    inside systemctl start "$UNIT" || fail "the service does not start"
    [[ $(property ActiveState)/$(property SubState) == active/running ]] || fail "it is not running"
    ok "READY=1 after $((SECONDS - from)) s, no credential present"
    until_true 5 has_status || fail "no STATUS line"
    ok "STATUS=$(property StatusText)"
    local pid user
    pid=$(property MainPID)
    user=$(inside stat -c %u "/proc/$pid")
    [[ $user -ge 61184 && $user -le 65519 ]] || fail "it runs as user $user, which systemd did not make up"
    [[ $(inside stat -L -c %a /var/lib/private/tradingd) == 700 ]] || fail "the state directory is open to others"
    ok "runs as user $user, with a state directory of its own"
}

check_watchdog() {
    local interval before after
    interval=$(property WatchdogUSec)
    [[ $interval == 10s ]] || fail "the watchdog's interval is $interval"
    before=$(property WatchdogTimestampMonotonic)
    sleep 12
    after=$(property WatchdogTimestampMonotonic)
    [[ $((after - before)) -gt 10000000 ]] || fail "the watchdog was not fed"
    [[ $(property NRestarts) -eq 0 && $(property ActiveState) == active ]] || fail "it did not outlive the watchdog's interval"
    ok "the watchdog was fed for longer than its interval"
}

check_hang() {
    inside kill -STOP "$(property MainPID)"
    until_true 40 was_started_again || fail "a hung daemon is not started again: $(property Result), $(property NRestarts) restarts"
    ok "a daemon that hangs is ended by the watchdog, and ready again"
}

check_stop() {
    local from=$SECONDS
    inside systemctl stop "$UNIT" || fail "it does not stop"
    local took=$((SECONDS - from)) end
    # 1: it exited, rather than being killed.
    end="$(property ActiveState) $(property Result) $(property ExecMainCode) $(property ExecMainStatus)"
    [[ $end == "inactive success 1 0" ]] || fail "it ended as: $end"
    [[ $took -le 5 ]] || fail "it took $took s to stop"
    ok "stopped in $took s: exit 0, result success"
}

check_refusal() {
    inside bash -c 'echo "nonsense = 1" >>/etc/tradingd/tradingd.toml'
    ! inside systemctl start "$UNIT" 2>/dev/null || fail "it starts with a bad config"
    sleep 3 # longer than RestartSec
    local end
    end="$(property ActiveState) $(property ExecMainStatus) $(property NRestarts)"
    [[ $end == "failed 78 0" ]] || fail "with a bad config it ended as: $end"
    ok "a bad config ends it with exit 78, and it is not started again"
}

require "$@"
BINARY=$(realpath "$1")
CONFIG=$(realpath "$HERE/../config/default.toml")
SERVICE=$(realpath "$HERE/$UNIT")
CGROUP=$(cgroups)/tradingd-test.$$
mkdir "$CGROUP" || fail "cannot make a cgroup"
WORK=$(mktemp -d /tmp/tradingd-systemd.XXXXXX)
LOG=$(mktemp /tmp/tradingd-systemd-log.XXXXXX)
trap clean_up EXIT
trap 'exit 124' TERM
trap 'exit 130' INT

boot >"$LOG" 2>&1 </dev/null &
OUTER=$!
until_true 10 find_init || fail "systemd was not started"
until_true 30 is_up || fail "systemd did not come up"
ok "$(inside systemctl --version | head -n 1) is PID 1"

check_unit
check_start
check_watchdog
check_hang
check_stop
check_refusal
printf 'systemd test: %d checks passed\n' "$passed"
