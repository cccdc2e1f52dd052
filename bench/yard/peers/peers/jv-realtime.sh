# Jumping VPN whose packet loops run ahead of other processes: what that does to a ping beside a saturating flow.
. "$HERE/peers/jv.sh"
JV_KEYS='Scheduling = realtime'
variant=', real-time'; note='Scheduling = realtime at both ends'
