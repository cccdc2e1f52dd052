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
#include <stdbool.h>

#include "core.h"
#include "state.h"

/* The binding changed: the next window only warms up. */
void jv_loss_restart(struct jv_core *core, struct jv_session *s);
/* The end of the running window. */
struct jv_instant jv_loss_deadline(const struct jv_session *s);
/* Client: close the window that is due and begin another; false: too few packets went for a ratio, or the window only warmed up. */
bool jv_loss_close(struct jv_core *core, struct jv_session *s, uint32_t *ppm_out);
/* The window that runs is `ms` long from now on; 0: half a window. */
void jv_loss_look_again(struct jv_core *core, struct jv_session *s, uint32_t ms);
#endif /* JV_CORE_LOSS_H */
