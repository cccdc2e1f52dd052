#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth, and a rule that swallows one source port, both ways ---- 10.201.0.2 a0 gateway
#
# The only link of the client. A mapping of a NAT went bad: what leaves by this port, and what comes for it, is gone, and nothing says
# so. Only another source port helps. The session finds it, keeps its id and the TCP connection inside, and closes the old socket.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

sockets() { in_ns c ss -Hunap "src 10.201.0.1" | grep -c jvd; }

topo_veth
write_configs
sed -i '/^\[Transport b\]/,/^Prefer/d' "$W/c.conf"
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
sleep 1
sid=$(client_get .session.sid)
before=$(gateway_get '.[0].paths[0].remote')
port=${before##*:}
need 'the client has more than one socket' test "$(sockets)" = 1
in_ns g nft -f - <<NFT || fail nft
table ip mapping {
  chain in { type filter hook input priority 0; ip saddr 10.201.0.1 udp sport $port drop; }
  chain out { type filter hook output priority 0; ip daddr 10.201.0.1 udp dport $port drop; }
}
NFT
at=$(now_ns)
wait_for 5 sh -c "test \"\$('$JV' --run-dir '$W/run-g' sessions g --json | jq -r '.[0].paths[0].remote')\" != '$before'" ||
    fail 'the session is still on the dead port'
say "the gateway knows another port $((($(now_ns) - at) / 1000000)) ms after the mapping died (the look takes a while itself)"
sleep 1.5
streams_stop
tcp_stop
after=$(gateway_get '.[0].paths[0].remote')
say "the gateway saw $before, then $after; longest silence: up $(stream_report up), down $(stream_report down); TCP: $TCP"
need 'the session left its link' grep -q '^10\.201\.0\.1:' <<<"$after"
need 'the client is not attached' is_state ATTACHED
need 'another session' test "$(client_get .session.sid)" = "$sid"
need 'it was not counted as a switch' test "$(client_get .session.switches)" = 1
need 'it was counted as a rebinding' test "$(client_get .session.rebinds)" = 0
need 'the old socket is still open' test "$(sockets)" = 1
need 'the rung is not on record' audit_has c '"event":"RecoveryRung".*"rung":2'
need 'the silence was longer than 2 s' jq -en "$(stream_report down | jq .longest_gap_ms) < 2000" >/dev/null
explain_both
need 'the explanation does not tell of the port' grep -q 'another source port' "$W/explain-c.log"
hold_both
