# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Helpers of the namespace tests, to be sourced; needs root, bash and a build (JV_BUILD, default: build).
#
#   client namespace c                                       gateway namespace g
#   a0 10.201.0.1 ---- link A (veth, linkemu, or via NAT) ---- a0 10.201.0.2     10.200.0.2 on lo: where the gateway listens
#   b0 10.202.0.1 ---- link B (veth or linkemu) -------------- b0 10.202.0.2
#   jvc: inner 10.99.0.2                                       jvg: inner 10.99.0.1
#
# A test: . lib.sh; topo_veth | topo_emu [DELAY_US] | topo_nat; write_configs; start_gateway; start_client; wait_attached; ...
# ./check runs several side by side, but for those with a line `# Alone: why.` above.
# Exit status: 0 passed, 77 cannot run here, anything else failed. What it made (namespaces, processes, files) goes with it.
set -u

JVT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
JV_BUILD=${JV_BUILD:-$JVT_ROOT/build}
case $JV_BUILD in /*) ;; *) JV_BUILD=$PWD/$JV_BUILD ;; esac
JVD=$JV_BUILD/src/daemon/jvd
JV=$JV_BUILD/src/cli/jv
LINKEMU=$JV_BUILD/tools/linkemu
JVPROBE=$JV_BUILD/tools/jvprobe

OUTER=10.200.0.2   # where the gateway listens, by link A or link B
INNER_G=10.99.0.1  # inner address of the gateway
INNER_C=10.99.0.2  # inner address of the client
JVT_PORT=4433

JVT=jvt$$ # unique: two tests may run side by side
JVT_SPAWNED=()
JVT_NS=()
W=

say() { printf '# %s\n' "$*" >&2; }

# fail TEXT: ends the test; shows the end of every log.
fail() {
    say "FAILED: $*"
    local f
    for f in "$W"/*.log "$W"/log-*/*.jsonl; do
        [ -s "$f" ] || continue
        say "--- end of ${f##*/}"
        tail -n 25 "$f" | sed 's/,"prev":.*/}/; s/^/#   /' >&2
    done
    exit 1
}

skip() {
    say "skipped: $*"
    exit 77
}

# need TEXT CMD...: fails with TEXT unless CMD succeeds.
need() {
    local text=$1
    shift
    "$@" || fail "$text"
}

# quiet CMD...: only its status counts.
quiet() { "$@" >/dev/null 2>&1; }

# wait_for SECONDS CMD...: until CMD succeeds.
wait_for() {
    local left=$(($1 * 50))
    shift
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.02
    done
}

now_ns() { python3 -c 'import time; print(time.monotonic_ns())'; }

# in_ns NS CMD...: NS is the short name: c, g or n.
in_ns() {
    local ns=$JVT$1
    shift
    ip netns exec "$ns" "$@"
}

ns_add() {
    local n
    for n in "$@"; do
        ip netns add "$JVT$n" || fail "ip netns add"
        JVT_NS+=("$JVT$n")
        ip -n "$JVT$n" link set lo up
        in_ns "$n" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=1 \
            net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.router_solicitations=0
    done
}

# spawn NAME NS CMD...: in the background, output to NAME.log; NAME is for stop, kill_hard, pid_of.
spawn() {
    local name=$1 ns=$JVT$2
    shift 2
    ip netns exec "$ns" "$@" >>"$W/$name.log" 2>&1 </dev/null &
    echo $! >"$W/$name.pid"
    JVT_SPAWNED+=($!)
}

pid_of() { cat "$W/$1.pid"; }
is_running() { kill -0 "$(pid_of "$1")" 2>/dev/null; }

# stop NAME [SIGNAL]: and wait; gives the process's exit status.
stop() {
    local pid
    pid=$(pid_of "$1")
    kill "-${2:-TERM}" "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}
kill_hard() { stop "$1" KILL; }

jvt_cleanup() {
    local status=$? pid n
    trap - EXIT INT TERM
    for pid in "${JVT_SPAWNED[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${JVT_SPAWNED[@]}"; do
        wait_for 3 sh -c "! kill -0 $pid" || kill -KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    for n in "${JVT_NS[@]}"; do
        ip netns del "$n" 2>/dev/null
        rm -rf "/etc/netns/$n"
    done
    for n in "$W"/mnt-*; do ! mountpoint -q "$n" || umount "$n"; done
    if [ "${KEEP:-}" ]; then say "kept: $W"; else rm -rf "$W"; fi
    exit "$status"
}

# Called by every topology: checks that the test can run here, makes the folder W and the trap.
jvt_begin() {
    [ "$(id -u)" = 0 ] || skip 'needs root'
    [ -c /dev/net/tun ] || skip 'needs /dev/net/tun'
    local p
    for p in "$JVD" "$JV" "$LINKEMU" "$JVPROBE"; do
        [ -x "$p" ] || { say "$p is not built"; exit 1; }
    done
    W=$(mktemp -d "/tmp/$JVT.XXXXXX")
    chmod 755 "$W" # the daemon gives root up and must still reach its folders
    trap jvt_cleanup EXIT
    trap 'exit 130' INT TERM
    ns_add c g
    ip -n "${JVT}g" addr add "$OUTER/32" dev lo
}

# veth_pair NS1 DEV1 ADDR1 NS2 DEV2 ADDR2
veth_pair() {
    ip link add "$2" netns "$JVT$1" type veth peer name "$5" netns "$JVT$4" || fail "veth $2"
    ip -n "$JVT$1" addr add "$3" dev "$2"
    ip -n "$JVT$4" addr add "$6" dev "$5"
    ip -n "$JVT$1" link set "$2" up
    ip -n "$JVT$4" link set "$5" up
}

topo_veth() {
    jvt_begin
    veth_pair c a0 10.201.0.1/24 g a0 10.201.0.2/24
    veth_pair c b0 10.202.0.1/24 g b0 10.202.0.2/24
    jvt_routes
}

# topo_emu [DELAY_US [MTU]]: both links through linkemu; afterwards `emu a delay 20`, `emu b blackhole on`, ...
topo_emu() {
    jvt_begin
    emu_link a 10.201.0.1/24 10.201.0.2/24 "${1:-0}" "${2:-1500}"
    emu_link b 10.202.0.1/24 10.202.0.2/24 "${1:-0}" "${2:-1500}"
    jvt_routes
}

# topo_nat: link A goes through a NAT with its own namespace n; link B stays direct. The port changes with every mapping, because
# otherwise a forced rebinding would pick the same one again and test nothing.
topo_nat() {
    jvt_begin
    ns_add n
    veth_pair c a0 192.168.7.2/24 n lan0 192.168.7.1/24
    veth_pair n wan0 10.201.0.1/24 g a0 10.201.0.2/24
    veth_pair c b0 10.202.0.1/24 g b0 10.202.0.2/24
    jvt_masquerade
}

# The NAT of namespace n and the routes through it.
jvt_masquerade() {
    in_ns n nft -f - <<'NFT' || fail 'nft'
table ip nat {
  chain post {
    type nat hook postrouting priority 100;
    oifname "wan0" masquerade fully-random
  }
}
NFT
    ip -n "${JVT}n" route add "$OUTER" via 10.201.0.2 dev wan0
    ip -n "${JVT}c" route add "$OUTER" via 192.168.7.1 dev a0 metric 100
    ip -n "${JVT}c" route add "$OUTER" via 10.202.0.2 dev b0 metric 200
}

# topo_home [DELAY_US]: as at home. Link A goes through linkemu and then a NAT in namespace n, link B through linkemu alone.
topo_home() {
    jvt_begin
    ns_add n
    JVT_FAR=n emu_link a 192.168.7.2/24 192.168.7.1/24 "${1:-0}" 1500
    veth_pair n wan0 10.201.0.1/24 g a0 10.201.0.2/24
    emu_link b 10.202.0.1/24 10.202.0.2/24 "${1:-0}" 1500
    jvt_masquerade
}

jvt_routes() {
    ip -n "${JVT}c" route add "$OUTER" via 10.201.0.2 dev a0 metric 100
    ip -n "${JVT}c" route add "$OUTER" via 10.202.0.2 dev b0 metric 200
}

# nat_rebind: the NAT forgets every mapping; the next packet of a flow gets another port.
nat_rebind() { in_ns n conntrack -D -p udp >/dev/null 2>&1; }

# dns_start ADDRESS: a name server in namespace g, from the file $W/zone (dnsd.py), that the client's namespace asks. dns_is LINE...:
# the zone from now on.
dns_start() {
    touch "$W/zone" "$W/queries"
    mkdir -p "/etc/netns/${JVT}c"
    printf 'nameserver %s\n' "$1" >"/etc/netns/${JVT}c/resolv.conf"
    spawn "dns-${1//[.:]/-}" g python3 "$JVT_ROOT/tests/netns/dnsd.py" "$1" "$W/zone" "$W/queries"
    wait_for 10 sh -c "ip netns exec ${JVT}g ss -Hlun src '[$1]' | grep -q :53" || fail 'the name server does not come up'
}
dns_is() {
    printf '%s\n' "$@" >"$W/zone.new"
    mv "$W/zone.new" "$W/zone"
}

# emu_link NAME ADDR_C ADDR_G DELAY_US MTU [OPTION ...]: device NAME0 at both ends; the options are linkemu's, such as --script. JVT_FAR=n: the far
# end is not g but n.
emu_link() {
    # The emulator enters both namespaces itself; it may start in either.
    spawn "emu-$1" c "$LINKEMU" --ns-a "${JVT}c" --ns-b "$JVT${JVT_FAR:-g}" --dev-a "${1}0" --dev-b "${1}0" --addr-a "$2" --addr-b "$3" \
        --delay-us "$4" --mtu "$5" --seed "${JVT_SEED:-1}" --control "$W/$1.sock" "${@:6}"
    wait_for 5 test -S "$W/$1.sock" || fail "linkemu $1"
}

# emu LINK COMMAND...: prints linkemu's answer.
emu() {
    local link=$1
    shift
    "$LINKEMU" ctl "$W/$link.sock" "$@"
}

# emu_at LINK COMMAND...: prints the moment (ns) from which the command holds.
emu_at() { emu "$@" | jq -er .at_ns; }

# write_configs [CLIENT_EXTRA [GATEWAY_EXTRA]]: keys and both files; the extra text is whole sections. Without a [Policy] in
# CLIENT_EXTRA the preset is fast, so that a test need not wait long; CLIENT_TOP and GATEWAY_TOP are lines of the first section.
write_configs() {
    local c=${1:-} g=${2:-} d
    for d in run-c run-g state-c state-g log-c log-g; do
        [ -d "$W/$d" ] || mkdir -m 777 "$W/$d"
    done
    (
        umask 077
        "$JV" genkey >"$W/c.key" && "$JV" genkey >"$W/g.key"
    ) || fail 'jv genkey'
    {
        printf '[Gateway]\nPrivateKey = %s\nListen = udp://%s:%s\nPool = 10.99.0.0/24, fd80:4a56::/64\nInterface = jvg\n' \
            "$W/g.key" "$OUTER" "$JVT_PORT"
        printf 'StateDir = %s\n%s\n' "$W/state-g" "${GATEWAY_TOP:-}"
        printf '[Audit]\nFile = %s\n' "$W/log-g/g.jsonl"
        printf '[User alice]\nPublicKey = %s\nAddress = %s\n%s\n' "$("$JV" pubkey <"$W/c.key")" "$INNER_C" "$g"
    } >"$W/g.conf"
    {
        printf '[Session]\nPrivateKey = %s\nGateway = %s:%s\nGatewayKey = %s\nInterface = jvc\nAllowedIPs = 10.99.0.0/24\n%s\n' \
            "$W/c.key" "$OUTER" "$JVT_PORT" "$("$JV" pubkey <"$W/g.key")" "${CLIENT_TOP:-}"
        printf '[Audit]\nFile = %s\n' "$W/log-c/c.jsonl"
        printf '[Transport a]\nDevice = a0\nPrefer = 100\n[Transport b]\nDevice = b0\nPrefer = 50\n'
        case $c in *'[Policy]'*) ;; *) printf '[Policy]\nPreset = fast\n' ;; esac
        printf '%s\n' "$c"
    } >"$W/c.conf"
}

start_gateway() {
    spawn gateway g "$JVD" --config "$W/g.conf" --foreground --run-dir "$W/run-g" --state-dir "$W/state-g" --log-dir "$W/log-g"
    wait_for 10 test -S "$W/run-g/g.sock" || fail 'the gateway does not come up'
}

start_client() {
    spawn client c "$JVD" --config "$W/c.conf" --foreground --run-dir "$W/run-c" --state-dir "$W/state-c" --log-dir "$W/log-c"
    wait_for 10 test -S "$W/run-c/c.sock" || fail 'the client does not come up'
}

# jv_c, jv_g ARGS...: the command, for the client's or the gateway's daemon. Profile names: c and g.
jv_c() { "$JV" --run-dir "$W/run-c" --log-dir "$W/log-c" "$@"; }
jv_g() { "$JV" --run-dir "$W/run-g" --log-dir "$W/log-g" "$@"; }

# state_of_client: ATTACHED, BIRTH, VOLATILE, RECOVERING, DEGRADED, TERMINATED, or DOWN.
state_of_client() {
    jv_c status -q c >/dev/null 2>&1
    case $? in
    0) echo ATTACHED ;; 10) echo BIRTH ;; 11) echo VOLATILE ;; 12) echo RECOVERING ;;
    13) echo DEGRADED ;; 14) echo TERMINATED ;; *) echo DOWN ;;
    esac
}
is_state() { [ "$(state_of_client)" = "$1" ]; }
wait_state() { wait_for "${2:-10}" is_state "$1" || fail "the client is $(state_of_client), not $1, after ${2:-10} s"; }
wait_attached() { wait_state ATTACHED "${1:-10}"; }

# inner_ping: one packet there and back within a second.
inner_ping() { in_ns c ping -c 1 -W 1 "$INNER_G" >/dev/null 2>&1; }

# The echo stream through the tunnel. probe_stop prints the report (JSON, see jvprobe --help); probe_report NS the part after NS.
probe_start() { # [EVERY_MS [BYTES]]
    spawn probe-server g "$JVPROBE" serve "$INNER_G" 7007
    sleep 0.1
    spawn probe c "$JVPROBE" send "$INNER_G" 7007 --every-ms "${1:-5}" --bytes "${2:-64}" --log "$W/probe.txt"
}
probe_stop() {
    stop probe
    stop probe-server
    "$JVPROBE" report "$W/probe.txt"
}
probe_report() { "$JVPROBE" report "$W/probe.txt" --after "$1"; }

# TCP through the tunnel: tcp_serve makes a file of N MiB at the gateway and serves it; tcp_fetch fetches it and compares.
tcp_serve() {
    mkdir -p "$W/www"
    head -c "$((${1:-32} * 1048576))" /dev/urandom >"$W/www/file"
    spawn http g python3 -m http.server 8080 --bind "$INNER_G" --directory "$W/www"
    wait_for 10 in_ns g curl -sf -o /dev/null "http://$INNER_G:8080/" || fail 'the file server does not come up'
}
tcp_fetch() { # [curl option ...]
    in_ns c curl -sf --max-time "${TCP_TIMEOUT:-60}" "$@" -o "$W/got" "http://$INNER_G:8080/file" && cmp "$W/www/file" "$W/got"
}

# audit_has SIDE TEXT: a line of the audit file of c or g holds TEXT; audit_ok SIDE: the chain and the laws hold.
audit_has() { grep -q -- "$2" "$W/log-$1/$1.jsonl"; }
audit_ok() { "$JV" audit verify "$W/log-$1/$1.jsonl" >"$W/verify-$1.log" 2>&1; }
