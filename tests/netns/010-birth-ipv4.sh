#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway      outer IPv4, inner IPv4 and IPv6
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# A birth, both inner families, and a clean end: `jv down` leaves no device, address or route, and both files say who ended it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 10.99.0.0/24, fd80:4a56::/64|' "$W/c.conf"
sed -i "s|^Address = .*|Address = $INNER_C, fd80:4a56::7|" "$W/g.conf"
start_gateway
start_client
need 'jv up fails' jv_c up c --timeout 10s
need 'the client does not have the address that the gateway gave' \
    test "$(client_get '.session.address | sort | join(" ")')" = "$INNER_C/32 fd80:4a56::7/128"
need 'no inner IPv4' quiet in_ns c ping -c 3 -i 0.2 -W 1 -q "$INNER_G"
need 'no inner IPv6' quiet in_ns c ping -c 3 -i 0.2 -W 1 -q fd80:4a56::1
need 'no inner IPv4 from the gateway' quiet in_ns g ping -c 1 -W 1 -q "$INNER_C"
need 'no inner IPv6 from the gateway' quiet in_ns g ping -c 1 -W 1 -q fd80:4a56::7
need 'packets are not counted' test "$(gateway_get '.[0].rx_packets')" -ge 8
need 'routes are not marked with our protocol' test -n "$(ip -n "${JVT}c" route show proto 74)"
need 'jv sessions of the gateway does not know the user' test "$(gateway_get '.[0].user')" = alice
need 'status -q is not 0' jv_c status -q c
jv_c switch a c >"$W/switch.log" 2>&1
need 'a switch to the path that is active does not fail with 1' test $? = 1
need 'it does not say why' grep -q 'active already' "$W/switch.log"
jv_c switch nowhere c >"$W/switch.log" 2>&1 && fail 'a switch to a path that is not there is taken'
need 'it does not say why' grep -q 'no such path' "$W/switch.log"
need 'jv down fails' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
in_ns c ip link show jvc >/dev/null 2>&1 && fail 'the device is left after jv down'
need 'a route is left after jv down' test -z "$(ip -n "${JVT}c" route show table all proto 74)$(ip -n "${JVT}c" -6 route show table all proto 74)"
jv_c status -q c && fail 'status -q is 0 without a daemon'
wait_for 3 audit_has g PEER_TERMINATED || fail 'the gateway was not told of the end'
need 'the client does not say who ended it' audit_has c OPERATOR_TERMINATED
hold_both
