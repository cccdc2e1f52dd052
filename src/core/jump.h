/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_CORE_JUMP_H
#define JV_CORE_JUMP_H
/*
 * jump -- a client's decisions: is the bound path silent, is it well again, to which path to move, may it (design §3, §4.4, §5).
 *
 * The exchange itself is request.c's. Threads: the shard's.
 */
#include "client_state.h"
#include "core.h"
#include "frame.h"
#include "msg.h"
#include "state.h"

/* While the bound path is silent and a request is out, inner packets wait for the new path instead of going into the silence. */
static inline bool jv_jump_holds_packets(const struct jv_core *core, const struct jv_session *s)
{
    if (s->state != JV_ST_RECOVERING || !jv_core_is_client(core)) {
        return false;
    }
    const struct jv_client *cl = core->client;
    return cl->request.used && !cl->request.in_place && (cl->suspected || cl->request.rebind);
}
/* The suspected path delivered something authenticated. */
void jv_jump_on_heard(struct jv_core *core, struct jv_session *s);
/*
 * A path that was left for its silence has answered: if twice the floor would have been patience enough, it has that from here on, for a
 * minute and longer.
 */
void jv_jump_left_too_early(struct jv_core *core, const struct jv_session *s, struct jv_path *path);
/* The bound path, whose floor was doubled, was heard: a gap that the floor before would have suspected keeps the doubling. */
void jv_jump_note_gap(struct jv_core *core, struct jv_session *s);
void jv_jump_on_report(struct jv_core *core, struct jv_session *s, const struct jv_frame_report *f,
                       struct jv_out *out);
void jv_jump_on_probe_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                            const struct jv_probe_reply *reply, struct jv_out *out);
/* A local fact: the path's link or address is gone. Called before the slot is emptied. */
void jv_jump_path_gone(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       struct jv_out *out);
/*
 * The gateway sees the bound path come from another address; `token` proves this one. `mark` names a packet that left before: if
 * the bound address delivered it, nothing was rebound. `is_hint`: the token was made for the mark.
 */
void jv_jump_rebind(struct jv_core *core, struct jv_session *s, const uint8_t token[JV_TOKEN_BYTES],
                    const struct jv_hint *mark, bool is_hint, struct jv_out *out);
/* The request in flight failed for good; `why` for the record. */
void jv_jump_failed(struct jv_core *core, struct jv_session *s, enum jv_why why,
                    struct jv_out *out);
/* The next proven candidate after `tried`; NULL: none. */
struct jv_path *jv_jump_next_candidate(struct jv_core *core, struct jv_session *s,
                                       const struct jv_path *tried);
/* The cap of switches has room for this path; binding the same transport again is no switch. */
bool jv_jump_may_try(const struct jv_core *core, const struct jv_session *s,
                     const struct jv_path *to);
/* Move to `to` if limits allow it now; true: a request is out. */
bool jv_jump_because_of(struct jv_core *core, struct jv_session *s, struct jv_path *to,
                        enum jv_why why, enum jv_rule rule, struct jv_out *out);
/* Leave a path that works, for `why`: the policy was asked before. */
void jv_jump_by_choice(struct jv_core *core, struct jv_session *s, struct jv_path *to,
                       enum jv_why why, enum jv_rule rule, struct jv_out *out);
/* What an order to go to this link would meet, and where it would lead (NULL: nowhere). Changes nothing. */
struct jv_path *jv_jump_judge_order(struct jv_core *core, struct jv_session *s, uint32_t link,
                                    struct jv_switch_verdict *out);
/* An operator asks for this link. */
enum jv_err jv_jump_order(struct jv_core *core, struct jv_session *s, uint32_t link,
                          struct jv_out *out);

struct jv_instant jv_jump_deadline(const struct jv_core *core, const struct jv_session *s);
void jv_jump_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out);
#endif /* JV_CORE_JUMP_H */
