#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   c1 a0 10.201.1.1 ---- veth ---- 10.201.1.2 a1 gateway     Six clients, each with a second link b (10.202.N), whose keys are at
#   ...                                          Shards = N   home in all shards of the gateway in turn. c1 has a fixed address.
#   c6 a0 10.201.6.1 ---- veth ---- 10.201.6.2 a6             Metrics on 127.0.0.1:9100
#
# Sessions are where their keys belong, packets go both ways and from client to client, by TCP and in the first packet of a flow; a jump,
# an end with a rebirth, a reload, an end by the client; then the gateway begins again with another number of threads.
. "$(dirname "$0")/lib.sh"

CLIENTS=6

# home KEY SHARDS: the first four bytes of the public key, big-endian, modulo the shards.
home() { python3 -c 'import base64, sys; print(int.from_bytes(base64.b64decode(sys.argv[1])[:4], "big") % int(sys.argv[2]))' "$1" "$2"; }

jv_n() { local i=$1; shift; "$JV" --run-dir "$W/run-c$i" "$@"; }
state_n() { jv_n "$1" status --json "c$1" | jq -r .session.state; }
is_attached() { test "$(state_n "$1")" = ATTACHED; }
attached_all() { local i; for i in $(seq "$CLIENTS"); do wait_for 15 is_attached "$i" || fail "client $i is $(state_n "$i")"; done; }
address_n() { jv_n "$1" status --json "c$1" | jq -r '.session.address[0]' | sed 's,/.*,,'; }
sid_n() { jv_n "$1" status --json "c$1" | jq -r .session.sid; }
sessions() { jv_g sessions --json g; }
# of_user NAME MEMBER
of_user() { sessions | jq -r --arg user "$1" ".[] | select(.user == \$user) | $2"; }
counter() { jv_g counters --json g 2>/dev/null | jq -r ".$1"; }
ping_n() { in_ns "c$1" ping -c 2 -i 0.1 -W 1 "$2" >/dev/null 2>&1; }

# make_key FILE SHARD SHARDS: a key that is at home there.
make_key() {
    local tries
    for tries in $(seq 500); do
        (umask 077; "$JV" genkey >"$1")
        [ "$(home "$("$JV" pubkey <"$1")" "$3")" != "$2" ] || return 0
    done
    fail "no key of $tries is at home in $2"
}

write_gateway() { # SHARDS
    {
        printf '[Gateway]\nPrivateKey = %s\nListen = udp://%s:%s\nPool = 10.99.0.0/24, fd80:4a56::/64\nInterface = jvg\n' "$W/g.key" "$OUTER" "$JVT_PORT"
        # Without lanes a device for one thread has one queue.
        [ "$1" -gt 1 ] || printf 'Queue = device\n'
        printf 'Shards = %s\nStateDir = %s\n[Audit]\nFile = %s\n[Metrics]\nListen = 127.0.0.1:9100\n' "$1" "$W/state-g" "$W/log-g/g.jsonl"
        for i in $(seq "$CLIENTS"); do
            printf '[User u%s]\nPublicKey = %s\n' "$i" "$("$JV" pubkey <"$W/c$i.key")"
            [ "$i" != 1 ] || printf 'Address = 10.99.0.200\n'
        done
    } >"$W/g.conf"
}

start_n() { spawn "client$1" "c$1" "$JVD" --config "$W/c$1.conf" --foreground --run-dir "$W/run-c$1" --state-dir "$W/state-c$1"; }

begin() { # SHARDS
    local i
    jvt_begin
    mkdir -m 777 "$W/run-g" "$W/state-g" "$W/log-g"
    (umask 077; "$JV" genkey >"$W/g.key")
    for i in $(seq "$CLIENTS"); do
        ns_add "c$i"
        veth_pair "c$i" a0 "10.201.$i.1/24" g "a$i" "10.201.$i.2/24"
        veth_pair "c$i" b0 "10.202.$i.1/24" g "b$i" "10.202.$i.2/24"
        ip -n "${JVT}c$i" route add "$OUTER" via "10.201.$i.2" dev a0 metric 100
        ip -n "${JVT}c$i" route add "$OUTER" via "10.202.$i.2" dev b0 metric 200
        mkdir -m 777 "$W/run-c$i" "$W/state-c$i"
        make_key "$W/c$i.key" "$((i % $1))" "$1"
        {
            printf '[Session]\nPrivateKey = %s\nGateway = %s:%s\nGatewayKey = %s\nInterface = jvc\nAllowedIPs = 10.99.0.0/24, fd80:4a56::/64\n' \
                "$W/c$i.key" "$OUTER" "$JVT_PORT" "$("$JV" pubkey <"$W/g.key")"
            printf 'OnTerminated = rebirth\n[Audit]\nFile = none\n'
            printf '[Transport a]\nDevice = a0\nPrefer = 100\n[Transport b]\nDevice = b0\nPrefer = 50\n[Policy]\nPreset = fast\n'
        } >"$W/c$i.conf"
    done
    write_gateway "$1"
    start_gateway
    for i in $(seq "$CLIENTS"); do
        start_n "$i"
    done
    attached_all
}

# Each session is in the shard of its user's key, and its address of the pool is that shard's.
check_homes() { # SHARDS
    local i shard address
    for i in $(seq "$CLIENTS"); do
        shard=$(of_user "u$i" .shard)
        need "session of u$i is in shard $shard" test "$shard" = "$(home "$("$JV" pubkey <"$W/c$i.key")" "$1")"
        address=$(address_n "$i")
        need "u$i has $address in shard $shard" test "$i" = 1 -o "$((${address##*.} % $1))" = "$shard"
    done
    need 'the fixed address is another one' test "$(address_n 1)" = 10.99.0.200
}

check_packets() {
    local i to
    for i in $(seq "$CLIENTS"); do
        need "u$i: no answer of the gateway" ping_n "$i" "$INNER_G"
        to=$((i % CLIENTS + 1))
        need "u$i: no answer of u$to" ping_n "$i" "$(address_n "$to")"
        need "the gateway: no answer of u$i" in_ns g ping -c 2 -i 0.1 -W 1 "$(address_n "$i")"
    done
} >/dev/null

# again SHARDS: the gateway, and all clients, which were not told of its end.
again() {
    local i
    write_gateway "$1"
    start_gateway
    for i in $(seq "$CLIENTS"); do
        kill_hard "client$i"
        start_n "$i"
    done
    attached_all
}

run_with() { # SHARDS
    local before other i pid threads
    say "$1 shards"
    begin "$1"
    need 'the number of shards' test "$(jv_g status --json g | jq .shards)" = "$1"
    pid=$(jv_g status --json g | jq .pid)
    # The audit's writer, the page's server and a thread for each shard but the first.
    threads=$(awk '/^Threads:/ { print $2 }' "/proc/$pid/status")
    need "$threads threads" test "$threads" = "$(($1 + 2))"
    check_homes "$1"
    check_packets
    say "handed over: $(counter handed_over)"
    need 'nothing was handed over' test "$(counter handed_over)" -gt 0
    need 'the page counts other sessions' sh -c "ip netns exec ${JVT}g curl -s 127.0.0.1:9100/metrics | grep -q 'jv_sessions{state=\"ATTACHED\"} $CLIENTS'"

    # TCP from client to client: two sessions, mostly of two shards.
    head -c 8388608 /dev/urandom >"$W/file"
    spawn http c2 python3 -m http.server 8080 --bind "$(address_n 2)" --directory "$W"
    wait_for 10 in_ns c2 curl -sf -o /dev/null "http://$(address_n 2):8080/file" || fail 'the file server does not come up'
    for i in 1 3 4; do
        need "u$i cannot fetch from u2" in_ns "c$i" curl -sf --max-time 30 -o "$W/got" "http://$(address_n 2):8080/file"
        need "u$i got another file" cmp "$W/file" "$W/got"
    done

    # A jump, by order and by a link that goes.
    need 'the switch is refused' quiet jv_n 3 switch b c3
    ip -n "${JVT}c4" link set a0 down
    need 'u3: no answer after the switch' wait_for 5 ping_n 3 "$INNER_G"
    need 'u4: no answer after the link went' wait_for 5 ping_n 4 "$INNER_G"
    ip -n "${JVT}c4" link set a0 up
    ip -n "${JVT}c4" route add "$OUTER" via "10.201.4.2" dev a0 metric 100

    # An end by the operator, found by the id in whichever shard it is: another session, same place, same address.
    for i in 2 5; do
        before=$(sid_n "$i") other=$(address_n "$i")
        need "u$i: no end" jv_g kick "$before" g
        wait_for 10 sh -c "test \"\$($JV --run-dir $W/run-c$i status --json c$i | jq -r .session.sid)\" != $before" || fail "u$i: no rebirth"
        wait_for 10 is_attached "$i" || fail "u$i does not come back"
        need "u$i has another address" test "$(address_n "$i")" = "$other"
    done
    check_homes "$1"

    # A reload: one user goes, one comes, the others notice nothing; what one shard refuses none has taken.
    before=$(sid_n 3)
    cp "$W/g.conf" "$W/g.whole"
    "$JV" genkey | (umask 077; cat >"$W/new.key")
    printf '[User late]\nPublicKey = %s\nAddress = %s\n' "$("$JV" pubkey <"$W/new.key")" "$(address_n 4)" >>"$W/g.conf"
    sed -i '/^\[User u6\]/,+1d' "$W/g.conf"
    jv_g reload g >/dev/null 2>&1 && fail 'the address of a running session was given away'
    need 'a session ended by a reload that was refused' test "$(sessions | jq length)" = "$CLIENTS"
    sed -i '/^\[User late\]/,+2d' "$W/g.conf"
    need 'the reload is refused' quiet jv_g reload g
    wait_for 5 sh -c "test \"\$($JV --run-dir $W/run-g sessions --json g | jq length)\" = $((CLIENTS - 1))" || fail 'the session of a user that went'
    cp "$W/g.whole" "$W/g.conf"
    need 'the second reload is refused' quiet jv_g reload g
    wait_for 20 is_attached 6 || fail 'u6 does not come back'
    need 'another session after a reload' test "$(sid_n 3)" = "$before"
    check_packets

    # An end by the client.
    need 'jv down' quiet jv_n 5 down c5
    wait_for 5 sh -c "test \"\$($JV --run-dir $W/run-g sessions --json g | jq length)\" = $((CLIENTS - 1))" || fail 'the session of a client that ended'
    start_n 5
    attached_all

    # Another number of threads: the device is made anew.
    need 'the gateway did not end well' stop gateway
    need 'the device is left' test -z "$(ip -n "${JVT}g" link show jvg 2>/dev/null)"
    again 1
    need 'one thread, and shards are shown' test "$(sessions | jq -r '.[0].shard')" = null
    kill_hard gateway # the device is left behind
    again "$1"
    need 'not told that the device was made anew' grep -q 'made anew' "$W/gateway.log"
    check_homes "$1"
    check_packets
    say "$(jv_g counters --json g | jq -c '{handed_over, inbox_full, no_buffer, given_up, dead_link, tun_refused}')"
    need 'the gateway did not end well' stop gateway
    need "the audit: $("$JV" audit verify "$W/log-g/g.jsonl" 2>&1)" audit_ok g
    say "$("$JV" audit verify "$W/log-g/g.jsonl" 2>&1 | tail -1)"
}

if [ $# -gt 0 ]; then
    run_with "$1"
else
    for shards in 2 4; do
        bash "$0" "$shards" || exit $?
    done
fi
