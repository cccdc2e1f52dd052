#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, counts ==== a0 gateway
#          b0 ==== linkemu B, counts ==== b0          20 ms round trip both
#
# measure-idle-cost.sh [--minutes N] [--presets 'mobile strict fast'] [--settle SECONDS] [--json]
# What a session without any inner traffic costs: outer packets and bytes (IP headers included) in each direction on the active and on the
# standby path, by policy, over --minutes (10) after --settle (30) seconds. One run a preset; --runs repeats it.
# Bounds, for mobile: on the active path at most one packet each way in 25 s, on the standby path one in 5 minutes, and two packets for
# what the borders of the time cut.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
RUNS=1
measure_options 'minutes presets settle' "$@"

minutes=${OPT_minutes:-10}
jvt_begin
# Neighbour discovery and the like of the outer links would count.
for n in c g; do in_ns $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
emu_link a 10.201.0.1/24 10.201.0.2/24 10000 1500
emu_link b 10.202.0.1/24 10.202.0.2/24 10000 1500
jvt_routes
counts() { emu "$1" stats | jq -r '"\(.a2b.delivered) \(.a2b.bytes) \(.b2a.delivered) \(.b2a.bytes)"'; }
for PRESET in ${OPT_presets:-mobile strict fast}; do
    measure_configs
    for _ in $(seq "$RUNS"); do
        fresh_session
        inner_ping
        sleep "${OPT_settle:-30}"
        active=$(active_path)
        declare -A was=()
        for link in a b; do was[$link]=$(counts $link); done
        sleep $((minutes * 60))
        for link in a b; do
            read -r up up_b down down_b <<<"$(counts $link)"
            read -r up0 up_b0 down0 down_b0 <<<"${was[$link]}"
            role=standby
            [ $link = "$active" ] && role=active
            measured case "$PRESET/$role" packets_up $((up - up0)) bytes_up $((up_b - up_b0)) packets_down $((down - down0)) \
                bytes_down $((down_b - down_b0)) minutes "$minutes"
        done
    done
    stop client
    stop gateway
    need "the audit of the client does not hold" audit_ok c
done
active_max=$((minutes * 60 / 25 + 2))
standby_max=$((minutes / 5 + 2))
bounds=()
case " ${OPT_presets:-mobile} " in *' mobile '*)
    for way in up down; do
        bounds+=("packets_$way max <= $active_max where case=mobile/active" "packets_$way max <= $standby_max where case=mobile/standby")
    done
    ;;
esac
measure_end case "${bounds[@]}"
