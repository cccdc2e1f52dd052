/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_PENALTY_H
#define JV_CORE_PENALTY_H
/*
 * penalty -- a path that failed is no aim of a choice for a while, and for longer each time (route flap damping, RFC 2439, in spirit).
 *
 * Each failure doubles the time, up to penalty_max_ms; each JV_PENALTY_DECAY_MS without one takes a doubling back. What is remembered goes
 * with the name and the remote end, so that a device that comes and goes does not start afresh. Recovery from a dead path may use a
 * penalised one where there is no other.
 * Limits   JV_PENALTY_MAX paths are remembered; the one whose time ends first makes room.
 * Threads  the shard's.
 */
#include <stdint.h>

#include "state.h"

/* How long `path` is no aim of a choice yet; 0: it is one. */
uint64_t jv_penalty_ms(const struct jv_core *core, const struct jv_path *path);
/* `path` failed: `base_ms` for the first time, at most `max_ms`. */
void jv_penalty_add(struct jv_core *core, const struct jv_path *path, uint32_t base_ms,
                    uint32_t max_ms);
#endif /* JV_CORE_PENALTY_H */
