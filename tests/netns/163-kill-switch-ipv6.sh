#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 fd00:a::1 ---- veth ---- fd00:a::2 a0 gateway, which listens on fd00:200::2; the world is 198.51.100.1, 2001:db8::1
#          b0 (no IPv6)
#
# The kill switch over an IPv6 link alone: outer datagrams and their answers pass, and so does the question for the gateway's name,
# though /etc/resolv.conf names a resolver on this host whose own questions are held. What systemd-resolved would ask is asked.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
ip -n "${JVT}g" addr add 198.51.100.1/32 dev lo
for a in 2001:db8::1 fd00:200::2; do ip -n "${JVT}g" -6 addr add $a/128 dev lo nodad; done
for side in c g; do
    in_ns $side sysctl -qw net.ipv6.conf.all.forwarding=1
    ip -n "$JVT$side" -4 addr flush dev a0
    ip -n "$JVT$side" -4 addr flush dev b0
done
ip -n "${JVT}c" -6 addr add fd00:a::1/64 dev a0 nodad
ip -n "${JVT}g" -6 addr add fd00:a::2/64 dev a0 nodad
ip -n "${JVT}c" -6 route add default via fd00:a::2 dev a0
OUTER='[fd00:200::2]' CLIENT_TOP='KillSwitch = yes' write_configs
sed -i "s|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0, ::/0|; s|^Gateway = .*|Gateway = gw.example.test:$JVT_PORT|" "$W/c.conf"
sed -i '/^Address = /d' "$W/g.conf"
spawn dns g python3 -u -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("fd00:a::2", 53))
print("listening")
while True:
    q, peer = s.recvfrom(512)
    end = q.index(b"\0", 12) + 5
    is_aaaa = q[end - 4:end - 2] == b"\0\x1c" and q[12:end - 4] == b"\2gw\7example\4test\0"
    head = q[:2] + b"\x81\x80" + q[4:6] + (b"\0\1" if is_aaaa else b"\0\0") + b"\0\0\0\0"
    answer = b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10" + socket.inet_pton(socket.AF_INET6, "fd00:200::2")
    s.sendto(head + q[12:end] + (answer if is_aaaa else b""), peer)'
wait_for 5 grep -q listening "$W/dns.log" || fail 'the name server does not start'

# In a mount namespace of its own, this host is one with systemd-resolved: a stub, and a file of what it asks.
printf 'nameserver 127.0.0.53\n' >"$W/stub.conf"
printf 'nameserver fd00:a::2\n' >"$W/uplink.conf"
cat >"$W/resolved.sh" <<'SH'
#!/bin/sh
# resolved.sh FOLDER COMMAND...
set -eu
folder=$1
shift
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/resolve
cp "$folder/uplink.conf" /run/systemd/resolve/resolv.conf
chmod 644 /run/systemd/resolve/resolv.conf "$folder/stub.conf"
mount --bind "$folder/stub.conf" "$(readlink -f /etc/resolv.conf)"
exec "$@"
SH
start_gateway
spawn client c unshare -m sh "$W/resolved.sh" "$W" "$JVD" --config "$W/c.conf" --foreground --run-dir "$W/run-c" \
    --state-dir "$W/state-c" --log-dir "$W/log-c"
wait_for 10 test -S "$W/run-c/c.sock" || fail 'the client does not come up'
wait_attached 15
need 'the session goes another way' grep -q 'fd00:a::1' <<<"$(jv_c path ls c)"
need 'IPv4 to the world does not go through' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 198.51.100.1
need 'IPv6 to the world does not go through' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 2001:db8::1
ip -n "${JVT}c" -6 route add 2001:db8::/64 via fd00:a::2 dev a0
in_ns c ping -c 1 -W 1 -q 2001:db8::1 >/dev/null 2>&1 && fail 'the hostile route leads somewhere'
# The resolver on this host asks in vain.
in_ns c python3 -c 'import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("fd00:a::2", 53))' 2>/dev/null &&
    fail 'a name server beside the tunnel is asked'
need 'jv down' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
need 'the rules are there after jv down' test -z "$(in_ns c nft list tables)"
