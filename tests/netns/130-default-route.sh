#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1, fd00:a::1 ---- veth ---- 10.201.0.2, fd00:a::2 a0 gateway ---- 198.51.100.1, 2001:db8::1 on lo: the world
#          b0 10.202.0.1            ---- veth ---- 10.202.0.2            b0
#
# AllowedIPs = 0.0.0.0/0, ::/0: everything goes through the tunnel but the tunnel itself. All of it goes with `jv down`; all of it
# stays where jvd is killed, so that nothing leaks in clear, and the next start takes it over.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

leftovers() {
    ip -n "${JVT}c" route show table all proto 74
    ip -n "${JVT}c" -6 route show table all proto 74
    ip -n "${JVT}c" rule | grep -v 'lookup \(local\|main\|default\)'
    ip -n "${JVT}c" -6 rule | grep -v 'lookup \(local\|main\|default\)'
    ip -n "${JVT}c" link show jvc 2>/dev/null
}

topo_veth
ip -n "${JVT}g" addr add 198.51.100.1/32 dev lo
ip -n "${JVT}g" -6 addr add 2001:db8::1/128 dev lo nodad
for side in c g; do in_ns $side sysctl -qw net.ipv6.conf.all.forwarding=1; done
# The host had default routes before.
ip -n "${JVT}c" route add default via 10.201.0.2 dev a0 metric 100
ip -n "${JVT}c" -6 addr add fd00:a::1/64 dev a0 nodad
ip -n "${JVT}g" -6 addr add fd00:a::2/64 dev a0 nodad
ip -n "${JVT}c" -6 route add default via fd00:a::2 dev a0 metric 100
before=$(leftovers)
write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0, ::/0|' "$W/c.conf"
sed -i '/^Address = /d' "$W/g.conf"
start_gateway
start_client
wait_attached 10
spawn dump c tcpdump -i jvc -n -l 'udp port 4433'
spawn clear c tcpdump -i a0 -n -l 'host 198.51.100.1 or host 2001:db8::1'
wait_for 5 grep -q 'listening on' "$W/dump.log" || fail 'tcpdump does not start'
wait_for 5 grep -q 'listening on' "$W/clear.log" || fail 'tcpdump does not start'
need 'IPv4 to the world does not go through' quiet in_ns c ping -c 5 -i 0.1 -W 1 -q 198.51.100.1
need 'IPv6 to the world does not go through' quiet in_ns c ping -c 5 -i 0.1 -W 1 -q 2001:db8::1
need 'the gateway counted less than was sent: it went another way' test "$(gateway_get '.[0].rx_packets')" -ge 10
need 'the session does not switch' quiet jv_c switch b c
sleep 0.5
need 'IPv4 to the world does not go through B' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 198.51.100.1
need 'jv reports something else than B' test "$(client_get '.session.paths[] | select(.role == "active").name')" = b/udp
address=$(client_get '.session.address | sort | join(" ")')
sid=$(client_get .session.sid)

kill_hard client
sleep 0.3
need 'the device is gone after the kill' quiet in_ns c ip link show jvc
need 'the routes are gone after the kill' test -n "$(ip -n "${JVT}c" route show table all proto 74)"
need 'the address is gone after the kill' grep -q "${address%%/*}" <<<"$(ip -n "${JVT}c" addr show dev jvc)"
in_ns c ping -c 2 -i 0.2 -W 1 -q 198.51.100.1 >/dev/null 2>&1 && fail 'packets to the world find a way while jvd is dead'
# A route that the next profile does not want.
ip -n "${JVT}c" route add 203.0.113.0/24 dev jvc proto 74
rm -f "$W/run-c/c.sock"
start_client
wait_attached 10
need 'a left-over route was not removed' test -z "$(ip -n "${JVT}c" route show table all 203.0.113.0/24)"
need 'IPv4 to the world does not go through after the restart' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 198.51.100.1
need 'IPv6 to the world does not go through after the restart' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 2001:db8::1
need 'the device has an address of the session before' test "$(in_ns c ip -4 -o addr show dev jvc | wc -l)" = 1
say "before the kill $address, after it $(client_get '.session.address | sort | join(" ")'); sessions $sid, $(client_get .session.sid)"
need 'the address was not used again' test "$(client_get '.session.address | sort | join(" ")')" = "$address"
need 'the session after the kill is the one before' test "$(client_get .session.sid)" != "$sid"
stop dump INT
stop clear INT
need "outer datagrams went into the tunnel" grep -q '^0 packets captured' "$W/dump.log"
need "packets to the world left in clear" grep -q '^0 packets captured' "$W/clear.log"

need 'jv down fails' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
need "something is left after jv down: $(leftovers)" test "$(leftovers)" = "$before"
need 'the default route of the host is gone' grep -q 'via 10.201.0.2 dev a0' <<<"$(ip -n "${JVT}c" route show default)"
hold_both
