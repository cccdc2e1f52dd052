#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 192.168.7.2 ---- 192.168.7.1 NAT 10.201.0.1 ---- 10.201.0.2 a0 gateway      nftables masquerade, random ports
#          b0 10.202.0.1 ----------------------------------- 10.202.0.2 b0
#
# The NAT forgets every mapping under traffic: the gateway sees the session come from another port, learns nothing from the address
# alone, and follows after the proof. That is no switch.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

command -v conntrack >/dev/null || skip 'needs conntrack'
topo_nat
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
sleep 1
sid=$(client_get .session.sid)
before=$(gateway_get '.[0].paths[0].remote')
need 'the session does not come through the NAT' grep -q '^10\.201\.0\.1:' <<<"$before"
need 'the NAT had no mapping to forget' nat_rebind
wait_for 3 sh -c "'$JV' --run-dir '$W/run-g' sessions g --json | jq -e '.[0].rebinds >= 1'" || fail 'the gateway did not follow'
sleep 1
streams_stop
tcp_stop
after=$(gateway_get '.[0].paths[0].remote')
say "the gateway saw $before, then $after; longest silence: up $(stream_report up), down $(stream_report down); TCP: $TCP"
need 'the outer address is the same as before: nothing was tested' test "$before" != "$after"
need 'the session left the NAT' grep -q '^10\.201\.0\.1:' <<<"$after"
need 'a rebinding was counted as a switch' test "$(client_get .session.switches)" = 0
need 'a rebinding was counted as a switch at the gateway' test "$(gateway_get '.[0].switches')" = 0
need 'the audit of the gateway does not tell of it' audit_has g '"event":"TransportRebound"'
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the silence was longer than 400 ms' jq -en "$(stream_report down | jq .longest_gap_ms) < 400" >/dev/null
hold_both
