#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway ---- on lo: 198.51.100.1 named by AllowedIPs of c, 203.0.113.1 not
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0                     2001:db8::1
#
# Two profiles of one client. c is a split tunnel: what it names is held, the rest goes beside it. d takes everything, finds its
# gateway by name through its own kill switch, and has b0's network as its LAN. Each lets the other's tunnel be. A reload sets and
# removes the rules without root; a start that may not set them is no start.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

table() { in_ns c nft list table "inet" "jv_$1" 2>/dev/null; }
ping_c() { in_ns c ping -c 2 -i 0.1 -W 1 -q "$@" >/dev/null 2>&1; }
# send_udp HOST PORT: one datagram; fails where a rule drops it.
send_udp() { in_ns c python3 -c 'import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (sys.argv[1], int(sys.argv[2])))' "$@" 2>/dev/null; }
# clear FILTER: what matches it and comes out of a cable at the other end, into clear.log; clear_none TEXT: nothing has.
clear() {
    : >"$W/clear.log"
    spawn clear g tcpdump -i any -Q in -n -l "(inbound) and ($1) and not udp port 4433"
    wait_for 5 grep -q 'listening on' "$W/clear.log" || fail 'tcpdump does not start'
}
clear_none() {
    stop clear INT
    need "$1: no count" grep -q ' packets\? captured' "$W/clear.log"
    ! grep -E ' (a0|b0) ' "$W/clear.log" >&2 || fail "$1: packets left in clear"
}

topo_veth
for a in 198.51.100.1 203.0.113.1; do ip -n "${JVT}g" addr add $a/32 dev lo; done
ip -n "${JVT}g" -6 addr add 2001:db8::1/128 dev lo nodad
ip -n "${JVT}c" route add default via 10.201.0.2 dev a0
ip -n "${JVT}c" -6 addr add fd00:a::1/64 dev a0 nodad
ip -n "${JVT}g" -6 addr add fd00:a::2/64 dev a0 nodad
ip -n "${JVT}c" -6 route add default via fd00:a::2 dev a0
for side in c g; do in_ns $side sysctl -qw net.ipv6.conf.all.forwarding=1; done
CLIENT_TOP='KillSwitch = yes' write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 10.99.0.0/24, 198.51.100.0/24|' "$W/c.conf"
(umask 077; "$JV" genkey >"$W/d.key")
printf '[User dave]\nPublicKey = %s\n' "$("$JV" pubkey <"$W/d.key")" >>"$W/g.conf"
sed -e "s|c\.key|d.key|; s|^Interface = .*|Interface = jvd0|; s|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0\nKillSwitchLAN = 10.202.0.0/24|" \
    -e "s|log-c/c.jsonl|log-c/d.jsonl|; s|^Gateway = .*|Gateway = gw.example.test:$JVT_PORT|" "$W/c.conf" >"$W/d.conf"
chmod 600 "$W"/[cdg].conf
start_gateway

# No right, no start: told why, nothing runs, nothing is left.
in_ns c setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$JVD" --config "$W/c.conf" --foreground --run-dir "$W/run-c" \
    --state-dir "$W/state-c" --log-dir "$W/log-c" >"$W/err" 2>&1
need 'a start without the right to set rules does not give 7' test $? = 7
need 'it does not say why' grep -q 'cannot install the kill switch: Operation not permitted: start jvd as root, or with CAP_NET_ADMIN' "$W/err"
need 'it made its device' test -z "$(ip -n "${JVT}c" link show jvc 2>/dev/null)"

# The split tunnel.
start_client
wait_attached 10
need 'what is named does not go through the tunnel' ping_c 198.51.100.1
need 'what is not named does not go beside it' ping_c 203.0.113.1
need 'IPv6 does not go beside it' ping_c 2001:db8::1
clear 'host 198.51.100.1 or net 10.99.0.0/24'
ip -n "${JVT}c" route add 198.51.100.0/25 via 10.201.0.2 dev a0
ping_c 198.51.100.1 && fail 'the hostile route leads somewhere'
kill_hard client
ip -n "${JVT}c" link del jvc
ip -n "${JVT}c" route del 198.51.100.0/25
ping_c 198.51.100.1 && fail 'what is named goes in clear after a kill'
send_udp 198.51.100.1 53 && fail 'a program is not told that nothing leaves'
need 'what is not named is held after a kill' ping_c 203.0.113.1
clear_none 'split tunnel'
rm -f "$W/run-c/c.sock"
start_client
wait_attached 10

# A reload takes the rules away and sets them, by a daemon that is no longer root.
need 'jvd is root still' test "$(ps -o uid= -p "$(client_get .pid)")" -ne 0
sed -i 's/^KillSwitch = yes/KillSwitch = no/' "$W/c.conf"
need 'the reload is refused' jv_c reload c
need 'the rules are there after a reload without' test -z "$(table c)"
need 'jv status says on' grep -q 'kill switch: off' <<<"$(jv_c status c)"
sed -i 's/^KillSwitch = no/KillSwitch = yes/' "$W/c.conf"
need 'the reload is refused' jv_c reload c

# A start without takes away what a run that was killed has left.
kill_hard client
need 'there are no rules after a kill' test -n "$(table c)"
sed -i 's/^KillSwitch = yes/KillSwitch = no/' "$W/c.conf"
rm -f "$W/run-c/c.sock"
start_client
wait_attached 10
need 'the rules are there after a start without' test -z "$(table c)"
need 'it is not logged' grep -q 'removed the kill switch: KillSwitch is no' "$W/client.log"
sed -i 's/^KillSwitch = no/KillSwitch = yes/' "$W/c.conf"
need 'the reload is refused' jv_c reload c
need 'there are no rules after a reload with' test -n "$(table c)"

# The second profile takes everything and knows its gateway by name.
mkdir -p "/etc/netns/${JVT}c"
trap 'status=$?; rm -rf "/etc/netns/${JVT}c"; (exit $status); jvt_cleanup' EXIT
echo 'nameserver 10.201.0.2' >"/etc/netns/${JVT}c/resolv.conf"
spawn dns g python3 -u -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.201.0.2", 53))
print("listening")
while True:
    q, peer = s.recvfrom(512)
    end = q.index(b"\0", 12) + 5
    is_a = q[end - 4:end - 2] == b"\0\1" and q[12:end - 4] == b"\2gw\7example\4test\0"
    head = q[:2] + b"\x81\x80" + q[4:6] + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
    s.sendto(head + q[12:end] + (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton("'"$OUTER"'") if is_a else b""), peer)'
wait_for 5 grep -q listening "$W/dns.log" || fail 'the name server does not start'
need 'the kill switch is not set' in_ns c "$JVD" --config "$W/d.conf" --kill-switch
send_udp 10.201.0.2 53 && fail 'a name server beside the tunnel is asked'
clear 'not net 10.201.0.0/24 and not net 10.202.0.0/24 and (ip or not icmp6)'
spawn second c "$JVD" --config "$W/d.conf" --foreground --run-dir "$W/run-c" --state-dir "$W/state-c" --log-dir "$W/log-c"
need 'the second profile does not attach' wait_for 10 jv_c status -q d
need 'the world is not reached by the second' ping_c 203.0.113.1
need 'what the first names is not reached' ping_c 198.51.100.1
need 'nor its gateway' inner_ping
need 'the gateway counted nothing from the first' test "$(jv_c status --json c | jq .session.tx_packets)" -ge 2
need 'IPv6 goes beside a tunnel that takes all of IPv4' test -z "$(ping_c 2001:db8::1 && echo passed)"
clear_none 'two profiles'
need 'the second has no LAN' ping_c 10.202.0.2
need 'a datagram into the LAN is dropped' send_udp 10.202.0.2 7
send_udp 10.202.0.2 53 && fail 'a name server in the LAN is asked'
ping_c 10.201.0.2 && fail 'another network than the LAN is reached'

# One goes, the other stays as it was.
need 'jv down' jv_c down d
wait_for 5 sh -c "! kill -0 $(pid_of second)" || fail 'the second runs after jv down'
need 'its rules are there after jv down' test -z "$(table d)"
need 'the rules of the first are gone' test -n "$(table c)"
need 'the first does not work' ping_c 198.51.100.1
need 'the network is not free' ping_c 203.0.113.1
need 'jv down' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the first runs after jv down'
need 'something is left' test -z "$(in_ns c nft list tables)"
