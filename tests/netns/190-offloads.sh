#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#
# What the kernel may do for many packets at once: with all of it, none of it at either end and checksums alone, contents are right, no
# receiver finds a wrong checksum, and the status says what is used. Uncut packets of a host that forwards nothing fit one UDP message. The gateway's packet loop with real-time scheduling.
# Alone: it moves as much as two cores can.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# flows.py client|server HOST MIB: TCP of N MiB each way, UDP of several sizes, and UDP that the kernel cuts (UDP_SEGMENT), all compared by content.
cat_flows() {
    cat <<'PY'
import hashlib, random, socket, sys

role, host, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])
UDP_SEGMENT = 103
SIZES = [0, 1, 2, 17, 100, 513, 1200, 1391, 1392, 1393, 4001]  # 1392 fill the MTU; the longer ones are fragments

def content(seed):
    return random.Random(seed).randbytes(mib << 20)

def take(sock, seed):
    digest, left = hashlib.sha256(), mib << 20
    while left:
        data = sock.recv(min(left, 1 << 18))
        assert data, "the connection ended"
        digest.update(data)
        left -= len(data)
    assert digest.digest() == hashlib.sha256(content(seed)).digest(), "TCP: another content"

udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if role == "server":
    udp.bind((host, 7201))
    with socket.create_server((host, 7200)) as listener:
        print("ready", flush=True)
        sock = listener.accept()[0]
    take(sock, 1)
    sock.sendall(content(2))
    while True:
        data, peer = udp.recvfrom(65535)
        udp.sendto(data, peer)
sock = socket.create_connection((host, 7200), timeout=20)
sock.sendall(content(1))
take(sock, 2)
udp.connect((host, 7201))
udp.settimeout(5)
for size in SIZES:
    data = random.Random(size).randbytes(size)
    udp.send(data)
    assert udp.recv(65535) == data, "UDP: another content of %d" % size
udp.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
data = random.Random(3).randbytes(20300)
udp.send(data)
assert b"".join(udp.recv(65535) for _ in range(21)) == data, "UDP in segments: another content"
PY
}

# csum_errors NS: of TCP, UDP and ICMP, as this namespace counted them.
# shellcheck disable=SC2016 # it is awk's
csum_errors() {
    in_ns "$1" awk '/^(Tcp|Udp|Icmp):/ {
        if ($1 in at) { if (at[$1]) sum += $at[$1] } else { at[$1] = 0; for (i = 2; i <= NF; i++) if ($i == "InCsumErrors") at[$1] = i }
    } END { print sum + 0 }' /proc/net/snmp
}

# used c|g: what its status says, as words.
used() { "jv_$1" status --json "$1" | jq -er '[.offloads | to_entries[] | select(.value) | .key] | join(",")'; }

# round CLIENT GATEWAY MIB PARTIAL: the settings of both ends, and whether checksums stay partial between them.
round() {
    local line words
    CLIENT_TOP="Offload = $1" GATEWAY_TOP="Offload = $2"$'\n'"${SCHEDULING:-}"
    write_configs
    start_gateway
    start_client
    wait_attached 10
    USED_C=$(used c) USED_G=$(used g)
    say "Offload = $1 and $2: in use ${USED_C:-none} and ${USED_G:-none}"
    line=$(jv_c status c | grep 'offloads:') || fail 'the status has no line of offloads'
    words=${USED_C//,/, }
    need "the line is not that: $line" grep -qF "offloads: ${words:-none}   scheduling: normal" <<<"$line"
    need 'partial checksums are not as agreed' test "$(client_get .session.partial_checksums)" = "$4"
    if [ "$4" = true ]; then
        need 'the status does not say so' grep -q 'partial checksums' <<<"$(jv_c status c)"
    else
        need 'the status says that checksums are partial' test -z "$(jv_c status c | grep 'partial checksums')"
    fi
    spawn flows g python3 "$W/flows.py" server "$INNER_G" "$3"
    wait_for 10 grep -q ready "$W/flows.log" || fail 'the server does not come up'
    in_ns c python3 "$W/flows.py" client "$INNER_G" "$3" >"$W/client-flows.log" 2>&1 || fail 'a transfer is not right'
    need 'ping does not come back' quiet in_ns c ping -c 5 -i 0.02 -W 1 -q -s 1000 "$INNER_G"
    need 'the client counts wrong checksums' test "$(csum_errors c)" = 0
    need 'the gateway counts wrong checksums' test "$(csum_errors g)" = 0
    stop flows
    hold_both
}
end_round() {
    stop client
    stop gateway
    rm -f "$W"/run-*/* "$W"/log-*/* "$W/flows.log"
}

# gso_of NS DEVICE: bytes that this host's own TCP leaves uncut for it.
gso_of() { in_ns "$1" ip -d -j link show "$2" | jq -r '.[0].gso_max_size'; }

policy_of() { sed 's/.*) //' "$1" | cut -d ' ' -f 39; } # field 41 of proc(5): the name may hold spaces

topo_veth
cat_flows >"$W/flows.py"
all=csum,tso,uso,gso,gro

in_ns c sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
round auto auto 64 true
need 'not everything is used' test "$USED_C $USED_G" = "$all $all"
# A host that forwards takes what others send.
need 'an uncut packet of the client is not one message' test "$(gso_of c jvc)" = 59985
need 'the gateway would cut what it forwards' test "$(gso_of g jvg)" = 65536
end_round

round none auto 16 false
need 'the client uses what it shall not' test "$USED_C $USED_G" = " $all"
end_round

round auto none 16 false
need 'the gateway uses what it shall not' test "$USED_C $USED_G" = "$all "
end_round

SCHEDULING='Scheduling = realtime'
round csum auto 16 true
need 'the client uses more than checksums' test "$USED_C $USED_G" = "csum $all"
need 'the scheduling is not realtime' test "$(jv_g status --json g | jq -r .scheduling)" = realtime
need 'the scheduling of the client is not normal' test "$(jv_c status --json c | jq -r .scheduling)" = normal
pid=$(pid_of gateway)
need 'the loop is not SCHED_RR' test "$(policy_of "/proc/$pid/stat")" = 2
others=0
for stat in /proc/"$pid"/task/*/stat $(pgrep -P "$pid" | sed 's,.*,/proc/&/stat,'); do
    [ "$stat" != "/proc/$pid/task/$pid/stat" ] || continue
    need "$stat is not as any process" test "$(policy_of "$stat")" = 0
    others=$((others + 1))
done
need 'no helper was looked at' test "$others" -ge 2
end_round
