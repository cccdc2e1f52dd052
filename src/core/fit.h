/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_FIT_H
#define JV_CORE_FIT_H
/*
 * fit -- what becomes of an inner packet that is larger than its path at the moment: IPv4 that may be fragmented is, of all else the
 * sender is told (decision 0011).
 *
 * Gives    an ICMP answer to the TUN device, on a client from the gateway's inner address, on a gateway from the address that the
 *          packet was going to: one of its own would be a martian coming in by the device.
 * Limits   JV_TOO_BIG_PER_S answers a second and session, JV_FRAGMENTS_MAX fragments a packet.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/*
 * Cut the packet in `slot` into fragments of at most `limit` bytes, in buffers of their own. Returns how many; 0: it must not or cannot
 * be cut. The slot stays the caller's.
 */
uint32_t jv_fit_split(struct jv_core *core, const struct jv_slot *slot, uint32_t limit,
                      struct jv_slot parts_out[JV_FRAGMENTS_MAX]);
/* Tell the sender that `limit` bytes fit, where it may be told. */
void jv_fit_tell(struct jv_core *core, struct jv_session *s, const struct jv_slot *slot,
                 uint32_t limit, struct jv_out *out);
#endif /* JV_CORE_FIT_H */
