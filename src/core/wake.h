/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_WAKE_H
#define JV_CORE_WAKE_H
/*
 * wake -- a client that stood still, with its machine (suspend) or alone (stopped, starved): what it measured before says nothing
 * about the network that it wakes up in.
 *
 * Limits of the session count the time that passed. Silence is counted anew, every path is probed at once, and round trips that the
 * sleep made long are no samples.
 *
 * Limits   one look in JV_STANDSTILL_MS.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* A deadline that was missed by JV_STANDSTILL_MS shows a standstill that nobody told of. Called before an input is judged. */
void jv_wake_notice(struct jv_core *core, struct jv_out *out);
/* The caller knows that this machine slept for so long. */
void jv_wake(struct jv_core *core, uint64_t slept_ms, struct jv_out *out);
#endif /* JV_CORE_WAKE_H */
