#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2, .3 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2     b0
#
# What a host's networks do to a session: AllowedIPs that covers the network of the link, a link in the inner network itself, default
# routes that are replaced, a device that is renamed, and a network that lets nothing through. The session lives, and says so.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

has_warning() { jv_c status c --json | jq -e --arg text "$1" '.warnings | map(contains($text)) | any' >/dev/null; }
has_no_warning() { ! has_warning "$1"; }
is_on() { [ "$(client_get '.session.paths[] | select(.role == "active").name')" = "$1" ]; }

topo_veth
ip -n "${JVT}g" addr add 10.201.0.3/24 dev a0
# Default routes instead of those to the gateway alone.
for dev in a0 b0; do ip -n "${JVT}c" route del "$OUTER" dev $dev; done
ip -n "${JVT}c" route add default via 10.201.0.2 dev a0 metric 100
ip -n "${JVT}c" route add default via 10.202.0.2 dev b0 metric 200
write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 10.99.0.0/24, 10.201.0.0/16, 10.200.0.0/16|' "$W/c.conf"
start_gateway
start_client
wait_attached 10
sid=$(client_get .session.sid)

# AllowedIPs covers the link's network and the gateway's own address.
wait_for 5 has_warning 'the network 10.201.0.0/24 of a0 meets 10.201.0.0/16' || fail 'no warning of both networks'
need 'no line in the log' grep -q 'the network 10.201.0.0/24 of a0 meets 10.201.0.0/16' "$W/client.log"
need 'no packet comes through' inner_ping
sleep 3
need 'the session did not stay' is_state ATTACHED

# A link in the inner network: the outer path over it works all the same.
ip -n "${JVT}c" addr add 10.99.0.77/24 dev b0
wait_for 5 has_warning 'b0 meets 10.99.0.0/24' || wait_for 1 has_warning 'a0 meets' || fail 'no warning of a link in the inner network'
wait_for 5 quiet jv_c switch b c || fail 'the switch was refused'
wait_for 5 is_state ATTACHED || fail 'not attached over a link whose network is the inner one'
ip -n "${JVT}c" addr del 10.99.0.77/24 dev b0
wait_for 10 inner_ping || fail 'no packet after that address went'

# The default route of a link is replaced, as when a DHCP server names another router; then taken away, and back.
wait_for 10 is_on a/udp || fail 'not back on A'
ip -n "${JVT}c" route replace default via 10.201.0.3 dev a0 metric 100
sleep 1
need 'no packet after the default route was replaced' inner_ping
need 'another path after the default route was replaced' is_on a/udp
ip -n "${JVT}c" route del default dev a0
wait_for 10 is_on b/udp || fail 'the session did not leave a link without a route'
need 'no packet over B' inner_ping
ip -n "${JVT}c" route add default via 10.201.0.2 dev a0 metric 100
wait_for 20 is_on a/udp || fail 'the session did not come back to A'

# The device is renamed: it is no transport of the profile any more, until it has its name back.
ip -n "${JVT}c" link set a0 down
ip -n "${JVT}c" link set a0 name wifi9
ip -n "${JVT}c" link set wifi9 up
ip -n "${JVT}c" route replace default via 10.201.0.2 dev wifi9 metric 100
wait_for 10 is_on b/udp || fail 'the session did not leave a device that was renamed'
need 'no packet over B' inner_ping
ip -n "${JVT}c" link set wifi9 down
ip -n "${JVT}c" link set wifi9 name a0
ip -n "${JVT}c" link set a0 up
ip -n "${JVT}c" route replace default via 10.201.0.2 dev a0 metric 100
wait_for 20 is_on a/udp || fail 'the session did not come back to a device that has its name back'

# Links are up and nothing comes through them: a portal, or a firewall.
in_ns g nft -f - <<'NFT' || fail 'nft'
table ip portal {
  chain in {
    type filter hook input priority 0;
    udp dport 4433 drop
  }
}
NFT
need 'told before there was time for an answer' has_no_warning 'captive portal'
wait_for 40 has_warning 'the gateway does not answer on any path; a captive portal may be in the way' || fail 'no warning of a portal'
need 'no line in the log' grep -q 'a captive portal may be in the way' "$W/client.log"
need 'the session ended' test "$(state_of_client)" != TERMINATED
in_ns g nft delete table ip portal
wait_attached 30
wait_for 5 has_no_warning 'captive portal' || fail 'the warning stays'
need 'no packet comes through' inner_ping
need 'another session' test "$(client_get .session.sid)" = "$sid"
hold_both
