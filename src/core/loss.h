/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_LOSS_H
#define JV_CORE_LOSS_H
/*
 * loss -- how much of the traffic on the bound path is lost, in windows of loss_window_ms.
 *
 * What this side sends is judged by the peer's reports, what it receives by its own window; both count real packets, authenticated, and
 * nothing else. A ratio needs JV_LOSS_SAMPLE_MIN packets. The first window after a binding is not judged: it still holds what the path
 * before has lost.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* The binding changed: the next window only warms up. */
void jv_loss_restart(struct jv_core *core, struct jv_session *s);
/* The end of the running window. */
struct jv_instant jv_loss_deadline(const struct jv_session *s);
/* Client: close the window that is due, and doubt, move or be well again by what it says. */
void jv_loss_judge(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_LOSS_H */
