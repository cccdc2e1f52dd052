#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 fd00:a::1 ---- veth ---- fd00:a::2 a0 gateway, listens on [::]:4433      outer IPv6, inner IPv4 and IPv6
#          b0 fd00:b::1 ---- veth ---- fd00:b::2 b0
#
# The same birth over an outer IPv6, and a jump from one IPv6 link to the other.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
for link in a b; do
    ip -n "${JVT}c" -6 addr add "fd00:$link::1/64" dev ${link}0 nodad
    ip -n "${JVT}g" -6 addr add "fd00:$link::2/64" dev ${link}0 nodad
done
ip -n "${JVT}g" -6 addr add fd00:9::2/128 dev lo nodad
ip -n "${JVT}c" -6 route add fd00:9::2 via fd00:a::2 dev a0 metric 100
ip -n "${JVT}c" -6 route add fd00:9::2 via fd00:b::2 dev b0 metric 200
write_configs
sed -i 's|^Gateway = .*|Gateway = [fd00:9::2]:4433|; s|^AllowedIPs = .*|AllowedIPs = 10.99.0.0/24, fd80:4a56::/64|' "$W/c.conf"
sed -i 's|^Listen = .*|Listen = udp://[::]:4433|' "$W/g.conf"
sed -i '/^Address = /d' "$W/g.conf" # both addresses are drawn from the pool
start_gateway
start_client
wait_attached 10
need 'the outer address is not IPv6' grep -q 'fd00:a::1' <<<"$(client_get '.session.paths[] | select(.role == "active").local')"
need 'no inner IPv4' quiet in_ns c ping -c 3 -i 0.2 -W 1 -q "$INNER_G"
need 'no inner IPv6' quiet in_ns c ping -c 3 -i 0.2 -W 1 -q fd80:4a56::1
sid=$(client_get .session.sid)
wait_for 5 sh -c "test \"\$('$JV' --run-dir '$W/run-c' path ls c --json | jq -r '[.[] | select(.role == \"standby\")] | length')\" -ge 1" ||
    fail 'link B is not proven'
ip -n "${JVT}c" link set a0 down
wait_for 3 inner_ping || fail 'nothing comes through after the jump'
need 'no inner IPv6 after the jump' quiet in_ns c ping -c 2 -i 0.2 -W 1 -q fd80:4a56::1
need 'another session' test "$(client_get .session.sid)" = "$sid"
need 'the jump was not to B' grep -q 'fd00:b::1' <<<"$(client_get '.session.paths[] | select(.role == "active").local')"
hold_both
