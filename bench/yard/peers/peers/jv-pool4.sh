# Jumping VPN with a resend pool of 4 MiB: the memory of a gateway with one session is measured with it.
. "$HERE/peers/jv.sh"
JV_POLICY='ResendMaxKiB = 4096'
variant=', 4 MiB pool'; note='ResendMaxKiB = 4096 at both ends'
