#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, a second away, a second there ======== a0 gateway
#          b0 ==== linkemu B, the same, when A is there it is away == b0           20 ms round trip both
#
# measure-flapping.sh [--runs N] [--preset NAME] [--seconds N] [--json]
# Both links flap in antiphase for two minutes (--seconds) by a script of the emulator, preset mobile unless --preset says otherwise.
# Counts the switches of any 60 s at the client, how often it became DEGRADED, and whether session and TCP connection live on.
# Traffic: a UDP datagram each 20 ms in each direction and a TCP connection.
# Bounds: never more switches within 60 s than max_switches_per_min; DEGRADED was reached; the same session; TCP lives and carries.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
. "$(dirname "$0")/measures.sh"
PRESET=mobile
measure_options seconds "$@"

rounds=$((${OPT_seconds:-120} / 2))
topo_begin() {
    jvt_begin
    cat >"$W/a.emu" <<EMU
at 0s both delay 10ms
from 0s repeat $rounds every 2s
  at 0s both blackhole on
  at 1s both blackhole off
end
EMU
    cat >"$W/b.emu" <<EMU
at 0s both delay 10ms
from 0s repeat $rounds every 2s
  at 0s both blackhole off
  at 1s both blackhole on
end
at $((rounds * 2))s both blackhole off
EMU
    emu_link a 10.201.0.1/24 10.201.0.2/24 10000 1500 --script "$W/a.emu" --wait
    emu_link b 10.202.0.1/24 10.202.0.2/24 10000 1500 --script "$W/b.emu" --wait
    jvt_routes
}
topo_begin
measure_configs
equal_paths
case $PRESET in mobile | strict) cap=8 ;; *) cap=20 ;; esac
for run in $(seq "$RUNS"); do
    rm -f "$W/log-c/c.jsonl"
    fresh_session
    tcp_start
    streams_start 20
    sleep 3
    sid=$(client_get .session.sid)
    for link in a b; do emu $link script start >/dev/null; done
    sleep $((rounds * 2))
    for link in a b; do
        quiet_hole $link off
    done
    # A minute at most, by design: the limits that were used up fill again.
    at=$(now_ns)
    wait_for 90 is_state ATTACHED || fail "run $run: the client is $(state_of_client) 90 s after the links are well"
    back=$((($(now_ns) - at) / 1000000))
    sleep 3
    tcp_lives=1
    tcp_alive || tcp_lives=0
    same=0
    [ "$(client_get .session.sid)" = "$sid" ] && same=1
    switches=$(client_get .session.switches)
    streams_stop
    tcp_stop
    measured switches "$switches" in_60s "$("$FIGURES" within "$W/log-c/c.jsonl" TransportSwitch 60000)" \
        degraded "$(grep -c '"to":"DEGRADED"' "$W/log-c/c.jsonl")" same_session $same tcp_lives $tcp_lives back_ms "$back" \
        tcp_stall_ms "$(jq .longest_gap_ms <<<"$TCP")"
done
hold_both
measure_end '' "in_60s max <= $cap" 'degraded min >= 1' 'same_session min == 1' 'tcp_lives min == 1'
