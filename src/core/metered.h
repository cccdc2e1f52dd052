/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_METERED_H
#define JV_CORE_METERED_H
/*
 * metered -- how long a client has been on paths that cost by volume, and the alarm when that is longer than metered_alarm_ms.
 *
 * The clock runs over switches from one metered path to another and over times without transport; binding an unmetered path ends it.
 * Threads  the shard's.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core.h"
#include "state.h"

/* `s->bound` is another path than before. */
void jv_metered_bound(struct jv_core *core, const struct jv_session *s);
/* Time on metered paths; 0: the session is on none. */
uint64_t jv_metered_ms(const struct jv_core *core);
/* The alarm was given and its cause lasts. */
bool jv_metered_is_alarming(const struct jv_core *core);
struct jv_instant jv_metered_deadline(const struct jv_core *core, const struct jv_session *s);
/* Give the alarm that is due: one record. */
void jv_metered_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_METERED_H */
