/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "client_state.h"
#include "degraded.h"
#include "liveness.h"
#include "metered.h"
#include "path.h"
#include "pathsize.h"
#include "quality.h"
#include "rank.h"
#include "session.h"
#include "tunnel.h"

#define CONFIRM_TRIES 10U

void jv_birth_keys(const struct jv_key *gateway_public, uint8_t mac1_key[JV_HASH_BYTES],
                   uint8_t cookie_key[JV_HASH_BYTES])
{
    const struct jv_bytes mac1[] = {{"jv1 mac1", 8}, {gateway_public->b, JV_KEY_BYTES}};
    const struct jv_bytes cookie[] = {{"jv1 cookie", 10}, {gateway_public->b, JV_KEY_BYTES}};
    jv_hash(mac1, 2, mac1_key);
    jv_hash(cookie, 2, cookie_key);
}

void jv_birth_prologue(const uint8_t header[JV_HEADER_BYTES], uint8_t out[JV_BIRTH_PROLOGUE_BYTES])
{
    memcpy(out, JV_BIRTH_PROLOGUE_NAME, sizeof JV_BIRTH_PROLOGUE_NAME - 1);
    memcpy(out + sizeof JV_BIRTH_PROLOGUE_NAME - 1, header, JV_HEADER_BYTES);
}

static struct jv_session *own_session(struct jv_core *core)
{
    return jv_core_session_at(core, 0);
}

/* ---- message 1 ---- */

static bool begin_noise(struct jv_core *core, const uint8_t header[JV_HEADER_BYTES])
{
    struct jv_attempt *attempt = &core->client->attempt;
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    struct jv_key ephemeral;
    jv_birth_prologue(header, prologue);
    jv_core_random(core, ephemeral.b, sizeof ephemeral.b);
    enum jv_err err = jv_noise_init(&attempt->noise, JV_NOISE_INITIATOR,
                                    (struct jv_bytes){prologue, sizeof prologue}, &core->own,
                                    &core->cfg.gateway_key, &ephemeral);
    jv_wipe(&ephemeral, sizeof ephemeral);
    return err == JV_E_OK;
}

static void write_macs(struct jv_core *core, uint8_t *msg)
{
    struct jv_attempt *attempt = &core->client->attempt;
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    jv_mac(core->mac1_key, JV_HASH_BYTES, &body, 1, attempt->mac1);
    memcpy(msg + len, attempt->mac1, JV_MAC_BYTES);
    memset(msg + len + JV_MAC_BYTES, 0, JV_MAC_BYTES);
    if (attempt->has_cookie) {
        const struct jv_bytes with_mac1 = {msg, len + JV_MAC_BYTES};
        jv_mac(attempt->cookie, JV_COOKIE_BYTES, &with_mac1, 1, msg + len + JV_MAC_BYTES);
    }
}

static bool write_message1(struct jv_core *core, uint8_t *msg)
{
    struct jv_attempt *attempt = &core->client->attempt;
    jv_core_random(core, &attempt->locator, sizeof attempt->locator);
    const struct jv_header header = {JV_TYPE_BIRTH_INIT, 0, (uint64_t)JV_KEX_X25519 << 32,
                                     attempt->locator, false};
    jv_header_encode(&header, msg);
    struct jv_birth_init init = {.prior = attempt->prior};
    init.aead_offer = (uint8_t)(1U << JV_SUITE_CHACHA20_POLY1305 |
                                (core->cfg.offer_aes ? 1U << JV_SUITE_AES_256_GCM : 0));
    init.feature_offer = core->cfg.offer_partial_csum ? JV_FEATURE_PARTIAL_CSUM : 0;
    if (attempt->has_cookie) {
        memcpy(init.cookie, attempt->cookie, sizeof init.cookie);
    }
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    jv_birth_init_encode(&init, payload);
    if (!begin_noise(core, msg) || jv_noise_write1(&attempt->noise, payload, sizeof payload,
                                                   msg + JV_HEADER_BYTES) != JV_E_OK) {
        return false;
    }
    write_macs(core, msg);
    return true;
}

static void send_message1(struct jv_core *core, const struct jv_path *path, struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    struct jv_slot slot;
    if (!jv_core_buf(core, &slot)) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = JV_BIRTH_INIT_BYTES;
    if (!write_message1(core, slot.buf + slot.off)) {
        jv_core_give(core, &slot, 1);
        return;
    }
    slot.link = attempt->link = path->link;
    slot.remote = attempt->remote = path->remote;
    slot.local = path->local;
    attempt->running = true;
    attempt->confirming = false;
    jv_core_send(core, &slot, out);
}

/* The attempts go round the usable paths, preferred ones first: a dead first path costs one short wait. */
static void try_next(struct jv_core *core, struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    uint8_t order[JV_PATH_MAX];
    uint32_t n = jv_rank(core, NULL, order);
    if (n == 0) {
        attempt->retry_at = JV_NEVER; /* a path that appears sets it */
        attempt->waited = true;
        return;
    }
    uint32_t round = attempt->tries / n;
    uint64_t wait = (uint64_t)JV_BIRTH_RETRY_MS << JV_MIN(round, 4U);
    wait = JV_MIN(wait, (uint64_t)JV_BIRTH_RETRY_MAX_MS);
    send_message1(core, &core->client->paths[order[attempt->tries % n]], out);
    attempt->tries++;
    attempt->retry_at = jv_add_ms(core->now, wait + jv_prng_below(&core->jitter, wait / 8 + 1));
}

static bool open_session(struct jv_core *core)
{
    struct jv_attempt *attempt = &core->client->attempt;
    struct jv_session *old = own_session(core);
    if (old != NULL) {
        jv_session_close(core, old);
    }
    struct jv_session *s = jv_session_open(core, &core->cfg.policy);
    if (s == NULL) {
        return false;
    }
    s->lifetime_at = JV_NEVER;
    s->prior = attempt->prior;
    s->mtu = core->cfg.mtu;
    attempt->tries = 0;
    return true;
}

/* ---- deadlines ---- */

struct jv_instant jv_birth_deadline(const struct jv_core *core)
{
    const struct jv_attempt *attempt = &core->client->attempt;
    if (!attempt->wanted) {
        return JV_NEVER;
    }
    const struct jv_session *s = jv_core_session_at(core, 0);
    if (s == NULL || s->state == JV_ST_TERMINATED) {
        return attempt->begin_at;
    }
    /* The clock of the birth runs while there is a path to try: a laptop without network waits. */
    struct jv_instant end = jv_add_ms(s->created, s->policy.birth_timeout_ms);
    return jv_is_never(attempt->retry_at) ? JV_NEVER : jv_earlier(attempt->retry_at, end);
}

static void send_confirm(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    struct jv_path *path = jv_path_find(core, attempt->link, &attempt->remote);
    if (path != NULL) {
        const struct jv_frame frame = {.type = JV_FRAME_CONFIRM,
                                       .u.confirm = {path->number, core->cfg.policy}};
        (void)jv_tunnel_frames_to(core, s, path, &frame, 1, 0, out); /* repeated like a lost one */
    }
    attempt->retry_at = jv_add_ms(core->now, JV_CONFIRM_RETRY_MS);
}

static void give_up(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_record_field f[] = {{JV_FD_attempts, core->client->attempt.tries},
                                        {JV_FD_age_ms, jv_since_ms(s->created, core->now)}};
    (void)jv_session_apply(core, s,
                           &(struct jv_step){JV_EV_HANDSHAKE_FAILED, JV_WHY_HANDSHAKE_FAIL,
                                             JV_RULE_BIRTH_TIMEOUT, f, 2},
                           out);
    core->count.ends_by_reason[JV_WHY_HANDSHAKE_FAIL]++;
    (void)jv_session_record(core, s, JV_REC_SessionTerminated, JV_WHY_HANDSHAKE_FAIL, out);
}

void jv_birth_expire(struct jv_core *core, struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    struct jv_session *s = own_session(core);
    if (!attempt->wanted || !jv_is_due(jv_birth_deadline(core), core->now)) {
        return;
    }
    if (s == NULL || s->state == JV_ST_TERMINATED) {
        uint8_t order[JV_PATH_MAX];
        if (jv_rank(core, NULL, order) == 0) {
            attempt->begin_at = JV_NEVER; /* a path that appears sets it */
            return;
        }
        if (core->denies_births) {
            attempt->begin_at = JV_NEVER; /* a valid policy sets it */
            return;
        }
        if (!open_session(core)) {
            return;
        }
        s = own_session(core);
    }
    if (attempt->waited) {
        attempt->waited = false;
        s->created = core->now;
    }
    if (jv_since_ms(s->created, core->now) >= s->policy.birth_timeout_ms) {
        give_up(core, s, out);
        return;
    }
    if (attempt->confirming && attempt->tries++ < CONFIRM_TRIES) {
        send_confirm(core, s, out);
        return;
    }
    if (attempt->confirming) {
        attempt->tries = 0;
        attempt->confirming = false;
    }
    try_next(core, out);
}

/* ---- message 2 ---- */

static bool read_message2(struct jv_core *core, const uint8_t *msg, struct jv_birth_reply *reply)
{
    struct jv_attempt *attempt = &core->client->attempt;
    uint8_t payload[JV_BIRTH_REPLY_PAYLOAD_BYTES];
    size_t len = JV_BIRTH_REPLY_BYTES - JV_HEADER_BYTES;
    enum jv_err err = jv_noise_read2(&attempt->noise, &core->cfg.psk, msg, len, payload);
    if (err == JV_E_AUTH && !jv_is_zero(&core->cfg.psk_previous, JV_KEY_BYTES)) {
        /* While a pre-shared key rotates, the gateway may still have the previous one. */
        err = jv_noise_read2(&attempt->noise, &core->cfg.psk_previous, msg, len, payload);
    }
    return err == JV_E_OK && jv_birth_reply_decode(payload, reply);
}

static bool is_offered(const struct jv_core *core, const struct jv_birth_reply *reply)
{
    bool has_suite = reply->suite == JV_SUITE_CHACHA20_POLY1305 ||
                     (reply->suite == JV_SUITE_AES_256_GCM && core->cfg.offer_aes);
    uint32_t offer = core->cfg.offer_partial_csum ? JV_FEATURE_PARTIAL_CSUM : 0;
    return has_suite && (reply->features & ~offer) == 0;
}

static bool start_keys(struct jv_core *core, struct jv_session *s,
                       const struct jv_birth_reply *reply)
{
    struct jv_noise_keys noise_keys;
    struct jv_key root;
    if (jv_noise_split(&core->client->attempt.noise, &noise_keys) != JV_E_OK) {
        return false;
    }
    jv_keys_root(&noise_keys, &reply->sid, &root);
    enum jv_err err =
        jv_keys_start(s->keys, &root, &reply->sid, (enum jv_suite)reply->suite, true, core->now);
    jv_wipe(&noise_keys, sizeof noise_keys);
    jv_wipe(&root, sizeof root);
    return err == JV_E_OK;
}

void jv_birth_on_reply(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                       struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    struct jv_session *s = own_session(core);
    struct jv_path *path = jv_path_find(core, slot->link, &slot->remote);
    bool is_waiting =
        attempt->running && !attempt->confirming && s != NULL && s->state == JV_ST_BIRTH;
    if (slot->len != JV_BIRTH_REPLY_BYTES || header->epoch != 0 || header->counter != 0) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!is_waiting || header->locator != attempt->locator || path == NULL ||
        path->link != attempt->link || !jv_endpoint_is_equal(&path->remote, &attempt->remote)) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_LATE);
        return;
    }
    struct jv_birth_reply reply;
    if (!read_message2(core, slot->buf + slot->off + JV_HEADER_BYTES, &reply) ||
        !is_offered(core, &reply) || !start_keys(core, s, &reply)) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_AUTH);
        return;
    }
    s->sid = reply.sid;
    s->features = reply.features;
    path->locator = reply.locator;
    attempt->confirming = true;
    attempt->running = false;
    attempt->tries = 0;
    send_confirm(core, s, out);
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
}

void jv_birth_on_cookie(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                        struct jv_out *out)
{
    struct jv_attempt *attempt = &core->client->attempt;
    static const uint8_t zero_nonce[12];
    (void)out;
    if (slot->len != JV_COOKIE_MSG_BYTES) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!attempt->running || attempt->confirming || header->locator != attempt->locator) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_LATE);
        return;
    }
    const uint8_t *at = slot->buf + slot->off + JV_HEADER_BYTES;
    const struct jv_bytes context[] = {{at, JV_CONTROL_RANDOM_BYTES},
                                       {attempt->mac1, JV_MAC_BYTES}};
    struct jv_key key;
    memcpy(key.b, core->cookie_key, JV_KEY_BYTES);
    jv_kdf(&key, "jv1 cookie", context, 2, &key);
    uint8_t cookie[JV_COOKIE_BYTES];
    enum jv_err err = jv_chacha_open(&key, zero_nonce, attempt->mac1, JV_MAC_BYTES,
                                     at + JV_CONTROL_RANDOM_BYTES, JV_COOKIE_BYTES, cookie);
    jv_wipe(&key, sizeof key);
    if (err != JV_E_OK) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_AUTH);
        return;
    }
    bool is_first = !attempt->has_cookie;
    memcpy(attempt->cookie, cookie, sizeof attempt->cookie);
    attempt->has_cookie = true;
    /* A flooded gateway wants it again, not at once by everybody. */
    if (is_first) {
        /* Anyone who knows the gateway's public key can make one: only the first hurries, the others wait for the next attempt. */
        attempt->tries = attempt->tries > 0 ? attempt->tries - 1 : 0;
        attempt->retry_at = jv_add_ms(core->now, jv_prng_below(&core->jitter, 50));
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
}

/* ---- the end of the birth ---- */

static void take_ack(struct jv_core *core, struct jv_session *s, const struct jv_frame_birth_ack *f)
{
    struct jv_client *cl = core->client;
    s->policy = f->policy;
    s->policy_id = jv_policy_id(&f->policy);
    s->v = f->version;
    s->address4 = f->address4;
    s->address6 = f->address6;
    s->mtu = JV_MIN(core->cfg.mtu, (uint32_t)f->mtu);
    struct jv_rate rate = jv_session_switch_rate(s);
    jv_bucket_init(&s->switches, &rate, core->now);
    cl->gateway_time_ms = f->gateway_time_ms;
    cl->spares_len = f->spares_len;
    memcpy(cl->spares, f->spares, sizeof cl->spares);
    cl->nets_len = f->nets_len;
    memcpy(cl->nets, f->nets, sizeof cl->nets);
    cl->dns_len = f->dns_len;
    memcpy(cl->dns, f->dns, sizeof cl->dns);
    cl->gateway4 = f->gateway4;
    cl->gateway6 = f->gateway6;
    cl->order = cl->order_spent = 0;
    cl->hint_epoch = cl->hint_counter = 0;
    cl->suspected = false;
    cl->healthy_since = cl->switch_retry_at = cl->failback_at = JV_NEVER;
    cl->quiet_at = core->now;
    jv_wipe(&cl->request, sizeof cl->request);
}

void jv_birth_on_ack(struct jv_core *core, struct jv_session *s, const struct jv_frame_birth_ack *f,
                     struct jv_out *out)
{
    struct jv_client *cl = core->client;
    enum jv_policy_field field;
    struct jv_path *path = jv_path_find(core, cl->attempt.link, &cl->attempt.remote);
    if (s->state != JV_ST_BIRTH || path == NULL || f->mtu < JV_MTU_MIN ||
        jv_policy_check(&f->policy, &field) != NULL) {
        return;
    }
    take_ack(core, s, f);
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK, out);
    rec->link = s->prior;
    s->bind_next = path;
    rec = jv_session_record(core, s, JV_REC_TransportAttached, JV_WHY_HANDSHAKE_OK, out);
    jv_record_path(rec, path);
    path->was_heard = true;
    path->heard = core->now;
    (void)jv_session_apply(
        core, s, &(struct jv_step){.event = JV_EV_HANDSHAKE_PROVEN, .why = JV_WHY_HANDSHAKE_OK},
        out);
    core->count.births++;
    cl->attempt.wanted = cl->attempt.confirming = cl->attempt.running = false;
    cl->attempt.prior = (struct jv_sid){{0}};
    jv_path_begin(core, s);
    struct jv_order *order = jv_core_order(out, JV_ORDER_CONFIGURE, s);
    order->address4 = f->address4;
    order->address6 = f->address6;
    order->gateway4 = f->gateway4;
    order->gateway6 = f->gateway6;
    order->dns_len = f->dns_len;
    memcpy(order->dns, f->dns, sizeof order->dns);
    order->mtu = jv_pathsize_device_mtu(core, s);
    for (uint32_t i = 0; i < f->endpoints_len; i++) {
        /* A path is proven by this session's keys, and a birth there by this gateway's: others are of no use. */
        if (jv_equal(f->endpoint_keys[i].b, core->cfg.gateway_key.b, JV_KEY_BYTES)) {
            order->endpoints[order->endpoints_len++] = f->endpoints[i];
        }
    }
    core->client->metered_since = JV_NEVER;
    jv_degraded_over(core);
    jv_quality_forget(core);
    core->client->is_metered_told = false;
    jv_metered_bound(core, s);
    jv_liveness_send_heartbeat(core, s, out);
    jv_tunnel_flush_waiting(core, s, out);
}

void jv_birth_refused(struct jv_core *core, struct jv_session *s, enum jv_why why,
                      struct jv_out *out)
{
    struct jv_record *rec = jv_session_record(core, s, JV_REC_BirthRefused, why, out);
    (void)rec;
    give_up(core, s, out);
}
