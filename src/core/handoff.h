/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_HANDOFF_H
#define JV_CORE_HANDOFF_H
/*
 * handoff -- what arrives at a core and belongs to another shard of the gateway (shard.h).
 *
 * A message 1 whose user lives elsewhere, an inner packet for an address or network of another shard, and a datagram under another
 * shard's locator, where the kernel did not choose by it. They go on as they came and leave nothing behind; what came from another
 * shard goes nowhere else, so nothing goes round.
 * Owns     the table of fixed addresses and networks of all users; none where the core is alone.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

static inline bool jv_core_is_alone(const struct jv_core *core)
{
    return core->cfg.shards <= 1;
}
/* Routes that the table needs. */
uint32_t jv_handoff_routes(const struct jv_core_cfg *cfg);
/* Addresses and networks of a user that is listed, or no longer. */
void jv_handoff_add_user(struct jv_core *core, const struct jv_user *user);
void jv_handoff_remove_user(struct jv_core *core, const struct jv_user *user);
/* False: no shard has this inner address. */
bool jv_handoff_find(const struct jv_core *core, const struct jv_ip *ip, uint32_t *shard_out);
/* Hand a slot to `shard`. False: it is this one, or the slot was handed over already; the slot is as it was. */
bool jv_handoff(struct jv_core *core, struct jv_slot *slot, uint32_t shard, bool is_packet,
                struct jv_out *out);
#endif /* JV_CORE_HANDOFF_H */
