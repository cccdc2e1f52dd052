/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_SNAPSHOT_H
#define JV_CORE_SNAPSHOT_H
/*
 * snapshot -- the bounds of a session that runs are replaced, as a whole, on both ends ([R §4.3] P-02, P-05, P-07).
 *
 * The client says what it wants (POLICY_WANTED), the gateway clamps and grants (POLICY_GRANTED); a gateway whose own bounds changed
 * takes what is tighter at once and asks (POLICY_ASK). In grace a session is left alone until its next row. No row, no version:
 * one PolicyChanged record on each end, with the number of the policy that was and the limits that are.
 *
 * Limits   JV_SNAPSHOT_ constants of bounds.h: pace of repetitions, sessions reviewed a step.
 * Threads  the shard's.
 */
#include "core.h"
#include "frame.h"
#include "state.h"

void jv_snapshot_open(const struct jv_core *core, struct jv_session *s);
/* Client: ask for core->cfg.policy, at once or after the next row. */
void jv_snapshot_want(struct jv_core *core, struct jv_session *s, bool is_grace);
/* Gateway: review every session under the clamp that has changed, a few a step. */
void jv_snapshot_sweep_begin(struct jv_core *core, bool is_grace);
struct jv_instant jv_snapshot_sweep_deadline(const struct jv_core *core);
void jv_snapshot_sweep(struct jv_core *core, struct jv_out *out);

/* Gateway. An offer not newer than the last one answered is answered again, or, where it is older, dropped. */
void jv_snapshot_on_wanted(struct jv_core *core, struct jv_session *s,
                           const struct jv_frame_policy *f, struct jv_out *out);
/* Client. Only the answer to the offer that is out counts. */
void jv_snapshot_on_granted(struct jv_core *core, struct jv_session *s,
                            const struct jv_frame_policy *f, struct jv_out *out);

/* An offer or a question is out or due: not one that waits for a row, in grace, nor for a path. */
bool jv_snapshot_is_under_way(const struct jv_core *core, const struct jv_session *s);
struct jv_instant jv_snapshot_deadline(const struct jv_core *core, const struct jv_session *s);
void jv_snapshot_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_SNAPSHOT_H */
