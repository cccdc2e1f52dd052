/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_VECTORS_VECTORS_H
#define JV_TESTS_VECTORS_VECTORS_H
/*
 * vectors -- the test vectors of docs/protocol.md, made with the functions of the core from fixed keys and fixed random bytes.
 *
 * make_vectors writes them to the files beside this one, test_vectors compares them with those files, and check_vectors.py derives
 * and opens everything again without any code of ours.
 * Takes    jv_crypto_init() was called.
 */
#include <string.h>

#include "birth.h"
#include "control.h"
#include "frame.h"
#include "json.h"
#include "keys.h"
#include "msg.h"
#include "noise.h"
#include "parts.h"
#include "policy.h"
#include "token.h"

#define VECTOR_CLIENT_LOCATOR 0x0102030405060708ULL
#define VECTOR_LOCATOR 0x1112131415161718ULL
#define VECTOR_NEXT_LOCATOR 0x2122232425262728ULL

/* `len` bytes that count upwards from `first`. */
static inline void vector_fill(void *out, size_t len, uint8_t first)
{
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)(first + i);
    }
}

static inline struct jv_key vector_key(uint8_t first)
{
    struct jv_key key;
    vector_fill(key.b, sizeof key.b, first);
    return key;
}

static inline struct jv_keypair vector_pair(uint8_t first)
{
    struct jv_keypair pair = {.private_key = vector_key(first)};
    enum jv_err err = jv_dh_public(&pair.private_key, &pair.public_key);
    JV_ASSERT(err == JV_E_OK);
    return pair;
}

static inline struct jv_endpoint vector_endpoint4(uint8_t last, uint16_t port)
{
    return (struct jv_endpoint){.ip = {.family = JV_AF_4, .b = {192, 0, 2, last}}, .port = port};
}

static inline struct jv_endpoint vector_endpoint6(uint8_t last, uint16_t port)
{
    struct jv_endpoint ep = {.ip = {.family = JV_AF_6, .b = {0x20, 0x01, 0x0d, 0xb8}},
                             .port = port};
    ep.ip.b[15] = last;
    return ep;
}

static inline void json_endpoint(struct json *j, const char *key, const struct jv_endpoint *ep)
{
    json_open(j, key, '{');
    json_number(j, "family", ep->ip.family);
    json_number(j, "port", ep->port);
    json_hex(j, "address", ep->ip.b, 16);
    json_close(j, '}');
}

static inline void json_locator(struct json *j, const char *key, uint64_t locator)
{
    uint8_t bytes[8];
    struct jv_wr wr = jv_wr_init(bytes, sizeof bytes);
    jv_wr_u64(&wr, locator);
    json_hex(j, key, bytes, sizeof bytes);
}

/* ---- birth.json ---- */

struct vector_birth {
    struct jv_keypair client, gateway, client_ephemeral, gateway_ephemeral;
    struct jv_key psk;
    struct jv_sid sid;
    struct jv_noise_keys noise_keys;
    uint8_t mac1_key[JV_HASH_BYTES], cookie_key[JV_HASH_BYTES];
    uint8_t init[JV_BIRTH_INIT_BYTES], reply[JV_BIRTH_REPLY_BYTES];
};

static inline void vector_noise(struct jv_noise *noise, enum jv_noise_role role,
                                const struct vector_birth *v, const uint8_t *header,
                                const struct jv_key *ephemeral)
{
    uint8_t prologue[JV_BIRTH_PROLOGUE_BYTES];
    jv_birth_prologue(header, prologue);
    bool first = role == JV_NOISE_INITIATOR;
    enum jv_err err = jv_noise_init(noise, role, (struct jv_bytes){prologue, sizeof prologue},
                                    first ? &v->client : &v->gateway,
                                    first ? &v->gateway.public_key : NULL, ephemeral);
    JV_ASSERT(err == JV_E_OK);
}

/* Message 1; `cookie` NULL: none. */
static inline void vector_init(const struct vector_birth *v, struct jv_noise *noise,
                               const struct jv_key *ephemeral, const uint8_t *cookie, uint8_t *msg)
{
    const struct jv_header header = {JV_TYPE_BIRTH_INIT, 0, (uint64_t)JV_KEX_X25519 << 32,
                                     VECTOR_CLIENT_LOCATOR, false};
    struct jv_birth_init init = {.aead_offer =
                                     1U << JV_SUITE_CHACHA20_POLY1305 | 1U << JV_SUITE_AES_256_GCM};
    uint8_t payload[JV_BIRTH_PAYLOAD_BYTES];
    size_t len = JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    vector_fill(init.prior.b, JV_SID_BYTES, 0xc0);
    if (cookie != NULL) {
        memcpy(init.cookie, cookie, JV_MAC_BYTES);
    }
    jv_birth_init_encode(&init, payload);
    jv_header_encode(&header, msg);
    vector_noise(noise, JV_NOISE_INITIATOR, v, msg, ephemeral);
    enum jv_err err = jv_noise_write1(noise, payload, sizeof payload, msg + JV_HEADER_BYTES);
    JV_ASSERT(err == JV_E_OK);
    const struct jv_bytes body = {msg, len};
    jv_mac(v->mac1_key, JV_HASH_BYTES, &body, 1, msg + len);
    memset(msg + len + JV_MAC_BYTES, 0, JV_MAC_BYTES);
    if (cookie != NULL) {
        const struct jv_bytes with_mac1 = {msg, len + JV_MAC_BYTES};
        jv_mac(cookie, JV_MAC_BYTES, &with_mac1, 1, msg + len + JV_MAC_BYTES);
    }
}

static inline void vector_reply(struct vector_birth *v, struct jv_noise *client)
{
    struct jv_noise gateway;
    uint8_t payload1[JV_BIRTH_PAYLOAD_BYTES];
    uint8_t payload[JV_BIRTH_REPLY_PAYLOAD_BYTES];
    const struct jv_header header = {JV_TYPE_BIRTH_REPLY, 0, 0, VECTOR_CLIENT_LOCATOR, false};
    const struct jv_birth_reply reply = {v->sid, VECTOR_LOCATOR, JV_SUITE_CHACHA20_POLY1305, 0};
    size_t len = JV_BIRTH_REPLY_BYTES - JV_HEADER_BYTES;
    vector_noise(&gateway, JV_NOISE_RESPONDER, v, v->init, &v->gateway_ephemeral.private_key);
    enum jv_err err =
        jv_noise_read1(&gateway, v->init + JV_HEADER_BYTES, JV_BIRTH_INIT_NOISE_BYTES, payload1);
    JV_ASSERT(err == JV_E_OK);
    jv_birth_reply_encode(&reply, payload);
    jv_header_encode(&header, v->reply);
    err = jv_noise_write2(&gateway, &v->psk, payload, sizeof payload, v->reply + JV_HEADER_BYTES);
    JV_ASSERT(err == JV_E_OK);
    err = jv_noise_read2(client, &v->psk, v->reply + JV_HEADER_BYTES, len, payload);
    JV_ASSERT(err == JV_E_OK);
    err = jv_noise_split(client, &v->noise_keys);
    JV_ASSERT(err == JV_E_OK);
}

static inline void vector_birth_make(struct vector_birth *v)
{
    struct jv_noise noise;
    v->client = vector_pair(0x10);
    v->gateway = vector_pair(0x40);
    v->client_ephemeral = vector_pair(0x70);
    v->gateway_ephemeral = vector_pair(0xa0);
    v->psk = vector_key(0xd0);
    vector_fill(v->sid.b, JV_SID_BYTES, 0xe0);
    jv_birth_keys(&v->gateway.public_key, v->mac1_key, v->cookie_key);
    vector_init(v, &noise, &v->client_ephemeral.private_key, NULL, v->init);
    vector_reply(v, &noise);
}

static inline void vector_cookie(struct json *j, const struct vector_birth *v)
{
    const struct jv_endpoint source = vector_endpoint4(7, 51820);
    const struct jv_key secret = vector_key(0x33);
    const struct jv_keypair ephemeral = vector_pair(0x71);
    const uint8_t zero_nonce[12] = {0};
    const struct jv_header header = {JV_TYPE_COOKIE, 0, 0, VECTOR_CLIENT_LOCATOR, false};
    struct jv_cookies cookies;
    uint8_t cookie[JV_COOKIE_BYTES];
    uint8_t msg[JV_COOKIE_MSG_BYTES];
    uint8_t again[JV_BIRTH_INIT_BYTES];
    struct jv_noise noise;
    struct jv_key key;
    uint8_t *random = msg + JV_HEADER_BYTES;
    const uint8_t *mac1 = v->init + JV_BIRTH_INIT_BYTES - JV_BIRTH_MACS_BYTES;
    jv_cookies_init(&cookies);
    jv_cookies_rotate(&cookies, (struct jv_instant){0}, &secret);
    jv_cookies_make(&cookies, &source, cookie);
    jv_header_encode(&header, msg);
    vector_fill(random, JV_CONTROL_RANDOM_BYTES, 0x55);
    const struct jv_bytes context[] = {{random, JV_CONTROL_RANDOM_BYTES}, {mac1, JV_MAC_BYTES}};
    memcpy(key.b, v->cookie_key, JV_KEY_BYTES);
    jv_kdf(&key, "jv1 cookie", context, 2, &key);
    jv_chacha_seal(&key, zero_nonce, mac1, JV_MAC_BYTES, cookie, sizeof cookie,
                   random + JV_CONTROL_RANDOM_BYTES);
    vector_init(v, &noise, &ephemeral.private_key, cookie, again);
    json_open(j, "cookie", '{');
    json_endpoint(j, "source", &source);
    json_hex(j, "gateway_secret", secret.b, sizeof secret.b);
    json_hex(j, "cookie", cookie, sizeof cookie);
    json_hex(j, "message", msg, sizeof msg);
    json_hex(j, "second_ephemeral_private", ephemeral.private_key.b, JV_KEY_BYTES);
    json_hex(j, "second_init", again, sizeof again);
    json_close(j, '}');
}

static inline void vector_write_birth(FILE *to)
{
    struct json j = {.to = to};
    struct vector_birth v;
    struct jv_sid prior;
    vector_fill(prior.b, JV_SID_BYTES, 0xc0);
    vector_birth_make(&v);
    json_open(&j, NULL, '{');
    json_hex(&j, "client_private", v.client.private_key.b, JV_KEY_BYTES);
    json_hex(&j, "gateway_private", v.gateway.private_key.b, JV_KEY_BYTES);
    json_hex(&j, "gateway_public", v.gateway.public_key.b, JV_KEY_BYTES);
    json_hex(&j, "psk", v.psk.b, JV_KEY_BYTES);
    json_hex(&j, "client_ephemeral_private", v.client_ephemeral.private_key.b, JV_KEY_BYTES);
    json_hex(&j, "gateway_ephemeral_private", v.gateway_ephemeral.private_key.b, JV_KEY_BYTES);
    json_locator(&j, "client_locator", VECTOR_CLIENT_LOCATOR);
    json_hex(&j, "prior", prior.b, JV_SID_BYTES);
    json_hex(&j, "mac1_key", v.mac1_key, JV_HASH_BYTES);
    json_hex(&j, "cookie_key", v.cookie_key, JV_HASH_BYTES);
    json_hex(&j, "init", v.init, sizeof v.init);
    json_hex(&j, "session_id", v.sid.b, JV_SID_BYTES);
    json_locator(&j, "locator", VECTOR_LOCATOR);
    json_number(&j, "suite", JV_SUITE_CHACHA20_POLY1305);
    json_hex(&j, "reply", v.reply, sizeof v.reply);
    json_hex(&j, "split_first", v.noise_keys.to_responder.b, JV_KEY_BYTES);
    json_hex(&j, "split_second", v.noise_keys.to_initiator.b, JV_KEY_BYTES);
    json_hex(&j, "handshake_hash", v.noise_keys.h, JV_HASH_BYTES);
    vector_cookie(&j, &v);
    json_close(&j, '}');
}

/* ---- keys.json ---- */

static inline void vector_root(struct jv_key *root, struct jv_sid *sid)
{
    struct vector_birth v;
    vector_birth_make(&v);
    jv_keys_root(&v.noise_keys, &v.sid, root);
    *sid = v.sid;
}

static inline struct jv_rekey_mix vector_mix(void)
{
    struct jv_rekey_mix mix = {.own_private = vector_key(0x22),
                               .peer_public = vector_pair(0x62).public_key};
    vector_fill(mix.client_random, 16, 0x81);
    vector_fill(mix.gateway_random, 16, 0x91);
    return mix;
}

/* Epoch 1, or 2 after a rekey, as one side has it in use. */
static inline void vector_keys(struct jv_keys *keys, enum jv_suite suite, bool is_client,
                               uint64_t n)
{
    struct jv_key root;
    struct jv_sid sid;
    memset(keys, 0, sizeof *keys);
    vector_root(&root, &sid);
    enum jv_err err = jv_keys_start(keys, &root, &sid, suite, is_client, (struct jv_instant){0});
    JV_ASSERT(err == JV_E_OK);
    if (n == 2) {
        const struct jv_rekey_mix mix = vector_mix();
        err = jv_keys_prepare(keys, 2, &mix);
        JV_ASSERT(err == JV_E_OK);
        jv_keys_advance(keys, (struct jv_instant){0});
    }
}

static inline void vector_epoch(struct json *j, const struct jv_keys *keys)
{
    const struct jv_epoch *epoch = &keys->epochs[JV_EPOCH_CURRENT];
    uint8_t n_be[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)epoch->n};
    const struct jv_bytes context[] = {{keys->sid.b, JV_SID_BYTES}, {n_be, 8}};
    static const char *const labels[][2] = {{"resume", "jv1 resume"},
                                            {"client_to_gateway", "jv1 client to gateway"},
                                            {"gateway_to_client", "jv1 gateway to client"}};
    json_open(j, NULL, '{');
    json_number(j, "epoch", epoch->n);
    json_hex(j, "root", epoch->root.b, JV_KEY_BYTES);
    json_hex(j, "control", epoch->control.b, JV_KEY_BYTES);
    for (size_t i = 0; i < JV_ARRAY_LEN(labels); i++) {
        struct jv_key key;
        jv_kdf(&epoch->root, labels[i][1], context, 2, &key);
        json_hex(j, labels[i][0], key.b, JV_KEY_BYTES);
    }
    json_close(j, '}');
}

static inline void vector_write_keys(FILE *to)
{
    struct json j = {.to = to};
    static struct jv_keys keys;
    const struct jv_rekey_mix mix = vector_mix();
    json_open(&j, NULL, '{');
    json_hex(&j, "client_ephemeral_private", mix.own_private.b, JV_KEY_BYTES);
    json_hex(&j, "gateway_ephemeral_private", vector_key(0x62).b, JV_KEY_BYTES);
    json_hex(&j, "client_random", mix.client_random, 16);
    json_hex(&j, "gateway_random", mix.gateway_random, 16);
    json_open(&j, "epochs", '[');
    for (uint64_t n = 1; n <= 2; n++) {
        vector_keys(&keys, JV_SUITE_CHACHA20_POLY1305, true, n);
        vector_epoch(&j, &keys);
        jv_keys_fini(&keys);
    }
    json_close(&j, ']');
    json_close(&j, '}');
}

/* ---- control.json ---- */

static inline struct jv_report vector_report(void)
{
    return (struct jv_report){.epoch = 1,
                              .highest = 1000,
                              .received = 993,
                              .gaps_len = 2,
                              .gaps = {{990, 994}, {17, 18}}};
}

static inline void json_report(struct json *j, const struct jv_report *r)
{
    json_open(j, "report", '{');
    json_number(j, "epoch", r->epoch);
    json_number(j, "highest", r->highest);
    json_number(j, "received", r->received);
    json_open(j, "gaps", '[');
    for (uint32_t i = 0; i < r->gaps_len; i++) {
        json_open(j, NULL, '[');
        json_number(j, NULL, r->gaps[i].first);
        json_number(j, NULL, r->gaps[i].last);
        json_close(j, ']');
    }
    json_close(j, ']');
    json_close(j, '}');
}

struct vector_control {
    struct json *j;
    struct jv_keys *keys;
    uint8_t random_first;
};

/* Seals `body` as one end would, and ends the object that the caller has opened. */
static inline void vector_seal(struct vector_control *c, enum jv_type type, bool to_client,
                               const uint8_t *body, size_t len)
{
    static const uint8_t zero_nonce[12];
    const struct jv_epoch *epoch = &c->keys->epochs[JV_EPOCH_CURRENT];
    const struct jv_header header = {(uint8_t)type, (uint8_t)epoch->n, 0, VECTOR_LOCATOR, false};
    uint8_t msg[JV_DATAGRAM_MAX];
    size_t ad_len = JV_HEADER_BYTES + JV_CONTROL_RANDOM_BYTES;
    struct jv_key key;
    jv_header_encode(&header, msg);
    vector_fill(msg + JV_HEADER_BYTES, JV_CONTROL_RANDOM_BYTES, c->random_first++);
    jv_keys_control(epoch, to_client, (uint8_t)type, msg + JV_HEADER_BYTES, &key);
    jv_chacha_seal(&key, zero_nonce, msg, ad_len, body, len, msg + ad_len);
    json_close(c->j, '}');
    json_number(c->j, "type", type);
    json_number(c->j, "to_client", to_client ? 1 : 0);
    json_number(c->j, "epoch", epoch->n);
    json_hex(c->j, "one_time_key", key.b, JV_KEY_BYTES);
    json_hex(c->j, "body", body, len);
    json_hex(c->j, "datagram", msg, len + JV_CONTROL_OVERHEAD);
    json_close(c->j, '}');
}

static inline void vector_begin(struct vector_control *c, const char *name)
{
    json_open(c->j, NULL, '{');
    json_text(c->j, "name", name);
    json_open(c->j, "fields", '{');
}

static inline void vector_probes(struct vector_control *c, const uint8_t token[JV_TOKEN_BYTES],
                                 size_t datagram_bytes)
{
    uint8_t body[JV_PROBE_BODY_MAX] = {0}; /* a probe of real size has zeroes behind it */
    size_t len = datagram_bytes - JV_CONTROL_OVERHEAD;
    const struct jv_probe probe = {.time_us = 123456789, .order_spent = 4};
    vector_begin(c, "PROBE");
    json_number(c->j, "time_us", probe.time_us);
    json_number(c->j, "order_spent", probe.order_spent);
    jv_probe_encode(&probe, body);
    vector_seal(c, JV_TYPE_PROBE, false, body, len);
    struct jv_probe_reply reply = {.time_us = 123456789,
                                   .observed = vector_endpoint4(7, 51820),
                                   .state = JV_ST_VOLATILE,
                                   .is_bound = true,
                                   .version = 9};
    memcpy(reply.token, token, JV_TOKEN_BYTES);
    vector_begin(c, "PROBE_REPLY");
    json_number(c->j, "time_us", reply.time_us);
    json_hex(c->j, "token", reply.token, JV_TOKEN_BYTES);
    json_endpoint(c->j, "observed", &reply.observed);
    json_number(c->j, "state", reply.state);
    json_number(c->j, "is_bound", reply.is_bound);
    json_number(c->j, "version", reply.version);
    jv_probe_reply_encode(&reply, body);
    vector_seal(c, JV_TYPE_PROBE_REPLY, true, body, len);
}

static inline void vector_request(struct vector_control *c, uint8_t mark,
                                  const uint8_t token[JV_TOKEN_BYTES])
{
    uint8_t body[JV_REQUEST_BODY];
    struct jv_request req = {.order = 5,
                             .version = 9,
                             .hint_epoch = 1,
                             .hint_counter = 1001,
                             .gateway_time_ms = 60000,
                             .protocol = JV_PROTO_UDP,
                             .path_id = 2,
                             .flags = (uint8_t)(JV_REQ_HAS_TOKEN | mark),
                             .why = JV_WHY_NAT_REBIND_DETECTED,
                             .target = vector_endpoint6(1, 4433),
                             .size = 1372,
                             .report = vector_report()};
    vector_fill(req.random, sizeof req.random, 0x61);
    memcpy(req.token, token, JV_TOKEN_BYTES);
    vector_begin(c, mark == JV_REQ_HINT ? "REQUEST" : "REQUEST_UNLESS");
    json_number(c->j, "order", req.order);
    json_number(c->j, "version", req.version);
    json_hex(c->j, "random", req.random, sizeof req.random);
    json_hex(c->j, "token", req.token, JV_TOKEN_BYTES);
    json_number(c->j, "hint_epoch", req.hint_epoch);
    json_number(c->j, "hint_counter", req.hint_counter);
    json_number(c->j, "gateway_time_ms", req.gateway_time_ms);
    json_number(c->j, "protocol", req.protocol);
    json_number(c->j, "path_id", req.path_id);
    json_number(c->j, "flags", req.flags);
    json_number(c->j, "why", req.why);
    json_endpoint(c->j, "target", &req.target);
    json_number(c->j, "size", req.size);
    json_report(c->j, &req.report);
    jv_request_encode(&req, body);
    vector_seal(c, JV_TYPE_REQUEST, false, body, sizeof body);
}

static inline void vector_challenge(struct vector_control *c, const uint8_t token[JV_TOKEN_BYTES])
{
    uint8_t body[JV_CHALLENGE_BODY];
    struct jv_challenge msg = {
        .order = 5, .last_order = 4, .version = 9, .observed = vector_endpoint4(7, 51820)};
    vector_fill(msg.random, sizeof msg.random, 0x61);
    memcpy(msg.token, token, JV_TOKEN_BYTES);
    vector_begin(c, "CHALLENGE");
    json_number(c->j, "order", msg.order);
    json_hex(c->j, "random", msg.random, sizeof msg.random);
    json_hex(c->j, "token", msg.token, JV_TOKEN_BYTES);
    json_number(c->j, "last_order", msg.last_order);
    json_number(c->j, "version", msg.version);
    json_endpoint(c->j, "observed", &msg.observed);
    jv_challenge_encode(&msg, body);
    vector_seal(c, JV_TYPE_CHALLENGE, true, body, sizeof body);
}

static inline void vector_ack(struct vector_control *c, const uint8_t token[JV_TOKEN_BYTES])
{
    uint8_t body[JV_ACK_BODY];
    struct jv_ack msg = {.order = 5,
                         .version = 12,
                         .state = JV_ST_ATTACHED,
                         .path_id = 2,
                         .is_move = true,
                         .observed = vector_endpoint4(7, 51820),
                         .locator = VECTOR_NEXT_LOCATOR,
                         .next_epoch = 1,
                         .next_counter = 2048,
                         .spares_len = 2,
                         .spares = {0x3132333435363738ULL, 0x4142434445464748ULL},
                         .report = vector_report()};
    vector_fill(msg.random, sizeof msg.random, 0x61);
    memcpy(msg.token, token, JV_TOKEN_BYTES);
    vector_begin(c, "ACK");
    json_number(c->j, "order", msg.order);
    json_hex(c->j, "random", msg.random, sizeof msg.random);
    json_number(c->j, "version", msg.version);
    json_number(c->j, "state", msg.state);
    json_number(c->j, "path_id", msg.path_id);
    json_number(c->j, "is_move", msg.is_move);
    json_hex(c->j, "token", msg.token, JV_TOKEN_BYTES);
    json_endpoint(c->j, "observed", &msg.observed);
    json_locator(c->j, "locator", msg.locator);
    json_number(c->j, "next_epoch", msg.next_epoch);
    json_number(c->j, "next_counter", msg.next_counter);
    json_open(c->j, "spares", '[');
    for (uint32_t i = 0; i < msg.spares_len; i++) {
        json_locator(c->j, NULL, msg.spares[i]);
    }
    json_close(c->j, ']');
    json_report(c->j, &msg.report);
    jv_ack_encode(&msg, body);
    vector_seal(c, JV_TYPE_ACK, true, body, sizeof body);
}

static inline void vector_reject_and_hint(struct vector_control *c,
                                          const uint8_t token[JV_TOKEN_BYTES])
{
    uint8_t body[JV_HINT_BODY];
    struct jv_reject reject = {.order = 6,
                               .why = JV_WHY_SWITCH_RATE_LIMITED,
                               .path_id = 2,
                               .retry_after_ms = 1500,
                               .version = 12,
                               .last_order = 5};
    vector_fill(reject.random, sizeof reject.random, 0x61);
    vector_begin(c, "REJECT");
    json_number(c->j, "order", reject.order);
    json_hex(c->j, "random", reject.random, sizeof reject.random);
    json_number(c->j, "why", reject.why);
    json_number(c->j, "path_id", reject.path_id);
    json_number(c->j, "retry_after_ms", reject.retry_after_ms);
    json_number(c->j, "version", reject.version);
    json_number(c->j, "last_order", reject.last_order);
    jv_reject_encode(&reject, body);
    vector_seal(c, JV_TYPE_REJECT, true, body, JV_REJECT_BODY);
    struct jv_hint hint = {.epoch = 1, .counter = 1001, .observed = vector_endpoint6(9, 40000)};
    memcpy(hint.token, token, JV_TOKEN_BYTES);
    vector_begin(c, "HINT");
    json_hex(c->j, "token", hint.token, JV_TOKEN_BYTES);
    json_number(c->j, "epoch", hint.epoch);
    json_number(c->j, "counter", hint.counter);
    json_endpoint(c->j, "observed", &hint.observed);
    jv_hint_encode(&hint, body);
    vector_seal(c, JV_TYPE_HINT, true, body, JV_HINT_BODY);
}

static inline void vector_token(struct json *j, const char *key, const struct jv_token_claim *claim,
                                uint8_t token[JV_TOKEN_BYTES])
{
    const struct jv_key secret = vector_key(0xb0);
    jv_token_make(secret.b, claim, 60000, token);
    json_open(j, key, '{');
    json_hex(j, "gateway_secret", secret.b, sizeof secret.b);
    json_hex(j, "session_id", claim->sid.b, JV_SID_BYTES);
    json_endpoint(j, "remote", &claim->remote);
    json_endpoint(j, "local", &claim->local);
    json_number(j, "protocol", claim->protocol);
    json_number(j, "time_ms", 60000);
    json_number(j, "hint_epoch", claim->hint_epoch);
    json_number(j, "hint_counter", claim->hint_counter);
    json_hex(j, "token", token, JV_TOKEN_BYTES);
    json_close(j, '}');
}

static inline void vector_write_control(FILE *to)
{
    struct json j = {.to = to};
    static struct jv_keys keys;
    uint8_t token[JV_TOKEN_BYTES];
    uint8_t hint_token[JV_TOKEN_BYTES];
    vector_keys(&keys, JV_SUITE_CHACHA20_POLY1305, true, 1);
    struct jv_token_claim claim = {.sid = keys.sid,
                                   .remote = vector_endpoint4(7, 51820),
                                   .local = vector_endpoint4(1, 4433),
                                   .protocol = JV_PROTO_UDP};
    json_open(&j, NULL, '{');
    vector_token(&j, "path_token", &claim, token);
    claim.remote = vector_endpoint6(9, 40000);
    claim.local = vector_endpoint6(1, 4433);
    claim.hint_epoch = 1;
    claim.hint_counter = 1001;
    vector_token(&j, "hint_token", &claim, hint_token);
    json_locator(&j, "locator", VECTOR_LOCATOR);
    json_open(&j, "datagrams", '[');
    struct vector_control c = {&j, &keys, 1};
    vector_probes(&c, token, JV_PROBE_BYTES);
    vector_probes(&c, token, JV_PMTU_FLOOR);
    vector_request(&c, JV_REQ_HINT, hint_token);
    vector_request(&c, JV_REQ_UNLESS, token);
    vector_challenge(&c, token);
    vector_ack(&c, token);
    vector_reject_and_hint(&c, hint_token);
    jv_keys_fini(&keys);
    /* The same message in the next epoch. */
    vector_keys(&keys, JV_SUITE_CHACHA20_POLY1305, true, 2);
    vector_probes(&c, token, JV_PROBE_BYTES);
    jv_keys_fini(&keys);
    json_close(&j, ']');
    json_close(&j, '}');
}
#endif /* JV_TESTS_VECTORS_VECTORS_H */
