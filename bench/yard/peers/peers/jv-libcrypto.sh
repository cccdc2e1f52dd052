# Jumping VPN with OpenSSL alone, whatever the processor offers: against the ceiling pump-gso-aes256.
. "$HERE/peers/jv.sh"
JV_ARGS='--aead libcrypto'
variant=', libcrypto'; cipher="$cipher (OpenSSL)"; note='jvd --aead libcrypto'
