/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_QUALITY_H
#define JV_CORE_QUALITY_H
/*
 * quality -- a bound path that answers and yet carries badly: lost packets, slow answers, uneven answers (TR-03, RES-4).
 *
 * One window above a threshold makes a client doubt. It moves when the doubt persists for volatility_confirm_ms, or at once where loss and
 * round trips, which are measured apart, speak together; and only to a path that is better by the hysteresis. A doubt ends when every
 * signal fell to half its threshold: of a round trip, half the way down to what the path can do at best.
 * Threads  the shard's.
 */
#include <stdbool.h>

#include "core.h"
#include "state.h"

/* The bound path is doubted for what it carries, not for silence. */
bool jv_quality_is_doubted(const struct jv_core *core);
void jv_quality_forget(struct jv_core *core);
/* Close the window that is due, and doubt, move or be well again by what it says. */
void jv_quality_judge(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_QUALITY_H */
