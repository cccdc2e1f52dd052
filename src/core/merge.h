/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_MERGE_H
#define JV_CORE_MERGE_H
/*
 * merge -- packets of one TCP or UDP flow that the core delivered become one packet with a virtio header for the TUN device.
 *
 * Packets of a flow keep their order: one that cannot join its flow's group closes that group. Packets of two sessions never share one.
 * A complete checksum is verified before its packet joins: the group gets a fresh one, which would hide that a packet was corrupt.
 * What joined comes out again unchanged where the group is split (an identification that DF makes meaningless aside, RFC 6864 §4.1).
 *
 * Owns     nothing. No payload is copied or moved: a group is written as an iovec.
 * Bounds   JV_MERGE_SLOTS_MAX slots of one call, JV_MERGE_OPEN groups that may still grow, JV_GSO_BYTES_MAX of a group.
 * Threads  none: no state between calls.
 * Sources  linux/virtio_net.h; RFC 9293 (flags), RFC 3168 §6.1 (ECE, CWR), RFC 6864 (identification).
 */
#include <stdbool.h>
#include <stdint.h>

#include "batch.h"

#define JV_MERGE_SLOTS_MAX JV_BATCH_MAX
#define JV_MERGE_OPEN 8U /* flows of a batch; a ninth closes one of the groups, each in its turn */
#define JV_MERGE_END UINT8_MAX

struct jv_merge_cfg {
    bool tcp4, tcp6, udp4, udp6; /* kinds that the device takes */
};

struct jv_merged {
    struct jv_gso gso;  /* to be written in front; kind NONE where the group has one packet */
    uint32_t first;     /* index of the slot of its first packet, that is written whole */
    uint32_t count;     /* packets; of all but the first only what is behind hdr_bytes is written */
    uint32_t hdr_bytes; /* 0 where the group has one packet */
    uint32_t len_bytes; /* of the merged packet */
};

/*
 * Make groups of slots[0..n), n at most JV_MERGE_SLOTS_MAX, in the order of their first packets; each slot is in exactly one. Returns how
 * many; groups_out has room for n. next_out[i] is the index of the slot behind slot i in its group, JV_MERGE_END at the end of one.
 * The headers of the first packet of a group with more than one are rewritten.
 */
uint32_t jv_merge(const struct jv_merge_cfg *cfg, struct jv_slot *slots, uint32_t n,
                  struct jv_merged *groups_out, uint8_t *next_out);
#endif /* JV_CORE_MERGE_H */
