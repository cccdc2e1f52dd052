#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 192.168.7.2 ==== NAT, 10.201.0.1 outside ==== a0 gateway
#          b0 10.202.0.1 ====== no NAT ==================== b0
#
# 'jv netcheck' says what the network lets through: the NAT on A and none on B; then a filter for UDP on B, as a captive portal would be; and
# what it cannot know.
. "$(dirname "$0")/lib.sh"

check() { jv_c --json netcheck c >"$W/check.json" || fail "netcheck: $?"; }
says() { # [MEMBER WORD]...
    jq -e "$1" "$W/check.json" >/dev/null || fail "not so: $1: $(jq -c "${2:-.}" "$W/check.json")"
}
standby() { test "$(jv_c --json status c | jq -r '.session.paths[] | select(.name == "b/udp").role')" = standby; }

topo_nat
write_configs
start_gateway
start_client
wait_attached 10
wait_for 5 standby || fail 'B is no standby'

check
says '[.udp[] | .verdict] == ["yes", "yes"]' .udp
says '(.nat[] | select(.path == "a/udp") | .verdict == "yes" and (.text | contains("192.168.7.2:") and contains("10.201.0.1:")))' .nat
says '(.nat[] | select(.path == "b/udp") | .verdict == "none")' .nat
says '.ipv4.verdict == "yes" and .ipv6.verdict != "yes" and .nat64.verdict == "unknown"'
says '.portal.verdict == "no sign" and .names.verdict == "yes" and .nat_lifetime.verdict == "unknown"'
says 'all(.mtu[]; .mtu == 1500)' .mtu
says '.clock.verdict | . == "steered" or . == "free" or . == "unknown"' .clock

in_ns g nft -f - <<'NFT' || fail 'nft'
table ip portal {
  chain in {
    type filter hook input priority 0;
    iifname "b0" udp dport 4433 drop
  }
}
NFT
check
says '(.udp[] | select(.path == "b/udp") | .verdict == "no answer")' .udp
says '(.udp[] | select(.path == "a/udp") | .verdict == "yes")' .udp
says '.portal.verdict == "perhaps" and (.portal.text | contains("b is up and mute"))' .portal
jv_c netcheck c >"$W/check.txt" || fail 'netcheck as text'
grep -q '^  UDP .*yes ' "$W/check.txt" || fail "text: $(cat "$W/check.txt")"

jv_g netcheck g >/dev/null 2>"$W/err.txt"
[ $? = 1 ] && grep -q gateway "$W/err.txt" || fail 'a gateway is checked'
stop client
jv_c netcheck c >/dev/null 2>"$W/err.txt"
[ $? = 3 ] || fail "without a daemon: $(cat "$W/err.txt")"
sed 's/^/# /' "$W/check.txt" >&2
say 'checked'
