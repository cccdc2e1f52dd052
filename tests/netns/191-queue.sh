#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#
# In what order packets wait in the TUN device: with `Queue = fair` and `device`, in either order of starts and without the right to load
# programs, contents are right, hardly a ping beside a transfer is lost, and the status says what is so.
# Alone: it moves as much as two cores can.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# flows.py client|server HOST MIB: TCP of N MiB each way at once, compared by content.
cat_flows() {
    cat <<'PY'
import hashlib, random, socket, sys, threading

role, host, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])

def content(seed):
    return random.Random(seed).randbytes(mib << 20)

def take(sock, seed, out):
    digest, left = hashlib.sha256(), mib << 20
    while left:
        data = sock.recv(min(left, 1 << 18))
        if not data:
            return
        digest.update(data)
        left -= len(data)
    out.append(digest.digest() == hashlib.sha256(content(seed)).digest())

if role == "server":
    with socket.create_server((host, 7200)) as listener:
        print("ready", flush=True)
        sock = listener.accept()[0]
    mine, theirs = 2, 1
else:
    sock = socket.create_connection((host, 7200), timeout=20)
    mine, theirs = 1, 2
sock.settimeout(60)
out = []
reader = threading.Thread(target=take, args=(sock, theirs, out))
reader.start()
sock.sendall(content(mine))
reader.join()
assert out == [True], "TCP: another content"
PY
}

# queue c|g FIELD: of what its status says.
queue() { "jv_$1" status --json "$1" | jq -r ".queue.$2"; }

# is_queue c|g LANES BYTES WHY_NOT
is_queue() { [ "$(queue "$1" lanes) $(queue "$1" bytes) $(queue "$1" why_not)" = "$2 $3 $4" ]; }

# is_line c|g PATTERN: the line of the status for people.
is_line() { "jv_$1" status "$1" | grep -qx "  queue: $2"; }

queues_of() { in_ns "$1" ip -json -details link show "jv$1" | jq -r '.[0].linkinfo.info_data | "\(.numqueues // 1)"'; }
index_of() { in_ns "$1" cat "/sys/class/net/jv$1/ifindex"; }

# work MIB [LOST_MAX]: transfers with a ping beside them, of which so many percent may be lost: where the gateway does not get a processor
# for milliseconds its socket overflows, and what is sealed is not told apart there.
work() {
    local lost
    rm -f "$W/flows.log" "$W/ping.log"
    spawn flows g python3 "$W/flows.py" server "$INNER_G" "$1"
    wait_for 10 grep -q ready "$W/flows.log" || fail 'the server does not come up'
    spawn ping c ping -c "$(($1 * 2))" -i 0.01 -W 3 -q "$INNER_G"
    in_ns c python3 "$W/flows.py" client "$INNER_G" "$1" >"$W/client-flows.log" 2>&1 || fail 'a transfer is not right'
    wait "$(pid_of flows)" || fail 'the transfer to the gateway is not right'
    wait "$(pid_of ping)"
    say "$(grep -E 'loss|rtt' "$W/ping.log" | tr '\n' ' ')"
    lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$W/ping.log")
    need 'pings are lost' test "${lost%.*}" -le "${2:-10}"
}

# start_both: waits for the session; client.log and gateway.log are of this start alone.
start_both() {
    rm -f "$W/client.log" "$W/gateway.log" "$W"/run-*/*
    start_gateway
    start_client
    wait_attached 10
}
stop_both() {
    hold_both
    stop client
    stop gateway
    rm -f "$W"/log-*/*
}
# set_queue WORD: of both profiles, for the next start.
set_queue() { sed -i "s/^Queue = .*/Queue = $1/" "$W/c.conf" "$W/g.conf"; }

fair='sparse flows first, 2048 KiB at most (met by [0-9]* packets)'

topo_veth
cat_flows >"$W/flows.py"

# What nobody set is fair.
write_configs
start_both
for end in c g; do
    need "$end: not fair by default" is_queue $end true 2097152 null
    need "$end: the line is not that: $("jv_$end" status $end | grep queue:)" is_line $end "$fair"
    need "$end: not two queues" test "$(queues_of $end)" = 2
    need "$end: a drop before anything was sent" test "$(queue $end drops)" = 0
done
work 64
for end in c g; do
    need "$end: the bound is another one after traffic" is_queue $end true 2097152 null
    say "$end: $(queue $end drops) packets met the bound"
done
stop_both
need 'a device is left at the client' quiet in_ns c test ! -e /sys/class/net/jvc
need 'a device is left at the gateway' quiet in_ns g test ! -e /sys/class/net/jvg

# Of daemons that were killed the next ones take the devices over as they are.
# restart WORD SAID LANES BYTES LINE: with `Queue = WORD`, after a kill; what the log says, what the status says.
restart() {
    local end old
    declare -A old
    kill_hard client
    kill_hard gateway
    set_queue "$1"
    for end in c g; do old[$end]=$(index_of $end) || fail "$end: no device stayed"; done
    start_both
    for end in c:client g:gateway; do
        need "${end#*:}: the log does not say: $2" grep -q "jv${end%:*}: $2" "$W/${end#*:}.log"
    done
    for end in c g; do
        need "$end: another device" test "$(index_of $end)" = "${old[$end]}"
        need "$end: not as it should be with Queue = $1" is_queue $end "$3" "$4" null
        need "$end: the line is not that: $("jv_$end" status $end | grep queue:)" is_line $end "$5"
    done
    # In the device's order one queue of 500 packets is for all.
    if [ "$3" = true ]; then work 16; else work 16 25; fi
}
CLIENT_TOP='Queue = fair' GATEWAY_TOP='Queue = fair'
write_configs
start_both
work 16
restart fair adopted true 2097152 "$fair"
restart device adopted false 0 "in the device's order"
for end in c g; do need "$end: more than one queue" test "$(queues_of $end)" = 1; done
restart fair adopted true 2097152 "$fair"

# Without the right to load programs it works in the device's order, and says so.
JVD_RIGHT=$JVD
printf '#!/bin/sh\nexec setpriv --bounding-set -bpf,-sys_admin %s "$@"\n' "$JVD" >"$W/jvd-without"
chmod 755 "$W/jvd-without"
if [ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled 2>/dev/null || echo 0)" != 0 ]; then
    JVD=$W/jvd-without
    kill_hard client
    kill_hard gateway
    start_both
    for end in c g; do
        need "$end: has what it may not have" is_queue $end false 0 'it needs CAP_BPF'
        need "$end: the line is not that: $("jv_$end" status $end | grep queue:)" \
            is_line $end "in the device's order; not as wanted: it needs CAP_BPF"
    done
    need 'the client does not tell it' grep -q 'jvc: large and sparse flows share a queue: it needs CAP_BPF' "$W/client.log"
    work 16 25
    JVD=$JVD_RIGHT
    restart fair adopted true 2097152 "$fair"
fi

# A loop that stands still leaves a sender that is always ready with the bound, and no more; then all of it goes on.
spawn sink g python3 -c "
import socket
s = socket.create_server(('$INNER_G', 7300)); c = s.accept()[0]
while c.recv(1 << 18): pass"
wait_for 10 in_ns g sh -c 'ss -Hlnt | grep -q :7300' || fail 'the sink does not come up'
spawn source c python3 -c "
import socket
s = socket.create_connection(('$INNER_G', 7300)); data = bytes(1 << 18)
while True: s.sendall(data)"
before=$(queue c drops)
for _ in 1 2 3 4 5; do
    sleep 0.3
    kill -STOP "$(pid_of client)"
    sleep 0.1
    kill -CONT "$(pid_of client)"
done
rm -f "$W/ping.log"
spawn ping c ping -i 0.01 -c 100 -W 2 -q "$INNER_G"
wait "$(pid_of ping)" || fail 'no ping beside the transfer'
say "$(grep -E 'loss|rtt' "$W/ping.log" | tail -n 2 | tr '\n' ' '), $(($(queue c drops) - before)) packets met the bound"
lost=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$W/ping.log")
need 'pings are lost beside the transfer' test "${lost%.*}" -le 10
need 'the bound is another one' test "$(queue c bytes)" = 2097152
is_running source && is_running sink || fail 'the transfer ended'
stop source
stop sink

# The end takes the devices along.
need 'jv down fails at the client' quiet jv_c down c
wait "$(pid_of client)"
hold_both
stop gateway
for end in c g; do need "$end: a device is left" quiet in_ns $end test ! -e "/sys/class/net/jv$end"; done
