/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_CODECS_H
#define JV_TESTS_CODECS_H
/*
 * codecs -- every message body of the wire in one table: its size, its reserved bytes, how to draw, write and read it.
 *
 * The offsets of the reserved bytes are copied from docs/protocol.md by hand, not computed from the encoders.
 */
#include "draw.h"

union codec_msg {
    struct jv_birth_init birth_init;
    struct jv_birth_reply birth_reply;
    struct jv_probe probe;
    struct jv_probe_reply probe_reply;
    struct jv_request request;
    struct jv_challenge challenge;
    struct jv_ack ack;
    struct jv_reject reject;
    struct jv_hint hint;
};

#define CODEC_BYTES_MAX JV_CONTROL_BODY_MAX
#define CODEC_RESERVED_MAX 4U

struct codec_run {
    size_t at, len;
};

struct codec {
    const char *name;
    size_t bytes;
    struct codec_run reserved[CODEC_RESERVED_MAX];
    void (*draw)(struct jv_prng *prng, union codec_msg *out);
    void (*encode)(const union codec_msg *msg, uint8_t *out);
    bool (*decode)(const uint8_t *in, size_t len, union codec_msg *out);
};

/* Births have one length only, so their decoders take none. */
static inline bool codec_birth_init_decode(const uint8_t *in, size_t len, struct jv_birth_init *out)
{
    return len == JV_BIRTH_PAYLOAD_BYTES && jv_birth_init_decode(in, out);
}

static inline bool codec_birth_reply_decode(const uint8_t *in, size_t len,
                                            struct jv_birth_reply *out)
{
    return len == JV_BIRTH_REPLY_PAYLOAD_BYTES && jv_birth_reply_decode(in, out);
}

static inline void codec_draw_birth_init(struct jv_prng *prng, struct jv_birth_init *m)
{
    m->aead_offer = (uint8_t)jv_prng_next(prng);
    m->feature_offer = (uint8_t)jv_prng_next(prng);
    draw_bytes(prng, m->prior.b, JV_SID_BYTES);
    draw_bytes(prng, m->cookie, JV_MAC_BYTES);
}

static inline void codec_draw_birth_reply(struct jv_prng *prng, struct jv_birth_reply *m)
{
    draw_bytes(prng, m->sid.b, JV_SID_BYTES);
    m->locator = jv_prng_next(prng);
    m->suite = (uint8_t)jv_prng_next(prng);
    m->features = (uint8_t)jv_prng_next(prng);
}

static inline void codec_draw_probe(struct jv_prng *prng, struct jv_probe *m)
{
    m->time_us = jv_prng_next(prng);
    m->order_spent = jv_prng_next(prng);
}

static inline void codec_draw_probe_reply(struct jv_prng *prng, struct jv_probe_reply *m)
{
    m->time_us = jv_prng_next(prng);
    draw_bytes(prng, m->token, JV_TOKEN_BYTES);
    draw_endpoint(prng, &m->observed);
    m->state = (uint8_t)jv_prng_below(prng, JV_ST_END);
    m->is_bound = jv_prng_below(prng, 2) == 1;
    m->version = jv_prng_next(prng);
}

static inline void codec_draw_request(struct jv_prng *prng, struct jv_request *m)
{
    m->order = jv_prng_next(prng);
    m->version = jv_prng_next(prng);
    draw_bytes(prng, m->random, sizeof m->random);
    draw_bytes(prng, m->token, JV_TOKEN_BYTES);
    m->hint_epoch = jv_prng_next(prng);
    m->hint_counter = draw_48(prng);
    m->gateway_time_ms = jv_prng_next(prng);
    m->protocol = (uint8_t)jv_prng_next(prng);
    m->path_id = (uint8_t)jv_prng_next(prng);
    m->flags = (uint8_t)jv_prng_below(prng, 4);
    m->why = (uint8_t)jv_prng_next(prng);
    draw_endpoint(prng, &m->target);
    m->size = (uint16_t)jv_prng_next(prng);
    draw_report(prng, &m->report);
}

static inline void codec_draw_challenge(struct jv_prng *prng, struct jv_challenge *m)
{
    m->order = jv_prng_next(prng);
    draw_bytes(prng, m->random, sizeof m->random);
    draw_bytes(prng, m->token, JV_TOKEN_BYTES);
    m->last_order = jv_prng_next(prng);
    m->version = jv_prng_next(prng);
    draw_endpoint(prng, &m->observed);
}

static inline void codec_draw_ack(struct jv_prng *prng, struct jv_ack *m)
{
    m->order = jv_prng_next(prng);
    draw_bytes(prng, m->random, sizeof m->random);
    m->version = jv_prng_next(prng);
    m->state = (uint8_t)jv_prng_below(prng, JV_ST_END);
    m->path_id = (uint8_t)jv_prng_next(prng);
    m->is_move = jv_prng_below(prng, 2) == 1;
    draw_bytes(prng, m->token, JV_TOKEN_BYTES);
    draw_endpoint(prng, &m->observed);
    m->locator = jv_prng_next(prng);
    m->next_epoch = jv_prng_next(prng);
    m->next_counter = draw_48(prng);
    m->spares_len = draw_spares(prng, m->spares);
    draw_report(prng, &m->report);
}

static inline void codec_draw_reject(struct jv_prng *prng, struct jv_reject *m)
{
    m->order = jv_prng_next(prng);
    draw_bytes(prng, m->random, sizeof m->random);
    m->why = (uint8_t)jv_prng_next(prng);
    m->path_id = (uint8_t)jv_prng_next(prng);
    m->retry_after_ms = (uint32_t)jv_prng_next(prng);
    m->version = jv_prng_next(prng);
    m->last_order = jv_prng_next(prng);
}

static inline void codec_draw_hint(struct jv_prng *prng, struct jv_hint *m)
{
    draw_bytes(prng, m->token, JV_TOKEN_BYTES);
    m->epoch = jv_prng_next(prng);
    m->counter = draw_48(prng);
    draw_endpoint(prng, &m->observed);
}

/* One function of the table each, over the union. */
#define CODEC_OF(name, decoder)                                                                    \
    static void codec_##name##_d(struct jv_prng *prng, union codec_msg *out)                       \
    {                                                                                              \
        memset(out, 0, sizeof *out);                                                               \
        codec_draw_##name(prng, &out->name);                                                       \
    }                                                                                              \
    static void codec_##name##_e(const union codec_msg *msg, uint8_t *out)                         \
    {                                                                                              \
        jv_##name##_encode(&msg->name, out);                                                       \
    }                                                                                              \
    static bool codec_##name##_r(const uint8_t *in, size_t len, union codec_msg *out)              \
    {                                                                                              \
        memset(out, 0, sizeof *out);                                                               \
        return decoder(in, len, &out->name);                                                       \
    }
CODEC_OF(birth_init, codec_birth_init_decode)
CODEC_OF(birth_reply, codec_birth_reply_decode)
CODEC_OF(probe, jv_probe_decode)
CODEC_OF(probe_reply, jv_probe_reply_decode)
CODEC_OF(request, jv_request_decode)
CODEC_OF(challenge, jv_challenge_decode)
CODEC_OF(ack, jv_ack_decode)
CODEC_OF(reject, jv_reject_decode)
CODEC_OF(hint, jv_hint_decode)
#undef CODEC_OF

#define CODEC_FUNCTIONS(name) codec_##name##_d, codec_##name##_e, codec_##name##_r
static const struct codec codecs[] = {
    {"birth_init", 112, {{2, 6}, {40, 72}}, CODEC_FUNCTIONS(birth_init)},
    {"birth_reply", 32, {{26, 6}}, CODEC_FUNCTIONS(birth_reply)},
    {"probe", 72, {{16, 56}}, CODEC_FUNCTIONS(probe)},
    {"probe_reply", 72, {{33, 1}, {54, 10}}, CODEC_FUNCTIONS(probe_reply)},
    {"request", 352, {{83, 1}, {104, 32}, {157, 3}}, CODEC_FUNCTIONS(request)},
    {"challenge", 88, {{65, 1}, {84, 4}}, CODEC_FUNCTIONS(challenge)},
    {"ack", 400, {{61, 1}, {102, 18}, {205, 3}}, CODEC_FUNCTIONS(ack)},
    {"reject", 48, {{26, 2}}, CODEC_FUNCTIONS(reject)},
    {"hint", 64, {{38, 2}, {41, 1}, {60, 4}}, CODEC_FUNCTIONS(hint)},
};
#undef CODEC_FUNCTIONS
#endif /* JV_TESTS_CODECS_H */
