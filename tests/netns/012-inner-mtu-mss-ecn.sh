#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway, inner MTU 1420
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# What inner packets may be: whole MTU and not a byte more, TCP that knows it, ECN that goes in and comes out (RFC 6040).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# ecn_seen CODEPOINT: an ICMP echo request with it came out of the tunnel at the gateway while one was sent with TOS $2.
ecn_seen() {
    spawn dump g tcpdump -i jvg -n -v -c 1 -l "icmp[icmptype] == icmp-echo"
    wait_for 5 grep -q 'listening on' "$W/dump.log" || fail 'tcpdump does not start'
    in_ns c ping -c 1 -W 1 -Q "$2" "$INNER_G" >/dev/null
    wait_for 3 grep -q 'tos 0x' "$W/dump.log"
    stop dump INT
    grep -o 'tos 0x[0-9a-f]*' "$W/dump.log" | tail -n 1 >"$W/tos"
    : >"$W/dump.log"
    say "sent TOS $2, came out with $(cat "$W/tos")"
    test "$(cat "$W/tos")" = "tos 0x$1"
}

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
mtu=$(client_get .session.mtu)
need 'the MTU is not 1420' test "$mtu" = 1420
need 'the device has another MTU' test "$(in_ns c cat /sys/class/net/jvc/mtu)" = "$mtu"
need "a packet of $mtu bytes does not pass" quiet in_ns c ping -c 2 -i 0.2 -W 1 -q -M 'do' -s $((mtu - 28)) "$INNER_G"
need "an answer of $mtu bytes does not pass" quiet in_ns g ping -c 2 -i 0.2 -W 1 -q -M 'do' -s $((mtu - 28)) "$INNER_C"
in_ns c ping -c 1 -W 1 -M 'do' -s $((mtu - 27)) "$INNER_G" >"$W/big.log" 2>&1 && fail "a packet of $((mtu + 1)) bytes passes"
need 'the sender is not told of the MTU' grep -q "mtu *= *$mtu" "$W/big.log"

# TCP: both ends announce what fits into the MTU, and what is in use is no more (12 bytes are timestamps).
spawn echo g python3 "$FLOW" tcp-echo "$INNER_G" 7103
sleep 0.5
mss=$(in_ns c python3 -c "
import socket
s = socket.create_connection(('$INNER_G', 7103), timeout=3)
s.sendall(bytes(100000))
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))")
say "TCP_MAXSEG $mss"
need 'the segments of TCP do not fit' test "$mss" -le $((mtu - 40)) -a "$mss" -ge $((mtu - 52))

# Who believes in a larger MTU announces too much: the SYN is clamped in the tunnel.
ip -n "${JVT}c" link set jvc mtu 1500
spawn syn g tcpdump -i jvg -n -c 1 -l 'tcp[tcpflags] & tcp-syn != 0'
wait_for 5 grep -q 'listening on' "$W/syn.log" || fail 'tcpdump does not start'
in_ns c python3 -c "import socket; socket.create_connection(('$INNER_G', 7103), timeout=3)"
wait_for 3 grep -q 'mss ' "$W/syn.log" || fail 'no SYN came through'
say "a SYN of a host with MTU 1500 came out with $(grep -o 'mss [0-9]*' "$W/syn.log")"
need 'its MSS is not what fits the tunnel' grep -q "mss $((mtu - 40))," "$W/syn.log"
ip -n "${JVT}c" link set jvc mtu "$mtu"

# ECN: not marked stays so; ECT(0) and ECT(1) survive.
need 'not-ECT does not survive' ecn_seen 0 0x00
need 'ECT(0) does not survive' ecn_seen 2 0x02
need 'ECT(1) does not survive' ecn_seen 1 0x01
need 'DSCP of the inner packet does not survive' ecn_seen b8 0xb8
# A router on the way marks every outer packet: the mark shows inside where the inner packet can bear it.
in_ns g nft -f - <<'NFT' || fail 'nft'
table ip mangle {
  chain pre {
    type filter hook prerouting priority -150;
    udp dport 4433 ip ecn { ect0, ect1 } ip ecn set ce
  }
}
NFT
need 'outer CE does not reach an inner ECT(0)' ecn_seen 3 0x02
in_ns g nft -f - <<'NFT' || fail 'nft'
flush table ip mangle
table ip mangle {
  chain pre {
    udp dport 4433 ip ecn set ce
  }
}
NFT
before=$(drops g INNER_ECN)
in_ns c ping -c 1 -W 1 -Q 0 "$INNER_G" >/dev/null && fail 'a packet that is not ECT came through a congested router unmarked'
need 'its drop is not counted' test "$(drops g INNER_ECN)" -gt "$before"
hold_both
