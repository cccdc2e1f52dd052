#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#   flooder m0 10.203.0.1 --- veth ---- 10.203.0.2 m0           one core, as fast as it can
#
# Strangers cost a look-up: garbage, unknown locators, first messages without a MAC, and false proofs on the locators of the session
# leave it working; the gateway's memory does not grow, and its counters account for every datagram that it read.
# Alone: the flooder takes all of a core.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

WIRE=$JVT_ROOT/tests/netns/wire.py
rss_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of "$1")/status"; }
all_drops() { jv_g counters g | jq '[.drops[]] | add'; }

topo_veth
ns_add n
veth_pair n m0 10.203.0.1/24 g m0 10.203.0.2/24
ip -n "${JVT}n" route add "$OUTER" via 10.203.0.2
write_configs
start_gateway
spawn capture g python3 "$WIRE" capture "$W/wire.txt"
wait_for 5 test -e "$W/wire.txt.ready" || fail 'the capture does not start'
start_client
wait_attached 10
in_ns c ping -c 20 -i 0.05 -W 1 -q "$INNER_G" >/dev/null || fail 'no packet comes through'
sleep 1.2 # probes of the standby path are in the capture, too
stop capture
stood=$(gateway_get '.[0] | "\(.sid) v\(.v) \(.state) \(.paths[0].remote)"')
# Warm up: what is touched once is touched; only growth after it would be a leak.
in_ns n python3 "$WIRE" flood garbage "$OUTER" 0.3 >/dev/null
rss=$(rss_kb gateway)
# Which counters a kind belongs to; a flood that is refused earlier would not test what it says.
declare -A belongs=([garbage]='UNKNOWN_TYPE SHORT' [locator]=UNKNOWN_LOCATOR [birth]='MAC1 COOKIE'
    [proof]='AUTH CONTROL_AUTH UNBOUND UNBOUND_RATE CONTROL_RATE EPOCH')
sum() {
    local total=0 name
    for name in "$@"; do total=$((total + $(drops g "$name"))); done
    echo $total
}
for kind in garbage locator birth proof; do
    # shellcheck disable=SC2086 # a list of words
    own=$(sum ${belongs[$kind]})
    dropped=$(all_drops)
    read_before=$(counter g rx_datagrams)
    spawn "flood-$kind" n python3 "$WIRE" flood "$kind" "$OUTER" 2 "$W/wire.txt"
    sleep 0.2
    in_ns c ping -c 70 -i 0.02 -W 1 -q "$INNER_G" >"$W/ping" 2>&1
    wait "$(pid_of "flood-$kind")" || fail "the flood of $kind does not run"
    sent=$(jq .sent "$W/flood-$kind.log")
    sleep 0.3
    got=$(($(counter g rx_datagrams) - read_before))
    counted=$(($(all_drops) - dropped))
    # shellcheck disable=SC2086
    own=$(($(sum ${belongs[$kind]}) - own))
    lost=$(grep -o '[0-9.]*% packet loss' "$W/ping")
    say "$kind: $sent sent in 2 s, $got read, $counted counted, $own as ${belongs[$kind]}; ping: $lost, $(grep -o 'rtt .*' "$W/ping"); RSS $(rss_kb gateway) kB"
    need "$kind: the flood was no flood" test "$sent" -gt 20000
    need "$kind: the gateway read nothing of it" test "$got" -gt 1000
    # All that was read is the session's own hundred datagrams or so, and strangers'; only the latter have to be in a drop counter.
    need "$kind: $got read and $counted counted do not fit" test "$counted" -le "$got" -a "$counted" -ge $((got - 400))
    need "$kind: only $own of $got were refused where they should be" test "$own" -ge $((got * 9 / 10))
    need "$kind: the session moved" test "$(gateway_get '.[0] | "\(.sid) v\(.v) \(.state) \(.paths[0].remote)"')" = "$stood"
    # Two of seventy may be lost where the machine is busy with other things as well.
    need "$kind: packets of the session were lost ($lost)" jq -en "${lost%%%*} <= 3" >/dev/null
done
# Nothing at all is a datagram, too.
short=$(drops g SHORT)
in_ns n python3 -c 'import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for _ in range(50):
        s.sendto(b"", (sys.argv[1], int(sys.argv[2])))' "$OUTER" "$JVT_PORT"
are_counted() { test "$(drops g SHORT)" -ge $((short + 50)); }
wait_for 5 are_counted || fail "of 50 empty datagrams $(($(drops g SHORT) - short)) were counted"
need "the gateway grew from $rss kB to $(rss_kb gateway) kB" test "$(rss_kb gateway)" -le $((rss + 512))
need 'the client is not attached' is_state ATTACHED
hold_both
