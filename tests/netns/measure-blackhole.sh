#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way, becomes a black hole ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ========================== b0
#
# measure-blackhole.sh [RUNS]: how long the inner streams are silent. Per run the time from the black hole taking effect to the
# first inner packet over the other path, in each direction; then the distribution. Not run by ./check: it gives figures.
# Traffic: a UDP datagram each 5 ms in each direction and a TCP connection; Preset = fast.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

runs=${1:-20}
topo_emu 10000
write_configs
# Equal paths: the session stays where it is, and the next run takes that one.
sed -i "s/^Prefer = .*/Prefer = 100/" "$W/c.conf"
start_gateway
start_client
wait_attached 10
tcp_start
active_path() { client_get '.session.paths[] | select(.role == "active").name' | cut -d / -f 1; }
printf 'run from up_ms down_ms detect_ms lost tcp\n'
for run in $(seq "$runs"); do
    streams_start 5
    # The limits of switches must not disturb, and the path left in the last run must be proven: each run begins steady.
    sleep 2.5
    active=$(active_path)
    before=$(client_get .session.switches)
    # A random moment between two heartbeats.
    sleep "0.$((RANDOM % 900 + 100))"
    at=$(emu_at "$active" blackhole on)
    sleep 1
    streams_stop
    up=$(first_after up "$at" 12) || fail "run $run: nothing reached the gateway"
    down=$(first_after down "$at" 12) || fail "run $run: nothing reached the client"
    need "run $run: no switch, or more than one" test "$(client_get .session.switches)" = $((before + 1))
    detect=$(grep '"event":"VolatilitySignal"' "$W/log-c/c.jsonl" | tail -n 1 | jq -r '.seen.silent_us / 1000')
    lost=$(($(stream_report up | jq .lost) + $(stream_report down | jq .lost)))
    tcp_alive || fail "run $run: TCP broke: $(cat "$W/tcp.log")"
    printf '%d %s %s %s %s %d alive\n' "$run" "$active" "$up" "$down" "$detect" "$lost" | tee -a "$W/runs"
    emu "$active" blackhole off >/dev/null
done
tcp_stop
say "TCP: $TCP"
hold_both
for column in 3 4; do
    [ $column = 3 ] && name='client to gateway' || name='gateway to client'
    awk -v c=$column '{ print $c }' "$W/runs" | sort -n | awk -v name="$name" '
        { v[NR] = $1 }
        END {
            p90 = int(NR * 0.9 + 0.999999)
            printf "%s: min %.1f  median %.1f  p90 %.1f  max %.1f ms over %d runs\n", name, v[1],
                NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2, v[p90], v[NR], NR
        }'
done
awk '{ lost += $6 } END { printf "inner datagrams lost in all runs: %d\n", lost }' "$W/runs"
