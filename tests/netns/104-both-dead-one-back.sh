#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way, black hole ============= a0 gateway
#          b0 ==== linkemu B, 10 ms each way, black hole, then back == b0
#
# Both paths die in silence, and after some seconds one of them works again: the session degrades, lives, and comes back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
sleep 1
sid=$(client_get .session.sid)
emu a blackhole on >/dev/null
emu b blackhole on >/dev/null
wait_state DEGRADED 12
need 'the session has another id' test "$(client_get .session.sid)" = "$sid"
inner_ping && fail 'a packet comes through two black holes'
at=$(emu_at b blackhole off)
wait_attached 10
say "attached again $((($(now_ns) - at) / 1000000)) ms after B came back"
need 'no packet comes through' inner_ping
need 'the path is not B' test "$(client_get '.session.paths[] | select(.role == "active").name')" = b/udp
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the gateway has another session' test "$(gateway_get '.[0].sid')" = "$sid"
sleep 3 # TCP waits for its own timer, which grew while nothing came
tcp_stop
say "TCP: $TCP"
need 'the audit does not tell of DEGRADED' audit_has c '"to":"DEGRADED"'
explain_both
hold_both
