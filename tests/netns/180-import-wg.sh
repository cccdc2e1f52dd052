#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client a0 10.201.0.1 ---- veth ---- 10.201.0.2 a0 gateway
#
# A wg-quick file becomes a profile: checked, written once and never over another file, and good enough to attach with.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/streams.sh"

import() { "$JV" --conf-dir "$W/etc" import wg "$W/wg0.conf" "$@" 2>"$W/import.log"; }
mode_of() { stat -c %a "$W/etc/$1"; }
files() { (cd "$W/etc" && find . -type f | sort | xargs sha256sum); }

topo_veth
write_configs
mkdir -m 755 "$W/etc"
{
    printf '[Interface]\nPrivateKey = %s\nAddress = 10.99.0.2/24\nListenPort = 51820\nMTU = 1380\n' "$(cat "$W/c.key")"
    printf 'PreUp = true\n[Peer]\nPublicKey = %s\n' "$("$JV" pubkey <"$W/g.key")"
    printf 'Endpoint = %s:%s\nAllowedIPs = 10.99.0.0/24\nPersistentKeepalive = 25\n' "$OUTER" "$JVT_PORT"
} >"$W/wg0.conf"
chmod 600 "$W/wg0.conf"

# To standard output: what jv check takes.
(umask 077 && import >"$W/out.conf") || fail "import fails: $(cat "$W/import.log")"
need 'what was printed is refused' quiet "$JV" check "$W/out.conf"
need 'ListenPort is not told' grep -q 'wg0.conf:4: warning: ListenPort' "$W/import.log"
need 'ListenPort is not in the profile' grep -q '^# wg0.conf:4: warning: ListenPort' "$W/out.conf"
need 'PreUp is not in the profile' grep -q '^# .*PreUp = true' "$W/out.conf"
(umask 022 && import >"$W/open.conf")
need 'no warning about a file that others can read' grep -q 'others can read' "$W/import.log"

# To a name: keys apart, all of them private.
need "import -o fails: $(cat "$W/import.log")" import -o wgc
for f in wgc.conf wgc.key; do need "$f has mode $(mode_of $f)" test "$(mode_of $f)" = 600; done
need 'the key is another one' cmp -s "$W/etc/wgc.key" "$W/c.key"
need 'the key stands in the profile too' test "$(grep -c "$(cat "$W/c.key")" "$W/etc/wgc.conf")" = 0
before=$(files)
import -o wgc && fail 'an existing profile was replaced'
need 'the message does not name --force' grep -q -- --force "$W/import.log"
need 'a refused import changed files' test "$(files)" = "$before"
rm "$W/etc/wgc.conf"
import -o wgc && fail 'an existing key was replaced'
need 'a refused import made a profile' test ! -e "$W/etc/wgc.conf"
# --force keeps what was there.
"$JV" genkey >"$W/etc/wgc.key"
old=$(cat "$W/etc/wgc.key")
need 'import --force fails' import -o wgc --force
need 'the old key is lost' test "$(cat "$W/etc/wgc.key.old")" = "$old"
need 'the key was not replaced' cmp -s "$W/etc/wgc.key" "$W/c.key"
# What is wrong leaves nothing behind; nor does a folder that cannot be written to.
before=$(files)
sed 's/^MTU = .*/MTU = big/' "$W/wg0.conf" >"$W/bad.conf"
"$JV" --conf-dir "$W/etc" import wg "$W/bad.conf" -o other 2>"$W/import.log"
need 'a bad file has another exit status than 6' test $? = 6
need 'the message has no line' grep -q 'bad.conf:5: MTU is big; it must be' "$W/import.log"
import -o a/b && fail 'a path was taken for a name'
import -o sixteen-letters1 && fail 'a name too long for its device was taken'
need 'a failed import left files' test "$(files)" = "$before"

# The profile works.
printf 'Interface = jvc\n' >"$W/add"
sed -i "/^\[Session\]/r $W/add" "$W/etc/wgc.conf"
printf '[Audit]\nFile = %s\n' "$W/log-c/c.jsonl" >>"$W/etc/wgc.conf"
start_gateway
cp "$W/etc/wgc.conf" "$W/c.conf"
start_client
wait_attached 10
need 'no packet comes through' inner_ping
need 'the MTU was not carried over' grep -q 'mtu 1380' <<<"$(ip -n "${JVT}c" link show jvc)"
hold_both
