#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client ---- veth ---- gateway      jvd --aead: what seals at one end is nothing to the other, jv status tells what it is, and a
#                                      library that cannot be loaded is done without, or refused where it was asked for by name.
#
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

lib=$(find -L /usr/lib /usr/local/lib -name 'libIPSec_MB.so.1' 2>/dev/null | head -n 1)
# jvd_c NAME: the command of the client's daemon, its packets sealed by NAME.
jvd_c() { echo "$JVD --config $W/c.conf --foreground --run-dir $W/run-c --state-dir $W/state-c --log-dir $W/log-c --aead $1"; }
# start_c COMMAND: in a mount namespace of its own, which ip netns exec makes.
start_c() {
    spawn client c sh -c "$1"
    wait_for 10 test -S "$W/run-c/c.sock" || fail 'the client does not come up'
    wait_attached 10
}

topo_veth
write_configs
start_gateway
start_c "exec $(jvd_c libcrypto)"
need 'the client does not say what seals' test "$(client_get .aead.library)" = libcrypto
need 'nothing was asked for that is not there' test "$(client_get .aead.why_not)" = null
need 'no packet comes through' inner_ping
say "gateway: $(jv_g status g | grep 'sealed by')"
need 'the log does not say it' grep -q 'packets are sealed by libcrypto' "$W/client.log"
stop client

in_ns c timeout 5 "$JVD" --config "$W/c.conf" --foreground --aead nonsense >"$W/jvd.out" 2>&1
need 'the exit status is not 2' test $? = 2
need 'it does not say what there is' grep -q 'auto, ipsec-mb or libcrypto' "$W/jvd.out"

case $(jv_g status --json g | jq -r .aead.library) in
ipsec-mb)
    need 'the gateway says why not' test "$(jv_g status --json g | jq .aead.why_not)" = null
    in_ns c sh -c "mount --bind /dev/null $lib; exec timeout 5 $(jvd_c ipsec-mb)" >"$W/jvd.out" 2>&1
    need 'the exit status is not 1' test $? = 1
    need 'it does not say why' grep -q 'cannot seal packets by ipsec-mb: .*libIPSec_MB' "$W/jvd.out"
    start_c "mount --bind /dev/null $lib; exec $(jvd_c auto)"
    need 'the client has a library that it cannot load' test "$(client_get .aead.library)" = libcrypto
    need 'it does not say why not' test "$(client_get .aead.why_not)" != null
    need 'no packet comes through the second time' inner_ping
    stop client
    ;;
libcrypto) need 'the gateway does not say why not' test "$(jv_g status --json g | jq .aead.why_not)" != null ;;
*) fail 'the gateway does not say what seals' ;;
esac
hold_both
