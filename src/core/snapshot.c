/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot.h"

#include <string.h>

#include "session.h"
#include "tunnel.h"

static const struct jv_rate offers = {JV_SNAPSHOT_PER_MIN, 60, JV_SNAPSHOT_PER_MIN / 4};

void jv_snapshot_open(const struct jv_core *core, struct jv_session *s)
{
    jv_bucket_init(&s->snapshot.offers, &offers, core->now);
}

/* ---- replacing ---- */

/* Deadlines that run count from where they began, under the bounds that are in force from here on. */
static void rearm(struct jv_core *core, struct jv_session *s)
{
    const struct jv_policy *p = &s->policy;
    if (!jv_is_never(s->lifetime_at)) {
        s->lifetime_at = jv_add_ms(s->created, p->max_lifetime_ms);
    }
    if (!jv_is_never(s->ttl_at)) {
        s->ttl_at = jv_add_ms(s->unbound_at, p->transport_lost_ttl_ms);
    }
    if (!jv_is_never(s->degrade_at)) {
        s->degrade_at = jv_add_ms(s->state_since, p->volatile_to_degraded_ms);
    }
    if (!jv_is_never(s->degraded_max_at)) {
        uint64_t spent_ms = JV_MIN(s->degraded_ms, (uint64_t)p->degraded_max_ms);
        s->degraded_max_at = jv_add_ms(s->state_since, p->degraded_max_ms - spent_ms);
    }
    if (!jv_is_never(s->recovery_until)) {
        s->recovery_until = jv_add_ms(s->state_since, p->recovery_window_ms);
    }
    if (s->bound != NULL) {
        s->live.heartbeat_due =
            jv_earlier(s->live.heartbeat_due, jv_add_ms(core->now, p->heartbeat_interval_ms));
    }
}

static bool replace(struct jv_core *core, struct jv_session *s, const struct jv_policy *policy,
                    struct jv_out *out)
{
    if (memcmp(policy, &s->policy, sizeof *policy) == 0) {
        return false;
    }
    uint32_t was = s->policy_id;
    s->policy = *policy;
    s->policy_id = jv_policy_id(policy);
    rearm(core, s);
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_PolicyChanged, JV_WHY_POLICY_TRIGGER, out);
    jv_record_put(rec, JV_FD_policy_was, was);
    jv_record_put(rec, JV_FD_lifetime_ms, policy->max_lifetime_ms);
    jv_record_put(rec, JV_FD_transport_ttl_ms, policy->transport_lost_ttl_ms);
    jv_record_put(rec, JV_FD_recovery_window_ms, policy->recovery_window_ms);
    jv_record_put(rec, JV_FD_switches_limit, policy->max_switches_per_min);
    jv_core_touch(core, s);
    return true;
}

static uint64_t pause_ms(uint32_t tries)
{
    return JV_MIN((uint64_t)JV_SNAPSHOT_RETRY_MS << JV_MIN(tries, 16U),
                  (uint64_t)JV_SNAPSHOT_RETRY_MAX_MS);
}

/* ---- client ---- */

void jv_snapshot_want(struct jv_core *core, struct jv_session *s, bool is_grace)
{
    struct jv_snapshot *snap = &s->snapshot;
    snap->is_due = true;
    snap->is_grace = is_grace;
    snap->after = s->local;
    snap->n++;
    snap->tries = 0;
    snap->at = core->now;
    jv_core_touch(core, s);
}

static void send_wanted(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_frame frame = {.type = JV_FRAME_POLICY_WANTED};
    frame.u.policy.n = s->snapshot.n;
    frame.u.policy.policy = core->cfg.policy;
    (void)jv_tunnel_frames(core, s, &frame, 1, 0, out); /* repeated like a lost one */
}

void jv_snapshot_on_granted(struct jv_core *core, struct jv_session *s,
                            const struct jv_frame_policy *f, struct jv_out *out)
{
    enum jv_policy_field field;
    if (!s->snapshot.is_due || s->snapshot.tries == 0 || f->n != s->snapshot.n) {
        return;
    }
    s->snapshot.is_due = false;
    if (jv_policy_check(&f->policy, &field) != NULL) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID, out);
        rec->policy = jv_policy_id(&f->policy);
        return;
    }
    (void)replace(core, s, &f->policy, out);
}

/* ---- gateway ---- */

void jv_snapshot_on_wanted(struct jv_core *core, struct jv_session *s,
                           const struct jv_frame_policy *f, struct jv_out *out)
{
    struct jv_snapshot *snap = &s->snapshot;
    struct jv_policy policy;
    if (f->n < snap->n || !jv_bucket_take(&snap->offers, &offers, core->now)) {
        return;
    }
    if (f->n > snap->n) {
        snap->n = f->n;
        snap->is_due = false;
        if (core->denies_births ||
            jv_policy_clamp(&f->policy, &core->cfg.clamp, &policy) != JV_E_OK) {
            /* The last valid one stays, and the answer says so. */
            struct jv_record *rec =
                jv_session_record(core, s, JV_REC_PolicyInvalid, JV_WHY_POLICY_INVALID, out);
            rec->policy = jv_policy_id(&f->policy);
        } else {
            (void)replace(core, s, &policy, out);
        }
    }
    struct jv_frame frame = {.type = JV_FRAME_POLICY_GRANTED};
    frame.u.policy.n = f->n;
    frame.u.policy.policy = s->policy;
    (void)jv_tunnel_frames(core, s, &frame, 1, 0, out); /* the client asks again */
}

/* What is tighter needs nobody's consent; what is wider the client has to want. */
static void review(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_snapshot *snap = &s->snapshot;
    struct jv_policy policy;
    if (!core->sweep.is_grace &&
        jv_policy_clamp(&s->policy, &core->cfg.clamp, &policy) == JV_E_OK) {
        (void)replace(core, s, &policy, out);
    }
    snap->is_due = true;
    snap->is_grace = core->sweep.is_grace;
    snap->after = s->v;
    snap->tries = 0;
    snap->at = core->now;
    jv_core_touch(core, s);
}

void jv_snapshot_sweep_begin(struct jv_core *core, bool is_grace)
{
    core->sweep.next = 0;
    core->sweep.is_grace = is_grace;
    core->sweep.at = core->now;
}

struct jv_instant jv_snapshot_sweep_deadline(const struct jv_core *core)
{
    return core->sweep.next < core->sessions.high ? core->sweep.at : JV_NEVER;
}

void jv_snapshot_sweep(struct jv_core *core, struct jv_out *out)
{
    for (uint32_t n = 0; n < JV_SNAPSHOT_STEP && core->sweep.next < core->sessions.high; n++) {
        struct jv_session *s = jv_core_session_at(core, core->sweep.next++);
        if (s != NULL && s->state != JV_ST_BIRTH && s->state != JV_ST_TERMINATED) {
            review(core, s, out);
        }
    }
    if (core->sweep.next >= core->sessions.high) {
        core->sweep.next = UINT32_MAX; /* who is born from here on was clamped by the same bounds */
    }
    core->sweep.at = jv_add_ms(core->now, JV_SNAPSHOT_STEP_MS);
}

/* ---- both ---- */

bool jv_snapshot_is_under_way(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_snapshot *snap = &s->snapshot;
    uint64_t rows = jv_core_is_client(core) ? s->local : s->v;
    return snap->is_due && s->bound != NULL && s->state == JV_ST_ATTACHED &&
           (!snap->is_grace || rows > snap->after);
}

struct jv_instant jv_snapshot_deadline(const struct jv_core *core, const struct jv_session *s)
{
    return jv_snapshot_is_under_way(core, s) ? s->snapshot.at : JV_NEVER;
}

void jv_snapshot_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_snapshot *snap = &s->snapshot;
    if (!jv_snapshot_is_under_way(core, s) || !jv_is_due(snap->at, core->now)) {
        return;
    }
    if (jv_core_is_client(core)) {
        send_wanted(core, s, out);
    } else {
        const struct jv_frame frame = {.type = JV_FRAME_POLICY_ASK};
        (void)jv_tunnel_frames(core, s, &frame, 1, 0, out); /* asked again when that is over */
    }
    snap->at = jv_add_ms(core->now, pause_ms(snap->tries));
    snap->tries += snap->tries < UINT32_MAX ? 1 : 0;
}
