/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JV_TESTS_DRAW_H
#define JV_TESTS_DRAW_H
/*
 * draw -- values that the codecs of messages and frames accept, drawn from a seeded stream.
 *
 * Every struct is filled member by member on zeroed memory, so that two of them may be compared by their bytes.
 */
#include <string.h>

#include "frame.h"
#include "msg.h"
#include "prng.h"
#include "record.h"

#define DRAW_48 ((1ULL << 48) - 1)

static inline void draw_bytes(struct jv_prng *prng, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)jv_prng_next(prng);
    }
}

static inline uint64_t draw_48(struct jv_prng *prng)
{
    return jv_prng_next(prng) & DRAW_48;
}

static inline void draw_ip(struct jv_prng *prng, struct jv_ip *out)
{
    static const uint8_t families[] = {JV_AF_NONE, JV_AF_4, JV_AF_6};
    memset(out, 0, sizeof *out);
    out->family = families[jv_prng_below(prng, 3)];
    size_t len = out->family == JV_AF_NONE ? 0 : out->family == JV_AF_4 ? 4 : 16;
    draw_bytes(prng, out->b, len);
}

static inline void draw_endpoint(struct jv_prng *prng, struct jv_endpoint *out)
{
    memset(out, 0, sizeof *out);
    draw_ip(prng, &out->ip);
    out->port = (uint16_t)jv_prng_next(prng);
}

static inline void draw_prefix(struct jv_prng *prng, struct jv_prefix *out)
{
    memset(out, 0, sizeof *out);
    draw_ip(prng, &out->ip);
    uint32_t max = out->ip.family == JV_AF_6 ? 128 : out->ip.family == JV_AF_4 ? 32 : 0;
    out->bits = (uint32_t)jv_prng_below(prng, max + 1);
}

static inline void draw_report(struct jv_prng *prng, struct jv_report *out)
{
    memset(out, 0, sizeof *out);
    out->epoch = jv_prng_next(prng);
    out->highest = draw_48(prng);
    out->received = draw_48(prng);
    out->gaps_len = out->highest == 0 ? 0 : (uint32_t)jv_prng_below(prng, JV_GAP_MAX + 1);
    for (uint32_t i = 0; i < out->gaps_len; i++) {
        out->gaps[i].last = jv_prng_below(prng, out->highest);
        out->gaps[i].first = jv_prng_below(prng, out->gaps[i].last + 1);
    }
}

static inline void draw_policy(struct jv_prng *prng, struct jv_policy *out)
{
    for (uint32_t i = 0; i < JV_POLICY_FIELDS; i++) {
        jv_policy_set(out, (enum jv_policy_field)i, (uint32_t)jv_prng_next(prng));
    }
}

static inline uint32_t draw_spares(struct jv_prng *prng, uint64_t out[JV_SPARE_MAX])
{
    uint32_t len = (uint32_t)jv_prng_below(prng, JV_SPARE_MAX + 1);
    for (uint32_t i = 0; i < len; i++) {
        out[i] = jv_prng_next(prng) | 1;
    }
    return len;
}

static inline void draw_birth_ack(struct jv_prng *prng, struct jv_frame_birth_ack *out)
{
    out->version = jv_prng_next(prng);
    draw_policy(prng, &out->policy);
    draw_prefix(prng, &out->address4);
    draw_prefix(prng, &out->address6);
    draw_ip(prng, &out->gateway4);
    draw_ip(prng, &out->gateway6);
    out->mtu = (uint16_t)jv_prng_next(prng);
    out->nets_len = (uint32_t)jv_prng_below(prng, JV_USER_NETS_MAX + 1);
    for (uint32_t i = 0; i < out->nets_len; i++) {
        draw_prefix(prng, &out->nets[i]);
    }
    out->dns_len = (uint32_t)jv_prng_below(prng, JV_DNS_MAX + 1);
    for (uint32_t i = 0; i < out->dns_len; i++) {
        draw_ip(prng, &out->dns[i]);
    }
    out->endpoints_len = (uint32_t)jv_prng_below(prng, JV_ENDPOINT_MAX + 1);
    for (uint32_t i = 0; i < out->endpoints_len; i++) {
        draw_endpoint(prng, &out->endpoints[i]);
        draw_bytes(prng, out->endpoint_keys[i].b, JV_KEY_BYTES);
    }
    out->spares_len = draw_spares(prng, out->spares);
    out->gateway_time_ms = jv_prng_next(prng);
}

static inline void draw_frame_report(struct jv_prng *prng, struct jv_frame_report *out)
{
    draw_report(prng, &out->report);
    out->echo_us = jv_prng_next(prng);
    out->hold_us = (uint32_t)jv_prng_next(prng);
    out->state = (uint8_t)jv_prng_below(prng, JV_ST_END);
    out->version = jv_prng_next(prng);
    out->order_spent = jv_prng_next(prng);
    out->gateway_time_ms = jv_prng_next(prng);
}

/* A frame of this type; padding has no form of its own and is not drawn. */
static inline void draw_frame(struct jv_prng *prng, enum jv_frame_type type, struct jv_frame *out)
{
    memset(out, 0, sizeof *out);
    out->type = (uint8_t)type;
    switch (type) {
    case JV_FRAME_PADDING:
    case JV_FRAME_REKEY_ASK:
    case JV_FRAME_POLICY_ASK:
        break;
    case JV_FRAME_HEARTBEAT:
        out->u.heartbeat.time_us = jv_prng_next(prng);
        break;
    case JV_FRAME_REPORT:
        draw_frame_report(prng, &out->u.report);
        break;
    case JV_FRAME_CONFIRM:
        out->u.confirm.path_id = (uint8_t)jv_prng_next(prng);
        draw_policy(prng, &out->u.confirm.policy);
        break;
    case JV_FRAME_BIRTH_ACK:
        draw_birth_ack(prng, &out->u.birth_ack);
        break;
    case JV_FRAME_REKEY_INIT:
    case JV_FRAME_REKEY_REPLY:
        out->u.rekey.epoch = jv_prng_next(prng);
        draw_bytes(prng, out->u.rekey.ephemeral_public.b, JV_KEY_BYTES);
        draw_bytes(prng, out->u.rekey.random, 16);
        break;
    case JV_FRAME_TERMINATE:
        out->u.terminate.why = (uint8_t)jv_prng_next(prng);
        break;
    case JV_FRAME_BOUND:
        out->u.bound.order = jv_prng_next(prng);
        out->u.bound.next_epoch = jv_prng_next(prng);
        out->u.bound.next_counter = draw_48(prng);
        break;
    case JV_FRAME_QUIET:
        out->u.quiet.n = (uint32_t)jv_prng_next(prng);
        out->u.quiet.for_ms = (uint32_t)jv_prng_next(prng);
        break;
    case JV_FRAME_POLICY_WANTED:
    case JV_FRAME_POLICY_GRANTED:
        out->u.policy.n = (uint32_t)jv_prng_next(prng);
        draw_policy(prng, &out->u.policy.policy);
        break;
    case JV_FRAME_SIZE:
        out->u.size.time_us = jv_prng_next(prng);
        out->u.size.bytes = (uint16_t)jv_prng_next(prng);
        break;
    }
}
#endif /* JV_TESTS_DRAW_H */
