#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, 5 ms each way, preferred ==== a0 gateway
#          b0 ==== linkemu B, 15 ms each way =============== b0
#
# An operator looks and steers: test and ping of paths, a dry run, a hold, a path out of the choice, another preference; what is refused
# is refused with a message and the right exit code, and the audit names each order.
. "$(dirname "$0")/lib.sh"

client_get() { jv_c --json status c | jq -r "$1"; }
active_is() { test "$(client_get '.session.paths[] | select(.role == "active").name')" = "$1/udp"; }
role_of() { client_get ".session.paths[] | select(.name == \"$1/udp\").role"; }
role_is() { test "$(role_of "$1")" = "$2"; }
# gives CODE CMD...: the exit status is CODE; standard error is kept.
gives() {
    local want=$1 got
    shift
    "$@" >"$W/out.txt" 2>"$W/err.txt"
    got=$?
    [ "$got" = "$want" ] || fail "'$*' gives $got, not $want: $(cat "$W/err.txt")"
}
err_has() { grep -q -- "$1" "$W/err.txt" || fail "the message is '$(cat "$W/err.txt")', without '$1'"; }
out_has() { grep -q -- "$1" "$W/out.txt" || fail "the output is '$(cat "$W/out.txt")', without '$1'"; }

topo_emu 5000
write_configs
start_gateway
gives 3 jv_c path test
start_client
wait_attached 10
emu b delay 15 >/dev/null || fail 'linkemu b'
wait_for 3 role_is b standby || fail 'B is no standby'
need 'the first path is not A' active_is a

# --- path test: every path, also the standby one, with its own round trip
gives 0 jv_c --json path test -c 3
jq -e 'length == 2 and all(.sent >= 3 and .answered >= 1 and .mtu >= 1280 and .rtt_min_us <= .rtt_max_us)' "$W/out.txt" >/dev/null ||
    fail "path test: $(cat "$W/out.txt")"
jq -e '(map(select(.name == "a/udp"))[0].rtt_min_us) as $a | (map(select(.name == "b/udp"))[0].rtt_min_us) as $b
    | $a >= 10000 and $b >= 30000 and $b > $a' "$W/out.txt" >/dev/null || fail "round trips: $(cat "$W/out.txt")"
say "path test: $(jq -c 'map({name, sent, answered, rtt_avg_us})' "$W/out.txt")"
gives 0 jv_c path test b
out_has 'b  *udp'
emu b blackhole on >/dev/null
gives 1 jv_c path test b -c 2
emu b blackhole off >/dev/null
gives 1 jv_c path test nowhere
err_has nowhere

# --- ping: authenticated echoes on the active path or the one named
gives 0 jv_c ping -c 2
[ "$(grep -c "^pong from $OUTER ($INNER_G) via udp $OUTER:$JVT_PORT \[a\] in [0-9.]*ms$" "$W/out.txt")" = 2 ] ||
    fail "ping says: $(cat "$W/out.txt")"
gives 0 jv_c ping gw --path b -c 1
out_has '\[b\] in [0-9.]*ms'
gives 2 jv_c ping elsewhere.example
err_has elsewhere.example
gives 1 jv_g ping
err_has gateway

# --- a dry run changes nothing
v=$(client_get .session.local)
lines=$(wc -l <"$W/log-c/c.jsonl")
wait_for 3 role_is b standby || fail 'B is no standby after its hole'
gives 0 jv_c switch b --dry-run
out_has 'switch to b: allowed'
out_has 'nothing was changed'
gives 5 jv_c switch a --dry-run
out_has 'the session is on this path'
[ "$(client_get .session.local)" = "$v" ] || fail 'the dry run moved a row'
! tail -n "+$((lines + 1))" "$W/log-c/c.jsonl" | grep -q TransportSwitch || fail 'the dry run is on record as a switch'

# --- a hold: the session stays where it is though A is preferred, an order is obeyed
gives 2 jv_c hold 500ms
err_has '1s to 24h'
gives 2 jv_c hold forever
gives 0 jv_c hold 10m
gives 0 jv_c switch b
wait_for 3 active_is b || fail 'the order is not obeyed under a hold'
gives 5 jv_c switch a
gives 5 jv_c switch a --dry-run
out_has 'COOLDOWN_ACTIVE'
out_has 'allowed in'
gives 0 jv_c status c
out_has 'held for'
sleep 4 # twice the dwell of the preset
need 'the hold did not hold' active_is b
need 'the hold is not on record' audit_has c '"event":"SwitchHold"'
need 'the denial is not on record' audit_has c '"reason":"OPERATOR_HOLD"'
gives 0 jv_c hold off
wait_for 8 active_is a || fail 'the session does not go back once the hold is off'

# --- a path out of the choice, and another preference
gives 1 jv_c path disable a
err_has 'jv switch to another one first'
gives 0 jv_c path disable b
need 'B is not off' role_is b off
gives 1 jv_c switch b
gives 0 jv_c path enable b
wait_for 5 role_is b standby || fail 'B does not come back'
gives 2 jv_c path prefer b 1001
err_has '0 to 1000'
gives 0 jv_c path prefer b 900
wait_for 10 active_is b || fail 'the session does not follow the ordered preference'
need 'the orders are not on record' audit_has c '"event":"PathOrdered"'

# --- recover, and who may not
gives 0 jv_c recover
gives 1 jv_g hold 10m
err_has 'only a client'
gives 4 jv_c policy show --session deadbeef
inner_ping || fail 'nothing passes'
for side in c g; do
    audit_ok $side || fail "audit of $side: $(cat "$W/verify-$side.log")"
done
say 'steered'
