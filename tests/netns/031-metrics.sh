#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway      both serve the metrics page on 127.0.0.1:9433
#          b0 10.202.0.1 ---- veth ---- 10.202.0.2 b0
#
# The pages are what Prometheus reads, tell of packets and jumps, and name neither sessions nor addresses nor keys.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

page() { in_ns "$1" curl -sf --max-time 2 http://127.0.0.1:9433/metrics >"$W/page-$1"; }
value() { awk -v name="$2" 'index($0, name) == 1 && $1 !~ /^#/ { sum += $NF } END { print sum + 0 }' "$W/page-$1"; }

topo_veth
write_configs
for side in c g; do printf '[Metrics]\nListen = 127.0.0.1:9433\n' >>"$W/$side.conf"; done
start_gateway
start_client
wait_attached 10
in_ns c ping -c 10 -i 0.02 -W 1 -q "$INNER_G" >/dev/null || fail 'no packet comes through'
need 'the switch was refused' quiet jv_c switch b c
sleep 2.2 # the page is written once a second
for side in c g; do
    need "no page at $side" page $side
    if command -v promtool >/dev/null; then
        need "promtool finds fault at $side" promtool check metrics <"$W/page-$side" >"$W/promtool.log" 2>&1
    fi
    # What promtool looks for first, so that a host without it tests it, too: help and type before the values, no name twice.
    need "$side: a metric without type" test -z "$(awk '
        /^# TYPE/ { type[$3] = 1; next }
        /^#/ { next }
        { name = $1; sub(/\{.*/, "", name); base = name; sub(/_(bucket|sum|count)$/, "", base); if (!type[name] && !type[base]) print name }
        ' "$W/page-$side")"
    need "$side: a metric stands there twice" test -z "$(grep -v '^#' "$W/page-$side" | awk '{ $NF = ""; print }' | sort | uniq -d)"
    need "$side: a label names a session" test -z "$(grep -F "$(client_get .session.sid | cut -c 1-8)" "$W/page-$side")"
    need "$side: a label names an address" test -z "$(grep '10\.\(200\|201\|202\|99\)\.' "$W/page-$side")"
    need "$side: no jump counted" test "$(value $side jv_jumps)$(value $side jv_switches)" != 00
    need "$side: another page than /metrics" test "$(in_ns $side curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9433/x)" = 404
    need "$side: something else than GET" test "$(in_ns $side curl -s -o /dev/null -w '%{http_code}' -X POST http://127.0.0.1:9433/metrics)" != 200
done
say "$(grep -c -v '^#' "$W/page-c") values at the client, $(grep -c -v '^#' "$W/page-g") at the gateway$(command -v promtool >/dev/null || echo '; promtool is not here')"
in_ns g curl -sf --max-time 1 "http://$OUTER:9433/metrics" >/dev/null && fail 'the page is served beyond this host'
hold_both
