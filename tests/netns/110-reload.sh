#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ------ link A (veth) ------ a0 gateway      Both daemons have given up root; profile and keys are root's, mode 0600.
#                                                         A reload adds a user and changes a pre-shared key; a bad profile is
#                                                         refused with its line, and the session does not notice any of it.
#
. "$(dirname "$0")/lib.sh"

sid() { jv_c status --json c | jq -r .session.sid; }
caps() { sed -n 's/^CapEff:[[:space:]]*//p' "/proc/$(jv_g status --json g | jq .pid)/status"; }
# with_psk FILE SECTION KEYFILE: FILE with PresharedKey = KEYFILE as the last line of SECTION's head.
with_psk() { awk -v section="[$2]" -v key="$3" '{ print } $0 == section { print "PresharedKey = " key }' "$1"; }

topo_veth
write_configs
chmod 600 "$W"/[cg].conf
start_gateway
start_client
wait_attached 10
before=$(sid)
need 'the gateway is root still' test "$(ps -o uid= -p "$(jv_g status --json g | jq .pid)")" -ne 0
need 'more is left than CAP_NET_ADMIN' test "$((16#$(caps)))" -eq "$((1 << 12))"

# A user is added, and is known: it can attach after the reload.
"$JV" genkey | (umask 077; cat >"$W/bob.key")
cp "$W/g.conf" "$W/g.good"
printf '[User bob]\nPublicKey = %s\n' "$("$JV" pubkey <"$W/bob.key")" >>"$W/g.conf"
need 'the reload of the gateway is refused' jv_g reload g
need 'the session is another one after a reload' test "$(sid)" = "$before"
need 'no packet comes through the tunnel' inner_ping

# Both ends get a pre-shared key; a session that is born with it attaches.
(umask 077; "$JV" genpsk >"$W/psk.key")
with_psk "$W/g.conf" 'User alice' "$W/psk.key" >"$W/new" && cat "$W/new" >"$W/g.conf"
with_psk "$W/c.conf" Session "$W/psk.key" >"$W/new" && cat "$W/new" >"$W/c.conf"
need 'the pre-shared key is refused by the gateway' jv_g reload g
kill -HUP "$(jv_c status --json c | jq .pid)"
wait_for 5 grep -q 'configuration reloaded' "$W/client.log" || fail 'SIGHUP does not reload the client'
need 'the session is another one after a new pre-shared key' test "$(sid)" = "$before"
jv_g kick "$(sid)" g || fail 'jv kick'
wait_state TERMINATED 5
need 'the client does not come back' jv_c up --timeout 10s c
need 'the session is still the first one' test "$(sid)" != "$before"
need 'no packet comes through the tunnel' inner_ping
before=$(sid)

# What is wrong is told with its place, and nothing is lost.
cp "$W/g.conf" "$W/g.good"
printf '[Limits]\nSessions = none\nBogus = 1\n' >>"$W/g.conf"
jv_g reload g 2>"$W/err"
need 'a bad profile does not give 6' test $? -eq 6
need 'the message names no line' grep -q 'g.conf:[0-9]*: Sessions is none; it must be 1 to 1000000' "$W/err"
need 'the second message is missing' grep -q 'g.conf:[0-9]*: Bogus is not a key of \[Limits\]' "$W/err"
cat "$W/g.good" >"$W/g.conf"
chmod 644 "$W/psk.key"
jv_g reload g 2>"$W/err"
need 'a key that others can read does not give 6' test $? -eq 6
need 'the message names no remedy' grep -q 'chmod 600' "$W/err"
chmod 600 "$W/psk.key"
sed -i 's/^Pool = .*/Pool = 10.98.0.0\/24/; /^Address/d' "$W/g.conf"
jv_g reload g 2>"$W/err"
need 'another pool does not give 6' test $? -eq 6
need 'the message does not ask for a restart' grep -q 'Pool changed: that needs a restart' "$W/err"
cat "$W/g.good" >"$W/g.conf"
need 'the good profile is refused' jv_g reload g
need 'the session is another one' test "$(sid)" = "$before"
need 'no packet comes through the tunnel' inner_ping

# A user that is taken out loses its session, its address can be given to another key at once.
sed -i "s,^PublicKey = $("$JV" pubkey <"$W/c.key")\$,PublicKey = $("$JV" genkey | "$JV" pubkey)," "$W/g.conf"
need 'another key for the same user is refused' jv_g reload g
wait_state TERMINATED 5
reader=$(pgrep -P "$(jv_g status --json g | jq .pid)")
need 'there is no reader' test -n "$reader"
kill -KILL "$(jv_g status --json g | jq .pid)"
wait_for 5 sh -c "! kill -0 $reader" || fail 'the reader outlives its daemon'
audit_ok g || fail 'the audit of the gateway does not hold'
