/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_RANK_H
#define JV_CORE_RANK_H
/*
 * rank -- the order in which a client's paths are chosen ([R §4.4] RES-16): the same inputs give the same order, and no history counts.
 *
 * Order    paths without penalty, then those that are not narrow, then the operator's wish (preference, unmetered, lower cost, warm), then fewer lost packets (in classes), then quicker answers (in steps of
 *          JV_RANK_LATENCY_US: what is nearer is noise), then the longer steadiness, then the lower slot.
 * Threads  the shard's. Pure functions of the core's state.
 */
#include <stdbool.h>
#include <stdint.h>

#include "reason.h"
#include "state.h"

/* Slots in use and in the choice, the best first. `s` may be NULL: there is no session, and nothing but the operator's order and round trips count. */
uint32_t jv_rank(const struct jv_core *core, const struct jv_session *s,
                 uint8_t order_out[JV_PATH_MAX]);
/* By the operator's wish alone: the session goes back to `path` once it is well. */
bool jv_rank_is_wanted_more(const struct jv_path *path, const struct jv_path *other);
/* JV_WHY_NONE: `path` goes before `other`; otherwise what puts it behind. */
enum jv_why jv_rank_behind(const struct jv_core *core, const struct jv_session *s,
                           const struct jv_path *path, const struct jv_path *other);
#endif /* JV_CORE_RANK_H */
