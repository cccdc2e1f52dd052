#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way, preferred; goes down and comes back ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ========================================= b0
#
# The preferred link is back: after Dwell, and not before, the session returns to it, and because the old binding carries until the new
# one is committed, no datagram is lost on the way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

active_is() { test "$(client_get '.session.paths[] | select(.role == "active").name')" = "$1/udp"; }

topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
need 'the first path is not A' active_is a
sleep 1
ip -n "${JVT}c" link set a0 down
wait_for 3 active_is b || fail 'the session did not jump to B'
sid=$(client_get .session.sid)
sleep 1
tcp_start
streams_start 5
sleep 0.5
at=$(now_ns)
ip -n "${JVT}c" link set a0 up
ip -n "${JVT}c" route replace "$OUTER" via 10.201.0.2 dev a0 metric 100
sleep 1
need 'the session went back before Dwell' active_is b
wait_for 8 active_is a || fail 'the session does not go back to the preferred link'
say "back on A $((($(now_ns) - at) / 1000000)) ms after it came up"
need 'the session went back before Dwell' test $(($(now_ns) - at)) -ge 2000000000
sleep 0.5
streams_stop
tcp_stop
say "up $(stream_report up), down $(stream_report down), TCP $TCP"
need 'datagrams were lost on the way back' test "$(stream_report up | jq .lost) $(stream_report down | jq .lost)" = '0 0'
need 'there were not two switches' test "$(client_get .session.switches)" = 2
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the audit does not say why' audit_has c '"reason":"PREFERRED_PATH_AVAILABLE"'
explain_both
hold_both
