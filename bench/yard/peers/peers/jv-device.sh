# Jumping VPN whose TUN devices keep their own order: what short queues bring, and cost.
. "$HERE/peers/jv.sh"
JV_KEYS='Queue = device'
info="${info%%|*}, device queue|C|AES-256-GCM or ChaCha20-Poly1305|Queue = device at both ends"
