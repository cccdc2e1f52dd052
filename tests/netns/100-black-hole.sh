#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way, becomes a black hole ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ========================== b0
#
# Nothing tells the ends that A swallows everything. Under traffic both notice, the session jumps to B and keeps its id, its inner
# address and the TCP connection inside.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
sleep 1
sid=$(client_get .session.sid)
address=$(client_get '.session.address[0]')
need 'the first path is not A' test "$(client_get '.session.paths[] | select(.role == "active").name')" = a/udp
at=$(emu_at a blackhole on)
sleep 1.5
streams_stop
tcp_stop
up=$(first_after up "$at" 12) || fail 'nothing reached the gateway over B'
down=$(first_after down "$at" 12) || fail 'nothing reached the client over B'
say "first inner packet over B: client to gateway $up ms, gateway to client $down ms after the black hole; TCP: $TCP"
say "the client measured an outage of $(client_get .session.outage_worst_us) us"
need 'the outage was longer than 500 ms' jq -en "$up < 500 and $down < 500" >/dev/null
need 'there was no switch' test "$(client_get .session.switches)" = 1
need 'the gateway saw no switch' test "$(gateway_get '.[0].switches')" = 1
need 'the path is not B' test "$(client_get '.session.paths[] | select(.role == "active").name')" = b/udp
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the gateway has another session' test "$(gateway_get '.[0].sid')" = "$sid"
need 'the inner address changed' test "$(client_get '.session.address[0]')" = "$address"
need 'the audit tells of no silence' audit_has c '"reason":"DEAD_TRANSPORT_RECOVERY"'
explain_both
need 'the explanation does not name the path that was left' grep -q 'a/udp\|\ba\b' "$W/explain-c.log"
hold_both
