/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "birth.h"
#include "handoff.h"
#include "locator.h"
#include "pathsize.h"
#include "reattach.h"
#include "session.h"
#include "shard.h"
#include "tunnel.h"
#include "users.h"

static const struct jv_rate security_records = {1, 1, 5};

/* A refused birth is a security record, but a flood of them is one a second with a count. */
static void record_refusal(struct jv_core *core, const struct jv_user *user, enum jv_why why,
                           const struct jv_endpoint *remote, struct jv_out *out)
{
    core->count.births_refused++;
    if (!jv_bucket_take(&core->auth_records, &security_records, core->now)) {
        return;
    }
    struct jv_record *rec = jv_session_record(core, NULL, JV_REC_BirthRefused, why, out);
    rec->remote = *remote;
    if (user != NULL) {
        memcpy(rec->text, user->name, sizeof user->name);
    }
}

/* ---- message 1 ---- */

void jv_birth_divide(struct jv_core *core)
{
    uint32_t n = core->cfg.shards;
    uint32_t births = jv_shard_share(JV_BIRTHS_PER_S, n);
    core->births_rate = (struct jv_rate){births, 1, births};
    core->source_rate = (struct jv_rate){jv_shard_share(JV_BIRTHS_SOURCE_PER_S, n), 1,
                                         jv_shard_share(JV_BIRTHS_SOURCE_BURST, n)};
}

void jv_birth_rotate_cookies(struct jv_core *core)
{
    struct jv_key secret;
    if (!jv_core_is_alone(core)) {
        /* The client that got a cookie draws another locator, and comes to another shard with it. */
        jv_cookies_follow(&core->cookies, core->now, &core->cfg.cookie_seed);
        return;
    }
    jv_core_random(core, secret.b, sizeof secret.b);
    jv_cookies_rotate(&core->cookies, core->now, &secret);
    jv_wipe(&secret, sizeof secret);
}

/* Half of the table, or half of what may be computed in a second, is taken: from here on only senders with an address count. */
static bool is_under_load(const struct jv_core *core)
{
    struct jv_bucket births = core->births;
    bool has_token = jv_bucket_take(&births, &core->births_rate, core->now);
    return !has_token || births.credit < core->births_rate.count / 2 * JV_NS_PER_S ||
           core->half_open.used >= (core->cfg.half_open_max + 1) / 2;
}

static void send_cookie(struct jv_core *core, const struct jv_header *header,
                        const struct jv_slot *asked, struct jv_out *out)
{
    static const uint8_t zero_nonce[12];
    struct jv_slot slot;
    if (!jv_core_buf(core, &slot)) {
        return;
    }
    const uint8_t *mac1 = asked->buf + asked->off + JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    uint8_t *at = slot.buf + JV_BUF_HEADROOM;
    const struct jv_header reply = {JV_TYPE_COOKIE, 0, 0, header->locator, false};
    jv_header_encode(&reply, at);
    uint8_t *random = at + JV_HEADER_BYTES;
    jv_core_random(core, random, JV_CONTROL_RANDOM_BYTES);
    uint8_t cookie[JV_COOKIE_BYTES];
    jv_cookies_make(&core->cookies, &asked->remote, cookie);
    struct jv_key key;
    memcpy(key.b, core->cookie_key, JV_KEY_BYTES);
    const struct jv_bytes context[] = {{random, JV_CONTROL_RANDOM_BYTES}, {mac1, JV_MAC_BYTES}};
    jv_kdf(&key, "jv1 cookie", context, 2, &key);
    jv_chacha_seal(&key, zero_nonce, mac1, JV_MAC_BYTES, cookie, sizeof cookie,
                   random + JV_CONTROL_RANDOM_BYTES);
    jv_wipe(&key, sizeof key);
    slot.off = JV_BUF_HEADROOM;
    slot.len = JV_COOKIE_MSG_BYTES;
    slot.link = asked->link;
    slot.remote = asked->remote;
    slot.local = asked->local;
    jv_core_send(core, &slot, out);
}

static bool is_mac1_valid(const struct jv_core *core, const uint8_t *msg)
{
    uint8_t mac[JV_MAC_BYTES];
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    const struct jv_bytes body = {msg, len};
    jv_mac(core->mac1_key, JV_HASH_BYTES, &body, 1, mac);
    return jv_equal(mac, msg + len, JV_MAC_BYTES);
}

/* MAC2 under the cookie of this very source, of this secret or the one before; made anew, nothing was stored. */
static bool is_mac2_valid(const struct jv_core *core, const uint8_t *msg,
                          const struct jv_endpoint *remote, uint8_t cookie_out[JV_COOKIE_BYTES])
{
    size_t len = JV_BIRTH_INIT_BYTES - JV_MAC_BYTES;
    const struct jv_bytes body = {msg, len};
    uint8_t mac[JV_MAC_BYTES];
    jv_cookies_make(&core->cookies, remote, cookie_out);
    jv_mac(cookie_out, JV_COOKIE_BYTES, &body, 1, mac);
    if (jv_equal(mac, msg + len, JV_MAC_BYTES)) {
        return true;
    }
    if (!jv_cookies_make_previous(&core->cookies, remote, cookie_out)) {
        return false;
    }
    jv_mac(cookie_out, JV_COOKIE_BYTES, &body, 1, mac);
    return jv_equal(mac, msg + len, JV_MAC_BYTES);
}

static struct jv_half_open *find_ephemeral(struct jv_core *core, const uint8_t *ephemeral,
                                           const struct jv_endpoint *remote, uint64_t *hash_out)
{
    uint64_t hash = jv_siphash(core->hash_key, ephemeral, JV_KEY_BYTES);
    uint64_t idx;
    *hash_out = hash;
    for (uint64_t cursor = 0; jv_map_find(&core->ephemerals, hash, &cursor, &idx);) {
        struct jv_half_open *half_open = jv_slab_at(&core->half_open, (uint32_t)idx, NULL);
        if (half_open != NULL && jv_endpoint_is_equal(&half_open->remote, remote) &&
            memcmp(half_open->ephemeral.b, ephemeral, JV_KEY_BYTES) == 0) {
            return half_open;
        }
    }
    return NULL;
}

static void send_reply(struct jv_core *core, const struct jv_half_open *half_open,
                       struct jv_out *out)
{
    struct jv_slot slot;
    if (!jv_core_buf(core, &slot)) {
        return;
    }
    slot.off = JV_BUF_HEADROOM;
    slot.len = JV_BIRTH_REPLY_BYTES;
    memcpy(slot.buf + slot.off, half_open->reply, JV_BIRTH_REPLY_BYTES);
    slot.link = half_open->link;
    slot.remote = half_open->remote;
    slot.local = half_open->local;
    jv_core_send(core, &slot, out);
}

static enum jv_suite choose_suite(const struct jv_core *core, uint8_t offer)
{
    if (core->cfg.offer_aes && (offer >> JV_SUITE_AES_256_GCM & 1) != 0) {
        return JV_SUITE_AES_256_GCM;
    }
    return (offer >> JV_SUITE_CHACHA20_POLY1305 & 1) != 0 ? JV_SUITE_CHACHA20_POLY1305
                                                          : JV_SUITE_NONE;
}

/* What is known of message 1 once it was read. */
struct first_message {
    struct jv_noise noise;
    struct jv_birth_init init;
    uint32_t user;
    enum jv_suite suite;
};

static enum jv_drop read_message1(struct jv_core *core, const uint8_t *msg, struct first_message *m)
{
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    struct jv_key ephemeral;
    jv_birth_prologue(msg, prologue);
    jv_core_random(core, ephemeral.b, sizeof ephemeral.b);
    enum jv_err err =
        jv_noise_init(&m->noise, JV_NOISE_RESPONDER, (struct jv_bytes){prologue, sizeof prologue},
                      &core->own, NULL, &ephemeral);
    jv_wipe(&ephemeral, sizeof ephemeral);
    if (err == JV_E_OK) {
        err = jv_noise_read1(&m->noise, msg + JV_HEADER_BYTES, JV_BIRTH_INIT_NOISE_BYTES, payload);
    }
    if (err != JV_E_OK) {
        return JV_DROP_BIRTH_AUTH;
    }
    if (!jv_birth_init_decode(payload, &m->init)) {
        return JV_DROP_MALFORMED;
    }
    if (!jv_users_find(core, jv_noise_peer(&m->noise), &m->user)) {
        return JV_DROP_BIRTH_UNKNOWN_KEY;
    }
    m->suite = choose_suite(core, m->init.aead_offer);
    return m->suite == JV_SUITE_NONE ? JV_DROP_BIRTH_SUITE : JV_DROP_CONSUMED;
}

/* Each try costs all keys of a session, and its name was on the wire; a client repeats five times a second. */
static const struct jv_rate confirmations = {JV_UNBOUND_OPENS_PER_S, 1, JV_UNBOUND_OPENS_PER_S};

/* Answer with message 2 and remember what the confirmation will be opened with. */
static bool make_half_open(struct jv_core *core, struct first_message *m,
                           const struct jv_header *header, const struct jv_slot *slot,
                           struct jv_half_open *half_open)
{
    struct jv_birth_reply reply = {.suite = (uint8_t)m->suite};
    uint32_t features = core->cfg.offer_partial_csum ? JV_FEATURE_PARTIAL_CSUM : 0;
    reply.features = (uint8_t)(m->init.feature_offer & features);
    jv_core_random(core, reply.sid.b, sizeof reply.sid.b);
    reply.locator = jv_locator_draw(core);
    uint8_t payload[JV_BIRTH_REPLY_PAYLOAD_BYTES];
    jv_birth_reply_encode(&reply, payload);
    const struct jv_header reply_header = {JV_TYPE_BIRTH_REPLY, 0, 0, header->locator, false};
    jv_header_encode(&reply_header, half_open->reply);
    struct jv_noise_keys keys;
    if (jv_noise_write2(&m->noise, &core->users[m->user].user.psk, payload, sizeof payload,
                        half_open->reply + JV_HEADER_BYTES) != JV_E_OK ||
        jv_noise_split(&m->noise, &keys) != JV_E_OK) {
        return false;
    }
    jv_keys_root(&keys, &reply.sid, &half_open->root);
    jv_wipe(&keys, sizeof keys);
    memcpy(half_open->ephemeral.b, slot->buf + slot->off + JV_HEADER_BYTES, JV_KEY_BYTES);
    half_open->remote = slot->remote;
    half_open->local = slot->local;
    half_open->link = slot->link;
    half_open->client_locator = header->locator;
    half_open->locator = reply.locator;
    half_open->sid = reply.sid;
    half_open->prior = m->init.prior;
    half_open->user = m->user;
    half_open->suite = (uint8_t)m->suite;
    half_open->features = reply.features;
    half_open->until = jv_add_ms(core->now, JV_HALF_OPEN_MS);
    jv_bucket_init(&half_open->opens, &confirmations, core->now);
    return true;
}

static enum jv_drop add_half_open(struct jv_core *core, struct first_message *m,
                                  const struct jv_header *header, const struct jv_slot *slot,
                                  uint64_t hash, struct jv_out *out)
{
    struct jv_handle handle;
    struct jv_half_open *half_open = jv_slab_add(&core->half_open, &handle);
    if (half_open == NULL) {
        return JV_DROP_BIRTH_FULL;
    }
    half_open->handle = handle;
    half_open->number = ++core->half_opens;
    half_open->ephemeral_hash = hash;
    if (!make_half_open(core, m, header, slot, half_open)) {
        jv_slab_remove(&core->half_open, handle);
        return JV_DROP_BIRTH_AUTH;
    }
    enum jv_err a = jv_map_add(&core->ephemerals, hash, handle.idx);
    enum jv_err b =
        jv_map_add(&core->locators, half_open->locator, JV_LOCATOR_HALF_OPEN | handle.idx);
    JV_ASSERT(a == JV_E_OK && b == JV_E_OK); /* both maps hold as many as the slab */
    jv_heap_set(&core->deadlines, core->cfg.sessions_max + handle.idx, half_open->until);
    send_reply(core, half_open, out);
    return JV_DROP_CONSUMED;
}

/*
 * P1: strangers are metered by source and all together; a known session never comes here. A source address that nobody has proven
 * may be another's: where its limit is spent, a cookie is asked for, and who shows one has a limit that no one else can spend.
 */
static bool is_within_source_limit(struct jv_core *core, struct jv_sources *sources,
                                   const struct jv_slot *slot)
{
    return jv_sources_take(sources, &core->source_rate, core->now, &slot->remote.ip);
}

/* Cheap before dear: length, keyed MAC, look-up, cookie; only then any Diffie-Hellman. */
void jv_birth_on_init(struct jv_core *core, const struct jv_header *header, struct jv_slot *slot,
                      struct jv_out *out)
{
    const uint8_t *msg = slot->buf + slot->off;
    if (slot->len != JV_BIRTH_INIT_BYTES || header->epoch != 0 ||
        header->counter != (uint64_t)JV_KEX_X25519 << 32) {
        jv_core_drop(core, slot, JV_DROP_MALFORMED);
        return;
    }
    if (!is_mac1_valid(core, msg)) {
        jv_core_drop(core, slot, JV_DROP_MAC1);
        return;
    }
    uint64_t hash;
    const struct jv_half_open *known =
        find_ephemeral(core, msg + JV_HEADER_BYTES, &slot->remote, &hash);
    if (known != NULL) {
        if (known->client_locator == header->locator) {
            send_reply(core, known, out);
        }
        jv_core_drop(core, slot, JV_DROP_BIRTH_REPEATED);
        return;
    }
    uint8_t cookie[JV_COOKIE_BYTES];
    /* The shard that read a message which was handed over has charged it; whether its home is under load is known here alone. */
    bool needs_cookie = is_under_load(core) ||
                        (!slot->is_handed && !is_within_source_limit(core, &core->sources, slot));
    if (needs_cookie && !is_mac2_valid(core, msg, &slot->remote, cookie)) {
        send_cookie(core, header, slot, out);
        jv_core_drop(core, slot, JV_DROP_COOKIE);
        return;
    }
    if (core->half_open.used == core->half_open.cap) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_FULL);
        return;
    }
    if ((needs_cookie && !is_within_source_limit(core, &core->proven, slot)) ||
        (!slot->is_handed && !jv_bucket_take(&core->births, &core->births_rate, core->now))) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_RATE);
        return;
    }
    struct first_message m;
    enum jv_drop drop = read_message1(core, msg, &m);
    if (drop == JV_DROP_BIRTH_UNKNOWN_KEY) {
        record_refusal(core, NULL, JV_WHY_AUTH_FAIL, &slot->remote, out);
    }
    if (drop == JV_DROP_CONSUMED && needs_cookie &&
        !jv_equal(m.init.cookie, cookie, JV_COOKIE_BYTES)) {
        drop =
            JV_DROP_COOKIE; /* recorded elsewhere: MAC2 was made for it, the sealed payload was not */
    }
    uint32_t home = core->cfg.shard;
    if (drop == JV_DROP_CONSUMED) {
        home = jv_shard_of_key(&core->users[m.user].user.public_key, core->cfg.shards);
    }
    if (home != core->cfg.shard) {
        drop = JV_DROP_BIRTH_UNKNOWN_KEY; /* unless it goes on */
    } else if (drop == JV_DROP_CONSUMED) {
        drop = add_half_open(core, &m, header, slot, hash, out);
    }
    jv_wipe(&m, sizeof m);
    if (!jv_handoff(core, slot, home, false, out)) {
        jv_core_drop(core, slot, drop);
    }
}

void jv_birth_half_open_expire(struct jv_core *core, struct jv_half_open *half_open)
{
    struct jv_handle handle = half_open->handle;
    (void)jv_map_remove(&core->ephemerals, half_open->ephemeral_hash, handle.idx);
    (void)jv_map_remove(&core->locators, half_open->locator, JV_LOCATOR_HALF_OPEN | handle.idx);
    jv_heap_set(&core->deadlines, core->cfg.sessions_max + handle.idx, JV_NEVER);
    jv_wipe(half_open, sizeof *half_open);
    jv_slab_remove(&core->half_open, handle);
}

/* ---- confirmation ---- */

static bool is_birth_allowed(struct jv_user_state *user, struct jv_instant now)
{
    uint32_t recent = 0;
    for (uint32_t i = 0; i < user->births_len; i++) {
        recent += jv_since_ms(user->births[i], now) < 60000 ? 1 : 0;
    }
    return recent < JV_BIRTHS_PER_MIN;
}

static void note_birth(struct jv_user_state *user, struct jv_instant now)
{
    user->births[user->births_next] = now;
    user->births_next = (user->births_next + 1) % JV_BIRTHS_PER_MIN;
    user->births_len = JV_MIN(user->births_len + 1, JV_BIRTHS_PER_MIN);
}

/* Open the confirmation with the keys of the session that it would be. */
static bool open_confirm(struct jv_session *s, const struct jv_header *header, struct jv_slot *slot,
                         struct jv_frame *frame)
{
    struct jv_epoch *epoch = &s->keys->epochs[JV_EPOCH_CURRENT];
    uint8_t *start = slot->buf + slot->off;
    if (slot->len <= JV_TRAFFIC_OVERHEAD || header->epoch != (uint8_t)epoch->n) {
        return false;
    }
    struct jv_aead_op op = {start + JV_HEADER_BYTES,
                            slot->len - JV_TRAFFIC_OVERHEAD,
                            start,
                            JV_HEADER_BYTES,
                            header->counter,
                            false};
    jv_aead_run(&epoch->rx, &op, 1);
    struct jv_rd rd = jv_rd_init(op.text, op.len);
    if (!op.ok || !jv_frame_decode(&rd, frame) || frame->type != JV_FRAME_CONFIRM) {
        return false;
    }
    jv_replay_mark(&epoch->window, header->counter);
    epoch->rx_count++;
    epoch->opened = true;
    return true;
}

static struct jv_session *provisional(struct jv_core *core, const struct jv_half_open *half_open)
{
    struct jv_session *s = jv_session_open(core, &core->cfg.policy);
    if (s == NULL) {
        return NULL;
    }
    s->sid = half_open->sid;
    s->prior = half_open->prior;
    s->features = half_open->features;
    s->user = half_open->user;
    if (jv_keys_start(s->keys, &half_open->root, &s->sid, (enum jv_suite)half_open->suite, false,
                      core->now) != JV_E_OK) {
        jv_session_close(core, s);
        return NULL;
    }
    struct jv_path *path = &s->own;
    path->used = true;
    memcpy(path->name, "udp", 4);
    path->link = half_open->link;
    path->remote = half_open->remote;
    path->local = half_open->local;
    path->locator = half_open->locator;
    return s;
}

/* The inner address: the older session's, a fixed one, or one from the pool. */
static enum jv_why assign_address(struct jv_core *core, struct jv_session *s,
                                  struct jv_session *old)
{
    const struct jv_user *user = &core->users[s->user].user;
    uint64_t owner = jv_siphash(core->hash_key, user->public_key.b, JV_KEY_BYTES) | 1;
    if (user->address4.family != JV_AF_NONE || user->address6.family != JV_AF_NONE) {
        s->address4 =
            (struct jv_prefix){user->address4, user->address4.family == JV_AF_NONE ? 0 : 32};
        s->address6 =
            (struct jv_prefix){user->address6, user->address6.family == JV_AF_NONE ? 0 : 128};
        return JV_WHY_NONE;
    }
    if (old != NULL && old->address_idx != 0) {
        s->address_idx = old->address_idx;
        old->address_idx = 0;
    } else if (jv_addresses_take(&core->addresses, owner, core->now, &s->address_idx) != JV_E_OK) {
        return JV_WHY_ADDRESS_EXHAUSTED;
    }
    s->address4 = jv_addresses_at(&core->addresses, JV_AF_4, s->address_idx);
    s->address6 = jv_addresses_at(&core->addresses, JV_AF_6, s->address_idx);
    return JV_WHY_NONE;
}

static void add_route(struct jv_core *core, struct jv_session *s, const struct jv_prefix *prefix,
                      bool is_net, struct jv_out *out)
{
    if (prefix->ip.family == JV_AF_NONE ||
        jv_routes_add(&core->routes, prefix, s->handle.idx) != JV_E_OK) {
        return; /* the loader refuses two users with one network, so only a full table leads here */
    }
    if (is_net) {
        jv_core_order(out, JV_ORDER_ROUTE_ADD, s)->route = *prefix;
    }
}

static void add_routes(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    const struct jv_user *user = &core->users[s->user].user;
    const struct jv_prefix host4 = {s->address4.ip, 32};
    const struct jv_prefix host6 = {s->address6.ip, 128};
    add_route(core, s, &host4, false, out);
    add_route(core, s, &host6, false, out);
    for (uint32_t i = 0; i < user->nets_len; i++) {
        add_route(core, s, &user->nets[i], true, out);
    }
}

static void refuse(struct jv_core *core, struct jv_session *s, enum jv_why why, struct jv_out *out)
{
    const struct jv_frame frame = {.type = JV_FRAME_TERMINATE, .u.terminate = {(uint8_t)why}};
    (void)jv_tunnel_frames_to(core, s, &s->own, &frame, 1, 0,
                              out); /* the client's birth timeout tells it otherwise */
    record_refusal(core, &core->users[s->user].user, why, &s->own.remote, out);
    jv_session_close(core, s);
}

static void supersede(struct jv_core *core, struct jv_session *old, const struct jv_session *newer,
                      struct jv_out *out)
{
    jv_tunnel_terminate(core, old, JV_WHY_SUPERSEDED, out);
    (void)jv_session_apply(
        core, old, &(struct jv_step){.event = JV_EV_SUPERSEDED_BY_BIRTH, .why = JV_WHY_SUPERSEDED},
        out);
    struct jv_record *rec =
        jv_session_record(core, old, JV_REC_SessionTerminated, JV_WHY_SUPERSEDED, out);
    rec->link = newer->sid;
    jv_record_put(rec, JV_FD_age_ms, jv_since_ms(old->created, core->now));
    core->count.ends++;
    core->count.ends_by_reason[JV_WHY_SUPERSEDED]++;
    jv_birth_after_end(core, old, out);
}

static void complete(struct jv_core *core, struct jv_session *s, struct jv_session *old,
                     struct jv_out *out)
{
    struct jv_user_state *user = &core->users[s->user];
    s->mtu = core->cfg.mtu;
    jv_pathsize_told(s, 0);
    struct jv_record *rec =
        jv_session_record(core, s, JV_REC_SessionCreated, JV_WHY_HANDSHAKE_OK, out);
    memcpy(rec->text, user->user.name, sizeof user->user.name);
    if (old != NULL) {
        rec->link = old->sid;
        supersede(core, old, s, out);
    }
    user->session = s->handle;
    note_birth(user, core->now);
    add_routes(core, s, out);
    jv_locator_adopt(core, s, s->own.locator);
    s->commit.next_locator = s->own.locator;
    jv_locator_top_up(core, s);
    s->spares_arrived = true; /* a client asks for nothing before it has the BIRTH_ACK */
    s->bind_next = &s->own;
    s->own.was_heard = true;
    s->own.heard = core->now;
    rec = jv_session_record(core, s, JV_REC_TransportAttached, JV_WHY_HANDSHAKE_OK, out);
    jv_record_path(rec, &s->own);
    (void)jv_session_apply(
        core, s, &(struct jv_step){.event = JV_EV_HANDSHAKE_PROVEN, .why = JV_WHY_HANDSHAKE_OK},
        out);
    s->commit.version = s->v;
    s->hint_wait_ms = JV_HINT_MIN_MS;
    core->count.births++;
    jv_birth_acknowledge(core, s, out);
}

void jv_birth_on_confirm(struct jv_core *core, struct jv_half_open *half_open,
                         const struct jv_header *header, struct jv_slot *slot, struct jv_out *out)
{
    struct jv_frame frame;
    if (!jv_endpoint_is_equal(&half_open->remote, &slot->remote) || half_open->link != slot->link) {
        jv_core_drop(core, slot, JV_DROP_UNBOUND);
        return;
    }
    if (!jv_bucket_take(&half_open->opens, &confirmations, core->now)) {
        jv_core_drop(core, slot, JV_DROP_UNBOUND_RATE);
        return;
    }
    struct jv_session *s = provisional(core, half_open);
    if (s == NULL) {
        jv_core_drop(core, slot, JV_DROP_BIRTH_FULL);
        return;
    }
    if (!open_confirm(s, header, slot, &frame)) {
        jv_session_close(core, s);
        jv_core_drop(core, slot, JV_DROP_AUTH);
        return;
    }
    struct jv_user_state *user = &core->users[s->user];
    uint64_t number = half_open->number;
    jv_birth_half_open_expire(core, half_open);
    if (number < user->newest_birth) {
        /* Its client has begun anew since and forgotten these keys: what was held on the way must not end the session that it has. */
        jv_session_close(core, s);
        jv_core_drop(core, slot, JV_DROP_BIRTH_LATE);
        return;
    }
    jv_core_drop(core, slot, JV_DROP_CONSUMED);
    struct jv_session *old = jv_slab_get(&core->sessions, user->session);
    enum jv_why why = JV_WHY_NONE;
    if (old == NULL && core->sessions.used > core->sessions_limit) {
        why = JV_WHY_CAPACITY_EXCEEDED;
    } else if (!user->used || !is_birth_allowed(user, core->now)) {
        why = JV_WHY_RATE_LIMITED;
    } else if (core->denies_births ||
               jv_policy_clamp(&frame.u.confirm.policy, &core->cfg.clamp, &s->policy) != JV_E_OK) {
        why = JV_WHY_POLICY_INVALID;
    } else {
        why = assign_address(core, s, old);
    }
    if (why != JV_WHY_NONE) {
        refuse(core, s, why, out);
        return;
    }
    user->newest_birth = number;
    s->policy_id = jv_policy_id(&s->policy);
    s->commit.path_id = frame.u.confirm.path_id;
    struct jv_rate rate = jv_session_switch_rate(s);
    jv_bucket_init(&s->switches, &rate, core->now);
    jv_reattach_begin(core, s);
    complete(core, s, old, out);
}

void jv_birth_acknowledge(struct jv_core *core, struct jv_session *s, struct jv_out *out)
{
    struct jv_frame frame = {.type = JV_FRAME_BIRTH_ACK};
    struct jv_frame_birth_ack *ack = &frame.u.birth_ack;
    if (s->state == JV_ST_BIRTH || s->state == JV_ST_TERMINATED) {
        return;
    }
    ack->version = s->v;
    ack->policy = s->policy;
    ack->address4 = s->address4;
    ack->address6 = s->address6;
    ack->gateway4 = jv_addresses_at(&core->addresses, JV_AF_4, core->addresses.gateway).ip;
    ack->gateway6 = jv_addresses_at(&core->addresses, JV_AF_6, core->addresses.gateway).ip;
    ack->mtu = (uint16_t)core->cfg.mtu;
    ack->nets_len = core->users[s->user].user.nets_len;
    memcpy(ack->nets, core->users[s->user].user.nets, sizeof ack->nets);
    ack->dns_len = core->cfg.dns_len;
    memcpy(ack->dns, core->cfg.dns, sizeof ack->dns);
    ack->endpoints_len = core->cfg.endpoints_len;
    memcpy(ack->endpoints, core->cfg.endpoints, sizeof ack->endpoints);
    for (uint32_t i = 0; i < ack->endpoints_len; i++) {
        ack->endpoint_keys[i] = core->own.public_key;
    }
    ack->spares_len = jv_locator_spares(s, ack->spares);
    ack->gateway_time_ms = jv_core_gateway_time(core);
    (void)jv_tunnel_frames(core, s, &frame, 1, 0,
                           out); /* the client confirms again until it has one */
}
