/* SPDX-License-Identifier: Apache-2.0 */
#include "steer.h"

#include <string.h>

#include "client_state.h"
#include "jump.h"
#include "liveness.h"
#include "path.h"
#include "penalty.h"
#include "rank.h"
#include "session.h"

static struct jv_session *live_session(const struct jv_core *core)
{
    struct jv_session *s = jv_core_session_at(core, 0);
    return s != NULL && s->state != JV_ST_TERMINATED && s->state != JV_ST_BIRTH ? s : NULL;
}

/* ---- holding ---- */

uint64_t jv_steer_hold_left_ms(const struct jv_core *core)
{
    struct jv_instant until = core->client->hold_until;
    return jv_is_due(until, core->now) ? 0 : jv_since_ms(core->now, until);
}

enum jv_err jv_steer_hold(struct jv_core *core, uint32_t ms, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_session *s = live_session(core);
    if (ms != 0 && (ms < JV_HOLD_MIN_MS || ms > JV_HOLD_MAX_MS)) {
        return JV_E_RANGE;
    }
    cl->hold_until = jv_add_ms(core->now, ms);
    cl->is_hold_told = false;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_SwitchHold, JV_WHY_OPERATOR_ORDER, out);
    jv_record_put(rec, JV_FD_hold_ms, ms);
    if (s != NULL) {
        cl->failback_at = core->now; /* what waited for the old moment asks again */
        jv_core_touch(core, s);
    }
    return JV_E_OK;
}

bool jv_steer_holds(struct jv_core *core, struct jv_session *s, const struct jv_path *to,
                    struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint64_t left_ms = jv_steer_hold_left_ms(core);
    if (left_ms == 0) {
        return false;
    }
    if (!cl->is_hold_told) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_TransportSwitchDenied, JV_WHY_OPERATOR_HOLD, out);
        jv_record_path(rec, to);
        rec->rule = JV_RULE_HOLD;
        jv_record_put(rec, JV_FD_retry_after_ms, left_ms);
        cl->is_hold_told = true;
    }
    return true;
}

/* ---- testing ---- */

/* One whose answer may be under way would count as lost where the next one follows. */
static bool may_probe(const struct jv_core *core, const struct jv_path *path)
{
    uint64_t wait_us = jv_rtt_srtt_us(&path->rtt) + 4 * jv_rtt_jitter_us(&path->rtt);
    uint64_t since_us = jv_since_us(path->probe_sent, core->now);
    return path->probes_sent == 0 || (since_us >= JV_PROBE_ORDER_MS * 1000ULL &&
                                      (path->probe_time_us == 0 || since_us >= wait_us));
}

enum jv_err jv_steer_probe(struct jv_core *core, uint32_t link)
{
    struct jv_session *s = live_session(core);
    uint32_t found = 0;
    uint32_t off = 0;
    if (s == NULL) {
        return JV_E_STATE;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (!path->used || (link != 0 && path->link != link)) {
            continue;
        }
        found++;
        off += path->is_off ? 1 : 0;
        if (!path->is_off && may_probe(core, path)) {
            path->probe_due = core->now;
            path->is_doubted =
                true; /* the bound path too: its heartbeats are no answer to this question */
        }
    }
    jv_core_touch(core, s);
    return found == 0 ? JV_E_NOTFOUND : found == off ? JV_E_STATE : JV_E_OK;
}

/* ---- orders about paths ---- */

static const char *name_of(const struct jv_core *core, uint32_t link)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_client_link *l = &core->client->links[i];
        if (l->used && l->link == link) {
            return l->name;
        }
    }
    return NULL;
}

/* The entry of this name, or a free one; JV_PATH_MAX: there is none. */
static uint32_t entry_of(const struct jv_core *core, const char *name)
{
    uint32_t at = JV_PATH_MAX;
    for (uint32_t i = JV_PATH_MAX; i-- > 0;) {
        const char *held = core->client->orders[i].name;
        if (memcmp(held, name, JV_NAME_BYTES) == 0) {
            return i;
        }
        at = held[0] == '\0' ? i : at;
    }
    return at;
}

void jv_steer_path(const struct jv_core *core, struct jv_path *path)
{
    uint32_t at = entry_of(core, path->name);
    bool is_kept = at < JV_PATH_MAX && core->client->orders[at].name[0] != '\0';
    path->is_off = is_kept && core->client->orders[at].is_off;
    if (is_kept && core->client->orders[at].has_prefer) {
        path->prefer = core->client->orders[at].prefer;
    }
}

/* The bound path, or the one that a request in flight is about. */
static bool is_in_use(const struct jv_core *core, const struct jv_session *s, const char *name)
{
    const struct jv_client *cl = core->client;
    const struct jv_path *asked = cl->request.used ? &cl->paths[cl->request.path] : NULL;
    bool is_bound =
        s != NULL && s->bound != NULL && memcmp(s->bound->name, name, JV_NAME_BYTES) == 0;
    return is_bound ||
           (asked != NULL && asked->used && memcmp(asked->name, name, JV_NAME_BYTES) == 0);
}

/* A birth that is under way on a path that goes out of the choice: what it would still be answered there is not heard. */
static void leave_birth(const struct jv_core *core, const struct jv_path *path)
{
    struct jv_attempt *attempt = &core->client->attempt;
    if ((attempt->running || attempt->confirming) && path->link == attempt->link &&
        jv_endpoint_is_equal(&path->remote, &attempt->remote)) {
        attempt->running = attempt->confirming = false;
        attempt->tries = 0;
        attempt->retry_at = core->now;
    }
}

/* What is under way on a path that goes out of the choice leads nowhere; one that comes back is proven first. */
static void apply(struct jv_core *core, const char *name)
{
    struct jv_client *cl = core->client;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &cl->paths[i];
        if (!path->used || memcmp(path->name, name, JV_NAME_BYTES) != 0) {
            continue;
        }
        bool was_off = path->is_off;
        jv_steer_path(core, path);
        if (path->is_off != was_off) {
            path->has_token = false;
            path->probe_time_us = 0;
            path->answered_us = path->newest_us;
            path->unanswered = 0;
            path->probe_due = path->is_off ? JV_NEVER : core->now;
        }
        if (path->is_off) {
            leave_birth(core, path);
        }
    }
    /* A birth may have waited for this path, or for it to begin at all. */
    if (cl->attempt.wanted && jv_is_never(cl->attempt.retry_at)) {
        cl->attempt.retry_at = core->now;
    }
    if (cl->attempt.wanted && jv_is_never(cl->attempt.begin_at)) {
        cl->attempt.begin_at = core->now;
    }
}

enum jv_err jv_steer_order(struct jv_core *core, const struct jv_command *command,
                           struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_session *s = live_session(core);
    const char *name = name_of(core, command->link);
    if (name == NULL) {
        return JV_E_NOTFOUND;
    }
    bool is_off = command->kind == JV_CMD_PATH_OFF;
    if (is_off && is_in_use(core, s, name)) {
        return JV_E_STATE;
    }
    uint32_t at = entry_of(core, name);
    if (at == JV_PATH_MAX) {
        return JV_E_FULL;
    }
    memcpy(cl->orders[at].name, name, sizeof cl->orders[at].name);
    if (command->kind == JV_CMD_PATH_PREFER) {
        cl->orders[at].has_prefer = true;
        cl->orders[at].prefer = command->prefer;
    } else {
        cl->orders[at].is_off = is_off;
    }
    apply(core, name);
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_PathOrdered, JV_WHY_OPERATOR_ORDER, out);
    memcpy(rec->path, name, sizeof rec->path);
    const char *text = command->kind == JV_CMD_PATH_PREFER ? "prefer" : is_off ? "off" : "on";
    memcpy(rec->text, text, strlen(text) + 1);
    if (command->kind == JV_CMD_PATH_PREFER) {
        jv_record_put(rec, JV_FD_prefer, command->prefer);
    }
    if (s != NULL) {
        cl->failback_at = core->now;
        jv_core_touch(core, s);
    }
    return JV_E_OK;
}

/* ---- asking first ---- */

static enum jv_why why_not(const struct jv_core *core, const struct jv_session *s,
                           const struct jv_path *path, bool is_first)
{
    if (path->is_off) {
        return JV_WHY_OPERATOR_ORDER;
    }
    if (path == s->bound ? s->state != JV_ST_ATTACHED : !jv_path_is_proven(core, s, path)) {
        return JV_WHY_NOT_PROVEN;
    }
    if (path != s->bound && jv_penalty_ms(core, path) > 0) {
        return JV_WHY_PENALISED;
    }
    return is_first ? JV_WHY_NONE : JV_WHY_LOWER_PREFERENCE;
}

static bool add_candidate(const struct jv_core *core, const struct jv_session *s,
                          const struct jv_path *path, bool is_first, struct jv_switch_verdict *out)
{
    uint32_t at = out->candidates_len++;
    memcpy(out->candidates[at].name, path->name, sizeof out->candidates[at].name);
    out->candidates[at].remote = path->remote;
    out->candidates[at].why = why_not(core, s, path, is_first);
    out->candidates[at].is_bound = path == s->bound;
    out->candidates[at].prefer = path->prefer;
    out->candidates[at].srtt_us = path->rtt.any ? path->rtt.srtt_us : 0;
    return out->candidates[at].why == JV_WHY_NONE;
}

enum jv_err jv_core_would_switch(struct jv_core *core, struct jv_instant now, uint32_t link,
                                 struct jv_switch_verdict *out)
{
    uint8_t order[JV_PATH_MAX];
    struct jv_session *s = jv_core_is_client(core) ? live_session(core) : NULL;
    memset(out, 0, sizeof *out);
    core->now = now;
    if (s == NULL) {
        return JV_E_STATE;
    }
    (void)jv_jump_judge_order(core, s, link, out); /* where it would lead is told by the ranking */
    out->switches_in_window = jv_session_switches_in_window(s, now);
    out->switches_limit = s->policy.max_switches_per_min;
    bool is_first = true;
    uint32_t n = jv_rank(core, s, order);
    for (uint32_t i = 0; i < n; i++) {
        is_first =
            !add_candidate(core, s, &core->client->paths[order[i]], is_first, out) && is_first;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (core->client->paths[i].used && core->client->paths[i].is_off) {
            (void)add_candidate(core, s, &core->client->paths[i], false, out); /* never chosen */
        }
    }
    return JV_E_OK;
}
