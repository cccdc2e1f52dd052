#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# A host behind the client sends with a source that is not the session's: the client drops it, counted, and nothing leaves. Packets to
# an inner address that no session has end at the gateway, counted, too.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

WIRE=$JVT_ROOT/tests/netns/wire.py
topo_veth
write_configs
start_gateway
start_client
wait_attached 10
need 'no packet comes through' inner_ping
before=$(drops c INNER_SOURCE)
sent=$(counter c tx_packets)
for source in 10.99.0.77 192.0.2.1 "$INNER_G"; do
    in_ns c python3 "$WIRE" inner jvc "$source" "$INNER_G" 10 >/dev/null || fail 'the packet is not sent'
done
wait_for 2 sh -c "test \$('$JV' --run-dir '$W/run-c' counters c | jq .drops.inner_source) -ge $((before + 30))" ||
    fail "of 30 packets with a foreign source $(($(drops c INNER_SOURCE) - before)) were counted"
need 'packets with a foreign source left' test "$(counter c tx_packets)" = "$sent"
# With its own source the same packet passes: the test would notice a tool that sends nothing.
received=$(gateway_get '.[0].rx_packets')
in_ns c python3 "$WIRE" inner jvc "$INNER_C" "$INNER_G" 10 >/dev/null
sleep 0.3
need 'packets with the right source do not pass' test "$(gateway_get '.[0].rx_packets')" -ge $((received + 10))
before=$(drops g INNER_NO_SESSION)
in_ns g ping -c 3 -i 0.2 -W 1 -q 10.99.0.99 >/dev/null 2>&1 && fail 'somebody answers at an address of nobody'
need 'packets for nobody were not counted' test "$(drops g INNER_NO_SESSION)" -gt "$before"
need 'no packet comes through in the end' inner_ping
hold_both
