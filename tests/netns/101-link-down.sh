#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way, goes down at the client ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ============================= b0
#
# The host says that a link is down: nothing has to be found out, so the outage is one round trip and a little.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
streams_start 5
sleep 1.5
sid=$(client_get .session.sid)
at=$(now_ns)
ip -n "${JVT}c" link set a0 down
sleep 1.5
streams_stop
tcp_stop
# The command itself takes some milliseconds to start, and packets on their way over A still arrive: 10 ms of delay after that.
up=$(first_after up "$at" 25) || fail 'nothing reached the gateway over B'
down=$(first_after down "$at" 25) || fail 'nothing reached the client over B'
outage=$(client_get '.session.outage_worst_us')
say "first inner packet over B: client to gateway $up ms, gateway to client $down ms after the order; the client measured $outage us"
say "TCP: $TCP"
need 'the outage is far above one round trip of 20 ms' test "$outage" -le 60000
need 'the streams were silent for more than 150 ms' jq -en "$up < 150 and $down < 150" >/dev/null
need 'there was not exactly one switch' test "$(client_get .session.switches)" = 1
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the audit does not tell of a dead transport' audit_has c '"reason":"TRANSPORT_DEAD"'
explain_both
hold_both
