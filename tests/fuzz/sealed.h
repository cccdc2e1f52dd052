/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_FUZZ_SEALED_H
#define JV_FUZZ_SEALED_H
/*
 * sealed -- what an authenticated peer may say: bytes of any form sealed under the right keys of one end of a pair, for the other end.
 *
 * Templates are messages and frames as the core itself would send them at this moment, so that an input needs to change few bytes to
 * be a lie that gets past the checks in front.
 * Threads  one.
 */
#include <string.h>

#include "aead.h"
#include "client_state.h"
#include "crypto.h"
#include "keys.h"
#include "msg.h"
#include "pair.h"
#include "state.h"

#define SEALED_TEXT_MAX (JV_BUF_ROOM - JV_TRAFFIC_OVERHEAD)
#define SEALED_BODY_MAX 512U

static inline struct jv_session *sealed_session(const struct pair *p, bool client)
{
    const struct jv_core *core = client ? p->client : p->gateway;
    for (uint32_t i = 0; i < core->sessions.high; i++) {
        struct jv_session *s = jv_core_session_at(core, i);
        if (s != NULL && s->keys != NULL) {
            return s;
        }
    }
    return NULL;
}

/* Where this end writes to, as it would itself; false: it has no transport. */
static inline const struct jv_path *sealed_path(const struct pair *p, bool client, uint32_t which)
{
    const struct jv_session *s = sealed_session(p, client);
    if (s == NULL) {
        return NULL;
    }
    if (!client) {
        return &s->own;
    }
    for (uint32_t i = 0; i < JV_PATH_MAX; i++) {
        const struct jv_path *path = &p->client->client->paths[(i + which) % JV_PATH_MAX];
        if (path->used && (which != 0 || s->bound == NULL || path == s->bound)) {
            return path;
        }
    }
    return NULL;
}

/*
 * Seal `text` as traffic of this end. `skip` counters are left out; a negative one goes back, to a counter that may have been used.
 * Returns the bytes in `out` (JV_BUF_ROOM), 0 where there is no key.
 */
static inline uint32_t sealed_traffic(const struct pair *p, bool client, uint64_t locator,
                                      int64_t skip, const uint8_t *text, uint32_t len, uint8_t *out)
{
    struct jv_session *s = sealed_session(p, client);
    struct jv_epoch *epoch = s != NULL ? &s->keys->epochs[JV_EPOCH_CURRENT] : NULL;
    if (epoch == NULL || epoch->n == 0 || !epoch->tx.set || len == 0 || len > SEALED_TEXT_MAX) {
        return 0;
    }
    uint64_t counter = (epoch->tx_next + (uint64_t)skip) & ((1ULL << 48) - 1);
    const struct jv_header header = {JV_TYPE_TRAFFIC, (uint8_t)epoch->n, counter, locator, false};
    jv_header_encode(&header, out);
    memcpy(out + JV_HEADER_BYTES, text, len);
    struct jv_aead_op op = {out + JV_HEADER_BYTES, len, out, JV_HEADER_BYTES, counter, false};
    jv_aead_run(&epoch->tx, &op, 1);
    if (counter >= epoch->tx_next && counter < JV_KEY_SEAL_MAX) {
        epoch->tx_next = counter + 1; /* what this end says itself comes later */
    }
    return op.ok ? len + JV_TRAFFIC_OVERHEAD : 0;
}

/* The same for a control datagram. */
static inline uint32_t sealed_control(const struct pair *p, bool client, uint64_t locator,
                                      enum jv_type type, const uint8_t *body, uint32_t len,
                                      uint8_t *out)
{
    static const uint8_t zero_nonce[12];
    struct jv_session *s = sealed_session(p, client);
    struct jv_epoch *epoch = s != NULL ? &s->keys->epochs[JV_EPOCH_CURRENT] : NULL;
    if (epoch == NULL || epoch->n == 0 || len + JV_CONTROL_OVERHEAD > JV_BUF_ROOM) {
        return 0;
    }
    struct jv_key key;
    size_t ad_len = JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES;
    const struct jv_header header = {(uint8_t)type, (uint8_t)epoch->n, 0, locator, false};
    jv_header_encode(&header, out);
    /* Nobody asks that these bytes be unlike earlier ones. */
    memset(out + JV_HEADER_BYTES, (uint8_t)p->now_ns, JV_CONTROL_RANDOM_BYTES);
    jv_keys_control(epoch, !client, (uint8_t)type, out + JV_HEADER_BYTES, &key);
    jv_chacha_seal(&key, zero_nonce, out, ad_len, body, len, out + ad_len);
    return len + JV_CONTROL_OVERHEAD;
}

/* ---- templates ---- */

/* An honest report of this end about what the other one sent. The templates ask for a session of this end. */
static inline struct jv_report sealed_report(const struct pair *p, bool client)
{
    const struct jv_session *s = sealed_session(p, client);
    JV_ASSERT(s != NULL);
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    return (struct jv_report){
        .epoch = epoch->n, .highest = epoch->window.top, .received = epoch->rx_count};
}

static inline void sealed_frame(const struct pair *p, bool client, uint8_t type,
                                struct jv_frame *out)
{
    const struct jv_core *core = client ? p->client : p->gateway;
    const struct jv_session *s = sealed_session(p, client);
    const struct jv_session *peer = sealed_session(p, !client);
    JV_ASSERT(s != NULL);
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    uint64_t now_us = p->now_ns / 1000;
    uint64_t order = client ? core->client->order : s->order;
    memset(out, 0, sizeof *out);
    out->type = type % (JV_FRAME_LAST + 1);
    switch ((enum jv_frame_type)out->type) {
    case JV_FRAME_HEARTBEAT:
        out->u.heartbeat.time_us = now_us;
        break;
    case JV_FRAME_REPORT:
        out->u.report = (struct jv_frame_report){.report = sealed_report(p, client),
                                                 .state = (uint8_t)s->state,
                                                 .version = s->v,
                                                 .order_spent = order,
                                                 .gateway_time_ms = client ? 0 : now_us / 1000};
        out->u.report.echo_us = peer != NULL ? peer->live.beat_time_us : 0;
        break;
    case JV_FRAME_CONFIRM:
        out->u.confirm = (struct jv_frame_confirm){.path_id = 0, .policy = s->policy};
        break;
    case JV_FRAME_BIRTH_ACK:
        out->u.birth_ack =
            (struct jv_frame_birth_ack){.version = s->v,
                                        .policy = s->policy,
                                        .address4 = {{{10, 80, 0, 2}, JV_AF_4, {0}}, 24},
                                        .gateway4 = {{10, 80, 0, 1}, JV_AF_4, {0}},
                                        .mtu = JV_MTU_DEFAULT,
                                        .endpoints_len = 1,
                                        .spares_len = 2,
                                        .spares = {now_us | 1, now_us + 3},
                                        .gateway_time_ms = now_us / 1000};
        out->u.birth_ack.endpoints[0] = p->endpoints[0];
        out->u.birth_ack.endpoint_keys[0] = core->own.public_key;
        break;
    case JV_FRAME_REKEY_INIT:
    case JV_FRAME_REKEY_REPLY:
        out->u.rekey = (struct jv_frame_rekey){.epoch = epoch->n + 1, .order = order + 1};
        out->u.rekey.ephemeral_public = core->own.public_key;
        if (!client && p->client->client->rekey.used) {
            out->u.rekey.order = p->client->client->rekey.order;
            out->u.rekey.epoch = p->client->client->rekey.n;
        }
        break;
    case JV_FRAME_TERMINATE:
        out->u.terminate.why = JV_WHY_OPERATOR_TERMINATED;
        break;
    case JV_FRAME_BOUND:
        out->u.bound = (struct jv_frame_bound){peer != NULL && client ? peer->commit.order : order,
                                               epoch->n, epoch->tx_next};
        break;
    case JV_FRAME_POLICY_WANTED:
    case JV_FRAME_POLICY_GRANTED:
        out->u.policy = (struct jv_frame_policy){s->snapshot.n + 1, s->policy};
        out->u.policy.n = peer != NULL && !client ? peer->snapshot.n : out->u.policy.n;
        break;
    case JV_FRAME_QUIET:
        out->u.quiet = (struct jv_frame_quiet){client ? s->quiet.n + 1 : s->quiet.n, 10000};
        out->u.quiet.n = peer != NULL && !client ? peer->quiet.n : out->u.quiet.n;
        break;
    case JV_FRAME_SIZE:
        out->u.size = (struct jv_frame_size){now_us, 1400};
        break;
    case JV_FRAME_PADDING:
    case JV_FRAME_REKEY_ASK:
    case JV_FRAME_POLICY_ASK:
        break;
    }
}

/* The body of a control message to the gateway; returns its bytes. */
static inline uint32_t sealed_body_up(const struct pair *p, uint8_t which, enum jv_type *type,
                                      uint8_t *body)
{
    const struct jv_client *cl = p->client->client;
    const struct jv_session *s = sealed_session(p, true);
    const struct jv_path *path = sealed_path(p, true, which >> 1);
    JV_ASSERT(s != NULL);
    *type = which & 1 ? JV_TYPE_PROBE : JV_TYPE_REQUEST;
    if (which & 1) {
        const struct jv_probe probe = {p->now_ns / 1000, cl->order_spent};
        jv_probe_encode(&probe, body);
        return JV_PROBE_BODY;
    }
    struct jv_request req = {.order = cl->order + 1,
                             .version = s->v,
                             .gateway_time_ms = cl->gateway_time_ms,
                             .protocol = JV_PROTO_UDP,
                             .path_id = path != NULL ? path->number : 0,
                             .why = JV_WHY_HEARTBEAT_TIMEOUT,
                             .target = p->endpoints[0],
                             .report = sealed_report(p, true)};
    memset(req.random, which, sizeof req.random);
    if (path != NULL && path->has_token) {
        req.flags = JV_REQ_HAS_TOKEN;
        memcpy(req.token, path->token, sizeof req.token);
    }
    jv_request_encode(&req, body);
    return JV_REQUEST_BODY;
}

static inline uint32_t sealed_body_down(const struct pair *p, uint8_t which, enum jv_type *type,
                                        uint8_t *body)
{
    const struct jv_client *cl = p->client->client;
    const struct jv_session *s = sealed_session(p, false);
    const struct jv_path *path = sealed_path(p, true, 0);
    const struct jv_request_out *out = &cl->request;
    const struct jv_endpoint observed = {.ip = {{192, 0, 2, 1}, JV_AF_4, {0}}, .port = 50000};
    JV_ASSERT(s != NULL);
    const struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    switch (which % 5) {
    case 0: {
        struct jv_probe_reply m = {.time_us = path != NULL ? path->newest_us : 0,
                                   .observed = observed,
                                   .state = JV_ST_ATTACHED,
                                   .is_bound = true,
                                   .version = s->v};
        *type = JV_TYPE_PROBE_REPLY;
        jv_probe_reply_encode(&m, body);
        return JV_PROBE_BODY;
    }
    case 1: {
        struct jv_challenge m = {
            .order = out->order, .last_order = s->order, .version = s->v, .observed = observed};
        memcpy(m.random, out->random, sizeof m.random);
        *type = JV_TYPE_CHALLENGE;
        jv_challenge_encode(&m, body);
        return JV_CHALLENGE_BODY;
    }
    case 2: {
        struct jv_ack m = {.order = out->order,
                           .version = s->v + 2,
                           .state = JV_ST_ATTACHED,
                           .path_id = path != NULL ? path->number : 0,
                           .is_move = true,
                           .observed = observed,
                           .locator = p->now_ns | 1,
                           .next_epoch = epoch->n,
                           .next_counter = epoch->tx_next,
                           .spares_len = 1,
                           .spares = {p->now_ns + 2},
                           .report = sealed_report(p, false)};
        memcpy(m.random, out->random, sizeof m.random);
        *type = JV_TYPE_ACK;
        jv_ack_encode(&m, body);
        return JV_ACK_BODY;
    }
    case 3: {
        struct jv_reject m = {.order = out->order,
                              .why = JV_WHY_INVALID_STATE_VERSION,
                              .retry_after_ms = 100,
                              .version = s->v,
                              .last_order = s->order};
        memcpy(m.random, out->random, sizeof m.random);
        *type = JV_TYPE_REJECT;
        jv_reject_encode(&m, body);
        return JV_REJECT_BODY;
    }
    default: {
        const struct jv_hint m = {
            .epoch = epoch->n, .counter = epoch->window.top + 1, .observed = observed};
        *type = JV_TYPE_HINT;
        jv_hint_encode(&m, body);
        return JV_HINT_BODY;
    }
    }
}
#endif /* JV_FUZZ_SEALED_H */
