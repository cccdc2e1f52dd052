#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1, fd00:a::1 ---- veth ---- 10.201.0.2, fd00:a::2 a0 gateway ---- 198.51.100.1, 2001:db8::1 on lo: the world
#          b0 10.202.0.1            ---- veth ---- 10.202.0.2            b0
#
# KillSwitch = yes with AllowedIPs = 0.0.0.0/0, ::/0. Programs send to the world all the time, over both families, and nothing of it
# leaves by a0 or b0: not before the daemon is there, not while it is killed and its device gone, not by a hostile route, not after
# the end of the session or of the daemon. Outer datagrams, DHCP and neighbour discovery do. jv down takes all of it away.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# Sends to the world over both families, ping, UDP, TCP and DNS, every 30 ms, whatever the answer.
cat_noise() {
    cat <<'PY'
import socket, time
while True:
    for family, host in ((socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::1")):
        for port in (53, 7777):
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.setblocking(False)
            try:
                s.sendto(b"clear text", (host, port))
            except OSError:
                pass
            s.close()
        s = socket.socket(family, socket.SOCK_STREAM)
        s.setblocking(False)
        try:
            s.connect((host, 80))
        except OSError:
            pass
        s.close()
        for proto, kind in ((socket.IPPROTO_ICMP, 8), (socket.IPPROTO_ICMPV6, 128)):
            if (family == socket.AF_INET) != (proto == socket.IPPROTO_ICMP):
                continue
            s = socket.socket(family, socket.SOCK_RAW, proto)
            s.setblocking(False)
            try:
                s.sendto(bytes([kind, 0, 0, 0, 0, 1, 0, 1]), (host, 0))
            except OSError:
                pass
            s.close()
    time.sleep(0.03)
PY
}

WORLD='host 198.51.100.1 or host 2001:db8::1 or net 10.99.0.0/24 or net fd80:4a56::/64'
# watch: captures what comes out of both cables at the other end; look: counts in SEEN what of it was meant for the world;
# leaks TEXT: there may be none.
watch() {
    local d
    for d in a0 b0; do
        : >"$W/cap-$d.log"
        spawn "cap-$d" g tcpdump -i $d -Q in -n -l "$WORLD"
        wait_for 5 grep -q 'listening on' "$W/cap-$d.log" || fail 'tcpdump does not start'
    done
}
look() { # not in a subshell, which could not wait for the two to end
    stop cap-a0 INT
    stop cap-b0 INT
    need 'tcpdump gives no count' test "$(cat "$W/cap-a0.log" "$W/cap-b0.log" | grep -c ' packets\? captured')" = 2
    SEEN=$(cat "$W/cap-a0.log" "$W/cap-b0.log" | awk '/ packets? captured/ { n += $1 } END { print n + 0 }')
}
leaks() {
    look
    say "$1: $SEEN packets in clear"
    [ "$SEEN" = 0 ] || { cat "$W"/cap-?0.log >&2; fail "$1: $SEEN packets left in clear"; }
}
table() { in_ns c nft list table inet jv_c 2>/dev/null; }
# dropped CHAIN: packets that the chain has dropped.
dropped() { table | awk -v chain="$1" '$1 == "chain" { in_chain = $2 == chain } in_chain && / drop/ { for (i = 1; i < NF; i++) if ($i == "packets") n += $(i + 1) } END { print n + 0 }'; }

# jv down where there is no daemon: it starts jvd for the cleaning.
jv_down() { in_ns c env PATH="${JVD%/*}:$PATH" "$JV" --run-dir "$W/run-c" --conf-dir "$W" --log-dir "$W/log-c" down "$1"; }

topo_veth
ip -n "${JVT}g" addr add 198.51.100.1/32 dev lo
ip -n "${JVT}g" -6 addr add 2001:db8::1/128 dev lo nodad
for side in c g; do in_ns $side sysctl -qw net.ipv6.conf.all.forwarding=1; done
lan() {
    ip -n "${JVT}c" route replace default via 10.201.0.2 dev a0 metric 100
    ip -n "${JVT}c" route replace "$OUTER" via 10.201.0.2 dev a0 metric 100
    ip -n "${JVT}c" -6 addr replace fd00:a::1/64 dev a0 nodad
    ip -n "${JVT}c" -6 route replace default via fd00:a::2 dev a0 metric 100
}
lan
ip -n "${JVT}g" -6 addr add fd00:a::2/64 dev a0 nodad
CLIENT_TOP='KillSwitch = yes' write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0, ::/0|' "$W/c.conf"
sed -i '/^Address = /d' "$W/g.conf"
start_gateway
cat_noise >"$W/noise.py"
spawn noise c python3 "$W/noise.py"

# The test of the test: without a kill switch all of it is seen.
watch
sleep 1
look
say "without a kill switch: $SEEN packets in clear"
need 'nothing is seen without a kill switch' test "$SEEN" -gt 50

# The boot: rules before the network is up, and no daemon.
ip -n "${JVT}c" link set a0 down
need 'the kill switch is not set' in_ns c "$JVD" --config "$W/c.conf" --kill-switch
need 'there are no rules' test -n "$(table)"
watch
ip -n "${JVT}c" link set a0 up
lan
spawn nd g tcpdump -i a0 -Q in -n -l 'icmp6 and ip6[40] == 135 or udp port 67'
wait_for 5 grep -q 'listening on' "$W/nd.log" || fail 'tcpdump does not start'
ip -n "${JVT}c" neigh flush dev a0
# The neighbour is asked for by a marked packet; an unmarked one would not come that far.
in_ns c python3 -c '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 36, 0x6a76)
s.sendto(b"", ("fd00:a::2", 9))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.bind(("", 68))
s.sendto(b"discover", ("10.201.0.255", 67))'
sleep 1
stop nd INT
need 'no neighbour solicitation leaves' grep -q 'neighbor solicitation' "$W/nd.log"
need 'no DHCP leaves' grep -q '\.68 > .*\.67' "$W/nd.log"
leaks 'boot, no daemon'
need 'nothing was dropped: nobody sent' test "$(dropped out)" -gt 50

# The session: the world is reached through the tunnel, by it alone.
watch
start_client
wait_attached 10
need 'IPv4 to the world does not go through' quiet in_ns c ping -c 5 -i 0.1 -W 1 -q 198.51.100.1
need 'IPv6 to the world does not go through' quiet in_ns c ping -c 5 -i 0.1 -W 1 -q 2001:db8::1
need 'the session does not switch' quiet jv_c switch b c
sleep 0.5
need 'IPv4 to the world does not go through B' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 198.51.100.1
leaks 'attached, and a jump'
need 'jv status does not say it' grep -q 'kill switch: on' <<<"$(jv_c status c)"
need 'jv status --json does not say it' test "$(client_get .kill_switch)" = on

# A DHCP server hands out more specific routes (option 121): they lead into the drop.
watch
ip -n "${JVT}c" route add 198.51.100.0/24 via 10.201.0.2 dev a0
ip -n "${JVT}c" -6 route add 2001:db8::/64 via fd00:a::2 dev a0
ip -n "${JVT}c" route add "$INNER_G/32" via 10.201.0.2 dev a0
sleep 1
leaks 'hostile routes'
in_ns c ping -c 1 -W 1 -q 198.51.100.1 >/dev/null 2>&1 && fail 'the hostile route leads somewhere'
ip -n "${JVT}c" route del 198.51.100.0/24
ip -n "${JVT}c" -6 route del 2001:db8::/64
ip -n "${JVT}c" route del "$INNER_G/32"

# What comes in by another device is not taken, though it is addressed to this host.
before=$(dropped in)
in_ns g ping -c 3 -i 0.1 -W 1 -q -I 10.202.0.2 10.202.0.1 >/dev/null 2>&1 && fail 'a stranger on the link gets answers'
need 'nothing was dropped on its way in' test "$(dropped in)" -gt "$before"
# Nor forwarded: this host is a router as well.
before=$(dropped forward)
ip -n "${JVT}g" route add 192.0.2.1 via 10.201.0.1 dev a0
in_ns g ping -c 3 -i 0.1 -W 1 -q 192.0.2.1 >/dev/null 2>&1
need 'nothing was dropped on its way through' test "$(dropped forward)" -gt "$before"
ip -n "${JVT}g" route del 192.0.2.1

# The crash: rules stay; even where the device is gone with its routes.
watch
kill_hard client
sleep 0.5
ip -n "${JVT}c" link del jvc
sleep 1
leaks 'killed, device gone'
need 'the rules are gone after the kill' test -n "$(table)"
in_ns c ping -c 1 -W 1 -q 198.51.100.1 >/dev/null 2>&1 && fail 'the world is reached in clear'
watch
rm -f "$W/run-c/c.sock"
start_client
wait_attached 10
need 'the world is not reached after the restart' quiet in_ns c ping -c 3 -i 0.1 -W 1 -q 198.51.100.1
leaks 'restart'

# The end of the session.
watch
need 'jv kick' jv_g kick "$(client_get .session.sid)" g
wait_state TERMINATED 5
ip -n "${JVT}c" route add 198.51.100.0/24 via 10.201.0.2 dev a0
sleep 1
leaks 'TERMINATED, with a hostile route'
ip -n "${JVT}c" route del 198.51.100.0/24

# The end of the daemon by its service manager, which may be a restart.
watch
stop client TERM
need 'the log does not say that the rules stay' grep -q 'the kill switch stays: jv down c removes it' "$W/client.log"
sleep 1
leaks 'daemon ended by a signal'
need 'the rules are gone after SIGTERM' test -n "$(table)"

# jv down without a daemon, then with one.
need 'jv down fails without a daemon' jv_down c
need 'the rules are there after jv down' test -z "$(table)"
watch
sleep 0.5
look
need 'the network is not free after jv down' test "$SEEN" -gt 10
jv_down c 2>"$W/err"
need 'jv down of nothing does not give 3' test $? = 3
need 'jv down of nothing does not say so' grep -q 'c is not running' "$W/err"
start_client
wait_attached 10
need 'there are no rules' test -n "$(table)"
need 'jv down fails' jv_c down c
wait_for 5 sh -c "! kill -0 $(pid_of client)" || fail 'the client runs after jv down'
need 'the rules are there after jv down' test -z "$(table)"
need 'the default route of the host is gone' grep -q 'via 10.201.0.2 dev a0' <<<"$(ip -n "${JVT}c" route show default)"

# A killed one's leavings: device, routes and rules go with jv down.
start_client
wait_for 5 in_ns c ip link show jvc || fail 'no device'
kill_hard client
need 'the device is gone after the kill' quiet in_ns c ip link show jvc
need 'jv down fails after a kill' jv_down c
need 'the device is there after jv down' test -z "$(ip -n "${JVT}c" link show jvc 2>/dev/null)"
need 'the rules are there after jv down' test -z "$(table)"
audit_ok c || fail 'the audit of the client does not hold'
