# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# To be sourced after lib.sh: the streams of flow.py through the tunnel, one UDP stream each way and one TCP connection.
FLOW=$JVT_ROOT/tests/netns/flow.py

# streams_start [EVERY_MS]: UDP client to gateway (up.txt) and gateway to client (down.txt).
streams_start() {
    spawn up-recv g python3 "$FLOW" udp-recv "$INNER_G" 7101 "$W/up.txt"
    spawn down-recv c python3 "$FLOW" udp-recv "$INNER_C" 7102 "$W/down.txt"
    sleep 0.3
    spawn up-send c python3 "$FLOW" udp-send "$INNER_C" "$INNER_G" 7101 "${1:-5}"
    spawn down-send g python3 "$FLOW" udp-send "$INNER_G" "$INNER_C" 7102 "${1:-5}"
}
streams_stop() {
    local s
    for s in up-send down-send; do stop "$s"; done
    sleep 0.2
    for s in up-recv down-recv; do stop "$s"; done
}
# first_after up|down AT_NS DELAY_MS: ms until the first datagram over another path.
first_after() { python3 "$FLOW" udp-first "$W/$1.txt" "$2" "$3"; }
stream_report() { python3 "$FLOW" udp-report "$W/$1.txt"; }

# One connection, an echo of BYTES every MS.
tcp_start() { # [MS [BYTES]]
    spawn tcp-echo g python3 "$FLOW" tcp-echo "$INNER_G" 7103
    sleep 0.3
    spawn tcp c python3 "$FLOW" tcp "$INNER_G" 7103 "${1:-10}" "${2:-400}"
}
tcp_alive() { is_running tcp; }
# tcp_stop: fails the test where the connection broke or carried nothing in the last second; TCP is its report. (The shell may
# wait for its own children only: never call it in a $() of its own.)
tcp_stop() {
    stop tcp || fail "the TCP connection broke: $(cat "$W/tcp.log")"
    stop tcp-echo
    TCP=$(tail -n 1 "$W/tcp.log") # of this connection: the log holds those before as well
    jq -e '.bytes > 0 and .since_last_ms < 1000' <<<"$TCP" >/dev/null || fail "TCP is silent: $TCP"
}

# What sessions say of themselves.
client_get() { jv_c status --json c | jq -r "$1"; }
gateway_get() { jv_g sessions --json | jq -r "$1"; }
# drops c|g NAME: a drop counter (src/core/drop.def).
drops() { "jv_$1" counters "$1" | jq -er ".drops.${2,,}"; }
# counter c|g FIELD
counter() { "jv_$1" counters "$1" | jq -er ".$2"; }

# hold_both: both audit files hold, and the last jump can be explained on both ends.
hold_both() {
    need 'the audit of the client does not hold' audit_ok c
    need 'the audit of the gateway does not hold' audit_ok g
}
explain_both() {
    need 'jv explain --last fails at the client' jv_c explain c --last >"$W/explain-c.log" 2>&1
    need 'jv explain --last fails at the gateway' jv_g explain g --last >"$W/explain-g.log" 2>&1
}
