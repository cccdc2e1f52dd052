# Jumping VPN whose packet loops run ahead of other processes: what that does to a ping beside a saturating flow.
. "$HERE/peers/jv.sh"
JV_KEYS='Scheduling = realtime'
info="${info%%|*}, real-time|C|AES-256-GCM or ChaCha20-Poly1305|Scheduling = realtime at both ends"
