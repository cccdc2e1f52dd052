/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_DEGRADED_H
#define JV_CORE_DEGRADED_H
/*
 * degraded -- how a client gets into protective mode and how it tries to get out: the cap of entries into VOLATILE, and the pauses between
 * recoveries (design §3, §5).
 *
 * A recovery that failed is tried again after degraded_retry_ms, doubled up to degraded_retry_max_ms; a keyed hash of session and attempt
 * shortens each pause by up to a quarter, so that a thousand clients of a dead gateway do not come back in one wave, and one session
 * replayed waits the same. A path that had been dead and answers again ends the pause: that is news.
 * Threads  the shard's.
 */
#include <stdbool.h>

#include "core.h"
#include "state.h"

/* The pause behind the `attempt`-th failure in a row, counted from 0. */
uint64_t jv_degraded_backoff_ms(const struct jv_core *core, const struct jv_session *s,
                                uint32_t attempt);
/* A recovery failed: the next one waits. Returns for how long. */
uint64_t jv_degraded_failed(struct jv_core *core, const struct jv_session *s);
/* The session is attached: the next failure is the first again. */
void jv_degraded_over(struct jv_core *core);
/* A path that was dead has answered. */
void jv_degraded_hope(struct jv_core *core);
/* When a recovery may begin; JV_NEVER: nothing says wait. Limits that the gateway or the bucket told count as well. */
struct jv_instant jv_degraded_retry_at(const struct jv_core *core);

/* A row led into VOLATILE: it counts, and above volatile_entries_per_min it leads on to DEGRADED. */
void jv_degraded_entered(struct jv_core *core, struct jv_session *s, struct jv_out *out);
/* The same for a rebinding, which has a cap of its own: it only makes the stability window longer. */
void jv_degraded_note(struct jv_core *core);
/* The window without doubt that leads home: doubled by each further entry within a minute. */
uint64_t jv_degraded_window_ms(const struct jv_core *core, const struct jv_session *s);
#endif /* JV_CORE_DEGRADED_H */
