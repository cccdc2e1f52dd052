/* SPDX-License-Identifier: Apache-2.0 */
#include "wake.h"

#include "client_state.h"
#include "liveness.h"
#include "loss.h"
#include "session.h"

static void forget_probes(struct jv_core *core)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used) {
            path->probe_time_us =
                0; /* an answer that waited in the socket would be a sample of the sleep */
            path->answered_us = path->newest_us;
            path->unanswered = 0;
            path->is_doubted = true; /* the bound one too */
            path->probe_due = core->now;
        }
    }
}

static void forget_beats(struct jv_core *core, struct jv_session *s)
{
    struct jv_liveness *live = &s->live;
    live->stalled_at = core->now;
    live->outstanding = false;
    live->beat_time_us = 0;
    live->beats_unanswered = 0;
    live->echoed_us = jv_core_time_us(core) - 1; /* a heartbeat of this moment still counts */
    jv_liveness_restart(core, s);
    jv_loss_restart(core, s);
}

void jv_wake(struct jv_core *core, uint64_t slept_ms, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_session *s = jv_core_session_at(core, 0);
    cl->woke_at = core->now;
    if (s == NULL || s->state == JV_ST_TERMINATED) {
        return;
    }
    if (s->state == JV_ST_BIRTH) {
        cl->attempt.waited = true; /* the time allowed for a birth is for trying */
        cl->attempt.retry_at = core->now;
        return;
    }
    struct jv_record *rec = jv_session_record(core, s, JV_REC_Woke, JV_WHY_NONE, out);
    jv_record_path(rec, s->bound);
    jv_record_put(rec, JV_FD_slept_ms, slept_ms);
    forget_probes(core);
    forget_beats(core, s);
    if (cl->request.used) {
        cl->request.tries = 0;
        cl->request.retry_at = core->now;
    }
    jv_core_touch(core, s);
}

void jv_wake_notice(struct jv_core *core, struct jv_out *out)
{
    if (!jv_core_is_client(core) || !jv_has_room(out)) {
        return;
    }
    struct jv_instant due = jv_core_deadline(core);
    uint64_t late_ms = jv_is_never(due) ? 0 : jv_since_ms(due, core->now);
    if (late_ms >= JV_STANDSTILL_MS &&
        jv_since_ms(core->client->woke_at, core->now) >= JV_STANDSTILL_MS) {
        jv_wake(core, late_ms, out);
    }
}
