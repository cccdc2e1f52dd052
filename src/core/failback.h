/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_FAILBACK_H
#define JV_CORE_FAILBACK_H
/*
 * failback -- going back to a path that the operator prefers, once it has been well for the dwell time (design §5).
 *
 * A move by choice: make before break, bound by dwell and cooldown, and it never takes the last token of the switch bucket.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* In ATTACHED, when client.failback_at is due: move, or say when to look again. */
void jv_failback_consider(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_FAILBACK_H */
