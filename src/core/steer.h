/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_STEER_H
#define JV_CORE_STEER_H
/*
 * steer -- what an operator asks of a client beside a switch: a hold, a test of its paths, a path out of the choice, another preference.
 *
 * A hold stops moves by choice (back to a preferred path, away from a lossy one) and nothing else: a path that dies is left all the same,
 * and an order to switch is obeyed. Orders about paths go by name and outlive path, session and link; they end with the process.
 *
 * Limits   JV_HOLD_MIN_MS..JV_HOLD_MAX_MS; JV_PATH_MAX names; one probe a path in JV_PROBE_ORDER_MS.
 * Threads  the shard's.
 */
#include "core.h"
#include "state.h"

/* JV_E_RANGE: neither 0 nor within the limits. */
enum jv_err jv_steer_hold(struct jv_core *core, uint32_t ms, struct jv_out *out);
uint64_t jv_steer_hold_left_ms(const struct jv_core *core);
/* A move by choice to `to` is held back; the first one of each hold is on record. */
bool jv_steer_holds(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                    struct jv_out *out);
/* JV_E_NOTFOUND: no path has this link. JV_E_STATE: there is no session, or the path is out of the choice. */
enum jv_err jv_steer_probe(struct jv_core *core, uint32_t link);
/* PATH_OFF, PATH_ON, PATH_PREFER. JV_E_FULL: orders for JV_PATH_MAX names are kept already. */
enum jv_err jv_steer_order(struct jv_core *core, const struct jv_command *command,
                           struct jv_out *out);
/* A path appeared: what was ordered for its name holds. */
void jv_steer_path(const struct jv_core *core, struct jv_path *path);
#endif /* JV_CORE_STEER_H */
