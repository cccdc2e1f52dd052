/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <string.h>

#include "client_state.h"
#include "control.h"
#include "degraded.h"
#include "health.h"
#include "jump.h"
#include "ladder.h"
#include "liveness.h"
#include "pathsize.h"
#include "session.h"
#include "steer.h"
#include "token.h"

static struct jv_session *live_session(const struct jv_core *core)
{
    struct jv_session *s = jv_core_session_at(core, 0);
    return s != NULL && s->state != JV_ST_TERMINATED && s->state != JV_ST_BIRTH ? s : NULL;
}

/* ---- slots ---- */

struct jv_path *jv_path_find(struct jv_core *core, uint32_t link, const struct jv_endpoint *remote)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used && path->link == link && jv_endpoint_is_equal(&path->remote, remote)) {
            return path;
        }
    }
    return NULL;
}

bool jv_path_is_answering(const struct jv_core *core, const struct jv_session *s,
                          const struct jv_path *path)
{
    return path->used && !path->is_off && path->has_token && path->unanswered == 0 &&
           jv_since_ms(path->token_at, core->now) < s->policy.path_valid_ms;
}

bool jv_path_is_proven(const struct jv_core *core, const struct jv_session *s,
                       const struct jv_path *path)
{
    return jv_path_is_answering(core, s, path) && !jv_pmtu_is_refused(&path->size.search);
}

static void remove_path(struct jv_core *core, struct jv_path *path, enum jv_why why,
                        struct jv_out *out)
{
    struct jv_session *s = live_session(core);
    if (s != NULL) {
        struct jv_record *rec = jv_session_record(core, s, JV_REC_PathGone, why, out);
        jv_record_path(rec, path);
        jv_jump_path_gone(core, s, path, out);
    }
    jv_path_leave_locator(core, path);
    memset(path, 0, sizeof *path);
}

/* Numbers come round after 255: one that a path or the last binding has is passed over. */
static uint8_t fresh_number(struct jv_core *core)
{
    struct jv_client *cl = core->client;
    for (;;) {
        uint8_t number = ++cl->next_number;
        bool is_taken = number == cl->last_number;
        for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
            is_taken = is_taken || (cl->paths[i].used && cl->paths[i].number == number);
        }
        if (!is_taken) {
            return number;
        }
    }
}

/* Its place in the list; `len`: it is not there. */
static uint32_t endpoint_at(const struct jv_endpoint *list, uint32_t len,
                            const struct jv_endpoint *endpoint)
{
    uint32_t i = 0;
    while (i < len && !jv_endpoint_is_equal(&list[i], endpoint)) {
        i++;
    }
    return i;
}

static void add_path(struct jv_core *core, const struct jv_client_link *link,
                     const struct jv_endpoint *remote, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_session *s = live_session(core);
    uint32_t max = s != NULL ? s->policy.max_candidate_count : core->cfg.policy.max_candidate_count;
    for (uint8_t i = 0; i < JV_MIN(max, JV_PATH_MAX); i++) {
        struct jv_path *path = &cl->paths[i];
        if (path->used) {
            continue;
        }
        memset(path, 0, sizeof *path);
        path->used = true;
        path->id = i;
        path->number = fresh_number(core);
        path->link = link->link;
        memcpy(path->name, link->name, sizeof path->name);
        path->local = link->local;
        path->remote = *remote;
        path->is_stale =
            endpoint_at(cl->endpoints, cl->endpoints_told, remote) == cl->endpoints_told;
        path->prefer = link->prefer;
        path->mtu = link->mtu;
        path->cost = link->cost;
        path->is_cold = link->is_cold;
        path->is_metered = link->is_metered;
        path->probe_due = core->now;
        path->doubling_decay = JV_NEVER;
        jv_steer_path(core, path);
        jv_health_reset(core, path);
        memset(&cl->denied[i], 0, sizeof cl->denied[i]);
        if (s != NULL) {
            jv_pathsize_forget(core, s, path);
            struct jv_record *rec = jv_session_record(core, s, JV_REC_PathAdded, JV_WHY_NONE, out);
            jv_record_path(rec, path);
            jv_record_put(rec, JV_FD_prefer, path->prefer);
            jv_core_touch(core, s);
        }
        if (cl->attempt.wanted) {
            /* What waited for a path need not wait longer. */
            if (jv_is_never(cl->attempt.begin_at)) {
                cl->attempt.begin_at = core->now;
            }
            if (jv_is_never(cl->attempt.retry_at)) {
                cl->attempt.retry_at = core->now;
            }
        }
        return;
    }
}

static void add_missing(struct jv_core *core, bool is_twin, struct jv_out *out)
{
    const struct jv_client *cl = core->client;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_client_link *link = &cl->links[i];
        for (uint32_t k = 0; link->used && link->is_twin == is_twin && k < cl->endpoints_len; k++) {
            const struct jv_endpoint *remote = &cl->endpoints[k];
            bool is_wanted = !is_twin || jv_endpoint_is_equal(remote, jv_ladder_target(core));
            if (is_wanted && link->local.ip.family == remote->ip.family &&
                jv_path_find(core, link->link, remote) == NULL) {
                add_path(core, link, remote, out);
            }
        }
    }
}

void jv_path_rebuild(struct jv_core *core, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &cl->paths[i];
        bool has_link = false;
        for (uint32_t k = 0; k < JV_PATH_MAX; k++) {
            has_link = has_link || (cl->links[k].used && cl->links[k].link == path->link);
        }
        uint32_t at = endpoint_at(cl->endpoints, cl->endpoints_len, &path->remote);
        path->is_stale = at >= cl->endpoints_told;
        if (path->used && !(has_link && at < cl->endpoints_len)) {
            remove_path(core, path, has_link ? JV_WHY_ENDPOINT_GONE : JV_WHY_LINK_DOWN, out);
        }
    }
    /* The place that was made for a twin is not for others. */
    add_missing(core, true, out);
    add_missing(core, false, out);
}

static void keep_endpoint(struct jv_client *cl, const struct jv_endpoint *endpoint)
{
    if (cl->endpoints_len < JV_ENDPOINT_MAX &&
        endpoint_at(cl->endpoints, cl->endpoints_len, endpoint) == cl->endpoints_len) {
        cl->endpoints[cl->endpoints_len++] = *endpoint;
    }
}

void jv_path_settle_endpoints(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    bool is_settled = s->state == JV_ST_ATTACHED && s->bound != NULL && !cl->suspected;
    if (cl->endpoints_len > cl->endpoints_told && is_settled && !s->bound->is_stale) {
        cl->endpoints_len = cl->endpoints_told;
        jv_path_rebuild(core, out);
    }
}

void jv_path_endpoints(struct jv_core *core, const struct jv_command *command, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_session *s = live_session(core);
    struct jv_endpoint old[JV_ENDPOINT_MAX];
    uint32_t old_len = s != NULL ? cl->endpoints_len : 0;
    memcpy(old, cl->endpoints, sizeof old);
    cl->endpoints_len = JV_MIN(command->endpoints_len, JV_ENDPOINT_MAX);
    memcpy(cl->endpoints, command->endpoints, sizeof cl->endpoints);
    if (s != NULL && s->bound != NULL) {
        uint32_t at = endpoint_at(cl->endpoints, cl->endpoints_len, &s->bound->remote);
        /* What serves has a place, whatever else there is. */
        cl->endpoints_len -=
            at == cl->endpoints_len && cl->endpoints_len == JV_ENDPOINT_MAX ? 1 : 0;
    }
    cl->endpoints_told = cl->endpoints_len;
    if (s != NULL && s->bound != NULL) {
        keep_endpoint(cl, &s->bound->remote);
    }
    for (uint32_t i = 0; i < old_len; i++) {
        keep_endpoint(cl, &old[i]);
    }
    jv_path_rebuild(core, out);
    if (s != NULL) {
        jv_path_settle_endpoints(core, s, out);
        cl->failback_at =
            core->now; /* a path to an address that is told is preferred to one that is not */
        jv_core_touch(core, s);
    }
}

/* A twin's path is worth more than a silent one: where all places are taken, the last of those makes room, until the twin goes. */
static void make_room(struct jv_core *core, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    const struct jv_session *s = live_session(core);
    uint32_t max = s != NULL ? s->policy.max_candidate_count : core->cfg.policy.max_candidate_count;
    struct jv_path *last = NULL;
    for (uint32_t i = 0; i < JV_MIN(max, JV_PATH_MAX); i++) {
        struct jv_path *path = &cl->paths[i];
        bool is_needed = s == NULL || path == s->bound || path->unanswered == 0 ||
                         (cl->request.used && cl->request.path == path->id);
        if (!path->used) {
            return;
        }
        last = is_needed ? last : path;
    }
    if (last != NULL) {
        remove_path(core, last, JV_WHY_NOT_PROVEN, out);
    }
}

void jv_path_add_link(struct jv_core *core, const struct jv_command *command, struct jv_out *out)
{
    bool is_twin = jv_ladder_on_link(core, command->link, command->twin_of);
    if (command->twin_of != 0 && !is_twin) {
        jv_ladder_refuse(core, command->link, out);
        return;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_client_link *link = &core->client->links[i];
        if (!link->used) {
            link->used = true;
            link->link = command->link;
            memcpy(link->name, command->name, sizeof link->name);
            link->local = command->local;
            link->prefer = command->prefer;
            link->mtu = command->mtu;
            link->cost = command->cost;
            link->is_cold = command->is_cold;
            link->is_metered = command->is_metered;
            link->is_twin = is_twin;
            if (is_twin) {
                make_room(core, out);
            }
            break;
        }
    }
    jv_path_rebuild(core, out);
}

void jv_path_remove_link(struct jv_core *core, uint32_t link, struct jv_out *out)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        if (core->client->links[i].used && core->client->links[i].link == link) {
            core->client->links[i].used = false;
        }
    }
    jv_ladder_link_gone(core, link);
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_client_link *other = &core->client->links[i];
        other->is_twin = other->is_twin && other->link == core->client->ladder.twin;
    }
    jv_path_rebuild(core, out);
}

void jv_path_link_mtu(struct jv_core *core, uint32_t link, uint32_t mtu)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_client *cl = core->client;
        if (cl->links[i].used && cl->links[i].link == link) {
            cl->links[i].mtu = mtu;
        }
        if (cl->paths[i].used && cl->paths[i].link == link) {
            jv_pathsize_link_mtu(core, live_session(core), &cl->paths[i], mtu);
        }
    }
}

void jv_path_doubt(struct jv_core *core, const struct jv_command *command)
{
    struct jv_path *path = jv_path_find(core, command->link, &command->remote);
    struct jv_session *s = live_session(core);
    if (path != NULL && s != NULL && command->is_too_big) {
        jv_pathsize_doubt(core, s, path, command->mtu);
        return;
    }
    /* Once a round trip at most: a flood of ICMP must not become a flood of probes. */
    if (path != NULL && s != NULL && path->probe_time_us == 0 &&
        jv_since_us(path->probe_sent, core->now) > jv_rtt_srtt_us(&path->rtt)) {
        path->probe_due = core->now;
        path->is_doubted = true;
        jv_core_touch(core, s);
    }
}

void jv_path_begin(struct jv_core *core, struct jv_session *s)
{
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *path = &core->client->paths[i];
        if (path->used && path != s->bound) {
            path->locator = 0;
            path->has_token = false;
            path->probe_time_us = 0;
            path->unanswered = 0;
            path->probe_due = core->now;
        }
        if (path->used) {
            jv_pathsize_forget(core, s, path);
        }
    }
    jv_pathsize_begin(core, s, s->bound);
    s->bound->probe_due = JV_NEVER;
    s->bound->has_token = false;
    jv_health_shaken(core, s->bound);
    core->client->last_number = s->bound->number;
    memcpy(core->client->last_name, s->bound->name, sizeof core->client->last_name);
    jv_ladder_bound(core, s->bound);
    memset(core->client->left, 0, sizeof core->client->left);
    jv_core_touch(core, s);
}

/* ---- probes ---- */

static bool in_trouble(const struct jv_core *core, const struct jv_session *s)
{
    return s->state != JV_ST_ATTACHED || core->client->suspected;
}

/* A probe costs little, but where bytes are paid for it is asked less often. */
static uint32_t standby_ms(const struct jv_session *s, const struct jv_path *path)
{
    return path->is_metered ? s->policy.metered_probe_ms : s->policy.standby_probe_ms;
}

/* A cold path is left alone while another one is well. */
static bool is_resting(const struct jv_core *core, const struct jv_session *s,
                       const struct jv_path *path)
{
    return path->is_cold && path != s->bound && !in_trouble(core, s);
}

/* Protective mode on a path that answers: whoever stays in it for an hour explores little. */
static bool is_calm(const struct jv_core *core, const struct jv_session *s)
{
    return s->state == JV_ST_DEGRADED && s->bound != NULL && !core->client->suspected;
}

/* When to probe again: patiently while all is well, at a doubling pace while it is not. */
static struct jv_instant next_probe(struct jv_core *core, const struct jv_session *s,
                                    const struct jv_path *path)
{
    uint64_t rto_ms = (jv_rtt_srtt_us(&path->rtt) + 4 * jv_rtt_jitter_us(&path->rtt)) / 1000 + 1;
    uint64_t retry = JV_MAX((uint64_t)JV_PROBE_RETRY_MIN_MS, rto_ms)
                     << JV_MIN(path->unanswered, 6U);
    uint64_t cap = JV_PROBE_RETRY_MAX_MS;
    if (in_trouble(core, s) && jv_since_ms(s->volatile_at, core->now) < JV_PROBE_EAGER_MS) {
        cap = JV_PROBE_RETRY_EAGER_MS;
    } else if (!in_trouble(core, s) && path->unanswered > JV_PROBE_STANDBY_TRIES) {
        cap = retry = standby_ms(s, path); /* a dead standby costs no more than a living one */
    }
    uint64_t wait = JV_MIN(retry, cap);
    if (!in_trouble(core, s) && path->probe_time_us == 0) {
        wait = standby_ms(s, path);
        wait += jv_prng_below(&core->jitter, wait / 8 + 1);
    } else if (path->probe_time_us == 0) {
        /* An answer that the network held for minutes is a sample too, and puts nothing off for as long. */
        wait = JV_MIN(JV_MAX((uint64_t)JV_PROBE_RETRY_MIN_MS, rto_ms),
                      (uint64_t)JV_PROBE_RETRY_MAX_MS);
        wait = is_calm(core, s) ? JV_MAX(wait, (uint64_t)JV_PROBE_DEGRADED_MS) : wait;
    }
    return jv_add_ms(core->now, wait);
}

void jv_path_probe(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                   struct jv_out *out)
{
    if (path->probe_time_us != 0) {
        path->unanswered++;
        jv_health_probe(core, path, false);
    }
    jv_path_refresh_locator(core, s, path);
    if (path == s->bound) {
        jv_liveness_send_heartbeat(core, s, out);
        path->mark_epoch = s->live.eliciting_epoch;
        path->mark_counter = s->live.eliciting_counter;
    }
    if (jv_path_give_locator(core, path)) {
        uint8_t body[JV_PROBE_BODY];
        const struct jv_probe probe = {jv_core_time_us(core), core->client->order_spent};
        jv_probe_encode(&probe, body);
        const struct jv_control_to to = {path->link, path->remote, path->local, path->locator};
        if (jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_PROBE, &to, body,
                            sizeof body, out)) {
            path->probes_sent++;
            path->probe_time_us = path->newest_us = probe.time_us;
            path->probe_sent = core->now;
        }
    }
    path->probe_due = next_probe(core, s, path);
}

static void note_observed(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          const struct jv_endpoint *observed, struct jv_out *out)
{
    if (path->observed.ip.family != JV_AF_NONE &&
        !jv_endpoint_is_equal(&path->observed, observed)) {
        struct jv_record *rec =
            jv_session_record(core, s, JV_REC_AddressObserved, JV_WHY_NAT_REBIND_DETECTED, out);
        jv_record_path(rec, path);
        rec->remote = *observed;
    }
    path->observed = *observed;
}

void jv_path_on_probe_reply(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                            const struct jv_header *header, struct jv_slot *slot,
                            struct jv_out *out)
{
    uint8_t body[JV_PROBE_BODY_MAX];
    struct jv_probe_reply reply;
    uint32_t bytes = slot->len;
    struct jv_epoch *epoch;
    enum jv_drop drop = JV_DROP_CONTROL_STALE;
    if (!jv_control_open_probe(core, s, header, slot, body, &epoch, &drop)) {
        jv_core_drop(core, slot, drop);
        return;
    }
    if (!jv_probe_reply_decode(body, JV_PROBE_BODY, &reply)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!jv_path_owns_locator(core->client, path, header->locator)) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    if (bytes > JV_PROBE_BYTES) {
        /* It tells of the size alone: the small ones know of life, token and address. */
        jv_core_drop(core, slot, JV_DROP_CONSUMED);
        jv_pathsize_on_reply(core, s, path, reply.time_us, bytes, out);
        return;
    }
    bool is_latest = path->probe_time_us != 0 && reply.time_us == path->probe_time_us;
    if (reply.time_us <= path->answered_us || reply.time_us > path->newest_us) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    jv_pathsize_on_small_reply(core, path, reply.time_us);
    uint64_t now_us = jv_core_time_us(core);
    path->probes_answered++;
    path->probe_rtt_us = now_us > reply.time_us ? now_us - reply.time_us : 0;
    jv_health_round_trip(core, path, path->probe_rtt_us);
    jv_health_probe(core, path, true);
    path->answered_us = reply.time_us;
    path->is_replaced = false;
    bool was_proven = jv_path_is_answering(core, s, path);
    if (!path->was_heard || path->unanswered >= JV_HEALTH_DEAD_PROBES) {
        jv_degraded_hope(core);
    }
    path->probe_time_us = is_latest ? 0 : path->probe_time_us;
    path->unanswered = 0;
    if (path->was_left_silent) {
        jv_jump_left_too_early(core, s, path);
    }
    path->was_left_silent = false;
    path->was_heard = true;
    path->heard = core->now;
    path->has_token = true;
    memcpy(path->token, reply.token, sizeof path->token);
    path->token_at = core->now;
    path->probe_due =
        path == s->bound && !in_trouble(core, s) ? JV_NEVER : next_probe(core, s, path);
    s->v = JV_MAX(s->v, reply.version);
    core->client->gateway_time_ms =
        JV_MAX(core->client->gateway_time_ms, jv_token_time(reply.token));
    note_observed(core, s, path, &reply.observed, out);
    if (!was_proven) {
        jv_health_shaken(core, path);
        struct jv_record *rec = jv_session_record(core, s, JV_REC_PathProven, JV_WHY_PROBE_OK, out);
        jv_record_path(rec, path);
        jv_record_put(rec, JV_FD_rtt_us, jv_rtt_srtt_us(&path->rtt));
        jv_record_put(rec, JV_FD_prefer, path->prefer);
        jv_pathsize_begin(core, s, path);
    }
    jv_core_touch(core, s);
    jv_jump_on_probe_reply(core, s, path, &reply, out);
}

struct jv_instant jv_path_deadline(const struct jv_core *core, const struct jv_session *s)
{
    struct jv_instant t = JV_NEVER;
    for (uint32_t i = 0; s->state != JV_ST_TERMINATED && s->state != JV_ST_BIRTH && i < JV_PATH_MAX;
         i++) {
        if (core->client->paths[i].used && !core->client->paths[i].is_off) {
            t = jv_earlier(t, core->client->paths[i].probe_due);
        }
    }
    return t;
}

void jv_path_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    for (uint32_t i = 0; s->state != JV_ST_TERMINATED && s->state != JV_ST_BIRTH && i < JV_PATH_MAX;
         i++) {
        struct jv_path *path = &core->client->paths[i];
        if (!path->used || path->is_off || !jv_is_due(path->probe_due, core->now)) {
            continue;
        }
        if (path == s->bound && !in_trouble(core, s) && path->probe_time_us == 0 &&
            !path->is_doubted) {
            path->probe_due = JV_NEVER; /* its heartbeats do the work while all is well */
            continue;
        }
        if (is_resting(core, s, path) && !path->is_doubted) {
            path->probe_due = JV_NEVER;
            path->probe_time_us = 0;
            continue;
        }
        path->is_doubted = false;
        jv_path_probe(core, s, path, out);
    }
}
