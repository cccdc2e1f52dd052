#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ------ link A (veth) ------ a0 gateway      The cable of A is pulled: the session jumps to B, the inner stream
#          b0 ------ link B (veth) ------ b0              hardly notices, and both audit files hold.
#
. "$(dirname "$0")/lib.sh"

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
need 'no packet comes through the tunnel' inner_ping
tcp_serve 16
probe_start
sleep 1
pulled_ns=$(now_ns)
ip -n "${JVT}c" link set a0 down
sleep 2
need 'TCP through the tunnel fails after the jump' tcp_fetch
probe_stop >/dev/null
after=$(probe_report "$pulled_ns")
say "$after"
need 'a datagram of the inner stream was lost' test "$(jq .lost <<<"$after")" -le 2
need 'the inner stream was silent for more than 500 ms' test "$(jq '.after_gap_ms | floor' <<<"$after")" -lt 500
need 'the client is not attached after the jump' is_state ATTACHED
need 'the audit of the client does not tell of the jump' audit_has c DEAD_TRANSPORT_RECOVERY
need 'the audit of the client does not hold' audit_ok c
need 'the audit of the gateway does not hold' audit_ok g
