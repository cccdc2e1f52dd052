#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   gateway ---- datagrams ---- NOTIFY_SOCKET         What a service manager hears: ready when packets are served, a sign of life in
#                                                     half the watchdog's time, reloading and ready again, stopping.
#
. "$(dirname "$0")/lib.sh"

heard() { grep -c "^$1\$" "$W/manager.log"; }
heard_times() { test "$(heard "$1")" -ge "$2"; }

# A leak checker of a sanitizer traces the process, which the list of system calls forbids: it would fail at the very end.
export ASAN_OPTIONS=detect_leaks=0

topo_veth
write_configs
spawn manager g python3 -u -c "
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('$W/notify')
while True:
    print(s.recv(4096).decode())
"
wait_for 5 test -S "$W/notify" || fail 'no socket'
chmod 777 "$W/notify"
spawn gateway g env NOTIFY_SOCKET="$W/notify" WATCHDOG_USEC=400000 \
    "$JVD" --config "$W/g.conf" --foreground --run-dir "$W/run-g" --state-dir "$W/state-g" --log-dir "$W/log-g"
wait_for 10 heard_times READY=1 1 || fail 'READY=1 is not heard'
need 'ready before the control socket answers' jv_g status -q g
before=$(heard WATCHDOG=1)
sleep 1
need "signs of life within a second: $(($(heard WATCHDOG=1) - before))" heard_times WATCHDOG=1 $((before + 4))
kill -HUP "$(jv_g status --json g | jq .pid)"
wait_for 5 heard_times RELOADING=1 1 || fail 'RELOADING=1 is not heard'
wait_for 5 heard_times READY=1 2 || fail 'READY=1 is not heard after a reload'
need 'the gateway does not end well' stop gateway
need 'STOPPING=1 is not heard' heard_times STOPPING=1 1

# A watchdog that is meant for another process asks nothing of this one; an abstract socket serves as well.
stop manager
spawn manager g python3 -u -c "
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\0$JVT-notify')
print('listening')
while True:
    print(s.recv(4096).decode())
"
wait_for 5 heard_times listening 1 || fail 'no abstract socket'
: >"$W/manager.log"
spawn gateway g env NOTIFY_SOCKET="@$JVT-notify" WATCHDOG_USEC=400000 WATCHDOG_PID=1 \
    "$JVD" --config "$W/g.conf" --foreground --run-dir "$W/run-g" --state-dir "$W/state-g" --log-dir "$W/log-g"
wait_for 10 heard_times READY=1 1 || fail 'READY=1 is not heard over an abstract socket'
sleep 0.5
need 'a sign of life for somebody else' test "$(heard WATCHDOG=1)" -eq 0
