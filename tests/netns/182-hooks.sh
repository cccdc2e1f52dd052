#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# Hooks: PostUp, PreDown and PostDown as root with the device's name; OnTransition with its environment; and hooks that hang, flood
# or fail, which neither slow a jump down nor change what the audit says of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

METRICS_C=127.0.0.1:9433
hook() { # BODY
    printf '#!/bin/sh\n%s\n' "$1" >"$W/hook"
    chmod 755 "$W/hook"
}
hooked() { jv_c counters c | jq -er ".hooks.$1"; }
has_hooked() { [ "$(hooked "$1")" -ge "$2" ]; }
# The transitions of a life: attached, moved to B by hand, B down, A again. What the audit says of them, without times and numbers.
live() {
    local extra
    extra=$(printf '[Hooks]\n%s\n[Metrics]\nListen = %s' "$1" "$METRICS_C")
    write_configs "$extra"
    start_gateway
    start_client
    wait_attached 10
    need 'the switch was refused' quiet jv_c switch b c
    sleep 0.4
    ip -n "${JVT}c" link set b0 down
    wait_for 5 inner_ping || fail 'no packet after the link went'
    sleep 1
    ip -n "${JVT}c" link set b0 up
    ip -n "${JVT}c" route add "$OUTER" via 10.202.0.2 dev b0 metric 200
    wait_attached 5
}
story() { jq -r 'select(.event == "SessionStateChange" and .to != "TERMINATED") | "\(.from) \(.to) \(.reason) \(.path)"' "$W/log-c/c.jsonl"; }
outage_us() { jq -r 'select(.event == "TransportSwitch") | .seen.outage_us' "$W/log-c/c.jsonl" | sort -n | tail -n 1; }
down() {
    need 'jv down fails' jv_c down c
    wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
    hold_both
    stop gateway
    rm -f "$W"/run-*/*
}
forget() { rm -rf "$W"/log-*/* "$W"/state-*/*; : >"$W/client.log"; }

topo_veth
# Without hooks: what the others are compared with.
live ''
story >"$W/story-none"
need 'the story is too short to compare' test "$(wc -l <"$W/story-none")" -ge 7
none_us=$(outage_us)
need 'a process for hooks though there are none' test -z "$(pgrep -P "$(pid_of client)" jvd-hooks)"
down
forget

# All four, well-behaved.
hook "echo \"\$JV_FROM \$JV_TO \$JV_REASON \${JV_PATH:--} \$JV_NAME \$JV_INTERFACE \$(id -u) \$JV_SID\" >>$W/seen"
live "PostUp = ip -o addr show dev %i >$W/up; id -u >>$W/up; env >$W/env
PreDown = ping -c 1 -W 1 -q $INNER_G >$W/pre-down && echo alive >>$W/pre-down
PostDown = ip link show %i >$W/post-down 2>&1; echo \$? >>$W/post-down
OnTransition = $W/hook"
story >"$W/story-good"
down
sid=$(jq -r 'select(.event == "SessionCreated") | .sid' "$W/log-c/c.jsonl")
need 'PostUp ran before the device had its address' grep -q "$INNER_C/" "$W/up"
need 'PostUp did not run as root' grep -qx 0 "$W/up"
need "PostUp has more in its environment: $(cat "$W/env")" test "$(cut -d= -f1 "$W/env" | sort | tr '\n' ' ')" = 'HOME JV_INTERFACE JV_NAME PATH PWD '
need 'PreDown ran when the session was over' grep -qx alive "$W/pre-down"
need 'PostDown ran before the device was gone' grep -qx 1 "$W/post-down"
need 'OnTransition did not see each transition once' diff <(awk '{ print $1, $2, $3, $4 }' "$W/seen") \
    <(jq -r 'select(.event == "SessionStateChange") | "\(.from) \(.to) \(.reason) \(.path // "-")"' "$W/log-c/c.jsonl")
need 'OnTransition has another environment' test "$(head -n 1 "$W/seen" | awk '{ print $5, $6, $7, $8 }')" = "c jvc 0 $sid"
need 'hooks changed the story' diff "$W/story-none" "$W/story-good"
forget

# One that hangs, with children that hang, and ignores signals.
hook "trap '' TERM INT HUP; sleep 987 & sleep 987; :"
live "OnTransition = $W/hook"
story >"$W/story-hang"
hang_us=$(outage_us)
wait_for 10 has_hooked timed_out 1 || fail 'a hook that hangs is not counted'
wait_for 5 grep -q 'OnTransition was killed after 5 s' "$W/client.log" || fail 'a hook that hangs is not told'
need 'hooks that hang run side by side' test "$(pgrep -fc 'sleep 98[7]')" -le 2
on_page() { in_ns c curl -s "http://$METRICS_C/metrics" | grep -q '^jv_hooks_total{result="timed_out"} [1-9]'; }
wait_for 5 on_page || fail 'the metrics do not tell of it'
need 'a hook that hangs changed the story' diff "$W/story-none" "$W/story-hang"
at=$(now_ns)
down
took_ms=$((($(now_ns) - at) / 1000000))
say "outage at a jump: without hooks $none_us us, with one that hangs $hang_us us; jv down took $took_ms ms"
need 'a hook that hangs delays a jump' test "$hang_us" -le $((none_us + 100000))
need 'jv down waits without a limit' test "$took_ms" -le 30000
wait_for 10 sh -c "! pgrep -f 'sleep 98[7]'" || fail 'a killed hook left its children behind'
forget

# One that floods, and one that fails; more transitions than the queue holds.
hook 'yes; :'
live "OnTransition = $W/hook"
story >"$W/story-flood"
need 'a hook that floods changed the story' diff "$W/story-none" "$W/story-flood"
wait_for 10 has_hooked timed_out 1 || fail 'a hook that floods is not counted'
for _ in $(seq 30); do
    jv_c switch b c >/dev/null 2>&1
    jv_c switch a c >/dev/null 2>&1
    sleep 0.3
    [ "$(hooked dropped)" = 0 ] || break
done
need 'the queue has no end' has_hooked dropped 1
down
forget
hook 'echo "no such thing" >&2; exit 3'
live "OnTransition = $W/hook"
story >"$W/story-fail"
need 'a hook that fails changed the story' diff "$W/story-none" "$W/story-fail"
wait_for 5 has_hooked failed 7 || fail 'a hook that fails is not counted'
need 'a hook that fails is not told with its status and words' grep -q 'OnTransition failed with status 3: no such thing' "$W/client.log"
need 'each failure has a line of its own' test "$(grep -c OnTransition "$W/client.log")" -le 2
# A hook that others may write is not run.
chmod 777 "$W/hook"
sleep 11 # the log is quiet for ten seconds after a failure
switched() { quiet jv_c switch b c || quiet jv_c switch a c; }
wait_for 5 switched || fail 'the switches were refused'
wait_for 5 grep -q 'others may write it' "$W/client.log" || fail 'a hook that others may write is not told'
down
