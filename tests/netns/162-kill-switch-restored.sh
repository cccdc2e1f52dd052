#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ------ link A (veth) ------ a0 gateway      Somebody else reloads the rule set of the client's host, and begins by
#                                                         removing all of it; or opens a hole in the kill switch.
#
# The daemon, which is no longer root, sets its rules again at once, says so in log, status and audit, and not a thousand times.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

table() { in_ns c nft list table inet jv_c 2>/dev/null; }
has_table() { [ -n "$(table)" ]; }
has_no() { ! table | grep -q "$1"; }
restored() { grep -c '"event":"KillSwitch".*"text":"restored' "$W/log-c/c.jsonl"; }

topo_veth
CLIENT_TOP='KillSwitch = yes' write_configs
start_gateway
start_client
wait_attached 10
need 'jvd is root still' test "$(ps -o uid= -p "$(client_get .pid)")" -ne 0
before=$(table)
need 'there are no rules' test -n "$before"
need 'it is not on record' audit_has c '"event":"KillSwitch".*"text":"set"'

# Rules of others are their business.
in_ns c nft 'add table inet other; add chain inet other x; delete table inet other'
in_ns c nft 'add table ip jv_c; delete table ip jv_c'
sleep 0.3
need 'the rules of others were taken for ours' test "$(client_get '.warnings | map(select(test("kill switch"))) | length')" = 0

in_ns c nft flush ruleset
wait_for 5 has_table || fail 'the rules do not come back after a flush'
need 'they are not what they were' test "$(table)" = "$before"
wait_for 5 audit_has c '"event":"KillSwitch".*"text":"restored' || fail 'it is not on record'
need 'jv status does not warn' test "$(client_get '.warnings | map(select(test("kill switch"))) | length')" = 1
need 'jv status does not say on' grep -q 'kill switch: on' <<<"$(jv_c status c)"
need 'the session noticed' inner_ping

# A hole: a rule at the head, a table that sleeps.
in_ns c nft insert rule inet jv_c out oifname '"a0"' accept
wait_for 5 has_no a0 || fail 'the hole stays'
in_ns c nft add table inet jv_c '{ flags dormant; }'
wait_for 5 has_no dormant || fail 'the table sleeps on'
need 'they are not what they were' test "$(table)" = "$before"

# Who does it all the time has his rules replaced all the time, and few lines of it.
n=$(restored)
for _ in $(seq 1 100); do in_ns c nft delete table inet jv_c 2>/dev/null; done
wait_for 5 has_table || fail 'the rules do not come back'
sleep 0.3
need 'they are not what they were' test "$(table)" = "$before"
need "$(($(restored) - n)) lines of it" test "$(($(restored) - n))" -le 5
need 'jvd is busy with it' inner_ping
need 'jv down' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
need 'the rules are there after jv down' test -z "$(table)"
need 'the end is not on record' audit_has c '"event":"KillSwitch".*"text":"let go: jv down"'
audit_ok c || fail 'the audit of the client does not hold'
