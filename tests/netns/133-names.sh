#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway, listens on 10.200.0.2 and 10.200.0.3; a name server on 10.200.0.2
#
# The profile names the gateway. The name does not exist at first; it appears; it leads elsewhere while the session lives, which
# follows without losing a packet; it leads back in the moment in which the address in use dies, and the session finds that out.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

remote() { client_get '.session.paths[] | select(.role == "active").remote'; }
is_remote() { [ "$(remote)" = "$1:4433" ]; }

topo_veth
ip -n "${JVT}g" addr add 10.200.0.3/32 dev lo
ip -n "${JVT}c" route add 10.200.0.3 via 10.201.0.2 dev a0 metric 100
write_configs '[Policy]
Preset = fast
Dwell = 2s'
sed -i '/^\[Transport b\]/,/^Prefer/d; s|^Gateway = .*|Gateway = gw.example.test:4433, other.example.test:4433|' "$W/c.conf"
sed -i 's|^Listen = .*|Listen = udp://10.200.0.2:4433, udp://10.200.0.3:4433|' "$W/g.conf"
dns_start 10.200.0.2
start_gateway
start_client
wait_for 20 sh -c "'$JV' --run-dir '$W/run-c' status c | grep -q 'does not resolve'" || fail 'jv status does not tell that the name does not resolve'
need 'the client is attached to a name that does not exist' test "$(state_of_client)" != ATTACHED
# AAAA is never answered: half an answer must do.
dns_is 'gw.example.test A 10.200.0.2 1' 'gw.example.test AAAA silent'
wait_attached 40
sid=$(client_get .session.sid)
need 'the session is elsewhere' is_remote 10.200.0.2
tcp_start
streams_start 5
sleep 0.5
dns_is 'gw.example.test A 10.200.0.3 1'
wait_for 45 is_remote 10.200.0.3 || fail 'the session did not follow its name'
sleep 0.5
streams_stop
say "followed its name; up $(stream_report up), down $(stream_report down)"
need 'packets were lost' jq -en "$(stream_report up | jq .lost) == 0 and $(stream_report down | jq .lost) == 0" >/dev/null
need 'another session' test "$(client_get .session.sid)" = "$sid"
sleep 1
need 'the address that the name left is still used' test "$(client_get '[.session.paths[].remote] | unique | join(" ")')" = 10.200.0.3:4433
# It dies, and the name leads back: no lifetime is waited for.
dns_is 'gw.example.test A 10.200.0.2 3600'
in_ns g nft -f - <<'NFT' || fail nft
table ip dead {
  chain in { type filter hook input priority 0; ip daddr 10.200.0.3 udp dport 4433 drop; }
  chain out { type filter hook output priority 0; ip saddr 10.200.0.3 udp sport 4433 drop; }
}
NFT
at=$(now_ns)
wait_for 20 is_remote 10.200.0.2 || fail 'the session did not find the new address'
say "found the new address of a dead one after $((($(now_ns) - at) / 1000000)) ms"
wait_attached 5
sleep 4 # TCP's own patience doubled in the silence
tcp_stop
say "TCP: $TCP"
need 'another session in the end' test "$(client_get .session.sid)" = "$sid"
hold_both
