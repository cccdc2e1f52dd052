# Jumping VPN, this tree. JV_BUILD names the build directory; best = Policy Preset fast, both paths named.
JV_BUILD=${JV_BUILD:-$HERE/../../../build}
info="jvd $("$JV_BUILD/src/daemon/jvd" --version 2>/dev/null | awk '{print $NF}')|C|AES-256-GCM or ChaCha20-Poly1305|jumps by design; best = Preset fast on both paths"
have() { [ -x "$JV_BUILD/src/daemon/jvd" ] && [ -x "$JV_BUILD/src/cli/jv" ]; }
server() {
  chmod 755 "$W"; mkdir -p -m 777 "$W/rs" "$W/rc" "$W/ss" "$W/sc"
  ( umask 077; for k in s c; do "$JV_BUILD/src/cli/jv" genkey >"$W/$k.key"; done )
  for k in s c; do "$JV_BUILD/src/cli/jv" pubkey <"$W/$k.key" >"$W/$k.pub"; done
  printf '[Gateway]\nPrivateKey = %s\nListen = udp://%s:4433\nPool = 10.99.0.0/24\nInterface = jvs%s\nStateDir = %s\n[Audit]\nFile = none\n[User c]\nPublicKey = %s\nAddress = %s\n' \
    "$W/s.key" $SRV $I "$W/ss" "$(cat "$W/c.pub")" $TC >"$W/jvs.conf"
  bg_s "$JV_BUILD/src/daemon/jvd" --config "$W/jvs.conf" --foreground --run-dir "$W/rs" --state-dir "$W/ss" --log-dir "$W"
  wait_for test -S "$W/rs/jvs.sock"
}
client() {
  printf '[Session]\nPrivateKey = %s\nGateway = %s:4433\nGatewayKey = %s\nInterface = jvc%s\nAllowedIPs = 10.99.0.0/24\n[Audit]\nFile = none\n' \
    "$W/c.key" $SRV "$(cat "$W/s.pub")" $I >"$W/jvc.conf"
  best && printf '[Transport a]\nDevice = a0\nPrefer = 100\n[Transport b]\nDevice = b0\nPrefer = 50\n[Policy]\nPreset = fast\n' >>"$W/jvc.conf"
  bg_c "$JV_BUILD/src/daemon/jvd" --config "$W/jvc.conf" --foreground --run-dir "$W/rc" --state-dir "$W/sc" --log-dir "$W"
}
# grow N: N more users at the server, taken by a reload.
grow() {
  for n in $(seq 1 $1); do printf '[User g%d]\nPublicKey = %s\n' $n "$(head -c32 /dev/urandom | base64)"; done >>"$W/jvs.conf"
  "$JV_BUILD/src/cli/jv" --run-dir "$W/rs" reload jvs
}
