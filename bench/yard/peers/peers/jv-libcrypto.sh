# Jumping VPN with OpenSSL alone, whatever the processor offers: against the ceiling pump-gso-aes256.
. "$HERE/peers/jv.sh"
JV_ARGS='--aead libcrypto'
info="${info%%|*}, libcrypto|C|AES-256-GCM or ChaCha20-Poly1305 (OpenSSL)|jvd --aead libcrypto"
have() { [ -x "$jvd" ] && [ -x "$jv" ] && has_option --aead; }
