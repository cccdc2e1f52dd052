#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# What is left of root once a session runs, at both ends; what a key file and the control socket refuse; and that a jump, a reload
# and an end work inside the sandbox.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$(pid_of "$1")/status"; }

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
for name in client gateway; do
    pid=$(pid_of $name)
    need "$name: still root" test "$(status_of $name Uid)" -ne 0 -a "$(status_of $name Gid)" -ne 0
    # All four user ids are the same: nothing to go back to.
    need "$name: user ids differ" test "$(awk '/^Uid:/ { print ($2 == $3 && $3 == $4 && $4 == $5) }' "/proc/$pid/status")" = 1
    need "$name: supplementary groups" test -z "$(awk '/^Groups:/ { $1 = ""; for (i = 2; i <= NF; i++) if ($i == 0) print $i }' "/proc/$pid/status")"
    # CAP_NET_ADMIN (bit 12) is for TUN, routes and marks; binding to devices needs none since Linux 5.7.
    say "$name: CapEff $(status_of $name CapEff)"
    need "$name: other capabilities than CAP_NET_ADMIN" test "$((16#$(status_of $name CapEff)))" = $((0x1000))
    need "$name: more permitted than effective" test "$(status_of $name CapPrm)" = "$(status_of $name CapEff)"
    need "$name: capabilities are inherited" test "$((16#$(status_of $name CapInh)))$((16#$(status_of $name CapAmb)))" = 00
    need "$name: the bounding set is not empty" test "$((16#$(status_of $name CapBnd)))" = 0
    need "$name: new privileges are possible" test "$(status_of $name NoNewPrivs)" = 1
    need "$name: no system call filter" test "$(status_of $name Seccomp)" = 2
    for task in "/proc/$pid/task/"*; do
        need "$name: a thread without filter" grep -q '^Seccomp:[[:space:]]*2' "$task/status"
        need "$name: a thread with other capabilities" grep -q "^CapEff:[[:space:]]*$(status_of $name CapEff)" "$task/status"
    done
    need "$name: core files" test "$(awk '/^Max core file size/ { print $5 $6 }' "/proc/$pid/limits")" = 00
    # A process that may not be dumped belongs to root in /proc, whoever it runs as.
    need "$name: can be dumped" test "$(stat -c %u "/proc/$pid/mem")" = 0
done

# One process more than the daemon reads the profile for a reload: each costs a start milliseconds, and is one more to confine.
for name in c g; do
    procs=$(for pid in $(ip netns pids "$JVT$name"); do cat "/proc/$pid/comm"; done | grep '^jvd' | sort | tr '\n' ' ')
    need "$name: other processes than these: $procs" test "$procs" = 'jvd jvd-reader '
done

# Work inside: a jump, a reload, another link.
need 'the switch was refused' quiet jv_c switch b c
sleep 0.3
need 'no packet after the switch' inner_ping
need 'jv reload fails at the gateway' quiet jv_g reload g
ip -n "${JVT}c" link set b0 down
wait_for 5 inner_ping || fail 'no packet after the link went'

# The control socket: whoever may connect may not change.
chmod 666 "$W/run-c/c.sock"
other() { setpriv --reuid 12345 --regid 12345 --clear-groups "$JV" --run-dir "$W/run-c" "$@" >"$W/other.log" 2>&1; }
cp "$JV" "$W/jv" && JV=$W/jv # where anybody may run it
chmod 755 "$W/jv"
for change in 'reload c' 'down c' 'up c --timeout 1s' 'switch a c' "kick $(client_get .session.sid) c"; do
    # shellcheck disable=SC2086 # a list of words
    other $change && fail "another user may: jv $change"
    need "jv $change: not told that it is about permission" grep -qi 'permi\|root' "$W/other.log"
done
# A member of the socket's group looks, and changes nothing.
member() { setpriv --reuid 12345 --regid "$(stat -c %g "$W/run-c/c.sock")" --clear-groups "$JV" --run-dir "$W/run-c" "$@" >"$W/other.log" 2>&1; }
chmod 660 "$W/run-c/c.sock"
need 'a member of the group may not look' member status c
member down c
need 'a member of the group may change, or is not told that it may not' test $? = 7
need 'the session did not survive' is_state ATTACHED
other status c && fail 'another user may look'

# Key files that the group or anybody may read.
stop client
for mode in 640 604 644; do
    chmod $mode "$W/c.key"
    in_ns c timeout 5 "$JVD" --config "$W/c.conf" --foreground --run-dir "$W/run-c" --state-dir "$W/state-c" --log-dir "$W/log-c" \
        >"$W/mode.log" 2>&1
    need "jvd starts with a key file of mode $mode" test $? = 6
    need "the message does not name file and mode" grep -q 'c\.key.*0*600' "$W/mode.log"
done
say "$(cat "$W/mode.log")"
chmod 600 "$W/c.key"
start_client
wait_attached 10
hold_both
