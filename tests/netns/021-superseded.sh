#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client       a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#   second host  m0 10.203.0.1 ---- veth ---- 10.203.0.2 m0           has the client's key
#
# Two hosts with one key: the newer session ends the older one, at both ends and with a link between the two. Births in quick succession
# are refused beyond three a minute.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
ns_add n
veth_pair n m0 10.203.0.1/24 g m0 10.203.0.2/24
ip -n "${JVT}n" route add "$OUTER" via 10.203.0.2
write_configs
mkdir -m 777 "$W/run-n" "$W/state-n" "$W/log-n"
sed "s|^Device = a0|Device = m0|; /^\[Transport b\]/,/^Prefer/d; s|log-c/c.jsonl|log-n/n.jsonl|; s|= jvc|= jvn|" "$W/c.conf" >"$W/n.conf"
start_second() {
    rm -f "$W/run-n/n.sock"
    spawn second n "$JVD" --config "$W/n.conf" --foreground --run-dir "$W/run-n" --state-dir "$W/state-n" --log-dir "$W/log-n"
    wait_for 5 test -S "$W/run-n/n.sock" || fail 'the second host does not come up'
}
jv_n() { "$JV" --run-dir "$W/run-n" --log-dir "$W/log-n" "$@"; }
start_gateway
start_client
wait_attached 10
first=$(client_get .session.sid)
start_second
wait_for 10 jv_n status -q n || fail 'the second host does not attach'
second=$(jv_n status n --json | jq -r .session.sid)
wait_state TERMINATED 5
need 'the ids are the same' test "$first" != "$second"
need 'the older client was not told why' audit_has c "\"sid\":\"$first\".*\"to\":\"TERMINATED\".*\"reason\":\"SUPERSEDED\""
need 'the gateway ended the older session for another reason' \
    audit_has g "\"sid\":\"$first\".*\"to\":\"TERMINATED\".*\"reason\":\"SUPERSEDED\""
need 'the gateway does not link the two' grep -q "\"link\":\"\($first\|$second\)\"" "$W/log-g/g.jsonl"
need 'there is not exactly one session' test "$(gateway_get '[.[] | select(.state != "TERMINATED")] | length')" = 1
need 'the second host has no way through' quiet in_ns n ping -c 2 -i 0.2 -W 1 -q "$INNER_G"
sleep 1
need 'the older client came back by itself' test "$(state_of_client)" = TERMINATED

# The third confirmed birth within the minute ends the second session, the fourth is refused.
jv_c up c --timeout 5s >"$W/up.log" 2>&1 || fail 'the third birth was refused'
third=$(client_get .session.sid)
wait_for 5 sh -c "'$JV' --run-dir '$W/run-n' status -q n; test \$? = 14" || fail 'the third birth did not end the second session'
jv_n up n --timeout 3s >"$W/up.log" 2>&1 && fail 'a fourth birth within a minute was taken'
say "the fourth: $(cat "$W/up.log")"
need 'the gateway does not tell of the refusal' grep -q '"event":"BirthRefused".*"reason":"RATE_LIMITED"' "$W/log-g/g.jsonl"
need 'the third session did not survive the refusal' test "$(client_get .session.sid) $(state_of_client)" = "$third ATTACHED"
need 'the third session has no way through' inner_ping
hold_both
need 'the audit of the second host does not hold' quiet "$JV" audit verify "$W/log-n/n.jsonl"
