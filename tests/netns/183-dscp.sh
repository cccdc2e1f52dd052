#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#
# DSCP: what the outer datagrams show in each setting, that every one of them does, and that inner packets keep theirs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# watch_start NAME NS DEV FILTER: what comes in there, until watch_stop.
watch_start() {
    : >"$W/$1.log"
    spawn "$1" "$2" tcpdump -i "$3" -n -v -l -Q in "$4"
    wait_for 5 grep -q 'listening on' "$W/$1.log" || fail 'tcpdump does not start'
}
# The distinct TOS bytes that were seen, ECN bits off.
watch_stop() {
    sleep 0.3
    stop "$1" INT
    python3 -c '
import re, sys
print(" ".join(sorted({"0x%02x" % (int(t, 16) & 0xfc) for t in re.findall("tos 0x([0-9a-f]+)", sys.stdin.read())})))' <"$W/$1.log"
}

# round CLIENT_DSCP GATEWAY_DSCP: attach, send marked pings; sets UP, DOWN (outer) and IN, OUT (inner) to the bytes seen.
round() {
    CLIENT_TOP="DSCP = $1" GATEWAY_TOP="DSCP = $2"
    write_configs
    start_gateway
    watch_start up g a0 'udp dst port 4433'
    watch_start down c a0 'udp src port 4433'
    start_client
    wait_attached 10
    watch_start in g jvg 'icmp[icmptype] == icmp-echo'
    watch_start out c jvc 'icmp[icmptype] == icmp-echoreply'
    need 'no ping comes through' quiet in_ns c ping -c 10 -i 0.05 -W 1 -Q 0xb8 "$INNER_G"
    IN=$(watch_stop in) OUT=$(watch_stop out) UP=$(watch_stop up) DOWN=$(watch_stop down)
    say "DSCP = $1 and $2: outer up $UP down $DOWN, inner at the gateway $IN back at the client $OUT"
    need 'inner packets do not keep their codepoint' test "$IN$OUT" = 0xb80xb8
    hold_both
    stop client
    stop gateway
    rm -f "$W"/run-*/* "$W"/log-*/*
}

topo_veth
round 0 0
need 'without DSCP something is marked' test "$UP$DOWN" = 0x000x00
round 10 46
need 'the client does not mark each datagram with 10' test "$UP" = 0x28
need 'the gateway does not mark each datagram with 46' test "$DOWN" = 0xb8
round copy 0
need 'the client does not copy' test "$UP" = '0x00 0xb8'
need 'the gateway copies though it should not' test "$DOWN" = 0x00
