#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#
# The client's process stands still for eight seconds, as a machine that sleeps does; the gateway lets go of the transport meanwhile.
# Awake, it does not wait for a silence: packets go through at once.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
tcp_start
sleep 1
sid=$(client_get .session.sid)
kill -STOP "$(pid_of client)"
sleep 8
need 'the gateway noticed nothing: nothing is tested' audit_has g '"event":"TransportDead"'
at=$(now_ns)
kill -CONT "$(pid_of client)"
need 'nothing comes through' inner_ping
say "an inner packet went there and back $((($(now_ns) - at) / 1000000)) ms after the process went on (starting ping takes a while itself)"
need 'the client did not notice that it stood still' audit_has c '"event":"Woke".*"slept_ms":[78]'
wait_attached 5
sleep 6 # TCP's own patience doubled in the silence
tcp_stop
say "TCP: $TCP"
need 'another session' test "$(client_get .session.sid)" = "$sid"
hold_both
