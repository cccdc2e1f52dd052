#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ==== b0
#
# measure-idle.sh MINUTES: the traffic of measure-blackhole.sh without a fault. Any switch fails it; suspicions that proved false
# are counted. Not run by ./check.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

minutes=${1:-10}
topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
for minute in $(seq "$minutes"); do
    sleep 60
    tcp_alive || fail "minute $minute: TCP broke: $(cat "$W/tcp.log")"
    say "minute $minute: switches $(client_get .session.switches)," \
        "suspicions $(grep -c '"event":"VolatilitySignal"' "$W/log-c/c.jsonl") and $(grep -c '"event":"VolatilitySignal"' "$W/log-g/g.jsonl")," \
        "load $(cut -d ' ' -f 1 /proc/loadavg)"
done
streams_stop
tcp_stop
say "up $(stream_report up)"
say "down $(stream_report down)"
say "TCP $TCP"
need 'there was a switch without a fault' test "$(client_get .session.switches)" = 0
hold_both
