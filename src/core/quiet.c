/* SPDX-License-Identifier: Apache-2.0 */
#include "quiet.h"

#include "client_state.h"
#include "jump.h"
#include "liveness.h"
#include "resend.h"
#include "snapshot.h"
#include "tunnel.h"

bool jv_quiet_is_on(const struct jv_core *core, const struct jv_session *s)
{
    return s->quiet.on && !jv_is_due(s->quiet.until, core->now);
}

/* Nothing is under way that somebody waits for. */
static bool is_settled(const struct jv_core *core, const struct jv_session *s)
{
    return s->state == JV_ST_ATTACHED && s->bound != NULL && s->policy.quiet_after_ms > 0 &&
           s->waiting_len == 0 && !jv_resend_is_busy(s) && !jv_snapshot_is_under_way(core, s);
}

static uint32_t left_ms(const struct jv_core *core, const struct jv_session *s)
{
    return (uint32_t)JV_MIN(jv_since_ms(core->now, s->quiet.until), (uint64_t)UINT32_MAX);
}

/* ---- client ---- */

static bool is_idle(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_instant last = s->live.had_data ? s->live.last_data : s->created;
    return jv_since_ms(last, core->now) >= s->policy.quiet_after_ms;
}

bool jv_quiet_offer(struct jv_core *core, struct jv_session *s, struct jv_frame *out)
{
    const struct jv_client *cl = core->client;
    if (!jv_core_is_client(core) || !is_settled(core, s) || !is_idle(core, s) || cl->suspected ||
        cl->request.used || cl->rekey.used || s->live.beats_unanswered > 0) {
        return false;
    }
    out->type = JV_FRAME_QUIET;
    out->u.quiet = (struct jv_frame_quiet){s->quiet.n + 1, s->policy.quiet_max_ms};
    return true;
}

void jv_quiet_offered(struct jv_core *core, struct jv_session *s)
{
    s->quiet.n++;
    s->quiet.is_offered = true;
    /* From the offer on, not from the answer: whoever delays that one extends nothing. */
    s->quiet.until = jv_add_ms(core->now, s->policy.quiet_max_ms);
}

bool jv_quiet_renew(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    if (!jv_core_is_client(core) || !jv_quiet_is_on(core, s) || s->quiet.is_offered) {
        return false;
    }
    struct jv_frame frame = {.type = JV_FRAME_QUIET, .u.quiet = {s->quiet.n + 1, left_ms(core, s)}};
    /* As long as a hint, as heartbeats are: a gateway that sees it come from another address may answer with one. */
    if (!jv_tunnel_frames(core, s, &frame, 1, JV_HINT_BYTES, out)) {
        return false;
    }
    s->quiet.n++;
    s->quiet.is_offered = true;
    jv_liveness_mark(core, s);
    struct jv_instant next = jv_add_ms(core->now, s->policy.heartbeat_idle_ms);
    s->live.heartbeat_due = jv_earlier(next, s->quiet.until);
    return true;
}

static void on_answer(struct jv_core *core, struct jv_session *s, const struct jv_frame_quiet *f)
{
    if (!s->quiet.is_offered || f->n != s->quiet.n) {
        return;
    }
    s->quiet.is_offered = false;
    s->quiet.until = jv_earlier(s->quiet.until, jv_add_ms(core->now, f->for_ms));
    s->quiet.on = f->for_ms > 0 && s->state == JV_ST_ATTACHED && !s->live.outstanding;
    if (s->quiet.on) {
        s->live.heartbeat_due = jv_earlier(s->live.heartbeat_due, s->quiet.until);
    }
    jv_core_touch(core, s);
}

/* ---- gateway ---- */

static void on_offer(const struct jv_core *core, struct jv_session *s,
                     const struct jv_frame_quiet *f)
{
    s->quiet.is_answer_owed = true;
    s->quiet.n = f->n;
    /* In an older packet it is from before something that has arrived since. */
    bool may_be =
        s->is_newest && is_settled(core, s) && !s->live.outstanding && !s->live.report_owed;
    s->quiet.for_ms = may_be ? JV_MIN(f->for_ms, s->policy.quiet_max_ms) : 0;
}

bool jv_quiet_answer(struct jv_core *core, struct jv_session *s, struct jv_frame *out)
{
    if (jv_core_is_client(core) || !s->quiet.is_answer_owed) {
        return false;
    }
    out->type = JV_FRAME_QUIET;
    out->u.quiet = (struct jv_frame_quiet){s->quiet.n, s->quiet.for_ms};
    return true;
}

void jv_quiet_answered(struct jv_core *core, struct jv_session *s)
{
    s->quiet.is_answer_owed = false;
    s->quiet.on = s->quiet.for_ms > 0;
    s->quiet.until = jv_add_ms(core->now, s->quiet.for_ms);
    jv_core_touch(core, s);
}

/* ---- both ---- */

void jv_quiet_on_frame(struct jv_core *core, struct jv_session *s, const struct jv_frame_quiet *f)
{
    if (jv_core_is_client(core)) {
        on_answer(core, s, f);
    } else {
        on_offer(core, s, f);
    }
}

void jv_quiet_end_sent(struct jv_core *core, struct jv_session *s, bool is_data)
{
    bool was_on = s->quiet.on;
    s->quiet.on = s->quiet.is_offered = false;
    if (was_on && is_data) {
        s->live.heartbeat_due = core->now;
    }
}

void jv_quiet_end_came(struct jv_core *core, struct jv_session *s, bool is_data)
{
    struct jv_instant quick = jv_add_ms(core->now, s->policy.heartbeat_interval_ms);
    if (s->quiet.on) {
        s->live.heartbeat_due = jv_earlier(s->live.heartbeat_due, quick);
    }
    s->quiet.on = false;
    s->quiet.is_offered = s->quiet.is_offered && !is_data;
}
