#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way; black hole, later back ==== a0 gateway
#          b0 ==== linkemu B, 10 ms each way ============================ b0
#
# A session jumps out of a black hole and goes back; 'jv replay' tells it from the audit files of both ends: timeline, recoveries with
# their durations, and the demonstration's dialect, which its validators' rules accept.
. "$(dirname "$0")/lib.sh"

client_get() { jv_c --json status c | jq -r "$1"; }
active_is() { test "$(client_get '.session.paths[] | select(.role == "active").name')" = "$1/udp"; }
records() { grep -c "$2" "$W/log-$1/$1.jsonl"; }
has_records() { [ "$(records "$1" "$2")" -ge "$3" ]; }

topo_emu 10000
write_configs
start_gateway
start_client
wait_attached 10
probe_start 20
sleep 1
emu a blackhole on >/dev/null
wait_for 5 active_is b || fail 'the session did not jump'
sleep 1
emu a blackhole off >/dev/null
wait_for 15 active_is a || fail 'the session did not go back'
wait_for 5 has_records c '"reason":"RECOVERY_COMPLETE"' 2 || fail 'no probation ended'
wait_for 5 has_records g '"reason":"RECOVERY_COMPLETE"' 2 || fail 'no probation ended at the gateway'
stop probe

for side in c g; do
    file=$W/log-$side/$side.jsonl
    "$JV" replay "$file" --json >"$W/replay.json" || fail "replay of $side"
    jq -e '.[0] | .state == "ATTACHED" and .verified and (.recoveries | length) == 2
        and all(.recoveries[]; .outcome == "RECOVERED" and .switches == 1 and .from != .to and .end_ns >= .start_ns and .total_us >= 0)' \
        "$W/replay.json" >/dev/null || fail "recoveries of $side: $(jq -c '.[0].recoveries' "$W/replay.json")"
    # What is told is what is in the file: every record of the session, in order.
    [ "$(jq '.[0].timeline | length' "$W/replay.json")" = "$(grep -c "\"sid\":\"$(jq -r '.[0].sid' "$W/replay.json")\"" "$file")" ] ||
        fail "the timeline of $side leaves records out"
    "$JV" replay "$file" --format=demo >"$W/demo-$side.jsonl" || fail "export of $side"
    for rules in replay continuity both; do
        "$JVT_ROOT/tests/demo/check_trace.py" --rules $rules "$W/demo-$side.jsonl" >"$W/rules.txt" ||
            fail "$rules rules, $side: $(cat "$W/rules.txt")"
    done
    "$JV" replay "$file" >"$W/replay.txt" || fail "text of $side"
    grep -q ' audit  *chain and laws verified' "$W/replay.txt" || fail 'the text does not vouch for the chain'
    grep -q '2 recoveries: 2 RECOVERED, 0 DEGRADED, 0 TERMINATED, 0 OPEN' "$W/replay.txt" || fail "sum: $(cat "$W/replay.txt")"
done
"$JV" replay "$W/log-c/c.jsonl" --json >"$W/replay.json"
# A gateway commits its three rows at once; only the client knows how long it all took.
# The daemon's own measures belong together: what was noticed and what was exchanged is within the outage.
jq -e '.[0].recoveries[0] | .detect_us > 0 and .reattach_us > 0 and .outage_us >= .reattach_us and .total_us > 0 and .attempts >= 1
    and .start_reason == "HEARTBEAT_TIMEOUT"' "$W/replay.json" >/dev/null ||
    fail "first recovery: $(jq -c '.[0].recoveries[0]' "$W/replay.json")"
jq -e '.[0].recoveries[1] | .outage_us == 0 and .start_reason == "PREFERRED_PATH_AVAILABLE"' "$W/replay.json" >/dev/null ||
    fail "second recovery: $(jq -c '.[0].recoveries[1]' "$W/replay.json")"
say "black hole: $(jq -c '.[0].recoveries[0] | {detect_us, reattach_us, outage_us, total_us}' "$W/replay.json")"

# The story of a moment: within the first trouble it is the jump out of the hole, at the end the way back.
at=$(jq -r 'select(.event == "VolatilitySignal").ts' "$W/log-c/c.jsonl" | head -n 1)
jv_c explain c --at "$at" | head -n 1 | grep -q 'a/udp → b/udp' || fail "explain --at $at: $(jv_c explain c --at "$at" | head -n 1)"
jv_c explain c --last | head -n 1 | grep -q 'b/udp → a/udp' || fail "explain --last: $(jv_c explain c --last | head -n 1)"
jv_c explain c --at 10h >/dev/null 2>"$W/err.txt" && fail 'there is a story of ten hours ago'
grep -q 'by then' "$W/err.txt" || fail "the message is $(cat "$W/err.txt")"
jv_c explain c --at noon 2>"$W/err.txt"
[ $? = 2 ] && grep -q "'noon'" "$W/err.txt" || fail 'noon is taken for a moment'
jv_c status c | grep -q 'b/udp → a/udp, POLICY_FORCED_RECOVERY' || fail "the last switch: $(jv_c status c)"
jv_c status c | grep -q 'SCORE' || fail 'no column SCORE'
[ "$(jv_g --json sessions g --state attached | jq length) $(jv_g --json sessions g --state degraded | jq length)" = '1 0' ] ||
    fail 'sessions --state'

# A file that was changed is told, and its trace no longer claims that all is well.
sed 's/"reason":"HEARTBEAT_TIMEOUT"/"reason":"LOSS_THRESHOLD_EXCEEDED"/' "$W/log-c/c.jsonl" >"$W/forged.jsonl"
"$JV" replay "$W/forged.jsonl" | grep -q 'NOT VERIFIED' || fail 'a forged file is not told'
"$JV" replay "$W/forged.jsonl" --format=demo >"$W/forged-demo.jsonl"
quiet "$JVT_ROOT/tests/demo/check_trace.py" "$W/forged-demo.jsonl" && fail 'the trace of a forged file passes'

# One session that ended: told as such, and refused by the rules, which want a session that lives.
jv_c down c || fail 'down'
wait_for 5 has_records c '"to":"TERMINATED"' 1 || fail 'the end is not on record'
"$JV" replay "$W/log-c/c.jsonl" --json | jq -e '.[0].state == "TERMINATED" and .[0].reason == "OPERATOR_TERMINATED"' >/dev/null ||
    fail 'the end is not told'
"$JV" replay "$W/log-c/c.jsonl" --format=demo >"$W/ended.jsonl"
quiet "$JVT_ROOT/tests/demo/check_trace.py" --rules replay "$W/ended.jsonl" && fail 'a trace with an end passes'
"$JV" replay "$W/log-c/c.jsonl" deadbeef >/dev/null 2>&1
[ $? = 4 ] || fail 'an unknown session is not refused'
"$JV" replay "$W/no-such.jsonl" >/dev/null 2>"$W/err.txt"
[ $? = 1 ] && grep -q no-such "$W/err.txt" || fail 'a missing file is not named'
say 'replayed'
