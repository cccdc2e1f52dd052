/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <string.h>

#include "client_state.h"
#include "degraded.h"
#include "loss.h"
#include "pathsize.h"
#include "resend.h"
#include "snapshot.h"
#include "tunnel.h"

enum action {
    NONE = 0,
    BIND = 1U << 0,
    UNBIND = 1U << 1,
    ARM_LIFETIME = 1U << 2,
    ARM_DEGRADE = 1U << 3,
    ARM_DEGRADED_MAX = 1U << 4,
    ARM_RECOVERY = 1U << 5,
    ARM_TRANSPORT_TTL = 1U << 6,
    DISARM_TRANSPORT_TTL = 1U << 7,
    START_PROBATION = 1U << 8,
    PROBE_ALL = 1U << 9,
    DISARM = 1U << 10,
    WIPE_KEYS = 1U << 11
};

/* ANY stands behind the states, so that a row of a state goes before it. */
#define STATE_ANY JV_ST_END

struct row {
    uint8_t from, event, to;
    uint32_t actions;
};

#define JV_ST_ANY STATE_ANY
static const struct row rows[] = {
#define T(row, from, event, to, reasons, actions)                                                  \
    {JV_ST_##from, JV_EV_##event, JV_ST_##to, actions},
#include "transition.def"
#undef T
};

/* SUPERSEDED is the last reason of a transition; those behind it never stand in the table. */
_Static_assert(JV_WHY_SUPERSEDED < 64, "reasons of transitions fit a set of 64 bits");

/* The reasons of a row as a set; names of reason.def stand for their bits here. */
static bool row_has(uint8_t row, enum jv_why why)
{
#define W(name, alias, lane, text) const uint64_t name = (uint64_t)1 << (JV_WHY_##name & 63);
#include "reason.def"
#undef W
    const uint64_t sets[] = {
#define T(row_, from, event, to, reasons, actions) (reasons),
#include "transition.def"
#undef T
    };
#define W(name, alias, lane, text) (void)name;
#include "reason.def"
#undef W
    return why < 64 && (sets[row - JV_ROW_FIRST] >> why & 1) != 0;
}

bool jv_session_row_has(uint8_t row, enum jv_why why)
{
    return row >= JV_ROW_FIRST && row < JV_ROW_FIRST + JV_ARRAY_LEN(rows) && row_has(row, why);
}

uint8_t jv_session_row(enum jv_state from, enum jv_event event, enum jv_state *to_out)
{
    for (uint8_t i = 0; i < JV_ARRAY_LEN(rows); i++) {
        bool any = rows[i].from == STATE_ANY && from != JV_ST_TERMINATED;
        if ((rows[i].from == from || any) && rows[i].event == event) {
            if (to_out != NULL) {
                *to_out = (enum jv_state)rows[i].to;
            }
            return (uint8_t)(JV_ROW_FIRST + i);
        }
    }
    return JV_ROW_NONE;
}

struct jv_session *jv_session_open(struct jv_core *core, const struct jv_policy *policy)
{
    struct jv_handle keys_handle;
    struct jv_handle handle;
    struct jv_session *s = jv_slab_add(&core->sessions, &handle);
    if (s == NULL) {
        return NULL;
    }
    struct jv_keys *keys = jv_slab_add(&core->key_slab, &keys_handle);
    if (keys == NULL) {
        jv_slab_remove(&core->sessions, handle);
        return NULL;
    }
    s->handle = handle;
    s->keys = keys;
    s->keys_handle = keys_handle;
    s->state = JV_ST_BIRTH;
    s->created = s->state_since = core->now;
    s->policy = *policy;
    s->policy_id = jv_policy_id(policy);
    s->lifetime_at = s->ttl_at = s->degrade_at = s->degraded_max_at = JV_NEVER;
    s->recovery_until = s->probation_until = s->unbound_at = s->ack_due = JV_NEVER;
    s->live.heartbeat_due = s->live.report_due = s->kept.settle_at = JV_NEVER;
    s->inner.rise_at = JV_NEVER;
    struct jv_rate rate = jv_session_switch_rate(s);
    jv_bucket_init(&s->switches, &rate, core->now);
    struct jv_rate rebinds = {policy->rebind_max_per_min, 60, policy->rebind_max_per_min};
    jv_bucket_init(&s->rebinds, &rebinds, core->now);
    jv_snapshot_open(core, s);
    core->count.sessions[JV_ST_BIRTH]++;
    return s;
}

void jv_session_close(struct jv_core *core, struct jv_session *s)
{
    jv_tunnel_drop_waiting(core, s);
    jv_resend_drop(core, s);
    core->count.sessions[s->state]--;
    jv_keys_fini(s->keys);
    jv_heap_set(&core->deadlines, s->handle.idx, JV_NEVER);
    jv_slab_remove(&core->key_slab, s->keys_handle);
    jv_slab_remove(&core->sessions, s->handle);
}

struct jv_record *jv_session_record(struct jv_core *core, struct jv_session *s,
                                    enum jv_event_type event, enum jv_why why, struct jv_out *out)
{
    JV_ASSERT(out->records_len < out->records_cap);
    struct jv_record *rec = &out->records[out->records_len++];
    memset(rec, 0, sizeof *rec);
    rec->at = core->now;
    rec->seq = jv_core_next_seq(core);
    rec->event = (uint16_t)event;
    rec->reason = (uint16_t)why;
    rec->is_client = jv_core_is_client(core);
    if (s != NULL) {
        rec->sid = s->sid;
        rec->v = s->v;
        rec->local = s->local;
        rec->policy = s->policy_id;
        rec->cause = s->cause;
        /* What was refused moves nothing, so it is the cause of nothing (law 3). */
        s->cause = jv_event_lane(event) == JV_LANE_S ? s->cause : rec->seq;
    }
    return rec;
}

void jv_record_path(struct jv_record *rec, const struct jv_path *path)
{
    if (path != NULL) {
        memcpy(rec->path, path->name, sizeof rec->path);
        rec->remote = path->remote;
    }
}

struct jv_rate jv_session_switch_rate(const struct jv_session *s)
{
    uint32_t max = s->policy.max_switches_per_min;
    uint32_t burst = JV_MIN(s->policy.switch_burst, max);
    return (struct jv_rate){max - burst, 60, burst};
}

uint32_t jv_session_switches_in_window(const struct jv_session *s, struct jv_instant now)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < JV_MIN(s->switch_times_len, (uint32_t)JV_ARRAY_LEN(s->switch_times));
         i++) {
        n += jv_since_ms(s->switch_times[i], now) < 60000 ? 1 : 0;
    }
    return n;
}

/* ---- actions ---- */

static void bind_path(struct jv_core *core, struct jv_session *s)
{
    JV_ASSERT(s->bind_next != NULL);
    if (s->bound == NULL) {
        s->bound_since = core->now;
    }
    if (s->bound != s->bind_next) {
        jv_loss_restart(core, s);
        jv_pathsize_rebound(s);
    }
    s->bound = s->bind_next;
    s->bind_next = NULL;
    s->unbound_at = JV_NEVER;
    s->degraded_ms = 0;
    s->live.since = core->now;
    s->live.outstanding = false;
    s->live.beat_time_us = 0;
    s->live.beats_unanswered = 0;
    s->live.heartbeat_due = jv_add_ms(core->now, s->policy.heartbeat_interval_ms);
}

static void unbind(struct jv_core *core, struct jv_session *s)
{
    if (s->bound != NULL) {
        s->bound = NULL;
        s->unbound_at = core->now;
    }
    s->live.outstanding = false;
    s->live.report_owed = false;
    s->live.report_due = s->live.heartbeat_due = JV_NEVER;
    s->ack_due = JV_NEVER;
}

static void disarm(struct jv_session *s)
{
    s->lifetime_at = s->ttl_at = s->degrade_at = s->degraded_max_at = JV_NEVER;
    s->recovery_until = s->probation_until = s->ack_due = JV_NEVER;
}

static void probe_all(struct jv_core *core)
{
    for (uint32_t i = 0; jv_core_is_client(core) && i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used) {
            path->probe_due = core->now;
        }
    }
}

static void run_actions(struct jv_core *core, struct jv_session *s, uint32_t actions)
{
    const struct jv_policy *p = &s->policy;
    struct jv_instant now = core->now;
    if (actions & BIND) {
        bind_path(core, s);
    }
    if (actions & UNBIND) {
        unbind(core, s);
    }
    if (actions & ARM_LIFETIME) {
        s->lifetime_at = jv_add_ms(s->created, p->max_lifetime_ms);
    }
    if (actions & ARM_DEGRADE) {
        s->degrade_at = jv_add_ms(now, p->volatile_to_degraded_ms);
    }
    if (actions & ARM_DEGRADED_MAX) {
        /* What was spent in DEGRADED since the last return home counts: recoveries that fail must not renew it. */
        uint64_t spent_ms = JV_MIN(s->degraded_ms, (uint64_t)p->degraded_max_ms);
        s->degraded_max_at = jv_add_ms(now, p->degraded_max_ms - spent_ms);
    }
    if (actions & ARM_RECOVERY) {
        s->recovery_until = jv_add_ms(now, p->recovery_window_ms);
    }
    if ((actions & ARM_TRANSPORT_TTL) && jv_is_never(s->ttl_at)) {
        /* The clock starts at the unbinding and only a bind stops it: cycling through states extends nothing (RES-8). */
        s->ttl_at = jv_add_ms(s->unbound_at, p->transport_lost_ttl_ms);
    }
    if (actions & DISARM_TRANSPORT_TTL) {
        s->ttl_at = JV_NEVER;
    }
    if (actions & START_PROBATION) {
        s->probation_until = jv_add_ms(now, p->stability_window_ms);
    }
    if (actions & PROBE_ALL) {
        probe_all(core);
    }
    if (actions & DISARM) {
        disarm(s);
    }
    if (actions & WIPE_KEYS) {
        jv_keys_wipe(s->keys);
    }
}

/* The limits that the row armed: whoever reads the audit can hold the rows that follow against them. */
static void put_limits(const struct jv_session *s, uint32_t actions, struct jv_record *rec)
{
    if (actions & ARM_RECOVERY) {
        jv_record_put(rec, JV_FD_recovery_window_ms, s->policy.recovery_window_ms);
    }
    if (actions & ARM_TRANSPORT_TTL) {
        jv_record_put(rec, JV_FD_transport_ttl_ms, s->policy.transport_lost_ttl_ms);
    }
}

bool jv_session_apply(struct jv_core *core, struct jv_session *s, const struct jv_step *step,
                      struct jv_out *out)
{
    enum jv_state to;
    uint8_t row = jv_session_row(s->state, step->event, &to);
    if (row == JV_ROW_NONE) {
        core->count.rows_refused++;
        return false;
    }
    JV_ASSERT(jv_session_row_has(row, step->why));
    JV_ASSERT(s->rows < JV_ROWS_MAX);
    s->rows++;
    enum jv_state from = s->state;
    if (jv_core_is_client(core)) {
        s->local++;
    } else {
        s->v++;
    }
    s->state = to;
    core->ends_pending += to == JV_ST_TERMINATED ? 1 : 0;
    s->why = step->why;
    core->count.sessions[from]--;
    core->count.sessions[to]++;
    core->count.transitions[from][to]++;
    if (from == JV_ST_DEGRADED && s->bound != NULL) {
        s->degraded_ms += jv_since_ms(s->state_since, core->now);
    }
    if (from != to) {
        /* What a state armed ends with it; a row from a state to itself changes the binding and no deadline. */
        s->state_since = core->now;
        s->degrade_at = s->degraded_max_at = s->recovery_until = s->probation_until = JV_NEVER;
    }
    s->quiet.on = s->quiet.is_offered = false; /* agreed for a session that is well, on this path */
    if (from == JV_ST_ATTACHED && to == JV_ST_VOLATILE) {
        s->volatile_at = core->now;
    }
    run_actions(core, s, rows[row - JV_ROW_FIRST].actions);
    struct jv_record *rec = jv_session_record(core, s, JV_REC_SessionStateChange, step->why, out);
    rec->row = row;
    rec->from = (uint8_t)from;
    rec->to = (uint8_t)to;
    rec->rule = (uint8_t)step->rule;
    jv_record_path(rec, s->bound);
    put_limits(s, rows[row - JV_ROW_FIRST].actions, rec);
    if (from == JV_ST_RECOVERING && to == JV_ST_DEGRADED && jv_core_is_client(core)) {
        jv_record_put(rec, JV_FD_retry_after_ms, jv_degraded_failed(core, s));
    }
    for (uint32_t i = 0; i < step->fields_len; i++) {
        jv_record_put(rec, (enum jv_record_key)step->fields[i].key, step->fields[i].value);
    }
    jv_core_touch(core, s);
    return true;
}

/* ---- deadlines ---- */

struct jv_instant jv_session_deadline(const struct jv_session *s)
{
    struct jv_instant t = jv_earlier(s->lifetime_at, s->ttl_at);
    t = jv_earlier(t, jv_earlier(s->degrade_at, s->recovery_until));
    t = jv_earlier(t, jv_earlier(s->degraded_max_at, s->probation_until));
    return t;
}

void jv_session_end(struct jv_core *core, struct jv_session *s, enum jv_event event,
                    enum jv_why why, enum jv_rule rule, struct jv_out *out)
{
    struct jv_record_field fields[] = {
        {JV_FD_age_ms, jv_since_ms(s->created, core->now)},
        {JV_FD_transportless_ms,
         jv_is_never(s->unbound_at) ? 0 : jv_since_ms(s->unbound_at, core->now)},
        {JV_FD_switches, s->switches_total},
        {JV_FD_lifetime_ms, s->policy.max_lifetime_ms},
        {JV_FD_transport_ttl_ms, s->policy.transport_lost_ttl_ms}};
    if (jv_session_row(s->state, event, NULL) == JV_ROW_NONE) {
        return;
    }
    if (event != JV_EV_PEER_ENDED) {
        jv_tunnel_terminate(core, s, why, out);
    }
    (void)jv_session_apply(core, s,
                           &(struct jv_step){event, why, rule, fields, JV_ARRAY_LEN(fields)}, out);
    struct jv_record *rec = jv_session_record(core, s, JV_REC_SessionTerminated, why, out);
    for (uint32_t i = 0; i < 3; i++) {
        jv_record_put(rec, (enum jv_record_key)fields[i].key, fields[i].value);
    }
    core->count.ends++;
    core->count.ends_by_reason[why]++;
    jv_tunnel_drop_waiting(core, s);
    jv_resend_drop(core, s);
}

static void expire_limits(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_instant now = core->now;
    if (jv_is_due(s->lifetime_at, now)) {
        jv_session_end(core, s, JV_EV_SESSION_TTL_EXPIRED, JV_WHY_TTL_SESSION_EXPIRED,
                       JV_RULE_LIFETIME, out);
    } else if (jv_is_due(s->ttl_at, now)) {
        jv_session_end(core, s, JV_EV_TRANSPORT_TTL_EXPIRED, JV_WHY_TTL_TRANSPORT_LOSS_EXPIRED,
                       JV_RULE_TRANSPORT_TTL, out);
    } else if (jv_is_due(s->degraded_max_at, now)) {
        s->degraded_max_at = JV_NEVER;
        if (s->bound != NULL) {
            /* Without a binding the transport TTL is the limit. */
            jv_session_end(core, s, JV_EV_LIMIT_EXCEEDED, JV_WHY_POLICY_TERMINATION,
                           JV_RULE_DEGRADED_MAX, out);
        }
    }
}

void jv_session_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_instant now = core->now;
    expire_limits(core, s, out);
    if (jv_is_due(s->recovery_until, now)) {
        const struct jv_record_field f[] = {
            {JV_FD_recovery_window_ms, s->policy.recovery_window_ms}};
        (void)jv_session_apply(core, s,
                               &(struct jv_step){JV_EV_RECOVERY_EXPIRED,
                                                 JV_WHY_RECOVERY_BOUNDS_EXCEEDED, JV_RULE_WINDOW, f,
                                                 1},
                               out);
    }
    if (jv_is_due(s->degrade_at, now)) {
        const struct jv_record_field f[] = {
            {JV_FD_volatile_limit_ms, s->policy.volatile_to_degraded_ms}};
        (void)jv_session_apply(core, s,
                               &(struct jv_step){JV_EV_INSTABILITY_PERSISTED,
                                                 JV_WHY_VOLATILE_PERSISTED, JV_RULE_PERSISTED, f,
                                                 1},
                               out);
    }
    if (jv_is_due(s->probation_until, now)) {
        s->probation_until = JV_NEVER;
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_AuditEvent, JV_WHY_RECOVERY_COMPLETE, out);
        jv_record_path(rec, s->bound);
        jv_record_put(rec, JV_FD_stable_ms, s->policy.stability_window_ms);
    }
}
