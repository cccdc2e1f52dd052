#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, is left ==== a0 gateway
#          b0 ==== linkemu B ============= b0          20 ms round trip both
#
# measure-jump.sh [--runs N] [--preset NAME] [--ways 'none choice linkdown blackhole'] [--streams 'voice bulk'] [--json]
# What a stream loses at a jump. Ways: `jv switch` (choice), the device goes down at the client (linkdown), the link swallows everything
# (blackhole), and no jump at all (none), which tells what the machine itself loses. Streams, each echoed by the gateway's end, so that
# both directions carry it: voice, 172 bytes each 20 ms; bulk, 50 Mbit/s in datagrams of 1200 bytes.
# Bounds: none lost at choice and linkdown; in a black hole none of those sent later than the age limit of the pool (1 s) before the
# first echo over the other path, which an outage below 1 s makes none at all.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
measure_options 'ways streams' "$@"

topo_emu 10000
measure_configs
equal_paths
start_gateway
start_client
wait_attached 15
spawn serve g "$JVPROBE" serve "$INNER_G" 7007
bounds=()
for stream in ${OPT_streams:-voice bulk}; do
    case $stream in
    voice) every=20000 bytes=172 ;;
    bulk) every=192 bytes=1200 ;;
    *) fail "--streams is $stream; it must be voice or bulk" ;;
    esac
    for way in ${OPT_ways:-none choice linkdown blackhole}; do
        [ "$way" = none ] || bounds+=("lost max == 0 where case=$stream/$way" "switches min == 1 where case=$stream/$way")
        for run in $(seq "$RUNS"); do
            spawn probe c "$JVPROBE" send "$INNER_G" 7007 --every-us $every --bytes $bytes --log "$W/probe.txt"
            sleep 2.5
            active=$(active_path)
            other=$(other_of "$active")
            before=$(client_get .session.switches)
            sleep "0.$((RANDOM % 900 + 100))"
            at=$(now_ns)
            case $way in
            none) ;;
            choice) jv_c switch "$other" c >/dev/null || fail "run $run: jv switch $other" ;;
            linkdown) link_down "$active" ;;
            blackhole) at=$(emu_at "$active" blackhole on) ;;
            *) fail "--ways is $way; it must be none, choice, linkdown or blackhole" ;;
            esac
            sleep 1.5
            switches=$(($(client_get .session.switches) - before))
            stop probe
            report=$(probe_report "$at")
            measured case "$stream/$way" silence_ms "$(jq .after_gap_ms <<<"$report")" lost "$(jq .lost <<<"$report")" \
                doubled "$(jq .doubled <<<"$report")" sent "$(jq .sent <<<"$report")" switches "$switches"
            case $way in
            linkdown) link_up "$active" ;;
            blackhole) quiet_hole "$active" off ;;
            esac
        done
    done
done
hold_both
measure_end case "${bounds[@]}"
