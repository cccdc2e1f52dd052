#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 5 ms each way ==== a0 gateway
#          b0 ==== linkemu B, 5 ms each way ==== b0
#
# 'jv top' in a terminal of 80 x 24 (tmux): it follows a jump, shows paths, events and the story of a session, filters, fits a terminal that
# changes its size, outlives the daemon, and leaves the terminal as it was.
. "$(dirname "$0")/lib.sh"

command -v tmux >/dev/null || skip 'needs tmux'
tm() { tmux -u -L "$JVT" -f /dev/null "$@"; }
screen() { tm capture-pane -p -t "$1"; }
shows() { screen "$1" | grep -q -- "$2"; }
shown() { wait_for "${3:-8}" shows "$1" "$2" || fail "$1 does not show '$2': $(screen "$1")"; }
# No line is wider than the terminal, and the keys stand in the last one.
fits() {
    local width
    width=$(tm display -p -t "$1" '#{pane_width}')
    screen "$1" | python3 -c 'import sys
lines = sys.stdin.buffer.read().decode().splitlines()
sys.exit(any(len(line) > int(sys.argv[1]) for line in lines) or not lines)' "$width" || fail "lines of $1 are wider than $width"
    screen "$1" | tail -n 1 | grep -q 'q quit' || fail "the keys of $1 are not in the last line: $(screen "$1")"
}
# top_in NAME SIDE [ENVIRONMENT]: a window with jv top.
top_in() {
    tm new-session -d -s "$1" -x 80 -y 24 "${3:-env} '$JV' --run-dir '$W/run-$2' --log-dir '$W/log-$2' top $2; echo; echo gave \$?; exec sleep 60"
}
end_tmux() { tm kill-server 2>/dev/null; }

topo_emu 5000
write_configs
"$JV" --run-dir "$W/run-c" top c </dev/null >/dev/null 2>"$W/err.txt"
[ $? = 2 ] && grep -q 'no terminal' "$W/err.txt" || fail 'no terminal is not told'
start_gateway
start_client
wait_attached 10
trap 'end_tmux; jvt_cleanup' EXIT

# Without a terminal: one look.
jv_c top c --once >"$W/once.txt" || fail 'top --once'
grep -q "ATTACHED  *a/udp" "$W/once.txt" || fail "one look: $(cat "$W/once.txt")"
jv_g --json top g | jq -e '.status.role == "gateway" and (.sessions | length) == 1' >/dev/null || fail 'top --json'

top_in client c
top_in gateway g 'env NO_COLOR=1 LC_ALL=C'
shown client 'ATTACHED  *a/udp'
shown client 'b/udp.*standby'
shown gateway '1 sessions'
shown gateway 'alice  *ATTACHED'
fits client
fits gateway
screen client >"$W/screen-client.txt"
screen gateway >"$W/screen-gateway.txt"
# NO_COLOR is kept: the escapes of the gateway's page name no colour; the client's do.
tm capture-pane -p -e -t gateway | grep -qE $'\033''\[[0-9;]*3[0-7]m' && fail 'colours in spite of NO_COLOR'
tm send-keys -t client j # another row is chosen where there is one; here the only one stays

# It follows a jump.
emu a blackhole on >/dev/null
shown client 'ATTACHED  *b/udp' 10
shown client REATTACH_SUCCESS

# p: paths; e: events; Escape leads back.
tm send-keys -t client p
shown client 'prefer 100, probes'
tm send-keys -t client Escape
shown client 'SID  *USER'
tm send-keys -t client e
shown client 'VOLATILE → RECOVERING\|TransportSwitch'
fits client
tm send-keys -t client e
shown client 'SID  *USER'

# Enter: the story; any enter leads back.
tm send-keys -t client Enter
shown client 'press enter'
shown client 'a/udp → b/udp\|chain verified'
tm send-keys -t client Enter
shown client 'SID  *USER'

# A filter that fits nobody, and one that fits.
tm send-keys -t gateway /
tm send-keys -t gateway nobody Enter
shown gateway 'no session fits the filter'
tm send-keys -t gateway / alic BSpace c Enter
shown gateway 'alice  *ATTACHED'
shown gateway 'filter: alic'

# Another size, also one that is too small for anything.
for size in '132 40' '40 8' '10 2' '100 30'; do
    # shellcheck disable=SC2086 # two words
    set -- $size
    tm resize-window -t client -x "$1" -y "$2"
    sleep 0.3
    [ "$1" -lt 80 ] || { shown client 'SID  *USER' && wait_for 3 shows client 'q quit' && fits client; }
done

# The daemon ends: the page says so; a new one is found.
stop gateway
shown gateway 'does not answer'
start_gateway
shown gateway 'filter explain\|enter explain'

for name in client gateway; do
    tm send-keys -t "$name" q
    shown "$name" 'gave 0'
done
say "$(head -n 1 "$W/screen-gateway.txt")"
say 'shown'
