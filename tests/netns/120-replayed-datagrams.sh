#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#   attacker m0 10.203.0.1 -- veth ---- 10.203.0.2 m0           has seen every datagram of the two links
#
# Whole datagrams sent once more, from the attacker's address and with the client's: the session does not move, what is refused is
# counted, and a repeated request shows in the audit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

WIRE=$JVT_ROOT/tests/netns/wire.py
attack() { in_ns n python3 "$WIRE" "$@"; }
# Version, remote address and number of switches: what an attacker would like to move.
standing() { gateway_get '.[0] | "\(.sid) v\(.v) \(.state) \(.paths[0].remote) switches \(.switches) rebinds \(.rebinds)"'; }
unmoved() {
    local stands
    stands=$(standing)
    need "after $1 the session stands at $stands, before: $stood" test "$stands" = "$stood"
    need "after $1 packets are lost" quiet in_ns c ping -c 10 -i 0.02 -W 1 -q "$INNER_G"
    need "after $1 the client is not attached" is_state ATTACHED
}

topo_veth
ns_add n
veth_pair n m0 10.203.0.1/24 g m0 10.203.0.2/24
ip -n "${JVT}n" route add "$OUTER" via 10.203.0.2
ip -n "${JVT}g" link set m0 up
write_configs
sed -i 's/^Prefer = .*/Prefer = 100/' "$W/c.conf" # equal paths: nothing but an attacker moves the session
start_gateway
spawn capture g python3 "$WIRE" capture "$W/wire.txt"
wait_for 5 test -e "$W/wire.txt.ready" || fail 'the capture does not start'
start_client
wait_attached 10
in_ns c ping -c 20 -i 0.02 -W 1 -q "$INNER_G" >/dev/null || fail 'no packet comes through'
wait_for 5 quiet jv_c switch b c || fail 'the switch to B was refused'
wait_for 3 sh -c "'$JV' --run-dir '$W/run-g' sessions g --json | jq -e '.[0].switches == 1 and .[0].state == \"ATTACHED\"'" ||
    fail 'the switch to B was not made'
in_ns c ping -c 20 -i 0.02 -W 1 -q "$INNER_G" >/dev/null || fail 'no packet comes through B'
sleep 1
stood=$(standing)
say "$stood"

refused=$(drops g REQUEST_REFUSED)
report=$(attack replay "$W/wire.txt" 7 1 "$OUTER") || fail 'no request was captured'
say "requests from the attacker's address: $report"
unmoved 'a repeated request'
need 'a reply is larger than what it answers' jq -en "$report | .largest_share <= 1" >/dev/null
need 'the request was not refused' test "$(drops g REQUEST_REFUSED)" -gt "$refused"
wait_for 3 audit_has g '"event":"SecurityReplayDetected"' || fail 'the audit does not tell of the replay'
attack replay "$W/wire.txt" 7 1 "$OUTER" spoof >/dev/null || fail 'spoof'
unmoved 'a repeated request with the address of the client'

unbound() { echo $(($(drops g UNBOUND) + $(drops g UNBOUND_RATE) + $(drops g RETIRED_LATE))); }
before=$(unbound)
received=$(gateway_get '.[0].rx_packets')
report=$(attack replay "$W/wire.txt" 4 30 "$OUTER") || fail 'no traffic was captured'
say "traffic from the attacker's address: $report"
sleep 0.3
need "the traffic was not counted: $before, then $(unbound)" test $(($(unbound) - before)) = "$(jq .sent <<<"$report")"
need 'packets of the attacker were delivered' test "$(gateway_get '.[0].rx_packets')" = "$received"
unmoved 'repeated traffic'

before=$(($(drops g REPLAY_SEEN) + $(drops g REPLAY_OLD)))
received=$(gateway_get '.[0].rx_packets')
report=$(attack replay "$W/wire.txt" 4 15 "$OUTER" spoof) || fail 'spoof'
sleep 0.3
seen=$(($(drops g REPLAY_SEEN) + $(drops g REPLAY_OLD) - before))
say "traffic with the address of the client: $report, refused as replays: $seen"
need 'replays were not counted' test "$seen" -ge "$(jq .sent <<<"$report")"
need 'replayed packets were delivered' test "$(gateway_get '.[0].rx_packets')" = "$received"
unmoved 'repeated traffic with the address of the client'

report=$(attack replay "$W/wire.txt" 5 5 "$OUTER") || fail 'no probe was captured'
say "probes from the attacker's address: $report"
need 'a reply to a probe is larger than the probe' jq -en "$report | .largest_share <= 1" >/dev/null
unmoved 'repeated probes'
report=$(attack replay "$W/wire.txt" 1 1 "$OUTER") || fail 'no birth was captured'
say "births from the attacker's address: $report"
need 'a reply to a birth is larger than the birth' jq -en "$report | .largest_share <= 1" >/dev/null
unmoved 'a repeated birth'
hold_both
