/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PENALTY_H
#define JV_CORE_PENALTY_H
/*
 * penalty -- a path that failed is no aim of a choice for a while, and for longer each time (route flap damping, RFC 2439, in spirit).
 *
 * Recovery from a dead path may use a penalised one where there is no other.
 * Threads  the shard's.
 */
#include <stdint.h>

#include "state.h"

/* How long `path` is no aim of a choice yet; 0: it is one. */
uint64_t jv_penalty_ms(const struct jv_core *core, const struct jv_path *path);
/* `path` was left because it carried badly. */
void jv_penalty_add(struct jv_core *core, struct jv_path *path);
#endif /* JV_CORE_PENALTY_H */
