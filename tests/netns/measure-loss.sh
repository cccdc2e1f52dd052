#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, loses 30 % ==== a0 gateway
#          b0 ==== linkemu B ================ b0          20 ms round trip both
#
# measure-loss.sh [--runs N] [--preset NAME] [--percent N] [--way both|a2b|b2a] [--json]
# When the session leaves a path that begins to lose. A session of its own for each run, because a path that was left is shunned.
# Traffic: a UDP datagram each 5 ms in each direction and a TCP connection.
# Bounds: switched once, within 5 s, and not before LOSS_WINDOW (loss_window_ms of the preset) of lossy traffic was looked at.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
measure_options 'percent way' "$@"

topo_emu 10000
measure_configs
offset=$("$FIGURES" offset)
window=2000 # loss_window_ms, the same in every preset
for run in $(seq "$RUNS"); do
    fresh_session
    tcp_start
    streams_start 5
    sleep "3.$((RANDOM % 900 + 100))"
    active=$(active_path)
    # A false suspicion before the loss is another matter, and is counted.
    before=$(client_get .session.switches)
    at=$(emu_at "$active" loss "${OPT_percent:-30}%" "${OPT_way:-both}")
    wait_for 8 switches_are $((before + 1))
    sleep 0.3
    at_ms=$(jq -n "$at / 1e6 + $offset")
    switched=$("$FIGURES" events "$W/log-c/c.jsonl" TransportSwitch | awk -v at="$at_ms" '$1 >= at { printf "%.1f", $1 - at; exit }')
    tcp_alive || fail "run $run: TCP broke: $(cat "$W/tcp.log")"
    count=$(($(client_get .session.switches) - before))
    emu "$active" loss 0% >/dev/null
    sleep 1
    streams_stop
    tcp_stop
    measured switched_ms "${switched:-99999}" switches "$count" tcp_stall_ms "$(jq .longest_gap_ms <<<"$TCP")"
done
hold_both
measure_end '' 'switched_ms max <= 5000' "switched_ms min >= $window" 'switches max == 1'
