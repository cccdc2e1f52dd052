#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 ==== linkemu A, black hole, later back ==== a0 gateway
#          b0 ==== linkemu B, black hole ================ b0
#
# Without any transport for longer than TransportLostTTL the session ends, at both ends, for that reason. The same with OnTerminated
# = rebirth: a session follows, explicit, with another id, linked to the one before.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

short='[Policy]
Preset = fast
RecoveryWindow = 500ms
TransportLostTTL = 3s
MaxSwitches = 60/min
ProofMaxAge = 1s
TransportDead = 400ms
VolatileToDegraded = 1s
DegradedRetryMax = 2s'

begin() {
    start_gateway
    start_client
    wait_attached 10
    need 'no packet comes through' inner_ping
    sid=$(client_get .session.sid)
    emu a blackhole on >/dev/null
    emu b blackhole on >/dev/null
    at=$(now_ns)
    in_ns c ping -i 0.2 -w 1 -q "$INNER_G" >/dev/null 2>&1 # traffic, so that the silence shows
}

topo_emu 10000
write_configs "$short"
need 'the profile is not accepted' "$JV" check "$W/c.conf" >"$W/check.log" 2>&1
begin
need 'the session ended at once' test "$(state_of_client)" != TERMINATED
wait_state TERMINATED 12
say "ended $((($(now_ns) - at) / 1000000)) ms after the black hole"
need 'not for its reason at the client' audit_has c '"to":"TERMINATED".*"reason":"TTL_TRANSPORT_LOSS_EXPIRED"'
wait_for 5 audit_has g '"to":"TERMINATED".*"reason":"TTL_TRANSPORT_LOSS_EXPIRED"' || fail 'not for its reason at the gateway'
need 'it ended before the limit' test $(($(now_ns) - at)) -ge 3000000000
emu a blackhole off >/dev/null
sleep 1
need 'a session that ended is back' test "$(state_of_client)" = TERMINATED
hold_both
stop client
stop gateway

sed -i 's/^Interface = jvc/&\nOnTerminated = rebirth/' "$W/c.conf"
emu b blackhole off >/dev/null
begin
wait_for 12 audit_has c "\"sid\":\"$sid\".*\"to\":\"TERMINATED\".*\"reason\":\"TTL_TRANSPORT_LOSS_EXPIRED\"" || fail 'the second session did not end'
emu a blackhole off >/dev/null
wait_attached 10
need 'the session that follows has the same id' test "$(client_get .session.sid)" != "$sid"
need 'no packet comes through the session that follows' inner_ping
need 'the address is another one' test "$(client_get '.session.address[0]')" = "$INNER_C/32"
# The gateway forgets a session when it ends; only the client knows both.
need 'the audit of the client has no link' audit_has c "\"event\":\"SessionCreated\".*\"link\":\"$sid\""
hold_both
