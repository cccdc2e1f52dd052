#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ---- lan0 NAT wan0 (sizes are limited here) ---- a0 gateway     preferred
#          b0 ----------------------------------- b0 (MTU 1300)               narrow
#
# What a path carries is found out without the help of ICMP and in spite of it, in each direction; what does not fit is answered inside;
# TCP goes on over a jump to a narrower path.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

path_mtu() { client_get ".session.paths[] | select(.name == \"$1/udp\") | .inner_mtu"; }
path_is() { test "$(path_mtu "$1")" = "$2"; }
path_fit() { test "$(client_get ".session.paths[] | select(.name == \"$1/udp\") | .fit")" = "$2"; }
gateway_is() { test "$(jv_g sessions --json g | jq -r '.[0].inner_mtu')" = "$1"; }
device_has() { test "$(in_ns c cat /sys/class/net/jvc/mtu)" = "$1"; }
active_is() { test "$(client_get '.session.paths[] | select(.role == "active").name')" = "$1/udp"; }

# limit DIRECTION BYTES: datagrams of IP above it vanish in the middle without a word. DIRECTION: up, down; BYTES 0: none do.
limit() {
    local dev=lan0
    [ "$1" = up ] || dev=wan0
    in_ns n nft "add table ip size_$1; delete table ip size_$1; add table ip size_$1;
        add chain ip size_$1 f { type filter hook forward priority 0; }"
    [ "$2" = 0 ] || in_ns n nft "add rule ip size_$1 f iifname $dev meta length > $2 drop" || fail 'nft'
}

# told NS ADDRESS BYTES MTU FROM: an inner packet of BYTES with "don't fragment" is answered from FROM with MTU.
told() {
    in_ns "$1" ip route flush cache
    in_ns "$1" ping -c 1 -W 2 -M 'do' -s $(($3 - 28)) "$2" >"$W/told.log" 2>&1 && return 1
    grep -qE "From $5 .*mtu *= *$4" "$W/told.log" || { cat "$W/told.log" >&2; return 1; }
}
passes() { quiet in_ns "$1" ping -c 2 -i 0.2 -W 2 -M 'do' -s $(($3 - 28)) "$2"; }

topo_nat
# The middle measures single datagrams, as a wire does, not what the kernel has not cut yet.
for dev in c/a0 n/lan0 n/wan0 g/a0; do
    in_ns "${dev%/*}" ethtool -K "${dev#*/}" tx-udp-segmentation off || fail "ethtool $dev"
done
ip -n "${JVT}g" link set b0 mtu 1300
limit up 1400
write_configs
start_gateway
start_client
wait_attached 10
wait_for 30 path_is a 1340 || fail "path A has $(path_mtu a), not 1340: a limit upwards, no ICMP"
wait_for 30 device_has 1340 || fail "the device has $(in_ns c cat /sys/class/net/jvc/mtu)"
wait_for 5 gateway_is 1340 || fail 'the gateway was not told of 1340'
wait_for 30 path_fit b narrow || fail 'path B is not seen as narrow'
need "path B has $(path_mtu b), not 1240" path_is b 1240
need 'a packet of 1340 does not pass' passes c "$INNER_G" 1340
need 'an answer of 1340 does not pass' passes g "$INNER_C" 1340
need 'the sender at the gateway is not told of 1340' told g "$INNER_C" 1400 1340 "$INNER_C"

# Large packets downwards vanish from one moment to the next, under a running TCP transfer.
tcp_serve 48 # more than the kernel holds for a slow reader: the flow must still run when the hole comes
TCP_TIMEOUT=60
sid=$(client_get .session.sid)
tcp_fetch --limit-rate 3M &
fetch=$!
sleep 2
limit down 1380
at=$(now_ns)
wait_for 30 path_is a 1320 || fail "path A has $(path_mtu a), not 1320: a hole for large packets downwards"
say "hole for large packets found in $((($(now_ns) - at) / 1000000)) ms"
wait "$fetch" || fail 'the transfer broke over the hole'
wait_for 5 gateway_is 1320 || fail 'the gateway was not told of 1320'
need 'the audit does not say it' audit_has c '"reason":"PATH_MTU_FELL"'

# Loss is no hole: a third of everything vanishes for a while, by chance: every third packet could be the large probe of each pair.
in_ns n nft 'add table ip loss; add chain ip loss f { type filter hook forward priority 1; }; add rule ip loss f numgen random mod 3 0 drop'
before=$(grep -c PathMtu "$W/log-c/c.jsonl")
in_ns c timeout 8 ping -q -i 0.02 -s 1200 "$INNER_G" >/dev/null 2>&1
in_ns n nft 'delete table ip loss'
need 'loss was taken for a limit' test "$(grep -c PathMtu "$W/log-c/c.jsonl")" = "$before"

# ICMP alone moves nothing: everybody may claim that 600 bytes are too many. (The counter shows that the claims arrive.)
wait_attached 20
wait_for 60 active_is a || fail 'the session is not on A' # it was left because of the loss, and is shunned for a while
wait_for 20 device_has 1320 || fail "the device has $(in_ns c cat /sys/class/net/jvc/mtu), not 1320"
port=$(client_get '.session.paths[] | select(.name == "a/udp") | .local' | sed 's/.*://')
in_ns n python3 - "$port" <<'PY'
import socket, struct, sys, time

def checksum(data):
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    s = (s & 0xffff) + (s >> 16)
    return ~((s & 0xffff) + (s >> 16)) & 0xffff

raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
inner = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1400, 1, 0x4000, 64, 17, 0, socket.inet_aton("192.168.7.2"), socket.inet_aton("10.200.0.2"))
inner += struct.pack("!HHHH", int(sys.argv[1]), 4433, 1380, 0)
for _ in range(50):
    body = struct.pack("!BBHHH", 3, 4, 0, 0, 600) + inner
    raw.sendto(body[:2] + struct.pack("!H", checksum(body)) + body[4:], ("192.168.7.2", 0))
    time.sleep(0.02)
PY
sleep 2
need "claims of ICMP moved the path to $(path_mtu a)" path_is a 1320
need 'a packet of 1320 does not pass after the claims' passes c "$INNER_G" 1320

# A jump to the narrow path under a running transfer: A goes down.
limit up 0
limit down 0
tcp_fetch --limit-rate 2M &
fetch=$!
sleep 2
ip -n "${JVT}c" link set a0 down
wait_for 10 active_is b || fail 'the session did not jump to B'
wait "$fetch" || fail 'the transfer broke over the jump to a narrow path'
need 'the session id changed' test "$(client_get .session.sid)" = "$sid"
need 'the device has less than IPv6 needs' device_has 1280
wait_for 5 gateway_is 1240 || fail 'the gateway does not know of 1240'
need 'the sender at the client is not told of 1240' told c "$INNER_G" 1280 1240 "$INNER_G"
need 'the sender at the gateway is not told of 1240' told g "$INNER_C" 1300 1240 "$INNER_C"
need 'a packet of 1240 does not pass' passes c "$INNER_G" 1240
in_ns c ip route flush cache # else the host cuts it itself
need 'IPv4 that may be fragmented does not pass' quiet in_ns c ping -c 2 -i 0.2 -W 2 -M dont -s 1252 "$INNER_G"
need 'nothing was fragmented' test "$(counter c fragmented)" -gt 0
need 'nothing was answered' test "$(counter g told_too_big)" -gt 0
explain_both
hold_both
