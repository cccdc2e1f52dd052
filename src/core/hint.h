/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_HINT_H
#define JV_CORE_HINT_H
/*
 * hint -- what a gateway does with traffic from an address that is not bound (design §4.5, rebinding).
 *
 * It is never delivered, never marked in the window and never moves the binding. If it was new and long enough, that address gets a
 * sealed hint, so that a client whose NAT moved can prove itself from there.
 * Limits   JV_UNBOUND_OPENS_PER_S opens a session; a hint a second at most, with doubling that a commit ends.
 * Threads  the shard's.
 */
#include "core.h"
#include "msg.h"
#include "state.h"

/* Consumes the slot. */
void jv_hint_on_unbound(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                        struct jv_slot *slot, struct jv_out *out);
#endif /* JV_CORE_HINT_H */
