#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1, then 10.201.0.3 ---- veth ---- 10.201.0.2 a0 gateway      the only link of the client
#
# The host loses its address and gets another one on the same link, as after a DHCP server changed its mind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
write_configs
sed -i '/^\[Transport b\]/,/^Prefer/d' "$W/c.conf"
start_gateway
start_client
wait_attached 10
tcp_start
sleep 1
sid=$(client_get .session.sid)
ip -n "${JVT}c" addr del 10.201.0.1/24 dev a0
wait_for 3 sh -c "! '$JV' --run-dir '$W/run-c' status -q c" || fail 'the client did not notice that its address is gone'
need 'the session ended' test "$(state_of_client)" != TERMINATED
at=$(now_ns)
ip -n "${JVT}c" addr add 10.201.0.3/24 dev a0
ip -n "${JVT}c" route replace "$OUTER" via 10.201.0.2 dev a0 metric 100
wait_attached 5
say "attached again $((($(now_ns) - at) / 1000000)) ms after the address came"
need 'no packet comes through' inner_ping
sleep 1
tcp_stop
say "TCP: $TCP"
need 'another session' test "$(client_get .session.sid)" = "$sid"
need 'the gateway has another remote' grep -q '^10\.201\.0\.3:' <<<"$(gateway_get '.[0].paths[0].remote')"
need 'the client has another local address' grep -q '^10\.201\.0\.3:' <<<"$(client_get '.session.paths[] | select(.role == "active").local')"
explain_both
hold_both
