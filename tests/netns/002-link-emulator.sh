#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A ==== a0 gateway        no daemon: the emulator itself is looked at
#
# What the other tests rely on: delay, loss by seed, one direction, copies, order, rate and queue, MTU with and without ICMP for both
# families, black holes, and a script that does it all at its times.
. "$(dirname "$0")/lib.sh"

G=10.201.0.2
stat_of() { emu "${3:-a}" stats | jq -er ".$1.$2"; }
# echoes MS COUNT: that many datagrams there and back, without a tunnel; the report is R.
echoes() {
    R=$(in_ns c "$JVPROBE" send "$G" 7007 --every-ms "$1" --for-ms $(($1 * $2)) --log "$W/probe.txt") || fail 'jvprobe'
}
r() { jq -er ".$1" <<<"$R"; }
lost_ids() { awk '$1 == "S" { s[$2] } $1 == "R" { delete s[$2] } END { for (i in s) print i }' "$W/probe.txt" | sort -n; }

least_rtt() { in_ns c ping -c 3 -i 0.2 $G | sed -n 's,^rtt.* = \([0-9.]*\)/.*,\1,p'; }

jvt_begin
for n in c g; do in_ns "$n" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
emu_link a 10.201.0.1/24 $G/24 20000 1500
spawn serve g "$JVPROBE" serve $G 7007

# Delay: never less than asked.
rtt=$(least_rtt)
need "least round trip $rtt ms through 20 ms each way" jq -en "$rtt >= 40" >/dev/null
emu a delay 5ms a2b >/dev/null
rtt=$(least_rtt)
need "least round trip $rtt ms through 5 and 20 ms" jq -en "$rtt >= 25" >/dev/null
emu a delay 0 >/dev/null

# One direction.
emu a loss 100% b2a >/dev/null
before=$(stat_of a2b delivered)
echoes 5 20
need 'an echo came through a full loss of the way back' test "$(r received)" = 0
need 'the way there lost something' test "$(stat_of a2b lost)" = 0
need 'the way there carried nothing' test "$(stat_of a2b delivered)" -ge $((before + 20))
emu a clear >/dev/null

# Copies, and order.
emu a2b duplicate 50% >/dev/null 2>&1 && fail 'a link that does not exist takes a command'
emu a a2b duplicate 50% reorder 20% by 30ms >/dev/null
echoes 5 200
need 'nothing was lost, and something is missing' test "$(r lost)" = 0
need "doubled: $(r doubled) of 200 at 50 %" test "$(r doubled)" -gt 60
# shellcheck disable=SC2016 # it is awk's
need 'nothing was reordered' awk '$1 == "R" { if ($2 < last) found = 1; last = $2 } END { exit !found }' "$W/probe.txt"
emu a clear >/dev/null

# MTU: told, for both families, and not told.
emu a mtu 1300 answer >/dev/null
in_ns c ping -c 2 -i 0.2 -W 1 -M 'do' -s 1400 $G >"$W/ping" 2>&1 && fail 'a packet longer than the MTU came through'
need 'no ICMP with the MTU came' grep -q 'mtu = \?1300' "$W/ping"
need 'the kernel learned nothing' sh -c "ip -n ${JVT}c route get $G | grep -q 'mtu 1300'"
need 'a packet of just the MTU is lost' in_ns c ping -c 1 -W 2 -M 'do' -s 1272 $G >"$W/ping" 2>&1
ip -n "${JVT}c" route flush cache
emu a mtu 1300 silent >/dev/null
in_ns c ping -c 1 -W 1 -M 'do' -s 1400 $G >"$W/ping" 2>&1 && fail 'a packet longer than the MTU came through'
need 'the silent MTU told the kernel' sh -c "! ip -n ${JVT}c route get $G | grep -q 'mtu 1300'"
need 'a small packet is lost' quiet in_ns c ping -c 1 -W 2 $G
need 'nothing was counted' test "$(stat_of a2b too_big_silent)" -ge 1
emu a clear >/dev/null

# Rate: 1 Mbit/s and a queue of 8 kB; a hundred datagrams of 1000 bytes in 100 ms do not fit.
emu a rate 1mbit queue 8000 a2b >/dev/null
need 'jvprobe' quiet in_ns c "$JVPROBE" send $G 7007 --every-ms 1 --for-ms 100 --bytes 1000 --log "$W/probe.txt"
need 'the queue took everything' test "$(stat_of a2b queue_full)" -gt 0
emu a clear >/dev/null

# A black hole takes what is under way as well, and lets go.
emu a delay 1s >/dev/null
in_ns c ping -c 1 -W 3 $G >"$W/ping" 2>&1 &
ping=$!
sleep 0.1
emu a blackhole on >/dev/null
wait "$ping" && fail 'a packet under way came out of a black hole'
emu a clear >/dev/null
need 'the black hole does not let go' quiet in_ns c ping -c 1 -W 2 $G

# Errors.
answer=$(emu a loss 130%) && fail 'a loss of 130 % is taken'
need "the answer is $answer" grep -q 'loss is 130%; it must be 0% to 100%' <<<"$answer"
printf 'at 0s both delay 1ms\nat 1s both rate 1bit\n' >"$W/bad.emu"
"$LINKEMU" check "$W/bad.emu" >"$W/check" 2>&1 && fail 'a wrong script is taken'
need 'the error does not name the line' grep -q 'bad.emu:2: rate is 1bit; it must be 8kbit to 100gbit' "$W/check"

# A script: the same seed loses the same datagrams, another seed others; a hole begins and ends at its time.
cat >"$W/net.emu" <<'EMU'
seed 11
at 0s both delay 1ms
at 0s a->b loss 20% burst 2% 25%
from 3s repeat 2 every 1s
  at 0s both blackhole on
  at 500ms both blackhole off
end
EMU
stop emu-a
for run in 1 2 3; do
    seed=()
    [ $run = 3 ] && seed=(--seed 12)
    # The seed of the script holds where no --seed is given; the third link gets one.
    spawn emu-s c "$LINKEMU" --ns-a "${JVT}c" --ns-b "${JVT}g" --dev-a s0 --dev-b s0 --addr-a 10.201.0.1/24 --addr-b $G/24 \
        --script "$W/net.emu" --wait --control "$W/s.sock" "${seed[@]}"
    wait_for 5 test -S "$W/s.sock" || fail 'linkemu with a script'
    emu s script start >/dev/null
    echoes 5 100
    lost_ids >"$W/lost.$run"
    if [ $run = 1 ]; then
        echoes 10 400
        need "the longest silence is $(r longest_gap_ms) ms with black holes of 500 ms" test "$(r longest_gap_ms | cut -d . -f 1)" -ge 450
    fi
    need 'the script took no step' test "$(emu s stats | jq .step)" -ge 3
    stop emu-s
done
need 'nothing was lost' test -s "$W/lost.1"
need 'one seed, two sets of lost datagrams' cmp "$W/lost.1" "$W/lost.2"
quiet cmp "$W/lost.1" "$W/lost.3" && fail 'another seed loses the same datagrams'
say "lost of 100 by seed 11: $(tr '\n' ' ' <"$W/lost.1")"
