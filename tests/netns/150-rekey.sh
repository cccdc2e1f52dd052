#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ==== b0
#
# KeyMaxAge at its smallest, 10 s, so that the keys are replaced after five: under traffic, without a datagram lost, and told at both
# ends. Then a jump under the second keys.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_emu 10000
write_configs '[Policy]
Preset = fast
KeyMaxAge = 10s'
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
sid=$(client_get .session.sid)
need 'the first epoch is not 1' test "$(client_get .session.epoch)" = 1
wait_for 9 sh -c "'$JV' --run-dir '$W/run-c' status c --json | jq -e '.session.epoch >= 2'" || fail 'the keys were not replaced'
sleep 0.5
streams_stop
say "up $(stream_report up), down $(stream_report down)"
need 'datagrams were lost over the rekey' test "$(stream_report up | jq .lost) $(stream_report down | jq .lost)" = '0 0'
need 'datagrams came twice' test "$(stream_report up | jq .doubled) $(stream_report down | jq .doubled)" = '0 0'
need 'the gateway is in another epoch' test "$(gateway_get '.[0].epoch')" = "$(client_get .session.epoch)"
need 'the client does not tell of it' audit_has c '"event":"KeyRotated"'
need 'the gateway does not tell of it' audit_has g '"event":"KeyRotated"'
need 'the session changed' test "$(client_get .session.sid) $(client_get .session.switches)" = "$sid 0"
emu a blackhole on >/dev/null
in_ns c ping -c 8 -i 0.1 -W 1 -q "$INNER_G" >/dev/null 2>&1 # traffic, so that the silence shows
wait_for 3 inner_ping || fail 'no packet after the jump'
need 'the session did not jump' test "$(client_get .session.switches)" = 1
tcp_stop
say "TCP: $TCP"
hold_both
