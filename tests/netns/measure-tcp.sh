#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 50 Mbit/s, is left in the middle ==== a0 gateway
#          b0 ==== linkemu B, 50 Mbit/s ========================== b0          20 ms round trip both
#
# measure-tcp.sh [--runs N] [--preset NAME] [--mib N] [--ways 'choice linkdown blackhole'] [--json]
# A file (32 MiB unless --mib) over one TCP connection from the gateway's end, without a jump and with one in its middle: how much longer
# it takes, beside the outage that an echo stream of 5 ms sees at the same time.
# Bounds: the file is right and came on one connection; the median of what a transfer takes longer than the undisturbed median is no
# more than the median outage and a twentieth of the undisturbed time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
measure_options 'mib ways' "$@"

topo_emu 10000
# A bottleneck of the links, not of the machine: a queue of twice the product of rate and round trip, the ordinary one of a router.
for link in a b; do emu $link rate 50mbit queue 250000 >/dev/null; done
measure_configs
equal_paths
start_gateway
start_client
wait_attached 15
tcp_serve "${OPT_mib:-32}"
spawn serve g "$JVPROBE" serve "$INNER_G" 7007
base=0
bounds=()
for way in none ${OPT_ways:-choice linkdown blackhole}; do
    for run in $(seq "$RUNS"); do
        sleep 3
        spawn probe c "$JVPROBE" send "$INNER_G" 7007 --every-ms 5 --log "$W/probe.txt"
        sleep 0.3
        in_ns c curl -sf --max-time 120 -o "$W/got" -w '%{num_connects} %{time_total}' "http://$INNER_G:8080/file" >"$W/curl.out" &
        curl_job=$!
        sleep 2
        active=$(active_path)
        before=$(client_get .session.switches)
        at=$(now_ns)
        case $way in
        none) ;;
        choice) jv_c switch "$(other_of "$active")" c >/dev/null || fail "run $run: jv switch" ;;
        linkdown) link_down "$active" ;;
        blackhole) at=$(emu_at "$active" blackhole on) ;;
        *) fail "--ways is $way; it must be choice, linkdown or blackhole" ;;
        esac
        wait "$curl_job" || fail "run $run: the transfer failed with a jump by $way"
        need "run $run: the file differs" cmp "$W/www/file" "$W/got"
        read -r connects seconds <"$W/curl.out"
        stop probe
        took=$(jq -n "$seconds * 1000 | round")
        outage=$(probe_report "$at" | jq .after_gap_ms)
        if [ "$way" = none ]; then
            measured way "$way" took_ms "$took" silence_ms "$outage" connections "$connects"
        else
            measured way "$way" took_ms "$took" silence_ms "$outage" longer_ms "$(jq -n "$took - $base")" \
                beyond_ms "$(jq -n "$took - $base - $outage")" connections "$connects" \
                switches $(($(client_get .session.switches) - before))
        fi
        case $way in
        linkdown) link_up "$active" ;;
        blackhole) quiet_hole "$active" off ;;
        esac
    done
    if [ "$way" = none ]; then
        base=$(jq -s 'map(.took_ms) | sort | .[length / 2 | floor]' "$W/runs.jsonl")
    else
        bounds+=("beyond_ms median <= $((base / 20)) where way=$way" "switches min == 1 where way=$way")
    fi
done
hold_both
measure_end way 'connections max == 1' "${bounds[@]}"
