#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, becomes a black hole ==== a0 gateway
#          b0 ==== linkemu B ========================== b0          both with the round trip of --rtt
#
# measure-blackhole.sh [--runs N] [--preset NAME] [--rtt 'MS ...'] [--json]
# How long the inner streams are silent when the path that carries them silently swallows everything. For each round trip (20, 80 and
# 200 ms unless --rtt says otherwise) and run: the time from the black hole to the first inner packet over the other path, in each
# direction, what the audit says of noticing, datagrams lost and the longest silence of the TCP connection.
# Traffic: a UDP datagram each 5 ms in each direction and a TCP connection.
# Bounds: one switch a run, no datagram lost (the outage is shorter than what is kept for a resend), TCP lives.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
measure_options rtt "$@"

topo_emu 10000
measure_configs
equal_paths
for rtt in ${OPT_rtt:-20 80 200}; do
    for link in a b; do emu $link delay "$(jq -n "$rtt / 2")ms" >/dev/null; done
    fresh_session
    for run in $(seq "$RUNS"); do
        tcp_start
        streams_start 5
        # The limits of switches must not disturb, and the path left in the last run must be proven: each run begins steady.
        sleep 2.5
        active=$(active_path)
        before=$(client_get .session.switches)
        # A random moment between two heartbeats.
        sleep "0.$((RANDOM % 900 + 100))"
        at=$(emu_at "$active" blackhole on)
        sleep 1.5
        streams_stop
        tcp_stop
        # What was under way before the hole arrives within half a round trip.
        up=$(first_after up "$at" $((rtt / 2 + 2))) || fail "run $run: nothing reached the gateway"
        down=$(first_after down "$at" $((rtt / 2 + 2))) || fail "run $run: nothing reached the client"
        detect=$(grep '"event":"VolatilitySignal"' "$W/log-c/c.jsonl" | tail -n 1 | jq -r '.seen.silent_us // 0 | . / 1000')
        measured rtt_ms "$rtt" up_ms "$up" down_ms "$down" noticed_ms "$detect" tcp_stall_ms "$(jq .longest_gap_ms <<<"$TCP")" \
            lost $(($(stream_report up | jq .lost) + $(stream_report down | jq .lost))) \
            switches $(($(client_get .session.switches) - before))
        quiet_hole "$active" off
    done
done
hold_both
measure_end rtt_ms 'lost max == 0' 'switches min == 1' 'switches max == 1'
