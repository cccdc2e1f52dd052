# Jumping VPN, this tree. JV_BUILD names the build directory. Settings: best = Policy Preset fast, both paths named;
# one = Preset fast, path A alone; probed = best, the standby path probed ten times a second.
# JV_ARGS: more options of jvd; JV_KEYS: a line of [Session] and [Gateway]; JV_POLICY: more lines of [Policy] for both ends; JV_AUDIT=1: both ends write audit files.
JV_BUILD=${JV_BUILD:-$HERE/../../../build}
JV_ARGS=; JV_KEYS=; JV_POLICY=
variant=; cipher='AES-256-GCM or ChaCha20-Poly1305'; note='jumps by design; best = Preset fast on both paths' # of `info`
jvd="$JV_BUILD/src/daemon/jvd"; jv="$JV_BUILD/src/cli/jv"
# The version is asked for here and not above, which is a part of every start that is measured.
have() { [ -x "$jvd" ] && [ -x "$jv" ] && info="jvd $("$jvd" --version 2>/dev/null | awk '{print $NF}')$variant|C|$cipher|$note"; }
# audit NAME: the file of its records, in $audit.
audit() { audit=none; [ -z "$JV_AUDIT" ] || audit="$W/$1.jsonl"; }
with_keys() { [ -z "$JV_KEYS" ] || sed -i "s/^Interface = .*/&\n$JV_KEYS/" "$1"; }
server() {
  chmod 755 "$W"; mkdir -p -m 777 "$W/rs" "$W/rc" "$W/ss" "$W/sc"
  ( umask 077; for k in s c; do "$jv" genkey >"$W/$k.key"; done )
  for k in s c; do "$jv" pubkey <"$W/$k.key" >"$W/$k.pub"; done
  audit jvs
  { printf '[Gateway]\nPrivateKey = %s\nListen = udp://%s:4433\nPool = 10.99.0.0/24\nInterface = jvs%s\nStateDir = %s\n[Audit]\nFile = %s\n' \
      "$W/s.key" $SRV $I "$W/ss" "$audit"
    [ -z "$JV_POLICY" ] || printf '[Policy]\nPreset = fast\n%b\n' "$JV_POLICY"
    printf '[User c]\nPublicKey = %s\nAddress = %s\n' "$(cat "$W/c.pub")" $TC; } >"$W/jvs.conf"
  with_keys "$W/jvs.conf"
  bg_s "$jvd" --config "$W/jvs.conf" --foreground --run-dir "$W/rs" --state-dir "$W/ss" --log-dir "$W" $JV_ARGS
  wait_for test -S "$W/rs/jvs.sock"
}
client() {
  local key; read -r key <"$W/s.pub"; audit jvc
  { printf '[Session]\nPrivateKey = %s\nGateway = %s:4433\nGatewayKey = %s\nInterface = jvc%s\nAllowedIPs = 10.99.0.0/24\n[Audit]\nFile = %s\n' \
      "$W/c.key" $SRV "$key" $I "$audit"
    case $PROFILE in
    best) printf '[Transport a]\nDevice = a0\nPrefer = 100\n[Transport b]\nDevice = b0\nPrefer = 50\n[Policy]\nPreset = fast\n' ;;
    probed) printf '[Transport a]\nDevice = a0\nPrefer = 100\n[Transport b]\nDevice = b0\nPrefer = 50\n[Policy]\nPreset = fast\nStandbyProbe = 100ms\n' ;;
    one) printf '[Transport a]\nDevice = a0\n[Policy]\nPreset = fast\n' ;;
    *) [ -z "$JV_POLICY" ] || printf '[Policy]\n' ;;
    esac
    [ -z "$JV_POLICY" ] || printf '%b\n' "$JV_POLICY"; } >"$W/jvc.conf"
  with_keys "$W/jvc.conf"
  bg_c "$jvd" --config "$W/jvc.conf" --foreground --run-dir "$W/rc" --state-dir "$W/sc" --log-dir "$W" $JV_ARGS
}
# grow N: N more users at the server, taken by a reload.
grow() {
  for n in $(seq 1 $1); do printf '[User g%d]\nPublicKey = %s\n' $n "$(head -c32 /dev/urandom | base64)"; done >>"$W/jvs.conf"
  "$jv" --run-dir "$W/rs" reload jvs
}
