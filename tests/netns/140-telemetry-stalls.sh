#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 10 ms each way ==== a0 gateway      audit of the client: a file on a full tmpfs
#          b0 ==== linkemu B, 10 ms each way ==== b0              audit of the gateway: a FIFO whose reader does not read
#                                                                 both: a peer of the metrics page that never reads
#
# Telemetry is not protocol: with all of it stalled a jump takes as long as before, what was lost is counted, and announced in the
# stream as soon as there is room.
# Alone: it compares times of jumps.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

jumps=5
standby_is_proven() { test "$(client_get '[.session.paths[] | select(.role == "standby")] | length')" = 1; }
# jump: takes the active link down and prints how long no transport carried data, in us.
jump() {
    local link before
    wait_for 5 standby_is_proven || fail 'no standby path is proven'
    link=$(client_get '.session.paths[] | select(.role == "active").name' | cut -d / -f 1)
    before=$(client_get .session.outage_total_us)
    switches=$(client_get .session.switches)
    ip -n "${JVT}c" link set "${link}0" down
    wait_for 5 sh -c "'$JV' --run-dir '$W/run-c' status c --json | jq -e '.session.switches > $switches and .session.state == \"ATTACHED\"'" ||
        fail "no jump away from $link"
    outages+=($(($(client_get .session.outage_total_us) - before)))
    ip -n "${JVT}c" link set "${link}0" up
    ip -n "${JVT}c" route replace "$OUTER" via "10.20$([ "$link" = a ] && echo 1 || echo 2).0.2" dev "${link}0" \
        metric "$([ "$link" = a ] && echo 100 || echo 200)"
}
series() {
    outages=()
    for _ in $(seq $jumps); do jump; done
    say "$1: ${outages[*]} us"
    median=$(printf '%s\n' "${outages[@]}" | sort -n | sed -n "$((jumps / 2 + 1))p")
}

topo_emu 10000
write_configs
sed -i 's/^Prefer = .*/Prefer = 100/' "$W/c.conf" # equal paths: it stays where it jumped to
start_gateway
start_client
wait_attached 10
series 'telemetry well'
well=$median
hold_both
stop client
stop gateway

mkdir "$W/mnt-full"
mount -t tmpfs -o size=64k,mode=777 tmpfs "$W/mnt-full" || fail 'mount'
mkfifo -m 666 "$W/log-g/fifo"
python3 - "$W/log-g/fifo" "$W/fifo.txt" >"$W/reader.log" 2>&1 <<'PY' &
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
fcntl.fcntl(fd, 1031, 4096)  # F_SETPIPE_SZ: little room, so that it is full at once
os.set_blocking(fd, True)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
signal.sigwait({signal.SIGUSR1})
with open(sys.argv[2], "wb", buffering=0) as out:
    while data := os.read(fd, 65536):
        out.write(data)
PY
reader=$!
JVT_SPAWNED+=("$reader")
sed -i "s|^File = .*|File = $W/mnt-full/c.jsonl\n[Metrics]\nListen = 127.0.0.1:9433|" "$W/c.conf"
sed -i "s|^File = .*|File = $W/log-g/fifo\n[Metrics]\nListen = 127.0.0.1:9433|" "$W/g.conf"
start_gateway
start_client
wait_attached 10
for side in c g; do
    spawn "hang-$side" "$side" python3 -c '
import socket, time
peers = []
for ask in (b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50) * 2:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    s.connect(("127.0.0.1", 9433))
    s.sendall(ask)
    peers.append(s)
print("hanging", flush=True)
time.sleep(600)'
    wait_for 5 grep -q hanging "$W/hang-$side.log" || fail 'nobody hangs on the metrics page'
done
dd if=/dev/zero of="$W/mnt-full/filler" bs=1k >/dev/null 2>&1
dd if=/dev/zero of="$W/mnt-full/filler2" bs=64 >/dev/null 2>&1
series 'telemetry stalled'
say "median $well us with telemetry, $median us without"
need 'a jump is slower while telemetry stalls' test "$median" -le $((well * 2 + 20000))
need 'the client did not count what it lost' test "$(client_get .events_dropped)" -gt 0
need 'jv status does not show it' grep -q 'events dropped: [1-9]' <<<"$(jv_c status c)"
need 'the gateway did not count what it lost' test "$(jv_g status g --json | jq .events_dropped)" -gt 0
need 'no packet comes through' inner_ping

# There is room again, and the reader reads.
rm "$W/mnt-full/filler" "$W/mnt-full/filler2"
kill -USR1 "$reader"
sleep 0.5
jump
wait_for 5 grep -q '"event":"TelemetryDegraded"' "$W/mnt-full/c.jsonl" || fail 'the client does not announce its gap'
wait_for 5 grep -q '"event":"TelemetryDegraded"' "$W/fifo.txt" || fail 'the gateway does not announce its gap'
say "$(grep -o '"event":"TelemetryDegraded".*"seen":{[^}]*}' "$W/mnt-full/c.jsonl" | head -n 1)"
wait_for 3 quiet "$JV" audit verify "$W/mnt-full/c.jsonl" ||
    fail "the audit of the client does not hold: $("$JV" audit verify "$W/mnt-full/c.jsonl" 2>&1)"
wait_for 3 quiet "$JV" audit verify "$W/fifo.txt" || fail "the stream of the gateway does not hold: $("$JV" audit verify "$W/fifo.txt" 2>&1)"
