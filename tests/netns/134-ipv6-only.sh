#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1, then fd00:a::1 only ---- veth ---- 10.201.0.2, fd00:a::2 a0 gateway, listens on 10.200.0.2 and fd00:9::2
#
# The client moves from a network with IPv4 to one with IPv6 only, as under NAT64: its name server there gives an AAAA record that the
# one before did not have. The session changes its family and lives.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
ip -n "${JVT}g" -6 addr add fd00:a::2/64 dev a0 nodad
ip -n "${JVT}g" -6 addr add fd00:9::2/128 dev lo nodad
write_configs
sed -i '/^\[Transport b\]/,/^Prefer/d; s|^Gateway = .*|Gateway = gw.example.test:4433|' "$W/c.conf"
sed -i 's|^Listen = .*|Listen = udp://10.200.0.2:4433, udp://[fd00:9::2]:4433|' "$W/g.conf"
dns_is 'gw.example.test A 10.200.0.2 3600'
dns_start fd00:9::2
dns_start 10.200.0.2
start_gateway
start_client
wait_attached 20
sid=$(client_get .session.sid)
tcp_start
sleep 0.5
need 'the outer address is not IPv4' grep -q '^10\.201\.0\.1:' <<<"$(client_get '.session.paths[] | select(.role == "active").local')"
dns_is 'gw.example.test AAAA fd00:9::2 60'
echo 'nameserver fd00:9::2' >"/etc/netns/${JVT}c/resolv.conf"
ip -n "${JVT}c" addr del 10.201.0.1/24 dev a0
at=$(now_ns)
ip -n "${JVT}c" -6 addr add fd00:a::1/64 dev a0 nodad
ip -n "${JVT}c" -6 route add fd00:9::2 via fd00:a::2 dev a0
is_v6() { client_get '.session.paths[] | select(.role == "active").local' | grep -q 'fd00:a::1'; }
wait_for 30 is_v6 || fail 'the session did not change its family'
say "on IPv6 $((($(now_ns) - at) / 1000000)) ms after the address came (the look takes a while itself)"
wait_attached 5
sleep 4 # TCP's own patience doubled in the silence
tcp_stop
say "TCP: $TCP"
need 'another session' test "$(client_get .session.sid)" = "$sid"
hold_both
