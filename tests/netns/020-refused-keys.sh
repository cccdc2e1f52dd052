#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# A client whose key no user has, one that expects another gateway, and one with another pre-shared key: none of them attaches, each
# is told so by `jv up`, and whoever finds out counts it: the gateway, or the client where only message 2 shows the difference.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

# refused WHAT c|g DROP: with the client's profile as it stands no session comes to be; that drop counter moves at that end.
refused() {
    local what=$1 side=$2 drop=$3 before=0
    [ "$side" = c ] || before=$(drops g "$drop")
    start_client
    jv_c up c --timeout 2s >"$W/up.log" 2>&1
    need "$what: jv up does not fail with 1" test $? = 1
    say "$what: $(cat "$W/up.log"); $drop at $side: $(($(drops "$side" "$drop") - before))"
    need "$what: jv up gives no reason" grep -q 'HANDSHAKE_FAIL' "$W/up.log"
    need "$what: the client is attached" test "$(state_of_client)" != ATTACHED
    need "$what: $drop was not counted" test "$(drops "$side" "$drop")" -gt "$before"
    need "$what: the gateway has a session" test "$(gateway_get length)" = 0
    inner_ping && fail "$what: there is a way through"
    audit_has g '"event":"SessionCreated"' && fail "$what: the gateway made a session"
    stop client
}

topo_veth
write_configs
umask 077
"$JV" genkey >"$W/other.key"
"$JV" genpsk >"$W/psk"
"$JV" genpsk >"$W/psk-other"
cp "$W/c.conf" "$W/c.good"
start_gateway

sed -i "s|^PrivateKey = .*|PrivateKey = $W/other.key|" "$W/c.conf"
refused 'an unknown client' g BIRTH_UNKNOWN_KEY
cp "$W/c.good" "$W/c.conf"
sed -i "s|^GatewayKey = .*|GatewayKey = $("$JV" pubkey <"$W/other.key")|" "$W/c.conf"
refused 'another gateway' g MAC1
cp "$W/c.good" "$W/c.conf"
sed -i "s|^GatewayKey = .*|&\nPresharedKey = $W/psk|" "$W/c.conf"
refused 'a key that the gateway does not share' c BIRTH_AUTH
stop gateway
sed -i "s|^PublicKey = .*|&\nPresharedKey = $W/psk-other|" "$W/g.conf"
start_gateway
refused 'another pre-shared key' c BIRTH_AUTH
stop gateway
# With the right keys the same files do attach: nothing else was wrong.
sed -i "s|psk-other|psk|" "$W/g.conf"
start_gateway
start_client
need 'with the right keys jv up fails' jv_c up c --timeout 10s
need 'no packet comes through' inner_ping
hold_both
