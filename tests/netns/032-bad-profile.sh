#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client ---- veth ---- gateway      a session that runs, and profiles with errors beside it
#
# A bad profile gives all its errors at once, each with its line, and exit status 6; neither jvd nor a reload takes it, and a running
# session does not notice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

topo_veth
write_configs
start_gateway
start_client
wait_attached 10
sid=$(client_get .session.sid)
need 'a good profile is refused' quiet "$JV" check "$W/c.conf"
cp "$W/c.conf" "$W/c.good"
cat >>"$W/c.conf" <<'CONF'
Cooldown = 1500
MaxSwitches = many
TransportLostTTL = 8d
NoSuchKey = 1
[NoSuchSection]
[Transport c]
Prefer = 100000
CONF
"$JV" check "$W/c.conf" >"$W/check.out" 2>&1
need 'the exit status is not 6' test $? = 6
for word in Cooldown MaxSwitches TransportLostTTL NoSuchKey NoSuchSection Prefer Device; do
    need "jv check does not tell of $word" grep -q "c\.conf:[0-9]*: .*$word" "$W/check.out"
done
line=$(grep -n '^Cooldown' "$W/c.conf" | cut -d : -f 1)
need 'the line is another one' grep -q "c\.conf:$line: Cooldown" "$W/check.out"
say "$(grep Cooldown "$W/check.out")"
in_ns c timeout 5 "$JVD" --config "$W/c.conf" --foreground --run-dir "$W/run-g" --state-dir "$W/state-c" --log-dir "$W/log-c" >"$W/jvd.out" 2>&1
need 'jvd does not end with 6' test $? = 6
need 'jvd does not tell the same' grep -q "c\.conf:$line: Cooldown" "$W/jvd.out"
jv_c reload c >"$W/reload.out" 2>&1 && fail 'a reload takes a bad profile'
need 'the reload does not tell why' grep -q Cooldown "$W/reload.out"
need 'the session noticed' test "$(client_get .session.sid) $(state_of_client)" = "$sid ATTACHED"
need 'no packet comes through' inner_ping
cp "$W/c.good" "$W/c.conf"
need 'the good profile is not taken again' quiet jv_c reload c
need 'the session noticed the good one' test "$(client_get .session.sid) $(state_of_client)" = "$sid ATTACHED"
hold_both
