#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   fleet 10.77.0.0/16 a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway, Shards = 2
#
# 800 sessions, so many that one command fills what the shards put together for the main thread: all of them end where their users go by a
# reload, and where the daemon stops, and the audit tells of each.
. "$(dirname "$0")/lib.sh"

CLIENTS=800
FLEET=$JV_BUILD/bench/fleet/fleet

sessions() { jv_g status --json g 2>/dev/null | jq '[.sessions[]] | add'; }
has_sessions() { test "$(sessions)" = "$1"; }
ended() { cat "$W"/log-g/*.jsonl | grep -c '"event":"SessionTerminated"'; }
has_ended() { test "$(ended)" -ge "$1"; }

write_gateway() { # WITH-USERS
    {
        printf '[Gateway]\nPrivateKey = %s\nListen = udp://0.0.0.0:%s\nPool = 10.99.0.0/16\nInterface = jvg\n' "$W/g.key" "$JVT_PORT"
        printf 'Shards = 2\nStateDir = %s\n[Audit]\nFile = %s\n' "$W/state-g" "$W/log-g/g.jsonl"
        ! "$1" || cat "$W/users"
    } >"$W/g.conf"
}

attach() {
    spawn fleet c "$FLEET" run --keys "$W/keys" --gateway "10.201.0.2:$JVT_PORT" --gateway-key "$("$JV" pubkey <"$W/g.key")" --source 10.77.0.0/16 \
        --sink-netns "${JVT}g" --sink-device jvg --to 10.98.0.1 --rate 100 --seconds 120
    wait_for 60 has_sessions "$CLIENTS" || fail "$(sessions) sessions"
}

jvt_begin
[ -x "$FLEET" ] || skip "$FLEET is not built"
veth_pair c a0 10.201.0.1/24 g a0 10.201.0.2/24
ip -n "${JVT}c" route add local 10.77.0.0/16 dev lo
ip -n "${JVT}g" route add 10.77.0.0/16 via 10.201.0.1
ip -n "${JVT}g" route add blackhole 10.98.0.1
mkdir -m 777 "$W/run-g" "$W/state-g" "$W/log-g"
(umask 077; "$JV" genkey >"$W/g.key")
"$FLEET" users --sessions "$CLIENTS" --first 10.99.0.2 --keys "$W/keys" >"$W/users" || fail 'no users'

write_gateway true
start_gateway
attach
write_gateway false
need 'the reload is refused' quiet jv_g reload g
wait_for 10 has_sessions 0 || fail "$(sessions) sessions of users that are gone"
wait_for 10 has_ended "$CLIENTS" || fail "$(ended) ends in the audit"
need 'a command was given up' test "$(jv_g counters --json g | jq .given_up)" = 0
need 'records were lost' test "$(jv_g status --json g | jq .events_dropped)" = 0
kill_hard fleet

write_gateway true
need 'the users are refused' quiet jv_g reload g
attach
need 'the gateway did not end well' stop gateway
need "$(ended) ends in the audit" has_ended "$((2 * CLIENTS))"
need 'the end of the daemon is not in the audit' sh -c "tail -n 1 $W/log-g/g.jsonl | grep -q DaemonStopped"
need "the audit: $("$JV" audit verify "$W/log-g/g.jsonl" 2>&1)" audit_ok g
say "$("$JV" audit verify "$W/log-g/g.jsonl" 2>&1 | tail -1)"
