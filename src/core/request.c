/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <string.h>

#include "client_state.h"
#include "commit.h"
#include "control.h"
#include "jump.h"
#include "liveness.h"
#include "path.h"
#include "rekey.h"
#include "resend.h"
#include "session.h"
#include "token.h"
#include "tunnel.h"

/* ---- sending ---- */

static void fill(struct jv_core *core, struct jv_session *s, const struct jv_path *path,
                 struct jv_request *msg)
{
    const struct jv_client *cl = core->client;
    const struct jv_request_out *req = &cl->request;
    memset(msg, 0, sizeof *msg);
    msg->order = req->order;
    msg->version = s->v;
    memcpy(msg->random, req->random, sizeof msg->random);
    if (req->has_token) {
        memcpy(msg->token, req->token, sizeof msg->token);
        msg->flags = (uint8_t)(JV_REQ_HAS_TOKEN | (req->is_hint ? JV_REQ_HINT : 0));
    }
    if (req->is_hint || req->is_unless) {
        msg->flags |= (uint8_t)(req->is_hint ? JV_REQ_HINT : JV_REQ_UNLESS);
        msg->hint_epoch = req->hint_epoch;
        msg->hint_counter = req->hint_counter;
    }
    msg->gateway_time_ms = cl->gateway_time_ms;
    msg->protocol = JV_PROTO_UDP;
    msg->path_id = path->number;
    msg->why = (uint8_t)req->why;
    msg->target = path->remote;
    msg->size = (uint16_t)jv_pmtu_bytes(&path->size.search);
    jv_liveness_fill_report(s, &msg->report);
}

static void transmit(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_request_out *req = &core->client->request;
    struct jv_path *path = &core->client->paths[req->path];
    struct jv_request msg;
    uint8_t body[JV_REQUEST_BODY];
    if (req->tries > 0 && !req->is_hint && jv_path_is_proven(core, s, path)) {
        memcpy(req->token, path->token, sizeof req->token); /* the younger one */
        req->has_token = true;
    }
    if (jv_path_give_locator(core, path)) {
        fill(core, s, path, &msg);
        jv_request_encode(&msg, body);
        const struct jv_control_to to = {path->link, path->remote, path->local, path->locator};
        (void)jv_control_send(core, &s->keys->epochs[JV_EPOCH_CURRENT], JV_TYPE_REQUEST, &to, body,
                              sizeof body, out);
    }
    uint64_t rto_us = jv_rtt_srtt_us(&path->rtt) + 4 * jv_rtt_jitter_us(&path->rtt);
    uint64_t wait_ms = JV_MAX(rto_us / 1000, (uint64_t)JV_REQUEST_RETRY_MIN_MS)
                       << JV_MIN(req->tries, 6U);
    req->retry_at = jv_add_ms(core->now, JV_MIN(wait_ms, (uint64_t)JV_REQUEST_RETRY_MAX_MS));
    req->tries++;
    jv_core_touch(core, s);
}

void jv_request_abandon(struct jv_core *core)
{
    struct jv_client *cl = core->client;
    if (cl->request.used) {
        cl->order_spent = JV_MAX(cl->order_spent, cl->request.order);
    }
    for (uint32_t i = 0; i < cl->held_len; i++) {
        jv_core_drop(core, &cl->held[i], JV_DROP_UNBOUND);
    }
    cl->held_len = 0;
    jv_wipe(&cl->request, sizeof cl->request);
}

/*
 * What voids a raced copy must be at the gateway before the request is: it left half a round trip ago. The answer to an honest packet
 * takes a whole one, so a true rebinding waits for nothing.
 */
static struct jv_instant void_before(const struct jv_core *core, const struct jv_session *s,
                                     const struct jv_path *path, const struct jv_hint *mark)
{
    bool is_of_probe = path->mark_epoch == mark->epoch && path->mark_counter == mark->counter;
    bool is_of_beat = s->live.beat_epoch == mark->epoch && s->live.beat_counter == mark->counter;
    struct jv_instant sent = is_of_probe  ? path->probe_sent
                             : is_of_beat ? s->live.beat_at
                                          : jv_resend_sent_at(core, s, mark->epoch, mark->counter);
    uint64_t wait_us = jv_rtt_srtt_us(&path->rtt) / 2 + jv_rtt_jitter_us(&path->rtt);
    /* What a sleep did to the samples makes nobody wait. */
    return jv_add_us(sent, JV_MIN(wait_us, (uint64_t)JV_RTT_INITIAL_US));
}

void jv_request_begin(struct jv_core *core, struct jv_session *s, const struct jv_request_aim *aim,
                      struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_request_out *req = &cl->request;
    struct jv_instant started = req->used ? req->started : core->now;
    uint8_t token[JV_TOKEN_BYTES];
    const uint8_t *token_from = aim->token != NULL ? aim->token : aim->path->token;
    memcpy(token, token_from, sizeof token); /* `aim` may point into what abandoning wipes */
    const struct jv_hint mark = aim->mark != NULL ? *aim->mark : (struct jv_hint){0};
    bool is_young = jv_since_ms(aim->path->token_at, core->now) < s->policy.path_valid_ms;
    jv_request_abandon(core);
    jv_rekey_cancel(core, s);
    req->used = true;
    req->in_place = aim->in_place;
    req->quiet = aim->quiet;
    req->rebind = aim->rebind;
    req->path = aim->path->id;
    req->observed = aim->path->observed;
    req->order = ++cl->order;
    jv_core_random(core, req->random, sizeof req->random);
    req->has_token = aim->token != NULL || (aim->path->has_token && is_young);
    memcpy(req->token, token, sizeof req->token);
    if (aim->mark != NULL) {
        req->is_hint = aim->is_hint;
        req->is_unless = !aim->is_hint;
        req->hint_epoch = mark.epoch;
        req->hint_counter = mark.counter;
    }
    if (aim->mark == NULL && aim->path == s->bound && s->live.reported_epoch != 0) {
        /*
         * It proves the path in place and is to move nothing. What it names has arrived, so a copy from elsewhere is void, also where
         * somebody's challenge is here before that of the gateway's answer to the original.
         */
        req->is_unless = true;
        req->hint_epoch = s->live.reported_epoch;
        req->hint_counter = s->live.reported_highest;
    }
    req->why = aim->why;
    req->started = started;
    struct jv_record *rec = jv_session_record(core, s, JV_REC_ReattachAttempt, aim->why, out);
    jv_record_path(rec, aim->path);
    jv_record_put(rec, JV_FD_order, req->order);
    jv_record_put(rec, JV_FD_attempts, cl->attempts);
    if (aim->mark != NULL) {
        req->retry_at = void_before(core, s, aim->path, &mark);
        jv_core_touch(core, s);
    }
    if (aim->mark == NULL || jv_is_due(req->retry_at, core->now)) {
        transmit(core, s, out);
    }
}

void jv_request_hold(struct jv_core *core, struct jv_slot *slot)
{
    struct jv_client *cl = core->client;
    if (cl->held_len == JV_HELD_MAX) {
        jv_core_drop(core, slot, JV_DROP_HELD_FULL);
        return;
    }
    if (slot->is_borrowed && !jv_core_own(core, slot)) {
        return;
    }
    cl->held[cl->held_len++] = *slot;
}

/* ---- deadlines ---- */

struct jv_instant jv_request_deadline(const struct jv_core *core)
{
    return core->client->request.used ? core->client->request.retry_at : JV_NEVER;
}

void jv_request_expire(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    struct jv_request_out *req = &cl->request;
    if (!req->used || !jv_is_due(req->retry_at, core->now)) {
        return;
    }
    if (req->tries < JV_REQUEST_TRIES) {
        transmit(core, s, out);
        return;
    }
    if (req->quiet) {
        jv_request_abandon(core);
        return;
    }
    struct jv_path *path = &cl->paths[req->path];
    struct jv_path *next = jv_jump_next_candidate(core, s, path);
    if (++cl->attempts >= s->policy.max_reattach_attempts) {
        const struct jv_record_field f[] = {{JV_FD_attempts, cl->attempts}};
        jv_request_abandon(core);
        (void)jv_session_apply(core, s,
                               &(struct jv_step){JV_EV_RECOVERY_EXPIRED,
                                                 JV_WHY_RECOVERY_BOUNDS_EXCEEDED, JV_RULE_WINDOW, f,
                                                 1},
                               out);
        return;
    }
    if (next == NULL || !jv_jump_may_try(core, s, next)) {
        /* The same number again: an answer that takes longer than thought still counts. */
        req->challenged = false;
        req->tries = JV_REQUEST_TRIES / 2;
        transmit(core, s, out);
        return;
    }
    jv_request_begin(core, s, &(struct jv_request_aim){.path = next, .why = req->why}, out);
}

/* ---- answers ---- */

/* Opens an answer; false: consumed. The answer must be for the request in flight, or for the one acknowledged last. */
static bool open_answer(struct jv_core *core, struct jv_session *s, const struct jv_header *header,
                        struct jv_slot *slot, uint8_t *body, size_t len)
{
    struct jv_epoch *epoch;
    enum jv_drop drop = JV_DROP_CONTROL_STALE;
    if (!jv_control_open(core, s, header, slot, len, body, &epoch, &drop)) {
        jv_core_drop(core, slot, drop);
        return false;
    }
    return true;
}

static bool is_for_request(const struct jv_client *cl, const struct jv_path *path, uint64_t order,
                           const uint8_t random[16])
{
    const struct jv_request_out *req = &cl->request;
    return req->used && req->path == path->id && req->order == order &&
           jv_equal(req->random, random, 16);
}

void jv_request_on_challenge(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                             const struct jv_header *header, struct jv_slot *slot,
                             struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint8_t body[JV_CHALLENGE_BODY];
    struct jv_challenge msg;
    if (!open_answer(core, s, header, slot, body, sizeof body)) {
        return;
    }
    if (!jv_challenge_decode(body, sizeof body, &msg)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!is_for_request(cl, path, msg.order, msg.random) || cl->request.challenged) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    struct jv_request_out *req = &cl->request;
    req->challenged = true;
    req->has_token = true;
    req->is_unless = req->is_unless || req->is_hint; /* what made the hint void still does */
    req->is_hint = false;
    memcpy(req->token, msg.token, sizeof req->token);
    req->tries = 0;
    cl->gateway_time_ms = JV_MAX(cl->gateway_time_ms, jv_token_time(msg.token));
    if (msg.last_order >= req->order) {
        /* This client has forgotten its order number: go on above the gateway's. */
        cl->order = msg.last_order;
        req->order = ++cl->order;
    }
    transmit(core, s, out);
}

void jv_request_on_ack(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                       const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint8_t body[JV_ACK_BODY];
    struct jv_ack msg;
    if (!open_answer(core, s, header, slot, body, sizeof body)) {
        return;
    }
    if (!jv_ack_decode(body, sizeof body, &msg)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    bool is_again = cl->committed.any && msg.order == cl->committed.order &&
                    jv_equal(msg.random, cl->committed.random, 16) && path == s->bound;
    if (is_again) {
        jv_core_drop(core, slot, JV_DROP_CONSUMED);
        jv_commit_confirm(core, s, out); /* the confirmation was lost */
        return;
    }
    if (!is_for_request(cl, path, msg.order, msg.random) || msg.path_id != path->number ||
        msg.version < s->v) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    if (jv_resend_is_false(s, &msg.report)) {
        jv_session_end(core, s, JV_EV_FATAL_FOUND, JV_WHY_FATAL_PROTOCOL_ERROR, JV_RULE_NONE, out);
        return;
    }
    s->v = msg.version;
    jv_commit(core, s, path, &msg, out);
}

/* Try the same again under a new order number; false: that was done before. */
static bool correct(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                    struct jv_out *out)
{
    struct jv_request_out *req = &core->client->request;
    struct jv_request_aim aim = {.path = path,
                                 .why = req->why,
                                 .in_place = req->in_place,
                                 .quiet = req->quiet,
                                 .rebind = req->rebind,
                                 .token = req->has_token ? req->token : NULL};
    struct jv_hint hint = {.epoch = req->hint_epoch, .counter = req->hint_counter};
    if (req->corrected) {
        return false;
    }
    aim.mark = req->rebind ? &hint : NULL; /* a rebinding always names a packet */
    aim.is_hint = req->is_hint;
    jv_request_begin(core, s, &aim, out);
    req->corrected = true;
    return true;
}

/*
 * The gateway committed an earlier request of this client, on a path that is still there, and every ACK was lost: ask there again,
 * which the gateway answers like a retransmission, instead of switching once more. False: it named nothing new.
 */
static bool adopt(struct jv_core *core, struct jv_session *s, const struct jv_path *path,
                  const struct jv_reject *msg, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint64_t known = cl->committed.any ? cl->committed.order : 0;
    if (msg->last_order <= known || msg->last_order >= cl->request.order || cl->request.corrected) {
        return false;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        struct jv_path *other = &cl->paths[i];
        if (other->used && other != path && other->number == msg->path_id) {
            jv_request_begin(core, s,
                             &(struct jv_request_aim){.path = other, .why = cl->request.why}, out);
            cl->request.corrected = true;
            return true;
        }
    }
    return false;
}

static void on_reject(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                      const struct jv_reject *msg, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    enum jv_why why = msg->why < JV_WHY_END ? (enum jv_why)msg->why : JV_WHY_POLICY_DENIED;
    struct jv_record *rec = jv_session_record(core, s, JV_REC_ReattachResult, why, out);
    jv_record_path(rec, path);
    jv_record_put(rec, JV_FD_order, msg->order);
    jv_record_put(rec, JV_FD_peer_v, msg->version);
    s->v = JV_MAX(s->v, msg->version);
    if (adopt(core, s, path, msg, out)) {
        return;
    }
    if (why == JV_WHY_INVALID_STATE_VERSION && correct(core, s, path, out)) {
        return;
    }
    bool is_limit = why == JV_WHY_RATE_LIMITED || why == JV_WHY_SWITCH_RATE_LIMITED ||
                    why == JV_WHY_COOLDOWN_ACTIVE;
    if (is_limit && cl->request.rebind) {
        /* A rebinding above its cap is delayed, never degraded (design §5). */
        cl->request.retry_at = jv_add_ms(core->now, JV_MAX(msg->retry_after_ms, 1U));
        cl->request.tries = 0;
        jv_core_touch(core, s);
        return;
    }
    if (is_limit) {
        cl->switch_retry_at = jv_add_ms(core->now, JV_MAX(msg->retry_after_ms, 1U));
    }
    jv_jump_failed(core, s, why, out);
}

void jv_request_on_reject(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                          const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    uint8_t body[JV_REJECT_BODY];
    struct jv_reject msg;
    if (!open_answer(core, s, header, slot, body, sizeof body)) {
        return;
    }
    if (!jv_reject_decode(body, sizeof body, &msg)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!is_for_request(core->client, path, msg.order, msg.random)) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    on_reject(core, s, path, &msg, out);
}

/*
 * A hint is fresh where it names a counter that this client has sent, that no report has covered, and that is newer than that of
 * the last hint answered: a recorded one moves nothing.
 */
static bool is_fresh_hint(const struct jv_core *core, const struct jv_session *s,
                          const struct jv_hint *msg)
{
    const struct jv_client *cl = core->client;
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    const struct jv_liveness *live = &s->live;
    if (msg->epoch != epoch->n || msg->counter >= epoch->tx_next) {
        return false;
    }
    if (live->reported_epoch == msg->epoch && live->reported_highest >= msg->counter) {
        return false;
    }
    return cl->hint_epoch != msg->epoch || msg->counter > cl->hint_counter;
}

void jv_request_on_hint(struct jv_core *core, struct jv_session *s, struct jv_path *path,
                        const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    struct jv_client *cl = core->client;
    uint8_t body[JV_HINT_BODY];
    struct jv_hint msg;
    if (!open_answer(core, s, header, slot, body, sizeof body)) {
        return;
    }
    if (!jv_hint_decode(body, sizeof body, &msg)) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (path != s->bound || !is_fresh_hint(core, s, &msg) ||
        (cl->request.used && !cl->request.quiet)) {
        jv_core_drop(core, slot, JV_DROP_CONTROL_STALE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    cl->hint_epoch = msg.epoch;
    cl->hint_counter = msg.counter;
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_AddressObserved, JV_WHY_NAT_REBIND_DETECTED, out);
    jv_record_path(rec, path);
    rec->remote = msg.observed;
    path->observed = msg.observed;
    jv_jump_rebind(core, s, msg.token, &msg, true, out);
}
