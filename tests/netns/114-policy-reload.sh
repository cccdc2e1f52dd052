#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ------ link A (veth) ------ a0 gateway      The policy changes under a running session, from either end, at once and in
#                                                         grace; an invalid one lets nobody new in and leaves the session alone.
#
. "$(dirname "$0")/lib.sh"

sid() { jv_c status --json c | jq -r .session.sid; }
# changed SIDE: PolicyChanged records of the session in that audit file.
changed() { grep -c '"sid":.*"event":"PolicyChanged"' "$W/log-$1/$1.jsonl"; }
limit_c() { jv_c status --json c | jq -r .session.switches_limit; }

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
before=$(sid)
limit_before=$(limit_c)

# The gateway's operator tightens: in force on both ends within a moment.
cp "$W/g.conf" "$W/g.good"
printf '[Limits]\nMaxSwitches = 5/min\n' >>"$W/g.conf"
need 'the reload of tighter limits is refused' jv_g reload g
wait_for 5 sh -c "[ \"\$(grep -c '\"sid\":.*\"event\":\"PolicyChanged\"' '$W/log-c/c.jsonl')\" -ge 1 ]" ||
    fail 'the client has no PolicyChanged'
need 'the client does not live by the limit' test "$(limit_c)" = 5
need 'the session is another one' test "$(sid)" = "$before"
need 'no packet comes through the tunnel' inner_ping

# And widens: the client gets what it wanted.
cat "$W/g.good" >"$W/g.conf"
need 'the reload of wider limits is refused' jv_g reload g
wait_for 5 sh -c "[ \"\$(grep -c '\"sid\":.*\"event\":\"PolicyChanged\"' '$W/log-c/c.jsonl')\" -ge 2 ]" ||
    fail 'the client did not ask for what it wants'
need 'the client has another limit than it wanted' test "$(limit_c)" = "$limit_before"

# An invalid policy: the finding has its line, the session stays, nobody new gets in.
printf '[Policy]\nPreset = strict\nMaxSwitches = 9999/min\n' >>"$W/g.conf"
jv_g reload g 2>"$W/err"
need 'an invalid policy does not give 6' test $? -eq 6
need 'the message does not name the value' grep -q 'MaxSwitches is 9999/min' "$W/err"
need 'the status does not warn' grep -q 'new ones are denied' <(jv_g status --json g)
need 'no packet comes through the tunnel' inner_ping
need 'the session is another one' test "$(sid)" = "$before"
jv_c down c >/dev/null 2>&1
start_client
wait_for 5 audit_has c '"event":"BirthRefused".*POLICY_INVALID' || fail 'the birth was not refused with POLICY_INVALID'
cat "$W/g.good" >"$W/g.conf"
need 'the good profile is refused' jv_g reload g
quiet jv_c up --timeout 20s c
wait_attached 20

# In grace nothing happens before the next row.
before=$(changed c)
printf '[Policy]\nPreset = strict\nOnReload = grace\n' >>"$W/g.conf"
need 'the reload in grace is refused' jv_g reload g
sleep 2
need 'grace did not wait' test "$(changed c)" = "$before"
need 'no packet comes through the tunnel' inner_ping
audit_ok g || fail 'the audit of the gateway does not hold'
audit_ok c || fail 'the audit of the client does not hold'
