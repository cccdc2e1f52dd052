/* SPDX-License-Identifier: Apache-2.0 */
#include "ladder.h"

#include <string.h>

#include "client_state.h"
#include "jump.h"
#include "liveness.h"
#include "rank.h"
#include "session.h"

static bool is_in_trouble(const struct jv_core *core, const struct jv_session *s)
{
    bool may_move =
        s->state == JV_ST_VOLATILE || s->state == JV_ST_DEGRADED || s->state == JV_ST_RECOVERING;
    return may_move && (s->bound == NULL || core->client->suspected);
}

enum jv_rung jv_ladder_rung(const struct jv_core *core, const struct jv_path *path)
{
    const struct jv_client *cl = core->client;
    if (cl->last_link == 0) {
        return JV_RUNG_NONE;
    }
    if (memcmp(path->name, cl->last_name, sizeof path->name) != 0) {
        return JV_RUNG_OTHER_INTERFACE;
    }
    if (path->remote.ip.family != cl->last_remote.ip.family) {
        return JV_RUNG_OTHER_FAMILY;
    }
    if (!jv_endpoint_is_equal(&path->remote, &cl->last_remote)) {
        return JV_RUNG_OTHER_ENDPOINT;
    }
    return path->link == cl->last_link ? JV_RUNG_SAME_SOCKET : JV_RUNG_NEW_PORT;
}

void jv_ladder_bound(struct jv_core *core, const struct jv_path *path)
{
    core->client->last_link = path->link;
    core->client->last_remote = path->remote;
}

const struct jv_endpoint *jv_ladder_target(const struct jv_core *core)
{
    return &core->client->ladder.remote;
}

/* ---- the twin ---- */

bool jv_ladder_on_link(struct jv_core *core, uint32_t link, uint32_t of)
{
    struct jv_ladder *l = &core->client->ladder;
    if (of == 0 || of != l->of_link || l->twin != 0) {
        return false;
    }
    l->twin = link;
    return true;
}

void jv_ladder_link_gone(struct jv_core *core, uint32_t link)
{
    struct jv_ladder *l = &core->client->ladder;
    if (link == l->twin || link == l->of_link) {
        /* The one that stays is a link like any other. */
        l->twin = l->of_link = 0;
    }
}

void jv_ladder_refuse(struct jv_core *core, uint32_t link, struct jv_out *out)
{
    jv_core_order(out, JV_ORDER_LINK_CLOSE, jv_core_session_at(core, 0))->link = link;
}

static void order(struct jv_out *out, const struct jv_session *s, enum jv_order_kind kind,
                  uint32_t link)
{
    jv_core_order(out, kind, s)->link = link;
}

static bool has_place(const struct jv_core *core)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (!core->client->links[i].used) {
            return true;
        }
    }
    return false;
}

static bool has_path(const struct jv_core *core)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (core->client->paths[i].used && !core->client->paths[i].is_off) {
            return true;
        }
    }
    return false;
}

static bool is_silent(const struct jv_core *core, const struct jv_session *s,
                      const struct jv_path *path)
{
    return path == s->bound ? core->client->suspected : path->unanswered > 0;
}

/* Of the silent paths the one whose turn it is: that of the transport which was bound last first, then the others by rank. */
static const struct jv_path *next_silent(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_client *cl = core->client;
    const struct jv_path *turns[JV_PATH_MAX];
    uint32_t turns_len = 0;
    uint8_t ranked[JV_PATH_MAX];
    uint32_t n = jv_rank(core, s, ranked);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < n; i++) {
            const struct jv_path *path = &cl->paths[ranked[i]];
            bool is_last = jv_ladder_rung(core, path) == JV_RUNG_SAME_SOCKET;
            if (is_last == (pass == 0) && is_silent(core, s, path) &&
                path->link != cl->ladder.twin) {
                turns[turns_len++] = path;
            }
        }
    }
    return turns_len > 0 ? turns[cl->ladder.opened % turns_len] : NULL;
}

/* A path that was asked may still answer: it has as long as its round trips take. */
static bool is_answer_awaited(const struct jv_core *core, const struct jv_session *s)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &core->client->paths[i];
        if (path->used && !path->is_off && path != s->bound && path->probe_time_us != 0 &&
            path->unanswered == 0) {
            return true;
        }
    }
    return false;
}

static void record_rung(struct jv_core *core, struct jv_session *s, enum jv_rung rung,
                        const struct jv_path *path, struct jv_out *out)
{
    struct jv_ladder *l = &core->client->ladder;
    if (rung == JV_RUNG_NONE || (rung != JV_RUNG_NEW_PORT && (l->tried & 1U << rung) != 0)) {
        return;
    }
    l->tried |= 1U << rung;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_RecoveryRung, JV_WHY_RECOVERY_START, out);
    jv_record_path(rec, path);
    jv_record_put(rec, JV_FD_rung, rung);
    if (rung == JV_RUNG_NEW_PORT) {
        jv_record_put(rec, JV_FD_attempts, l->opened);
    }
}

static void record_paths(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    for (uint32_t rung = JV_RUNG_SAME_SOCKET; rung <= JV_RUNG_OTHER_INTERFACE; rung++) {
        for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
            const struct jv_path *path = &core->client->paths[i];
            if (path->used && !path->is_off && path->link != core->client->ladder.twin &&
                jv_ladder_rung(core, path) == rung) {
                record_rung(core, s, (enum jv_rung)rung, path, out);
            }
        }
    }
}

static void open_twin(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_ladder *l = &cl->ladder;
    uint64_t pause_ms = (uint64_t)JV_LADDER_PAUSE_MS << JV_MIN(l->opened, 8U);
    const struct jv_path *path = next_silent(core, s);
    /* One that answers probes and let a recovery fail is no reason to wait: it may answer nothing else. */
    bool is_better_known =
        cl->failed_recoveries == 0 && jv_jump_next_candidate(core, s, s->bound) != NULL;
    bool is_brief = cl->request.used || is_answer_awaited(core, s);
    if (is_brief || is_better_known || path == NULL) {
        l->next_at = jv_add_ms(core->now, is_brief ? JV_LADDER_WAIT_MS : JV_LADDER_PAUSE_MS);
        return;
    }
    l->next_at = jv_add_ms(core->now, JV_MIN(pause_ms, (uint64_t)JV_LADDER_PAUSE_MAX_MS));
    order(out, s, JV_ORDER_LOOK_UP, 0); /* its address may have changed */
    if (l->twin != 0 && s->bound != NULL && s->bound->link == l->twin) {
        /* It serves, and is only doubted: what goes is the one that it replaced. */
        order(out, s, JV_ORDER_LINK_CLOSE, l->of_link);
        l->twin = l->of_link = 0;
        return;
    }
    if (l->twin != 0) {
        order(out, s, JV_ORDER_LINK_CLOSE, l->twin); /* it has had its time */
        l->twin = 0;
    } else if (!has_place(core)) {
        return;
    }
    l->opened++;
    l->of_link = path->link;
    l->remote = path->remote;
    order(out, s, JV_ORDER_LINK_TWIN, path->link);
    record_rung(core, s, JV_RUNG_NEW_PORT, path, out);
}

/* The trouble is over: of two sockets at one address the one that serves stays. */
static void tidy(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_ladder *l = &core->client->ladder;
    bool is_taken = s->bound->link == l->twin;
    if (l->twin == 0) {
        l->of_link = 0; /* ordered and never opened */
    } else if (jv_is_never(l->tidy_at)) {
        l->tidy_at = jv_add_ms(core->now, JV_MAX(s->policy.retired_rx_grace_ms, 1U));
    } else if (jv_is_due(l->tidy_at, core->now)) {
        order(out, s, JV_ORDER_LINK_CLOSE, is_taken ? l->of_link : l->twin);
        l->twin = l->of_link = 0;
    }
}

/* ---- deadlines ---- */

struct jv_instant jv_ladder_deadline(const struct jv_core *core, const struct jv_session *s)
{
    const struct jv_ladder *l = &core->client->ladder;
    if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return JV_NEVER;
    }
    if (is_in_trouble(core, s)) {
        if (!has_path(core)) {
            return JV_NEVER; /* a path that appears touches the session */
        }
        return l->is_climbing ? l->next_at : core->now;
    }
    if (s->state != JV_ST_ATTACHED) {
        return JV_NEVER; /* doubt that pauses is no end of the trouble */
    }
    if (l->twin == 0 || s->bound == NULL) {
        return l->is_climbing ? core->now : JV_NEVER;
    }
    return jv_is_never(l->tidy_at) ? core->now : l->tidy_at;
}

void jv_ladder_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_ladder *l = &core->client->ladder;
    if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return;
    }
    if (!is_in_trouble(core, s)) {
        if (s->state != JV_ST_ATTACHED) {
            return;
        }
        l->calm_since = l->is_climbing ? core->now : l->calm_since;
        l->is_climbing = false;
        if (s->bound != NULL) {
            tidy(core, s, out);
        }
        return;
    }
    if (!l->is_climbing) {
        l->is_climbing = true;
        l->tried = 0;
        l->tidy_at = JV_NEVER;
        if (jv_since_ms(l->calm_since, core->now) >= JV_LADDER_CALM_MS) {
            l->opened = 0;
        }
        uint64_t pause_ms = (uint64_t)JV_LADDER_WAIT_MS << JV_MIN(l->opened, 8U);
        l->next_at = jv_add_ms(core->now, pause_ms);
    }
    record_paths(core, s, out);
    if (jv_is_due(l->next_at, core->now)) {
        open_twin(core, s, out);
    }
}
