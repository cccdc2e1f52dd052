#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 (MTU 1400) ---- NAT ---- a0 gateway     What jv shows to people and to programs, and that the device has the MTU that
#          b0 ----------------------- b0              the narrower of the two paths leaves.
#
. "$(dirname "$0")/lib.sh"

# json_is COMMAND... -- FILTER: the command's JSON passes the filter of jq.
json_is() {
    local filter=${*: -1}
    "${@:1:$#-2}" >"$W/json" && jq -e "$filter" "$W/json" >/dev/null || { head -c 600 "$W/json" >&2; return 1; }
}
device_mtu() { in_ns c cat /sys/class/net/jvc/mtu; }
device_has() { test "$(device_mtu)" = "$1"; }
shows() { jv_c status c >"$W/status"; grep -qE -- "$1" "$W/status" || { cat "$W/status" >&2; return 1; }; }

topo_nat
ip -n "${JVT}c" link set a0 mtu 1400
write_configs
start_gateway
start_client
wait_attached 10
wait_for 5 sh -c "test \$($JV --run-dir $W/run-c path ls --json c | jq '[.[] | select(.role == \"active\" or .role == \"standby\")] | length') = 2" \
    || fail 'there are not two paths'

# 1400 less IPv4, UDP and 32 bytes; the other end may send up to it, the narrow path carries it whole.
need "the device's MTU is $(device_mtu)" device_has 1340
need 'a packet of the whole MTU does not pass' in_ns c ping -q -c 1 -W 1 -M "do" -s $((1340 - 28)) "$INNER_G"
ip -n "${JVT}c" link set a0 mtu 1300
wait_for 5 device_has 1280 || fail "the device's MTU is $(device_mtu) over a link of 1300"
ip -n "${JVT}c" link set a0 mtu 1500
wait_for 20 device_has 1420 || fail "the device's MTU is $(device_mtu) over links of 1500" # up it goes late, so that nothing flaps
ip -n "${JVT}c" link set a0 mtu 1400
wait_for 5 device_has 1340 || fail "the device's MTU is $(device_mtu) over a link of 1400"

need 'no state' shows '^session: c  [0-9a-f]{4}·[0-9a-f]{4} +state: ATTACHED for '
need 'no address' shows "address: $INNER_C/32 .* mtu: 1340 of 1420 on jvc"
need 'no active path' shows '● active'
need 'no standby path' shows '○ warm'
need 'jv switch b' jv_c switch b c # the gateway tells with the answer to a probe what it sees
wait_for 10 shows 'a +udp .* seen as 10.201.0.1:[0-9]+' || fail 'the mapping of the NAT is not shown'
need 'no last switch' shows 'last switch: .* ago, .*[A-Z_]+\.  Why: jv explain --last'
need 'no count of lost records' shows 'events dropped: 0'
need 'colours into a file' sh -c "! grep -q $'\\033' '$W/status'"

need 'jv status --json' json_is jv_c status --json c -- '.role == "client" and .interface_mtu == 1340 and .session.state == "ATTACHED"
    and (.session.paths | length) >= 2 and (.warnings | type) == "array" and .events_dropped == 0'
need 'jv path ls --json' json_is jv_c path ls --json c -- 'map(.role) | (index("active") != null) and (index("standby") != null)'
need 'jv sessions --json' json_is jv_g sessions --json g -- 'length == 1 and .[0].user == "alice" and .[0].state == "ATTACHED"
    and (.[0].sid | test("^[0-9a-f]{32}$"))'
need 'jv counters' json_is jv_g counters g -- '.sessions.ATTACHED == 1 and .births == 1 and (.drops | keys | all(test("^[a-z0-9_]+$")))'
need 'jv --json' json_is jv_g --json -- '.role == "gateway" and .sessions.ATTACHED == 1 and .sessions_max == 4096'

jv_c status -q c
need 'jv status -q of an attached client' test $? -eq 0
jv_g status -q g
need 'jv status -q of a gateway' test $? -eq 0
jv_g kick "$(jv_c status --json c | jq -r .session.sid | cut -c 1-8)" g || fail 'jv kick'
wait_state TERMINATED 5
jv_c status -q c
need 'jv status -q of an ended session' test $? -eq 14
need 'jv down' jv_c down c
jv_c status -q c
need 'jv status -q without a daemon' test $? -eq 3

# The kernel forwards nothing here: the gateway says it.
stop gateway
in_ns g sysctl -qw net.ipv4.ip_forward=0
start_gateway
need 'the gateway hides that nothing is forwarded' json_is jv_g status --json g -- '.warnings | any(test("does not forward IPv4: sysctl"))'
