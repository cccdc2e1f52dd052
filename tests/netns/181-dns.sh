#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway, name server at 10.99.0.1
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# The session's name servers, in a mount namespace of the client's own with the real openresolv: there after the birth, used by the
# C library, untouched by a jump, said again after a DHCP client wrote its own, gone with jv down; refused in words without any tool.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"
DNS=$(cd "$(dirname "$0")" && pwd)/dns.py

[ -x /sbin/resolvconf ] || skip 'needs openresolv'

# The client sees a /run and an /etc/resolv.conf of its own; $1: more for the shell before it becomes jvd.
start_client_apart() {
    cat >"$W/apart" <<SH
set -e
mount --make-rprivate /
mount -t tmpfs none /run
mount --bind $W/resolv.conf /etc/resolv.conf
${1:-}
exec $JVD --config $W/c.conf --foreground --run-dir $W/run-c --state-dir $W/state-c --log-dir $W/log-c
SH
    rm -f "$W/run-c/c.sock"
    spawn client c unshare -m sh "$W/apart"
    wait_for 10 test -S "$W/run-c/c.sock" || fail 'the client does not come up'
}
apart() { nsenter -t "$(pid_of client)" -m -n "$@"; }
servers() { apart grep '^nameserver' /etc/resolv.conf | tr '\n' ' '; }
has_server() { grep -qx "nameserver $1" "$W/resolv.conf"; }
lookup() { apart getent ahostsv4 inner.test | grep -q '^192\.0\.2\.99'; }
new_resolv_conf() { # a file of the bind mount, so it is written in place
    printf 'nameserver 203.0.113.53\n' >"$W/resolv.conf"
    chmod 644 "$W/resolv.conf"
}

topo_veth
new_resolv_conf
GATEWAY_TOP='DNS = 10.99.0.1' CLIENT_TOP='DNS = auto'
write_configs
sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0|; s|^KillSwitch.*||' "$W/c.conf"
start_gateway
start_client_apart "echo 'nameserver 203.0.113.53' | resolvconf -a a0"
wait_attached 10
wait_for 5 has_server 10.99.0.1 || fail "no name server of the session: $(servers)"
need 'the name servers of the link are asked as well' test "$(servers)" = 'nameserver 10.99.0.1 '
has_tool() { [ "$(client_get .resolver)" = resolvconf ]; }
wait_for 5 has_tool || fail 'jv does not say who has them'
# It keeps the rights of who started it, and nothing of the daemon but a socket.
runner=$(pgrep -P "$(pid_of client)" -x jvd-dns)
need 'there is no jvd-dns' test -n "$runner"
need 'jvd-dns has more open than its socket' test "$(find "/proc/$runner/fd" -type l | wc -l)" = 4
need 'jvd itself is root' test "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of client)/status")" != 0
spawn dns g python3 "$DNS" 10.99.0.1
wait_for 5 lookup || fail 'the name server of the session is not asked'

# A jump does not touch them.
before=$(stat -c '%i %Y' "$W/resolv.conf")
need 'the switch was refused' quiet jv_c switch b c
sleep 0.3
need 'a jump changed the name servers' test "$(servers)$(stat -c '%i %Y' "$W/resolv.conf")" = "nameserver 10.99.0.1 $before"
need 'no answer after the jump' lookup
# Somebody else writes the file, as DHCP clients without resolvconf do, and the network changes: they come back.
new_resolv_conf
ip -n "${JVT}c" addr add 10.201.0.77/24 dev a0
wait_for 10 has_server 10.99.0.1 || fail 'not said again after the network changed'
# The end.
nsenter -t "$(pid_of client)" -m sleep 60 &
holder=$!
need 'jv down fails' jv_c down c
need 'a name server of the session is left' test "$(grep -c 10.99.0.1 "$W/resolv.conf")" = 0
need 'the name server of the link is not back' has_server 203.0.113.53
kill $holder
wait $holder 2>/dev/null
wait_for 5 sh -c "! kill -0 $runner" || fail 'jvd-dns outlives the daemon'

# A list instead of what the gateway says.
new_resolv_conf
sed -i 's|^DNS = .*|DNS = 10.99.0.1, 10.99.0.9|; s|^AllowedIPs = .*|AllowedIPs = 10.99.0.0/24|' "$W/c.conf"
start_client_apart "echo 'nameserver 203.0.113.53' | resolvconf -a a0"
wait_attached 10
list='nameserver 10.99.0.1 nameserver 10.99.0.9 '
is_list() { [ "$(servers)" = "$list" ]; }
wait_for 5 is_list || fail "not what the list says: $(servers)"
# Killed: they stay, as routes do, and the next run takes them over.
kill_hard client
need 'they went with a killed daemon' has_server 10.99.0.9

start_client_apart "printf 'nameserver 10.99.0.9\\n' | resolvconf -a jvc -m 0 -x; echo 'nameserver 203.0.113.53' | resolvconf -a a0; ip link set lo up
ip link set a0 down; ip link set b0 down"
wait_for 5 has_server 203.0.113.53 || fail 'what a killed run left is in the way of the next one'
ip -n "${JVT}c" link set a0 up
ip -n "${JVT}c" route add "$OUTER" via 10.201.0.2 dev a0 metric 100
wait_attached 20
wait_for 5 has_server 10.99.0.9 || fail 'not set up after the restart'
kill_hard client
ip -n "${JVT}c" link set b0 up
ip -n "${JVT}c" route add "$OUTER" via 10.202.0.2 dev b0 metric 200

# A gateway without the memory of this key's births: more than three in a minute are refused.
stop gateway
rm -f "$W/run-g/g.sock"
start_gateway

# Neither tool: the session goes on, and says so.
new_resolv_conf
# shellcheck disable=SC2016 # it is that shell that expands
start_client_apart 'for f in /sbin/resolvconf /usr/sbin/resolvconf /usr/bin/resolvectl; do [ ! -e $f ] || mount --bind /dev/null $f; done'
wait_attached 10
wait_for 5 grep -q 'neither systemd-resolved nor resolvconf' "$W/client.log" || fail 'no word in the log'
need 'no warning in jv status' grep -q 'name servers are not set up' <<<"$(jv_c status c)"
need 'no packet comes through' inner_ping
need 'the file was changed' test "$(cat "$W/resolv.conf")" = 'nameserver 203.0.113.53'
need 'jv down fails' jv_c down c
hold_both
